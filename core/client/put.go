package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"

	"github.com/mucura/mucura/core/checksum"
)

// Body is content to send: it is opened anew for every attempt.
type Body struct {
	Open   func() io.Reader
	Length int64
	// SHA256 is the content's in hexadecimal, where it is known; over plain HTTP
	// it is what protects the content.
	SHA256 string
}

// PutOptions are what an object is put with.
type PutOptions struct {
	ContentType string
	Meta        map[string]string
	Checksum    Checksum
	IfMatch     string // an ETag that the object must have now
	IfNoneMatch bool   // there must be none
}

func (in *PutOptions) header() http.Header {
	h := http.Header{}
	if in.ContentType != "" {
		h.Set("Content-Type", in.ContentType)
	}
	for name, value := range in.Meta {
		h.Set("X-Amz-Meta-"+name, value)
	}
	in.conditions(h)
	return h
}

func (in *PutOptions) conditions(h http.Header) {
	if in.IfMatch != "" {
		h.Set("If-Match", `"`+in.IfMatch+`"`)
	}
	if in.IfNoneMatch {
		h.Set("If-None-Match", "*")
	}
}

// Put stores an object and gives what the server says of it.
func (c *Client) Put(ctx context.Context, bucket, key string, body Body, in PutOptions) (o *Object, err error) {
	h := in.header()
	if in.Checksum.Algorithm != "" {
		h.Set(checksum.HeaderName(in.Checksum.Algorithm), in.Checksum.Value)
	}
	q := &request{method: http.MethodPut, bucket: bucket, key: key, header: h, body: body.Open, length: body.Length, sha256: body.SHA256}
	repeated, err := c.do(ctx, q, func(r *http.Response) (err error) {
		if o, err = objectIn(key, r); err != nil {
			return err
		}
		o.Size = body.Length
		return discard(r)
	})
	if repeated && (in.IfNoneMatch || in.IfMatch != "") && HasStatus(err, http.StatusPreconditionFailed) {
		// The first attempt may have made the very object that is now in the way.
		return c.ours(ctx, bucket, key, in.Checksum, err)
	}
	return o, err
}

// ours gives the object if it has the checksum that was to be written, else err.
func (c *Client) ours(ctx context.Context, bucket, key string, want Checksum, err error) (*Object, error) {
	o, herr := c.Head(ctx, bucket, key, "")
	if herr == nil && want.Value != "" && o.Checksum == want {
		return o, nil
	}
	return nil, err
}

// Delete deletes an object, or one version of it, if it has the ETag ifMatch;
// "" is any. Deleting what is not there is no error.
func (c *Client) Delete(ctx context.Context, bucket, key, version, ifMatch string) error {
	h := http.Header{}
	if ifMatch != "" {
		h.Set("If-Match", `"`+ifMatch+`"`)
	}
	q := &request{method: http.MethodDelete, bucket: bucket, key: key, query: versionQuery(version), header: h}
	repeated, err := c.do(ctx, q, nil)
	if repeated && HasStatus(err, http.StatusNotFound) && !HasCode(err, "NoSuchBucket") {
		return nil // an attempt whose answer was lost did it
	}
	return err
}

// MaxDelete is how many keys DeleteMany takes at once.
const MaxDelete = 1000

// DeleteMany deletes up to MaxDelete objects with one request, and gives the
// errors of those that stayed.
func (c *Client) DeleteMany(ctx context.Context, bucket string, keys []string) (failed []error, err error) {
	type object struct{ Key string }
	doc := struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ Delete"`
		Object  []object
		Quiet   bool
	}{Quiet: true}
	for _, key := range keys {
		if !xmlText(key) { // which a document cannot say
			if err := c.Delete(ctx, bucket, key, "", ""); err != nil {
				failed = append(failed, err)
			}
			continue
		}
		doc.Object = append(doc.Object, object{key})
	}
	if len(doc.Object) == 0 {
		return failed, nil
	}
	body, err := xml.Marshal(&doc)
	if err != nil {
		return failed, err
	}
	var result struct {
		Error []struct{ Key, Code, Message string }
	}
	sum := sha256.Sum256(body)
	q := &request{method: http.MethodPost, bucket: bucket, query: values("delete", ""), length: int64(len(body)),
		body: func() io.Reader { return bytes.NewReader(body) }, sha256: hex.EncodeToString(sum[:]),
		header: http.Header{"Content-Type": {"application/xml"}, "X-Amz-Checksum-Sha256": {checksum.Encode(sum[:])}}}
	_, err = c.do(ctx, q, func(r *http.Response) error { return decode(r, &result) })
	for _, e := range result.Error {
		failed = append(failed, &Error{Status: deleteStatus(e.Code), Code: e.Code, Message: e.Message, Bucket: bucket, Key: e.Key})
	}
	return failed, err
}

// deleteStatus is the HTTP status of a code inside of DeleteObjects' answer.
func deleteStatus(code string) int {
	switch code {
	case "AccessDenied":
		return http.StatusForbidden
	case "InternalError":
		return http.StatusInternalServerError
	case "SlowDown":
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}
