package client

import (
	"context"
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
