package redis

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mucura/mucura/adapters/redis/redistest"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/meta/metatest"
	"github.com/mucura/mucura/core/storewrap"
)

// server is a Redis of one test.
func server(t testing.TB, o redistest.Options) *redistest.Server {
	t.Helper()
	redistest.Need(t)
	if o.Dir == "" {
		o.Dir = shortDir(t)
	}
	s, err := redistest.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s
}

// shortDir is a temporary directory whose name leaves room for a socket's.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "redis-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// prefixes keeps the stores apart that tests open on one server.
var prefixes atomic.Int64

// with adds settings to a URL.
func with(url string, settings ...string) string {
	for _, s := range settings {
		sep := "&"
		if !strings.Contains(url, "?") {
			sep = "?"
		}
		url += sep + s
	}
	return url
}

// fresh names a new, empty store.
func fresh(url string) string { return with(url, fmt.Sprintf("prefix=t%d", prefixes.Add(1))) }

func open(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(context.Background(), url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// graded is a store under another grade, so that the suite demands of a healthy
// cluster what is promised of one server.
type graded struct {
	meta.Store
	url string
}

func (g *graded) Capabilities() meta.Capabilities {
	c := g.Store.Capabilities()
	c.CAS = meta.Linearizable
	return c
}

// conform runs the suite on a server.
func conform(t *testing.T, url string) {
	reopen := func(t *testing.T, s meta.Store) meta.Store {
		u := s.(*graded).url
		return &graded{open(t, u), u}
	}
	metatest.Run(t, metatest.Options{
		Open: func(t *testing.T) meta.Store {
			u := fresh(url)
			return &graded{open(t, u), u}
		},
		Reopen: func(t *testing.T, old meta.Store) meta.Store {
			if err := old.Close(); err != nil {
				t.Fatal(err)
			}
			return reopen(t, old)
		},
		Second: reopen,
		Unknown: func(_ *testing.T, s meta.Store, done bool) meta.Store {
			cut := func(op storewrap.Op, _ meta.Partition, _ string) error {
				if op == storewrap.Put || op == storewrap.Delete {
					return meta.ErrOutcomeUnknown
				}
				return nil
			}
			if done {
				return &storewrap.Fault{Store: s, After: cut}
			}
			return &storewrap.Fault{Store: s, Before: cut}
		},
	})
}

func TestConformance(t *testing.T) {
	s := server(t, redistest.Options{})
	conform(t, s.URL())
	agree(t, s)
}

func TestConformanceUnix(t *testing.T) {
	conform(t, server(t, redistest.Options{Unix: true}).UnixURL())
}

func TestConformanceTLS(t *testing.T) {
	conform(t, server(t, redistest.Options{TLS: true, Password: "a:b@c/d?e#f%"}).URL())
}

func secretFile(t testing.TB, secret string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
