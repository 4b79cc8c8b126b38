package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/mucura/mucura/core/checksum"
)

// Object is what a listing, HEAD or GET says of an object.
type Object struct {
	Key          string
	Size         int64
	ETag         string // without quotes
	LastModified time.Time
	StorageClass string
	VersionID    string
	ContentType  string
	Meta         map[string]string // user metadata, names in lower case
	Checksum     Checksum
	// Encrypted: the ETag is not the MD5 of the content.
	Encrypted bool
}

// Checksum is a checksum as S3 tells it. Composite ones are of the parts'
// checksums, and Value ends with "-" and the number of parts.
type Checksum struct {
	Algorithm string // "" for none
	Value     string // base64
	Composite bool
}

func objectOf(key string, h http.Header) *Object {
	o := &Object{
		Key: key, Size: parseInt(h.Get("Content-Length")), ETag: strings.Trim(h.Get("Etag"), `"`),
		LastModified: parseTime(h.Get("Last-Modified")), StorageClass: h.Get("X-Amz-Storage-Class"),
		VersionID: h.Get("X-Amz-Version-Id"), ContentType: h.Get("Content-Type"), Meta: map[string]string{},
		Encrypted: h.Get("X-Amz-Server-Side-Encryption") != "" || h.Get("X-Amz-Server-Side-Encryption-Customer-Algorithm") != "",
	}
	if _, total, ok := strings.Cut(h.Get("Content-Range"), "/"); ok {
		o.Size = parseInt(total)
	}
	for name, v := range h {
		if meta, ok := strings.CutPrefix(strings.ToLower(name), "x-amz-meta-"); ok {
			o.Meta[meta] = v[0]
		}
		if algorithm := checksum.FromHeader(name); algorithm != "" {
			o.Checksum = Checksum{algorithm, v[0], h.Get("X-Amz-Checksum-Type") == "COMPOSITE" || strings.Contains(v[0], "-")}
		}
	}
	return o
}

// errNotS3 is an answer that no S3 server gives: something on the way did.
var errNotS3 = errors.New("the answer is not from an S3 server: is something between that asks for a login, or is the endpoint wrong?")

// objectIn reads what an answer says of an object, which has an ETag at least.
func objectIn(key string, r *http.Response) (*Object, error) {
	o := objectOf(key, r.Header)
	if o.ETag == "" {
		return nil, &NetError{Err: errNotS3}
	}
	return o, nil
}

// Head tells about an object, its checksum included. A version is "" for the
// current one. A refusal of HEAD has no body that says why, so it is asked
// again as a GET of one byte.
func (c *Client) Head(ctx context.Context, bucket, key, version string) (o *Object, err error) {
	q := &request{method: http.MethodHead, bucket: bucket, key: key, query: versionQuery(version),
		header: http.Header{"X-Amz-Checksum-Mode": {"ENABLED"}}}
	read := func(r *http.Response) (err error) { o, err = objectIn(key, r); return err }
	if _, err = c.do(ctx, q, read); HasStatus(err, http.StatusForbidden) || HasStatus(err, http.StatusBadRequest) {
		q.method, q.header = http.MethodGet, http.Header{"Range": {"bytes=0-0"}}
		if _, gerr := c.do(ctx, q, discard); gerr != nil {
			err = gerr
		}
	}
	return o, err
}

func versionQuery(version string) string {
	if version == "" {
		return ""
	}
	return values("versionId", version)
}

// GetOptions say which bytes of which object are wanted.
type GetOptions struct {
	Version string
	// IfMatch is the ETag that the object must have, "" for any.
	IfMatch string
	// From and Length are the range; Length 0 means to the end. With both 0 the
	// whole object is asked for, and its checksum is told.
	From, Length int64
}

// Get calls read with the object and its bytes. When read, or the connection,
// fails with a *NetError, everything is done again; so read must begin anew
// each time it is called.
func (c *Client) Get(ctx context.Context, bucket, key string, in GetOptions, read func(*Object, io.Reader) error) error {
	return c.Repeat(ctx, func(int) error { return c.GetOnce(ctx, bucket, key, in, read) })
}

// GetOnce is Get without repetition.
func (c *Client) GetOnce(ctx context.Context, bucket, key string, in GetOptions, read func(*Object, io.Reader) error) error {
	h := http.Header{"X-Amz-Checksum-Mode": {"ENABLED"}}
	if in.IfMatch != "" {
		h.Set("If-Match", `"`+in.IfMatch+`"`)
	}
	partial := in.From > 0 || in.Length > 0
	if partial {
		to := ""
		if in.Length > 0 {
			to = strconv.FormatInt(in.From+in.Length-1, 10)
		}
		h.Set("Range", fmt.Sprintf("bytes=%d-%s", in.From, to))
	}
	q := &request{method: http.MethodGet, bucket: bucket, key: key, query: versionQuery(in.Version), header: h}
	r, err := c.attempt(ctx, q)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if partial && r.StatusCode != http.StatusPartialContent {
		return fmt.Errorf("s3://%s/%s: the server ignored a range", bucket, key)
	}
	o, err := objectIn(key, r)
	if err != nil {
		return err
	}
	return read(o, r.Body)
}

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

// xmlText tells whether XML 1.0 can carry s, and gives it back unchanged.
func xmlText(s string) bool {
	for _, r := range s {
		if r < ' ' && r != '\t' && r != '\n' || r == 0xfffd || r == 0xfffe || r == 0xffff {
			return false
		}
	}
	return true
}

// maxDocument is the longest XML document that is read: a page of 1,000 keys
// of 1,024 bytes, each escaped, is below 8 MiB.
const maxDocument = 16 << 20

// decode reads an XML document into v. An <Error> in an answer that began as a
// success (CopyObject and CompleteMultipartUpload may do so) is an *Error.
func decode(r *http.Response, v any) error {
	b, err := io.ReadAll(io.LimitReader(r.Body, maxDocument))
	if err != nil {
		return err
	}
	var root struct {
		XMLName       xml.Name
		Code, Message string
	}
	if err := xml.Unmarshal(b, &root); err != nil {
		return &NetError{Err: fmt.Errorf("the server's answer is no XML document: %w", err)}
	}
	switch name := root.XMLName.Local; {
	case name == "Error":
		status := http.StatusInternalServerError
		if root.Code == "PreconditionFailed" {
			status = http.StatusPreconditionFailed
		}
		return &Error{Status: status, Code: root.Code, Message: root.Message}
	case !strings.HasSuffix(name, "Result") && !strings.HasSuffix(name, "Response") && !strings.HasSuffix(name, "Output"):
		return &NetError{Err: errNotS3}
	}
	return xml.Unmarshal(b, v)
}
