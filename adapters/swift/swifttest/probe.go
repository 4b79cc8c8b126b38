package swifttest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// probe stores an object: all four servers must work together for that.
func (n *Node) probe(ctx context.Context) error {
	if n.opts.Keystone {
		return nil // the health of the servers is enough; Keystone was asked
	}
	for {
		err := n.tryProbe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

func (n *Node) tryProbe(ctx context.Context) error {
	res, err := call(ctx, http.MethodGet, "http://"+n.Addr+"/auth/v1.0", http.Header{"X-Auth-User": {User}, "X-Auth-Key": {Key}})
	if err != nil {
		return err
	}
	token := http.Header{"X-Auth-Token": {res.Header.Get("X-Auth-Token")}}
	container := res.Header.Get("X-Storage-Url") + "/probe"
	for _, step := range []struct{ method, url string }{
		{http.MethodPut, container}, {http.MethodPut, container + "/o"}, {http.MethodDelete, container + "/o"}, {http.MethodDelete, container},
	} {
		if _, err := call(ctx, step.method, step.url, token); err != nil {
			return err
		}
	}
	return nil
}

func call(ctx context.Context, method, url string, h http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header = h
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	text, _ := io.ReadAll(io.LimitReader(res.Body, 500))
	res.Body.Close()
	if res.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s: %s", method, url, res.Status, strings.TrimSpace(string(text)))
	}
	return res, nil
}
