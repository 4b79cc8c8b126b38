package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/mucura/mucura/core/api"
)

// Call makes a call of the server's API (package api): path is below
// api.Prefix, in is sent as JSON and may be nil, out gets the answer and may be
// nil. Only calls that read are repeated when nobody knows what became of them;
// others when the server said that it did nothing.
func (c *Client) Call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	q := &request{method: method, bucket: "-", key: strings.TrimPrefix(api.Prefix, "/-/") + path, query: strings.ReplaceAll(query.Encode(), "+", "%20"),
		header: http.Header{"Accept": {"application/json"}}}
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		q.body, q.length, q.sha256 = func() io.Reader { return bytes.NewReader(b) }, int64(len(b)), hex.EncodeToString(sum[:])
		q.header.Set("Content-Type", "application/json")
	} else if method != http.MethodGet && method != http.MethodDelete {
		q.body = noBody
	}
	var once error
	err := c.Repeat(ctx, func(int) error {
		err := c.callOnce(ctx, q, out)
		if _, lost := err.(*NetError); lost && method != http.MethodGet {
			once = err
			return nil
		}
		return err
	})
	if err == nil {
		err = once
	}
	if e, ok := err.(*Error); ok {
		e.Bucket, e.Key = "", "" // which it is not about
	}
	return err
}

func (c *Client) callOnce(ctx context.Context, q *request, out any) error {
	resp, err := c.attempt(ctx, q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument))
	if err != nil || out == nil || len(b) == 0 {
		return err
	}
	if err := json.Unmarshal(b, out); err != nil {
		return &NetError{Err: fmt.Errorf("the answer is not from a Mucura server: %w", err), Final: true}
	}
	return nil
}
