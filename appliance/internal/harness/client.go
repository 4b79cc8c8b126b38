package harness

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mucura/mucura/core/sigv4"
)

// Client is a small S3 client that hides nothing: one call is one request,
// never repeated.
type Client struct {
	Endpoint string
	Creds    sigv4.Credentials
	HTTP     *http.Client
	Region   string // to sign for; "" is that of the harness's servers
}

// NewClient makes a client of the server's administrator with its own
// connections.
func (s *Server) NewClient() *Client {
	return &Client{
		Endpoint: s.Endpoint,
		Creds:    sigv4.Credentials{AccessKeyID: RootKey, SecretAccessKey: RootSecret},
		HTTP:     &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}},
	}
}

// As makes a client like c that signs with another key pair.
func (c *Client) As(accessKeyID, secretAccessKey string) *Client {
	return &Client{Endpoint: c.Endpoint, HTTP: c.HTTP, Region: c.Region, Creds: sigv4.Credentials{AccessKeyID: accessKeyID, SecretAccessKey: secretAccessKey}}
}

// Answer is a response that was read whole.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Code is the S3 error code of the answer, "" if it has none.
func (a *Answer) Code() string {
	var e struct{ Code string }
	if a.Status < 300 || xml.Unmarshal(a.Body, &e) != nil {
		return ""
	}
	return e.Code
}

// EscapeKey writes a key as S3's canonical path does.
func EscapeKey(key string) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(key) {
		c := key[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~/", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}

// Request makes a signed request. header has pairs of names and values.
func (c *Client) Request(ctx context.Context, method, bucket, key, query string, body []byte, header ...string) (*http.Request, error) {
	target := c.Endpoint + "/" + bucket
	if key != "" {
		target += "/" + EscapeKey(key)
	}
	if query != "" {
		target += "?" + query
	}
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, target, reader)
	if err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	sum := sha256.Sum256(body)
	sigv4.Sign(r, c.Creds, cmp.Or(c.Region, Region), hex.EncodeToString(sum[:]), time.Now())
	return r, nil
}

// Do makes one signed request and reads the answer whole. The error is one of
// transport: nobody knows then what the server did.
func (c *Client) Do(ctx context.Context, method, bucket, key, query string, body []byte, header ...string) (*Answer, error) {
	r, err := c.Request(ctx, method, bucket, key, query, body, header...)
	if err != nil {
		return nil, err
	}
	resp, err := c.HTTP.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	return &Answer{resp.StatusCode, resp.Header, b}, nil
}

// Must makes a request that has to give one of the statuses.
func (c *Client) Must(ctx context.Context, method, bucket, key, query string, body []byte, statuses ...int) (*Answer, error) {
	a, err := c.Do(ctx, method, bucket, key, query, body)
	if err != nil {
		return nil, err
	}
	for _, s := range statuses {
		if a.Status == s {
			return a, nil
		}
	}
	return a, fmt.Errorf("%s %s/%s?%s: %d %s", method, bucket, key, query, a.Status, a.Body)
}

// List gives the keys of a bucket in the order the server lists them.
func (c *Client) List(ctx context.Context, bucket, prefix string) (keys []string, err error) {
	token := ""
	for {
		q := url.Values{"list-type": {"2"}, "prefix": {prefix}}
		if token != "" {
			q.Set("continuation-token", token)
		}
		a, err := c.Must(ctx, "GET", bucket, "", q.Encode(), nil, 200)
		if err != nil {
			return nil, err
		}
		var page struct {
			Contents              []struct{ Key string }
			IsTruncated           bool
			NextContinuationToken string
		}
		if err := xml.Unmarshal(a.Body, &page); err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			keys = append(keys, o.Key)
		}
		if !page.IsTruncated {
			return keys, nil
		}
		token = page.NextContinuationToken
	}
}
