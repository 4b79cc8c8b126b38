package riak

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"github.com/mucura/mucura/core/unpaced"
)

// client sends requests to the nodes of a cluster.
type client struct {
	opts  Options
	nodes nodes
	http  *http.Client
}

// maxAnswer is the most bytes of an answer: a page of 1,001 terms is 6 MB, the
// siblings of a block may be more.
const maxAnswer = 64 << 20

// How a request ended when there is no answer. Both are in the errors of client.do.
var (
	// errNotDone: no node can have done anything.
	errNotDone = errors.New("no riak node can be reached")
	// errMaybeDone: the request was sent, and no answer came.
	errMaybeDone = errors.New("riak gave no answer")
)

func newClient(o Options) (*client, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	c := &client{opts: o}
	for _, h := range o.Hosts {
		c.nodes.all = append(c.nodes.all, &node{host: h})
	}
	transport, err := c.opts.transport()
	if err != nil {
		return nil, err
	}
	c.http = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// transport makes what sends the requests.
func (o *Options) transport() (http.RoundTripper, error) {
	if o.Transport != nil {
		return o.Transport, nil
	}
	transport := &http.Transport{
		// No proxy of the environment: a store is in the same machine room.
		DialContext:         (&net.Dialer{Timeout: min(3*time.Second, o.Timeout), KeepAlive: 15 * time.Second, Control: unpaced.Control}).DialContext,
		TLSHandshakeTimeout: min(5*time.Second, o.Timeout),
		MaxIdleConns:        256,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true,
		WriteBufferSize:     64 << 10,
		ReadBufferSize:      32 << 10,
	}
	if o.TLS {
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		if o.CAFile != "" {
			pem, err := os.ReadFile(o.CAFile)
			if err != nil {
				return nil, fmt.Errorf("riak: %w", err)
			}
			pool := x509.NewCertPool()
			if !pool.AppendCertsFromPEM(pem) {
				return nil, fmt.Errorf("riak: no certificate in %s", o.CAFile)
			}
			transport.TLSClientConfig.RootCAs = pool
		}
	}
	return transport, nil
}

func (c *client) close() { c.http.CloseIdleConnections() }

// request is one call. Its path needs no escaping.
type request struct {
	method string
	path   string
	query  string
	header http.Header
	body   []byte
	// write says that doing it twice is not doing it once.
	write bool
}

// answer is what a node said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do sends a request to a node, and to the next if that one cannot be reached
// or, for a read, fails. When all fail, the error is the last answer's.
func (c *client) do(ctx context.Context, r *request) (*answer, error) {
	var last *answer
	err := errNotDone
	for _, n := range c.nodes.order(time.Now()) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		a, sent, failure := c.try(ctx, n, r)
		c.note(ctx, n, a, failure)
		switch {
		case failure == nil && (a.status < 500 || r.write):
			return a, nil
		case failure == nil:
			last = a
		case ctx.Err() != nil && !(sent && r.write):
			return nil, ctx.Err()
		case sent && r.write:
			return nil, fmt.Errorf("%s: %w: %w", n.host, errMaybeDone, failure)
		default:
			err = fmt.Errorf("%s: %w: %w", n.host, errNotDone, failure)
		}
	}
	if last != nil {
		return last, nil
	}
	return nil, err
}

// try sends a request to one node and tells whether all or part of it may have
// got there.
func (c *client) try(ctx context.Context, n *node, r *request) (a *answer, sent bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	scheme := "http"
	if c.opts.TLS {
		scheme = "https"
	}
	req := (&http.Request{
		Method: r.method,
		URL:    &url.URL{Scheme: scheme, Host: n.host, Path: r.path, RawQuery: r.query},
		Header: r.header.Clone(),
		Host:   n.host,
	}).WithContext(ctx)
	if r.body != nil {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(r.body)), int64(len(r.body))
		if len(r.body) == 0 {
			req.Body = http.NoBody
		}
	}
	if c.opts.User != "" {
		req.SetBasicAuth(c.opts.User, c.opts.Password)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		// net/http sends a PUT again by itself only when nothing of it was sent.
		return nil, connected.Load() && !isDial(err), withoutURL(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, true, withoutURL(err)
	}
	if len(body) > maxAnswer {
		return nil, true, fmt.Errorf("answer of more than %d bytes", maxAnswer)
	}
	return &answer{status: resp.StatusCode, header: resp.Header, body: body}, true, nil
}

// withoutURL is the cause of an error of net/http: the URL in it is long and says nothing.
func withoutURL(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

// isDial tells whether no connection could be made.
func isDial(err error) bool {
	op := (*net.OpError)(nil)
	return errors.As(err, &op) && op.Op == "dial"
}

// note keeps the node's health.
func (c *client) note(ctx context.Context, n *node, a *answer, err error) {
	switch {
	case err != nil && ctx.Err() != nil: // the caller went away, not the node
	case err != nil:
		if n.failed(time.Now(), true) {
			c.opts.Log.WarnContext(ctx, "riak node is passed over", slog.String("node", n.host), slog.Any("error", err))
		}
	case a.status == http.StatusInternalServerError:
		if n.failed(time.Now(), false) {
			c.opts.Log.WarnContext(ctx, "riak node is passed over", slog.String("node", n.host), slog.Int("status", a.status))
		}
	default:
		if n.worked() {
			c.opts.Log.InfoContext(ctx, "riak node answers again", slog.String("node", n.host))
		}
	}
}

// refusal is an answer that says no, as an error. Riak's text is cut short; it
// can hold a stack trace, but never what was sent.
func (a *answer) refusal() error {
	text := a.body[:min(len(a.body), 100)]
	return fmt.Errorf("riak answered %d: %q", a.status, text)
}
