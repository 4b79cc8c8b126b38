package cli_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"testing"
)

// between stands between the command and the server, counts, and breaks things.
// What a killed command left under way is neither counted nor broken with what
// the next one asks for: a connection belongs to the round in which it was made.
type between struct {
	*httptest.Server
	mu     sync.Mutex
	round  int      // how many calls of set there were
	parts  []int    // numbers of parts that came whole
	ranges []string // Range headers of GETs
	before func(w http.ResponseWriter, r *http.Request) (done bool)
	after  func(*http.Response) error
}

func newBetween(t *testing.T, target string) *between {
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	b := new(between)
	forward := &httputil.ReverseProxy{
		// The host and path are what was signed.
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = u.Scheme, u.Host, r.In.Host
		},
		ModifyResponse: func(r *http.Response) error { return b.answered(r) },
		FlushInterval:  -1,
		ErrorLog:       discardLog,
	}
	b.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		if !b.current(r) {
			b.mu.Unlock()
			panic(http.ErrAbortHandler) // nobody waits for the answer
		}
		before := b.before
		if r.Method == http.MethodGet && r.Header.Get("Range") != "" {
			b.ranges = append(b.ranges, r.Header.Get("Range"))
		}
		b.mu.Unlock()
		if before == nil || !before(w, r) {
			forward.ServeHTTP(w, r)
		}
	}))
	b.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		b.mu.Lock()
		defer b.mu.Unlock()
		return context.WithValue(ctx, roundKey{}, b.round)
	}
	b.Start()
	t.Cleanup(b.Close)
	return b
}

type roundKey struct{}

// current tells whether a request's connection was made since the last call of set.
func (b *between) current(r *http.Request) bool { return r.Context().Value(roundKey{}) == b.round }

func (b *between) answered(r *http.Response) error {
	b.mu.Lock()
	if !b.current(r.Request) {
		b.mu.Unlock()
		return nil
	}
	after := b.after
	if n, err := strconv.Atoi(r.Request.URL.Query().Get("partNumber")); err == nil && r.StatusCode == http.StatusOK {
		b.parts = append(b.parts, n)
	}
	b.mu.Unlock()
	if after != nil {
		return after(r)
	}
	return nil
}

// set changes what is broken and forgets what was counted. No command runs then.
func (b *between) set(before func(http.ResponseWriter, *http.Request) bool, after func(*http.Response) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.before, b.after, b.parts, b.ranges = before, after, nil, nil
	b.round++
}

func (b *between) sent() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.parts)
}

func (b *between) asked() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.ranges)
}

// corruptRequest flips a bit of a body on its way to the server.
func corruptRequest(_ http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodPut && r.ContentLength > 0 {
		r.Body = io.NopCloser(&flip{r: r.Body})
	}
	return false
}

// corruptAnswer flips a bit of content on its way to the client.
func corruptAnswer(r *http.Response) error {
	if r.Request.Method == http.MethodGet && r.Header.Get("Etag") != "" {
		r.Body = struct {
			io.Reader
			io.Closer
		}{&flip{r: r.Body}, r.Body}
	}
	return nil
}

type flip struct {
	r    io.Reader
	done bool
}

func (f *flip) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if n > 0 && !f.done {
		p[n/2] ^= 1
		f.done = true
	}
	return n, err
}

// busy answers 503.
func busy(w http.ResponseWriter) {
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.Copy(w, bytes.NewReader([]byte("<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>")))
}
