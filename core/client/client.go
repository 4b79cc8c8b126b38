// Package client speaks S3 to a repository as the mucura command needs it: one
// signed request at a time, repeated with jitter when the trouble is the
// network's or the server asks for patience, never otherwise. It knows no file
// and no terminal; package transfer moves files with it.
package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mucura/mucura/core/sigv4"
)

// Source gives the credentials to sign with. It is asked before every attempt,
// so it may renew what is about to expire; it must be quick when it need not.
type Source interface {
	Credentials(ctx context.Context) (sigv4.Credentials, error)
}

// Static is a Source that always gives the same.
type Static sigv4.Credentials

// Credentials implements Source.
func (s Static) Credentials(context.Context) (sigv4.Credentials, error) {
	return sigv4.Credentials(s), nil
}

// Client makes requests to one endpoint. It is safe for concurrent use; its
// fields are set before the first.
type Client struct {
	// Endpoint is the S3 endpoint, such as https://s3.lab.example, without a
	// path. Buckets are addressed in the path.
	Endpoint *url.URL
	// Region is named in the scope of signatures.
	Region string
	// Keys signs requests; nil makes anonymous ones.
	Keys Source
	// HTTP must not follow redirects; NewHTTP makes a fitting one.
	HTTP *http.Client
	// Attempts is how often a request is tried at most; 0 means 6.
	Attempts int
	// Stall ends an attempt in which no byte has moved for so long; 0 means a
	// minute.
	Stall     time.Duration
	UserAgent string
	Now       func() time.Time // nil: time.Now
}

// request is one request, which may be sent several times.
type request struct {
	method, bucket, key string
	query               string // encoded
	header              http.Header
	// body opens the body anew for each attempt; nil for none.
	body   func() io.Reader
	length int64
	// sha256 is the body's in hexadecimal, where it is known.
	sha256 string
}

// sends says whether the request has a body, even an empty one.
func (q *request) sends() bool { return q.body != nil }

// EscapeKey writes a key as it stands in a path: every byte but the unreserved
// ones of RFC 3986 and the slash escaped.
func EscapeKey(key string) string { return escape(key, true) }

func escape(s string, slash bool) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			strings.IndexByte("-._~", c) >= 0 || slash && c == '/' {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hexDigits[c>>4])
		b.WriteByte(hexDigits[c&15])
	}
	return b.String()
}

// values makes a query of names and values; a name with the value "" stands
// alone (?uploads).
func values(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(pairs[i])
		b.WriteByte('=')
		b.WriteString(escape(pairs[i+1], false))
	}
	return b.String()
}

// target is the URL of a request. The path is sent as it is escaped here, dot
// segments and empty ones included.
func (c *Client) target(q *request) *url.URL {
	u := *c.Endpoint
	plain, escaped := "/", "/"
	if q.bucket != "" {
		plain, escaped = "/"+q.bucket, "/"+escape(q.bucket, false)
		if q.key != "" {
			plain, escaped = plain+"/"+q.key, escaped+"/"+EscapeKey(q.key)
		}
	}
	u.Path, u.RawPath, u.RawQuery = plain, escaped, q.query
	return &u
}

// attempt sends the request once. An answer that is no success is an *Error and
// its body is read; trouble on the way is a *NetError. The caller closes the
// body of the answer.
func (c *Client) attempt(ctx context.Context, q *request) (*http.Response, error) {
	w := newWatch(ctx, c.stall())
	r, err := c.build(w.ctx, q, w)
	if err != nil {
		w.stop()
		return nil, err
	}
	resp, err := c.HTTP.Do(r)
	if err != nil {
		err = w.explain(err)
		w.stop()
		return nil, err
	}
	w.moved()
	resp.Body = &watchedBody{resp.Body, w}
	if resp.StatusCode >= 300 {
		defer resp.Body.Close()
		return nil, readError(resp, q)
	}
	return resp, nil
}

// build makes and signs the HTTP request.
func (c *Client) build(ctx context.Context, q *request, w *watch) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, q.method, "http://host/", nil)
	if err != nil {
		return nil, err
	}
	r.URL = c.target(q)
	r.Host = r.URL.Host
	for name, v := range q.header {
		r.Header[name] = v
	}
	hash := q.sha256
	if q.sends() {
		r.ContentLength = q.length
		if q.length > 0 {
			r.Body = io.NopCloser(&watchedReader{q.body(), w})
		} else {
			r.Body = http.NoBody
		}
		if q.length >= expectFrom {
			// The server refuses a body that does not fit before it is sent.
			r.Header.Set("Expect", "100-continue")
		}
	}
	switch {
	case !q.sends() || q.length == 0:
		hash = sigv4.EmptyPayload
	case hash == "":
		hash = sigv4.UnsignedPayload
	}
	r.Header.Set("User-Agent", c.UserAgent)
	if c.Keys == nil {
		return r, nil
	}
	keys, err := c.Keys.Credentials(ctx)
	if err != nil {
		return nil, err
	}
	sigv4.Sign(r, keys, c.Region, hash, c.now())
	return r, nil
}

// expectFrom is the length of a body that is worth a pause to hear whether it
// is welcome.
const expectFrom = 1 << 20

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

func (c *Client) stall() time.Duration {
	if c.Stall > 0 {
		return c.Stall
	}
	return time.Minute
}

// Secure tells whether the connection protects what is sent; otherwise bodies
// should come with their SHA-256.
func (c *Client) Secure() bool { return c.Endpoint.Scheme == "https" }

// do sends a request until it succeeds or must not be repeated, and reads the
// answer with read, within the attempt. repeated says whether more than one
// attempt was made, so that the server may have done it already at the first.
func (c *Client) do(ctx context.Context, q *request, read func(*http.Response) error) (repeated bool, err error) {
	err = c.Repeat(ctx, func(n int) error {
		repeated = n > 0
		resp, err := c.attempt(ctx, q)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if read == nil {
			read = discard
		}
		return read(resp)
	})
	return repeated, err
}

// discard reads a short answer, so that the connection can be used again.
func discard(r *http.Response) error {
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 64<<10))
	return nil
}

// ParseEndpoint reads the URL of an endpoint.
func ParseEndpoint(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, fmt.Errorf("endpoint is no URL")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("endpoint %q does not begin with https:// or http:// and a host", u.Redacted())
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return nil, fmt.Errorf("endpoint %q: only scheme, host and port are wanted", u.Redacted())
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

func parseTime(s string) time.Time {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t
	}
	t, _ := http.ParseTime(s)
	return t
}

func parseInt(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return -1
	}
	return n
}
