package s3

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
)

// putObject stores an object
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html).
func (c *call) putObject() error {
	h := c.r.Header
	if h["X-Amz-Write-Offset-Bytes"] != nil {
		return s3err.NotImplemented.Field("Header", "x-amz-write-offset-bytes")
	}
	if c.query.has("partNumber") {
		return badArgument("partNumber", c.query.get("partNumber"), "This operation does not accept partNumber without uploadId")
	}
	size, err := c.payloadSize()
	if err != nil {
		return err
	}
	cond, err := c.writeCondition()
	if err != nil {
		return err
	}
	d, err := c.digest()
	if err != nil {
		return err
	}
	if d.Algorithm == "" {
		d.Algorithm = defaultAlgorithm
	}
	o, err := c.objectFromHeaders()
	if err != nil {
		return err
	}
	key, err := c.chosenKey()
	if err != nil {
		return err
	}
	stored, err := c.f.Repo.PutObject(c.ctx, repo.PutObjectInput{
		Bucket: c.b, Key: c.key, Body: c.auth.Body, Size: size, Object: o, Encrypt: key, Digest: d, Cond: cond,
	})
	if err != nil {
		return err
	}
	c.describeWritten(stored)
	c.describeChecksum(stored.Checksum, 0)
	c.set("X-Amz-Object-Size", strconv.FormatInt(stored.Size, 10))
	return c.empty(http.StatusOK)
}

// payloadSize is the length of the payload: MissingContentLength when the
// client does not tell, EntityTooLarge above 5 GiB.
func (c *call) payloadSize() (int64, error) {
	n := c.auth.Length
	if n < 0 {
		return 0, s3err.MissingContentLength
	}
	if n > repo.MaxPutSize {
		return 0, s3err.EntityTooLarge.Field("ProposedSize", strconv.FormatInt(n, 10)).
			Field("MaxSizeAllowed", strconv.FormatInt(repo.MaxPutSize, 10))
	}
	return n, nil
}

// writeCondition reads the conditions of a write. As in S3 the two exclude each
// other, and times are not accepted
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
// If-None-Match takes an ETag, too, as RFC 9110 has it; S3 knows only "*" there.
func (c *call) writeCondition() (w repo.WriteCond, err error) {
	h := c.r.Header
	w.IfMatch, w.IfNoneMatch = unquoted(h.Get("If-Match")), unquoted(h.Get("If-None-Match"))
	if w.IfMatch != "" && w.IfNoneMatch != "" {
		return w, s3err.NotImplemented.Field("Header", "If-Match,If-None-Match").
			Field("additionalMessage", "Multiple conditional request headers present in the request")
	}
	for _, name := range []string{"If-Modified-Since", "If-Unmodified-Since"} {
		if h[name] != nil {
			return w, s3err.NotImplemented.Field("Header", name)
		}
	}
	return w, nil
}

// unquoted takes the quotes from an ETag, and W/ from a weak one.
func unquoted(etag string) string {
	etag = strings.TrimPrefix(strings.TrimSpace(etag), "W/")
	if len(etag) >= 2 && etag[0] == '"' && etag[len(etag)-1] == '"' {
		return etag[1 : len(etag)-1]
	}
	return etag
}
