package s3

import (
	"net/http"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
)

// copyObject makes an object of another one
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html).
func (c *call) copyObject() error {
	if c.principal.Anonymous() {
		return s3err.AccessDenied.Say("Anonymous users cannot copy objects. Please authenticate.")
	}
	h := c.r.Header
	src, err := parseCopySource(h.Get("X-Amz-Copy-Source"))
	if err != nil {
		return err
	}
	replaceMeta, err := directive(h, "X-Amz-Metadata-Directive", "x-amz-metadata-directive", "Unknown metadata directive.")
	if err != nil {
		return err
	}
	replaceTags, err := directive(h, "X-Amz-Tagging-Directive", "x-amz-tagging-directive", "Unknown tagging directive.")
	if err != nil {
		return err
	}
	cond, err := c.writeCondition()
	if err != nil {
		return err
	}
	in := repo.CopyInput{Bucket: c.b, Key: c.key, Cond: cond}
	if in.Algorithm, err = askedAlgorithm(h); err != nil {
		return err
	}
	if in.Source, err = c.openSource(src); err != nil {
		return err
	}
	if in.Object, err = c.copiedObject(in.Source, replaceMeta, replaceTags); err != nil {
		return err
	}
	if c.onItself(src) && !replaceMeta && !replaceTags && !c.changesSomething(&in.Object) {
		return s3err.InvalidRequest.Say("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	if in.Encrypt, err = c.copyKey(in.Source); err != nil {
		return err
	}
	stored, err := c.f.Repo.CopyObject(c.ctx, in)
	if err != nil {
		return err
	}
	c.describeWritten(stored)
	c.showVersion(stored)        // unlike other writes, a copy names a null version
	delete(c.w.Header(), "Etag") // it is in the document
	return c.document(http.StatusOK, copyResult("CopyObjectResult", stored.ETag, formatTime(stored.ModTime), stored.Checksum, stored.PartCount))
}

// directive reads COPY (also when there is none) or REPLACE.
func directive(h http.Header, canonical, name, message string) (replace bool, err error) {
	switch v := h.Get(canonical); v {
	case "", "COPY":
		return false, nil
	case "REPLACE":
		return true, nil
	default:
		return false, badArgument(name, v, message)
	}
}

// askedAlgorithm is the algorithm of x-amz-checksum-algorithm, "" when none is
// asked for.
func askedAlgorithm(h http.Header) (string, error) {
	v := h.Get("X-Amz-Checksum-Algorithm")
	if v == "" {
		return "", nil
	}
	a := algorithmNamed(v)
	if a == nil {
		return "", s3err.InvalidRequest.Say("Checksum algorithm provided is unsupported. Please try again with any of the valid types: %s", algorithmList())
	}
	return a.name, nil
}

// copiedObject is what the new object says of itself: metadata and tags of the
// source or of the headers, everything else of the headers.
func (c *call) copiedObject(src *repo.Handle, replaceMeta, replaceTags bool) (o catalog.Object, err error) {
	if replaceMeta {
		err = c.metadataFromHeaders(&o)
	} else {
		copyMetadata(&o, src.Object)
	}
	if err != nil {
		return o, err
	}
	if replaceTags {
		o.Tags, err = c.tagsFromHeaders()
	} else if len(src.Tags) > 0 {
		if !c.decideOn(src.Bucket, "s3:GetObjectTagging", src.Key, src.Object).Allow {
			return o, s3err.AccessDenied
		}
		o.Tags = src.Tags
	}
	if err != nil {
		return o, err
	}
	return o, c.settingsFromHeaders(&o)
}

// copyMetadata copies system and user metadata; not the redirect, which S3
// leaves behind.
func copyMetadata(to, from *catalog.Object) {
	to.ContentType, to.CacheControl = from.ContentType, from.CacheControl
	to.ContentDisposition, to.ContentEncoding = from.ContentDisposition, from.ContentEncoding
	to.ContentLanguage, to.Expires = from.ContentLanguage, from.Expires
	to.UserMeta = from.UserMeta
}

// onItself tells whether the current version is copied to its own key.
func (c *call) onItself(s copySource) bool {
	return s.bucket == c.bucket && s.key == c.key && s.version == ""
}

// changesSomething tells whether a copy onto itself asks for anything. A storage
// class does even when it is the one the object has.
func (c *call) changesSomething(o *catalog.Object) bool {
	h := c.r.Header
	return h["X-Amz-Storage-Class"] != nil ||
		o.Redirect != "" || c.choosesEncryption() ||
		h["X-Amz-Checksum-Algorithm"] != nil || o.Retention.Mode != "" || o.LegalHold
}

// copyResult makes the answer of CopyObject and UploadPartCopy.
func copyResult(root, etag, modified string, sum catalog.Checksum, parts int) []byte {
	b := make([]byte, 0, 384)
	b = append(b, xmlHeader+"<"...)
	b = append(b, root...)
	b = append(b, ` xmlns="`+namespace+`">`...)
	b = appendElement(b, "LastModified", modified)
	b = appendElement(b, "ETag", quoted(etag))
	b = appendChecksum(b, sum, parts)
	b = append(b, "</"...)
	b = append(b, root...)
	return append(b, '>')
}

// appendChecksum appends the elements of a checksum, nothing when there is none.
func appendChecksum(b []byte, sum catalog.Checksum, parts int) []byte {
	a := algorithmNamed(sum.Algorithm)
	if a == nil || sum.Value == "" {
		return b
	}
	b = appendElement(b, a.element, checksumText(sum, parts))
	if sum.Type != "" {
		b = appendElement(b, "ChecksumType", string(sum.Type))
	}
	return b
}

// renameObject moves an object within its bucket
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_RenameObject.html).
func (c *call) renameObject() error {
	h := c.r.Header
	src, err := parseCopySource(h.Get("X-Amz-Rename-Source"))
	switch {
	case err != nil:
		return badArgument("x-amz-rename-source", h.Get("X-Amz-Rename-Source"), "Invalid rename source")
	case src.bucket != c.bucket || src.version != "":
		return s3err.InvalidRequest.Say("The source and the destination of a rename must be current objects of one bucket.")
	case c.b.Versioning != catalog.Unversioned:
		return s3err.InvalidRequest.Say("RenameObject is not supported on versioned buckets.")
	}
	for _, action := range []string{"s3:GetObject", "s3:DeleteObject"} {
		if err := c.authorize(action, src.key, nil, nil); err != nil {
			return err
		}
	}
	dest, err := c.writeCondition()
	if err != nil {
		return err
	}
	source := repo.WriteCond{
		IfMatch:     unquoted(h.Get("X-Amz-Rename-Source-If-Match")),
		IfNoneMatch: unquoted(h.Get("X-Amz-Rename-Source-If-None-Match")),
	}
	if source.IfNoneMatch != "" || h["X-Amz-Rename-Source-If-Modified-Since"] != nil || h["X-Amz-Rename-Source-If-Unmodified-Since"] != nil {
		return s3err.NotImplemented.Field("Header", "x-amz-rename-source-if-*")
	}
	if err := c.f.Repo.RenameObject(c.ctx, c.b, src.key, c.key, source, dest); err != nil {
		return err
	}
	return c.empty(http.StatusOK)
}
