package s3

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/mucura/mucura/core/access"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/checksum"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
)

// createUpload begins a multipart upload
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html).
func (c *call) createUpload() error {
	if c.principal.Anonymous() {
		return s3err.AccessDenied.Say("Anonymous users cannot initiate multipart uploads. Please authenticate.")
	}
	sum, asked, err := c.uploadChecksum()
	if err != nil {
		return err
	}
	o, err := c.objectFromHeaders()
	if err != nil {
		return err
	}
	o.Checksum = sum
	key, err := c.chosenKey()
	if err != nil {
		return err
	}
	up, err := c.f.Repo.CreateUpload(c.ctx, repo.CreateUploadInput{
		Bucket: c.b, Key: c.key, Initiator: c.principal.ID(), Object: o, Encrypt: key, ChecksumAsked: asked,
	})
	if err != nil {
		return err
	}
	c.describeEncryption(&up.Object.Encryption)
	if asked {
		c.set("X-Amz-Checksum-Algorithm", sum.Algorithm)
		c.set("X-Amz-Checksum-Type", string(sum.Type))
	}
	c.showAbort(up.Initiated)
	b := append([]byte(nil), xmlHeader+`<InitiateMultipartUploadResult xmlns="`+namespace+`">`...)
	b = appendElement(b, "Bucket", c.bucket)
	b = appendElement(b, "Key", c.key)
	b = appendElement(b, "UploadId", up.ID)
	return c.document(http.StatusOK, append(b, "</InitiateMultipartUploadResult>"...))
}

// uploadChecksum reads which checksum the finished object shall have, and
// whether the client asked for one.
func (c *call) uploadChecksum() (sum catalog.Checksum, asked bool, err error) {
	kind := catalog.ChecksumType(c.r.Header.Get("X-Amz-Checksum-Type"))
	if sum.Algorithm, err = askedAlgorithm(c.r.Header); err != nil {
		return sum, false, err
	}
	if sum.Algorithm == "" {
		if kind != "" {
			return sum, false, s3err.InvalidRequest.Say("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
		}
		return catalog.Checksum{Algorithm: defaultAlgorithm, Type: catalog.FullObject}, false, nil
	}
	composite, full := checksum.Types(sum.Algorithm)
	switch {
	case kind == "" && composite:
		kind = catalog.Composite
	case kind == "":
		kind = catalog.FullObject
	case kind != catalog.Composite && kind != catalog.FullObject:
		return sum, false, errHeaderValue("x-amz-checksum-type")
	case (kind == catalog.Composite && !composite) || (kind == catalog.FullObject && !full):
		return sum, false, s3err.InvalidRequest.Say("The %s checksum type cannot be used with the %s checksum algorithm.", kind, lower(sum.Algorithm))
	}
	sum.Type = kind
	return sum, true, nil
}

// uploadID is the upload that the request names.
func (c *call) uploadID() string { return c.query.get("uploadId") }

// abortUpload drops an upload
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html).
// Who began it may always drop it.
func (c *call) abortUpload() error {
	up, err := c.ownUpload("s3:AbortMultipartUpload")
	if err != nil {
		return err
	}
	if v := c.r.Header.Get("X-Amz-If-Match-Initiated-Time"); v != "" {
		t, ok := parseDate(v)
		if !ok {
			return badArgument("x-amz-if-match-initiated-time", v, "Invalid date")
		}
		if t.Unix() != up.Initiated.Unix() {
			return s3err.PreconditionFailed.Field("Condition", "If-Match-Initiated-Time")
		}
	}
	if err := c.f.Repo.AbortUpload(c.ctx, c.b, c.key, c.uploadID()); err != nil {
		return err
	}
	return c.empty(http.StatusNoContent)
}

// ownUpload reads the upload and authorizes an action that its initiator may
// always do. Others learn of a missing upload only when they may do it.
func (c *call) ownUpload(action string) (*catalog.Upload, error) {
	up, missing := c.f.Repo.Upload(c.ctx, c.b, c.key, c.uploadID())
	if missing != nil && !errors.Is(missing, s3err.NoSuchUpload) {
		return nil, missing
	}
	q := access.Request{Action: action, Bucket: c.b, Key: c.key}
	if missing == nil {
		q.Initiator = up.Initiator
	}
	if !c.ask(q, nil).Allow {
		return nil, s3err.AccessDenied
	}
	if missing != nil {
		return nil, s3err.NoSuchUpload.Field("UploadId", c.uploadID())
	}
	return up, nil
}

// listParts lists the parts of an upload in progress
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html).
func (c *call) listParts() error {
	up, err := c.ownUpload("s3:ListMultipartUploadParts")
	if err != nil {
		return err
	}
	limit, err := c.pageSize("max-parts")
	if err != nil {
		return err
	}
	after, err := partMarker("part-number-marker", c.query.get("part-number-marker"))
	if err != nil {
		return err
	}
	parts, more, err := c.f.Repo.ListParts(c.ctx, c.b, c.key, up.ID, after, limit)
	if err != nil {
		return err
	}
	b := make([]byte, 0, 1024+256*len(parts))
	b = append(b, xmlHeader+`<ListPartsResult xmlns="`+namespace+`">`...)
	b = appendElement(b, "Bucket", c.bucket)
	b = appendElement(b, "Key", c.key)
	b = appendElement(b, "UploadId", up.ID)
	who := c.newOwners()
	b = who.append(b, "Initiator", up.Initiator)
	b = who.append(b, "Owner", up.Object.Owner)
	b = appendElement(b, "StorageClass", storageClass(up.Object.StorageClass))
	b = appendElement(b, "PartNumberMarker", strconv.Itoa(after))
	after = 0
	if len(parts) > 0 {
		after = parts[len(parts)-1].Number
	}
	b = appendElement(b, "NextPartNumberMarker", strconv.Itoa(after))
	b = page(b, "MaxParts", limit, more)
	sum := catalog.Checksum{Algorithm: "null", Type: "null"} // as S3 says that none was asked for
	if up.ChecksumAsked {
		sum = up.Object.Checksum
	}
	b = appendElement(b, "ChecksumAlgorithm", sum.Algorithm)
	b = appendElement(b, "ChecksumType", string(sum.Type))
	for i := range parts {
		b = appendPart(b, &parts[i], up.ChecksumAsked)
	}
	return c.document(http.StatusOK, append(b, "</ListPartsResult>"...))
}

// appendPart appends one line of ListParts.
func appendPart(b []byte, p *catalog.Part, withChecksum bool) []byte {
	b = append(b, "<Part>"...)
	b = appendElement(b, "PartNumber", strconv.Itoa(p.Number))
	b = appendElement(b, "LastModified", formatTime(p.ModTime))
	b = appendElement(b, "ETag", quoted(p.ETag))
	b = appendElement(b, "Size", strconv.FormatInt(p.Size, 10))
	if a := algorithmNamed(p.Checksum.Algorithm); withChecksum && a != nil {
		b = appendElement(b, a.element, p.Checksum.Value)
	}
	return append(b, "</Part>"...)
}

// partMarker reads the part number after which a listing goes on.
func partMarker(name, v string) (int, error) {
	if v == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil {
		return 0, badArgument(name, v, "Provided "+name+" not an integer or within integer range")
	}
	if n < 0 {
		return 0, badArgument(name, v, "Argument "+v+" must be an integer between 0 and 2147483647")
	}
	return int(n), nil
}

// listUploads lists uploads in progress
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html).
func (c *call) listUploads() error {
	in, err := c.listInput("max-uploads")
	if err != nil {
		return err
	}
	in.After = c.query.get("key-marker")
	upload := c.query.get("upload-id-marker")
	if in.After == "" {
		upload = "" // without a key marker it is ignored
	}
	if upload != "" && !validUploadID(upload) {
		return badArgument("upload-id-marker", upload, "Invalid uploadId marker")
	}
	l, err := c.f.Repo.ListUploads(c.ctx, c.b, in.ListInput, upload)
	if err != nil {
		return err
	}
	b := make([]byte, 0, 1024+512*len(l.Uploads))
	b = append(b, xmlHeader+`<ListMultipartUploadsResult xmlns="`+namespace+`">`...)
	b = appendElement(b, "Bucket", c.bucket)
	b = in.text(b, "KeyMarker", in.After)
	b = appendElement(b, "UploadIdMarker", upload)
	if l.Truncated {
		b = in.text(b, "NextKeyMarker", l.NextKey)
		b = appendElement(b, "NextUploadIdMarker", l.NextUpload)
	}
	b = in.text(b, "Prefix", in.Prefix)
	if in.Delimiter != "" {
		b = in.text(b, "Delimiter", in.Delimiter)
	}
	if in.encode {
		b = append(b, "<EncodingType>url</EncodingType>"...)
	}
	b = page(b, "MaxUploads", in.Max, l.Truncated)
	who := c.newOwners()
	for i := range l.Uploads {
		b = in.upload(b, &l.Uploads[i], who)
	}
	b = in.prefixes(b, l.Prefixes)
	return c.document(http.StatusOK, append(b, "</ListMultipartUploadsResult>"...))
}

// upload appends one line of ListMultipartUploads.
func (in *listing) upload(b []byte, e *repo.UploadEntry, who *owners) []byte {
	b = append(b, "<Upload>"...)
	b = in.text(b, "Key", e.Key)
	b = appendElement(b, "UploadId", e.ID)
	b = who.append(b, "Initiator", e.Initiator)
	b = who.append(b, "Owner", e.Object.Owner)
	b = appendElement(b, "StorageClass", storageClass(e.Object.StorageClass))
	b = appendElement(b, "Initiated", formatTime(e.Initiated))
	if e.ChecksumAsked {
		b = appendElement(b, "ChecksumAlgorithm", e.Object.Checksum.Algorithm)
		b = appendElement(b, "ChecksumType", string(e.Object.Checksum.Type))
	}
	return append(b, "</Upload>"...)
}
