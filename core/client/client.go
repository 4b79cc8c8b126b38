// Package client speaks S3 to a repository as the mucura command needs it: one
// signed request at a time, repeated with jitter when the trouble is the
// network's or the server asks for patience, never otherwise. It knows no file
// and no terminal; package transfer moves files with it.
package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
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
