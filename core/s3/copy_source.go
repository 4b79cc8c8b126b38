package s3

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
)

// copySource is what x-amz-copy-source names.
type copySource struct{ bucket, key, version string }

const copySourceHeader = "x-amz-copy-source"

// parseCopySource reads [/]BUCKET/KEY[?versionId=ID], percent-encoded.
func parseCopySource(header string) (s copySource, err error) {
	path, version, _ := strings.Cut(header, "?versionId=")
	path, err = url.PathUnescape(path)
	if err != nil || !utf8.ValidString(path) {
		return s, badArgument(copySourceHeader, header, "Invalid copy source encoding")
	}
	s.version = version
	s.bucket, s.key, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case !plausibleBucketName(s.bucket):
		return s, badArgument(copySourceHeader, header, "Invalid copy source bucket name")
	case s.key == "" || len(s.key) > repo.MaxKeyBytes:
		return s, badArgument(copySourceHeader, s.key, "Invalid copy source object key")
	case version != "" && !validVersion(version):
		return s, badArgument(copySourceHeader, header, "Invalid version id specified")
	}
	return s, nil
}

// openSource opens the source of a copy, and authorizes reading it. The
// answer names the version copied.
func (c *call) openSource(s copySource) (*repo.Handle, error) {
	b, err := c.sourceBucket(s)
	if err != nil {
		return nil, err
	}
	action := "s3:GetObject"
	if s.version != "" {
		action = "s3:GetObjectVersion"
	}
	h, err := c.f.Repo.Open(c.ctx, b, s.key, s.version, true)
	if err != nil {
		return nil, c.missingSource(b, s, h, err)
	}
	if !c.decideOn(b, action, s.key, h.Object, versionKey(s.version)).Allow {
		return nil, s3err.AccessDenied
	}
	key, err := c.customerKey(sourceKey())
	if err != nil {
		return nil, err
	}
	if err := h.Unlock(key); err != nil {
		return nil, err
	}
	if h.Size > repo.MaxPutSize && c.r.Header["X-Amz-Copy-Source-Range"] == nil {
		return nil, s3err.InvalidRequest.Say("The specified copy source is larger than the maximum allowable size for a copy source: %d", int64(repo.MaxPutSize))
	}
	q := conditionsFrom(c.r.Header, "X-Amz-Copy-Source-", c.now)
	if failed := q.failed(h.Object); failed != "" {
		// A copy is never "not modified": S3 answers 412 for each condition.
		return nil, s3err.PreconditionFailed.Field("Condition", "x-amz-copy-source-"+failed)
	}
	if !h.Null { // a null version S3 does not name
		c.set("X-Amz-Copy-Source-Version-Id", h.VersionID())
	}
	return h, nil
}

// sourceBucket reads the record of the source's bucket.
func (c *call) sourceBucket(s copySource) (*catalog.Bucket, error) {
	b := c.b
	if s.bucket != c.bucket {
		var err error
		if b, err = c.f.Repo.Bucket(c.ctx, s.bucket); err != nil {
			if errors.Is(err, s3err.NoSuchBucket) {
				return nil, s3err.NoSuchBucket.Field("BucketName", s.bucket)
			}
			return nil, err
		}
	}
	return b, c.expectOwner("X-Amz-Source-Expected-Bucket-Owner", b)
}

// missingSource is missing for the source of a copy.
func (c *call) missingSource(b *catalog.Bucket, s copySource, h *repo.Handle, err error) error {
	if !errors.Is(err, s3err.NoSuchKey) && !errors.Is(err, s3err.NoSuchVersion) && !errors.Is(err, s3err.MethodNotAllowed) {
		return err
	}
	if !c.decideOn(b, "s3:ListBucket", "", nil).Allow {
		return s3err.AccessDenied
	}
	switch {
	case errors.Is(err, s3err.NoSuchVersion):
		return s3err.NoSuchVersion.Field("Key", s.key).Field("VersionId", s.version)
	case errors.Is(err, s3err.MethodNotAllowed):
		return s3err.InvalidRequest.Say("The source of a copy request may not specifically refer to a delete marker by version id.")
	}
	return s3err.NoSuchKey.Field("Key", s.key)
}

// sourceRange reads x-amz-copy-source-range for a source of size bytes; the
// whole source when there is none.
func (c *call) sourceRange(size int64) (span, error) {
	v := c.r.Header.Get("X-Amz-Copy-Source-Range")
	if v == "" {
		return span{0, size}, nil
	}
	const name = "x-amz-copy-source-range"
	first, last, found := strings.Cut(strings.TrimPrefix(v, "bytes="), "-")
	from, okFrom := digits(first)
	to, okTo := digits(last)
	switch {
	case !found || !strings.HasPrefix(v, "bytes=") || !okFrom || !okTo || from > to:
		return span{}, badArgument(name, v, "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
	case from >= size:
		return span{}, s3err.InvalidRequest.Say("The specified copy range is invalid for the source object size")
	case to >= size:
		return span{}, badArgument(name, strconv.FormatInt(size, 10), "Range specified is not valid for source object of size: "+strconv.FormatInt(size, 10))
	}
	return span{from, to - from + 1}, nil
}
