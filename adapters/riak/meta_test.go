package riak

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/riak/riaktest"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/meta/metatest"
)

// stand starts a stand-in for the time of a test.
func stand(t testing.TB, conf riaktest.Config) *riaktest.Cluster {
	t.Helper()
	c, err := riaktest.Start(conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// on are the options of a store in a cluster, in buckets of its own.
func on(c *riaktest.Cluster) Options {
	return Options{Hosts: c.Hosts(), Name: "t" + rand.Text()[:12], Timeout: 5 * time.Second, Log: slog.New(slog.DiscardHandler)}
}

// inside is on without sockets, for what is not about them.
func inside(c *riaktest.Cluster) Options {
	o := on(c)
	o.Transport = c.Transport()
	return o
}

// realNode gives the options of a real cluster, or skips the test.
func realNode(t testing.TB) Options {
	t.Helper()
	url := os.Getenv("MUCURA_TEST_RIAK")
	if url == "" {
		t.Skip("MUCURA_TEST_RIAK names no Riak (riak://127.0.0.1:8098/?type=mucura)")
	}
	o, err := ParseURL(url, os.Getenv("MUCURA_RIAK_PASSWORD"))
	if err != nil {
		t.Fatal(err)
	}
	o.Name = "t" + rand.Text()[:12]
	return o
}

func openMeta(t testing.TB, o Options) *Meta {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	m, err := OpenMeta(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// metaOptions run the conformance suite on stores made from what fresh gives,
// each of which is of other buckets.
func metaOptions(fresh func() Options) metatest.Options {
	again := func(t *testing.T, s meta.Store) meta.Store {
		o := s.(*Meta).client.opts
		o.CAS = s.Capabilities().CAS.String()
		return openMeta(t, o)
	}
	return metatest.Options{
		Open:   func(t *testing.T) meta.Store { return openMeta(t, fresh()) },
		Second: again,
		Reopen: func(t *testing.T, old meta.Store) meta.Store {
			old.Close()
			return again(t, old)
		},
		Unknown: func(t *testing.T, s meta.Store, done bool) meta.Store {
			o := s.(*Meta).client.opts
			o.CAS = s.Capabilities().CAS.String()
			m := openMeta(t, o)
			m.client.http.Transport = &cutNextWrite{next: m.client.http.Transport, done: done}
			return m
		},
		Settle: 10 * time.Second,
	}
}

// cutNextWrite loses the answer to a PUT, or the PUT.
type cutNextWrite struct {
	next http.RoundTripper
	done bool
}

func (c *cutNextWrite) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPut {
		return c.next.RoundTrip(r)
	}
	if c.done {
		resp, err := c.next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		resp.Body.Close()
	}
	httptrace.ContextClientTrace(r.Context()).GotConn(httptrace.GotConnInfo{})
	return nil, errCut
}

func TestMetaOneNode(t *testing.T) {
	c := stand(t, riaktest.Config{Mode: riaktest.PreferToken})
	metatest.Run(t, metaOptions(func() Options { return on(c) }))
}

func TestMetaReal(t *testing.T) {
	o := realNode(t)
	t.Logf("real Riak at %s", strings.Join(o.Hosts, ", "))
	metatest.Run(t, metaOptions(func() Options { return realNode(t) }))
}

var errCut = errors.New("connection cut")
