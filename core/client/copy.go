package client

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// copyResult is the document of CopyObject and UploadPartCopy.
type copyResult struct {
	ETag string
	checksumElements
}

// MaxCopy is the size of the largest object that CopyObject takes.
const MaxCopy = 5 << 30

// copyPart is the size of the parts in which larger objects are copied.
const copyPart = 1 << 30

// Copy copies an object within the server. The metadata go with it. src is what
// Head or a listing said of the source: the copy fails when it has changed. A
// VersionID that it has is asked for by name, for which not everybody who may read an
// object has permission: leave it empty for the current version.
func (c *Client) Copy(ctx context.Context, srcBucket string, src *Object, bucket, key string, in PutOptions) (*Object, error) {
	if src.Size > MaxCopy {
		return c.copyParts(ctx, srcBucket, src, bucket, key, in)
	}
	h := http.Header{"X-Amz-Copy-Source": {copySource(srcBucket, src)}}
	if src.ETag != "" {
		h.Set("X-Amz-Copy-Source-If-Match", `"`+src.ETag+`"`)
	}
	in.conditions(h)
	var result copyResult
	q := &request{method: http.MethodPut, bucket: bucket, key: key, header: h, body: noBody, sha256: ""}
	if _, err := c.do(ctx, q, func(r *http.Response) error { return decode(r, &result) }); err != nil {
		return nil, err
	}
	return &Object{Key: key, Size: src.Size, ETag: strings.Trim(result.ETag, `"`), Checksum: result.checksum()}, nil
}

func copySource(bucket string, o *Object) string {
	s := "/" + escape(bucket, false) + "/" + EscapeKey(o.Key)
	if o.VersionID != "" {
		s += "?versionId=" + escape(o.VersionID, false)
	}
	return s
}

func noBody() io.Reader { return http.NoBody }

// copyParts copies an object that is too large for CopyObject.
func (c *Client) copyParts(ctx context.Context, srcBucket string, src *Object, bucket, key string, in PutOptions) (o *Object, err error) {
	full, err := c.Head(ctx, srcBucket, src.Key, src.VersionID)
	if err != nil {
		return nil, err
	}
	in.ContentType, in.Meta = full.ContentType, full.Meta
	id, err := c.CreateUpload(ctx, bucket, key, "", in)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = c.AbortUpload(context.WithoutCancel(ctx), bucket, key, id)
		}
	}()
	var parts []Part
	for from := int64(0); from < src.Size; from += copyPart {
		n := len(parts) + 1
		h := http.Header{"X-Amz-Copy-Source": {copySource(srcBucket, src)},
			"X-Amz-Copy-Source-If-Match": {`"` + full.ETag + `"`},
			"X-Amz-Copy-Source-Range":    {fmt.Sprintf("bytes=%d-%d", from, min(from+copyPart, src.Size)-1)}}
		var result copyResult
		q := &request{method: http.MethodPut, bucket: bucket, key: key, header: h, body: noBody,
			query: values("partNumber", strconv.Itoa(n), "uploadId", id)}
		if _, err := c.do(ctx, q, func(r *http.Response) error { return decode(r, &result) }); err != nil {
			return nil, err
		}
		parts = append(parts, Part{Number: n, ETag: strings.Trim(result.ETag, `"`)})
	}
	return c.CompleteUpload(ctx, bucket, key, id, parts, Checksum{}, in)
}

// Rename moves an object within its bucket without moving bytes. Where the
// server or the bucket cannot, the error is an *Error with status 400, 405 or
// 501, and nothing has happened.
func (c *Client) Rename(ctx context.Context, bucket string, src *Object, key string, in PutOptions) error {
	h := http.Header{"X-Amz-Rename-Source": {copySource(bucket, &Object{Key: src.Key})},
		"X-Amz-Rename-Source-If-Match": {`"` + src.ETag + `"`}}
	in.conditions(h)
	q := &request{method: http.MethodPut, bucket: bucket, key: key, header: h, body: noBody, query: values("renameObject", "")}
	repeated, err := c.do(ctx, q, nil)
	if repeated && (HasStatus(err, http.StatusNotFound) || HasStatus(err, http.StatusPreconditionFailed)) {
		// An attempt whose answer was lost may have done it.
		if o, herr := c.Head(ctx, bucket, key, ""); herr == nil && o.ETag == src.ETag {
			return nil
		}
	}
	return err
}

// checksumElements are the elements that carry checksums in S3's documents.
type checksumElements struct {
	ChecksumType string
	Any          []struct {
		XMLName xml.Name
		Text    string `xml:",chardata"`
	} `xml:",any"`
}

func (e *checksumElements) checksum() (sum Checksum) {
	for _, x := range e.Any {
		name, ok := strings.CutPrefix(x.XMLName.Local, "Checksum")
		if ok && name != "Algorithm" && x.Text != "" {
			sum = Checksum{name, x.Text, e.ChecksumType == "COMPOSITE" || strings.Contains(x.Text, "-")}
		}
	}
	return sum
}
