package riak

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mucura/mucura/adapters/riak/riaktest"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/content/contenttest"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/meta/metatest"
)

// stop stops a node, and has the client notice. A request that goes out on a
// connection which has ended is of unknown outcome, and when net/http sees that end
// depends on how busy the machine is.
func stop(c *client, n *riaktest.Node) {
	n.Stop()
	c.http.CloseIdleConnections()
}

// restless are options for stores whose cluster of three always has a node
// that was there when the store was opened and then is not, and comes back.
func restless(t *testing.T, c *riaktest.Cluster) func(open func() *client) {
	n := 0
	return func(open func() *client) {
		t.Helper()
		for i := range c.Nodes() {
			if err := c.Node(i).Start(); err != nil {
				t.Fatal(err)
			}
		}
		client := open()
		node := c.Node(n % c.Nodes())
		n++
		stop(client, node)
		time.AfterFunc(150*time.Millisecond, func() { node.Start() })
	}
}

func TestMetaThreeNodes(t *testing.T) {
	c := stand(t, riaktest.Config{Nodes: 3, Mode: riaktest.PreferToken})
	open := restless(t, c)
	o := metaOptions(func() Options { return on(c) })
	plain := o.Open
	o.Open = func(t *testing.T) (s meta.Store) {
		open(func() *client { s = plain(t); return s.(*Meta).client })
		return s
	}
	metatest.Run(t, o)
}

// TestMetaLagging runs the suite where an index shows what was there a while ago.
func TestMetaLagging(t *testing.T) {
	c := stand(t, riaktest.Config{Nodes: 3, Mode: riaktest.PreferToken, IndexLag: 100 * time.Millisecond})
	metatest.Run(t, metaOptions(func() Options { return inside(c) }))
}

func TestContentThreeNodes(t *testing.T) {
	c := stand(t, riaktest.Config{Nodes: 3, Mode: riaktest.PreferToken})
	open := restless(t, c)
	o := contentOptions(func() Options { return on(c) })
	plain := o.Open
	o.Open = func(t *testing.T) (s content.Store) {
		open(func() *client { s = plain(t); return s.(*Content).client })
		return s
	}
	contenttest.Run(t, o)
}

// TestConditionsNotKept shows that a cluster in its default mode is found out,
// also when it is only one node of three, and that the suite then holds.
func TestConditionsNotKept(t *testing.T) {
	// Racers that set out at once have to meet, on a busy machine, too.
	c := stand(t, riaktest.Config{Mode: riaktest.APIOnly, RaceWindow: 100 * time.Millisecond})
	if level := openMeta(t, on(c)).Capabilities().CAS; level != meta.None {
		t.Errorf("conditions that are not kept are taken for %s", level)
	}
	inProcess := stand(t, riaktest.Config{Mode: riaktest.APIOnly, RaceWindow: 20 * time.Millisecond, InProcess: true})
	metatest.Run(t, metaOptions(func() Options { return inside(inProcess) }))
	token := stand(t, riaktest.Config{Mode: riaktest.PreferToken})
	if level := openMeta(t, on(token)).Capabilities().CAS; level != meta.WhenHealthy {
		t.Errorf("conditions that are kept are taken for %s", level)
	}
	mixed := on(token)
	mixed.Hosts = append(mixed.Hosts, c.Hosts()...)
	mixed.Confirms = 1
	if level := openMeta(t, mixed).Capabilities().CAS; level != meta.None {
		t.Errorf("a cluster of which one node does not keep conditions is taken for %s", level)
	}
}

// TestNodesDown: with one node of three everything goes on; with none calls
// fail at once, and the same store works again when they are back.
func TestNodesDown(t *testing.T) {
	c := stand(t, riaktest.Config{Nodes: 3, Mode: riaktest.PreferToken})
	o := on(c)
	o.Sloppy, o.Confirms = true, 1
	s := openMeta(t, o)
	ctx := context.Background()
	put := func(v string) error {
		_, err := s.Put(ctx, "p", "k", meta.Record{Value: []byte(v)}, meta.Always)
		return err
	}
	want := func(v string) {
		t.Helper()
		if r, err := s.Get(ctx, "p", "k", false); err != nil || string(r.Value) != v {
			t.Errorf("%q, %v; want %q", r.Value, err, v)
		}
	}
	if err := put("all"); err != nil {
		t.Fatal(err)
	}
	stop(s.client, c.Node(0))
	stop(s.client, c.Node(1))
	for i := range 10 {
		if err := put(fmt.Sprint("one ", i)); err != nil {
			t.Fatalf("put with one node left: %v", err)
		}
		want(fmt.Sprint("one ", i))
	}
	stop(s.client, c.Node(2))
	if err := put("none"); !errors.Is(err, meta.ErrUnavailable) {
		t.Errorf("put with no node: %v", err)
	}
	if _, err := s.Get(ctx, "p", "k", false); !errors.Is(err, meta.ErrUnavailable) {
		t.Errorf("get with no node: %v", err)
	}
	if err := s.Ping(ctx); !errors.Is(err, meta.ErrUnavailable) {
		t.Errorf("ping with no node: %v", err)
	}
	for i := range 3 {
		if err := c.Node(i).Start(); err != nil {
			t.Fatal(err)
		}
	}
	want("one 9")
	if err := put("again"); err != nil {
		t.Errorf("put after the nodes came back: %v", err)
	}
	want("again")
}

// TestPrimariesMissing: what cannot be read or written with certainty is not.
func TestPrimariesMissing(t *testing.T) {
	c := stand(t, riaktest.Config{Nodes: 3, Mode: riaktest.PreferToken})
	s := openMeta(t, on(c))
	stop(s.client, c.Node(0))
	stop(s.client, c.Node(1))
	if _, err := s.Get(context.Background(), "p", "k", false); !errors.Is(err, meta.ErrUnavailable) {
		t.Errorf("get with one primary of three: %v", err)
	}
	if _, err := s.Put(context.Background(), "p", "k", meta.Record{}, meta.Always); !errors.Is(err, meta.ErrUnavailable) {
		t.Errorf("put with one primary of three: %v", err)
	}
}

// TestConfirmsMissing: a write that too few machines have may be there.
func TestConfirmsMissing(t *testing.T) {
	c := stand(t, riaktest.Config{Mode: riaktest.PreferToken})
	o := on(c)
	s := openMeta(t, o)
	s.records.write = strings.Replace(s.records.write, "node_confirms=1", "node_confirms=2", 1)
	if _, err := s.Put(context.Background(), "p", "k", meta.Record{Value: []byte("v")}, meta.IfAbsent); !errors.Is(err, meta.ErrOutcomeUnknown) {
		t.Errorf("put that one machine of two has: %v", err)
	}
	if r, err := s.Get(context.Background(), "p", "k", false); err != nil || string(r.Value) != "v" {
		t.Errorf("%q, %v", r.Value, err)
	}
}

// TestNotReady: a node that has just started answers 500 to everything.
func TestNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := stand(t, riaktest.Config{Nodes: 2, Mode: riaktest.PreferToken, InProcess: true})
		c.Node(0).SetReady(false)
		c.Node(1).SetReady(false)
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		if _, err := OpenMeta(ctx, inside(c)); !errors.Is(err, meta.ErrUnavailable) {
			t.Errorf("open of a cluster that is not ready: %v", err)
		}
		time.AfterFunc(200*time.Millisecond, func() { c.Node(0).SetReady(true); c.Node(1).SetReady(true) })
		s := openMeta(t, inside(c)) // waits
		c.Node(0).SetReady(false)
		for i := range 20 { // reads go on by the other; after three errors so do writes
			if err := s.Ping(context.Background()); err != nil && i > 6 {
				t.Errorf("ping %d with one node ready: %v", i, err)
			}
			if _, err := s.Get(context.Background(), "p", "k", false); !errors.Is(err, meta.ErrNotFound) {
				t.Errorf("get: %v", err)
			}
		}
	})
}

// TestSlowNode: reads of a node that hangs are answered by another; a write to
// it is of unknown outcome, and then it is passed over.
func TestSlowNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := stand(t, riaktest.Config{Nodes: 2, Mode: riaktest.PreferToken, InProcess: true})
		o := inside(c)
		o.Timeout = 300 * time.Millisecond
		s := openMeta(t, o)
		if _, err := s.Put(context.Background(), "p", "k", meta.Record{Value: []byte("v")}, meta.Always); err != nil {
			t.Fatal(err)
		}
		c.SetFault(func(node int, _ *http.Request) riaktest.Fault {
			if node == 0 {
				return riaktest.Fault{Delay: time.Minute}
			}
			return riaktest.Fault{}
		})
		for range 4 {
			if r, err := s.Get(context.Background(), "p", "k", false); err != nil || string(r.Value) != "v" {
				t.Errorf("get: %q, %v", r.Value, err)
			}
		}
		for i := range 4 {
			_, err := s.Put(context.Background(), "p", "k", meta.Record{Value: []byte("w")}, meta.Always)
			if err != nil && !errors.Is(err, meta.ErrOutcomeUnknown) {
				t.Errorf("put %d: %v", i, err)
			}
		}
	})
}

// TestContentFaults: blocks and manifests are sent again, and read from
// another node; what is read is never wrong.
func TestContentFaults(t *testing.T) {
	c := stand(t, riaktest.Config{Nodes: 3, Mode: riaktest.PreferToken})
	s := openContent(t, on(c))
	var n atomic.Int64
	c.SetFault(func(_ int, r *http.Request) riaktest.Fault {
		switch i := n.Add(1); {
		case i%5 == 0:
			return riaktest.Fault{Cut: riaktest.CutAfter}
		case i%7 == 0:
			return riaktest.Fault{Cut: riaktest.CutBefore}
		case i%11 == 0:
			return riaktest.Fault{Status: 503}
		}
		return riaktest.Fault{}
	})
	for i, size := range []int{0, 1000, 1 << 20, 1<<20 + 1, 7<<20 + 12345} {
		data := contenttest.Bytes(uint64(i), size)
		id := contenttest.Write(t, s, data, 300_000)
		got, err := contenttest.Read(s, id, 0, int64(size))
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes: %d read, %v", size, len(got), err)
		}
	}
	c.SetFault(nil)
	if contents, size, err := s.Clean(context.Background(), time.Now().Add(time.Hour)); contents != 0 || err != nil {
		t.Errorf("clean found %d contents, %d bytes: %v", contents, size, err)
	}
}

// TestDamaged: a block or record that changed in Riak is not passed on.
func TestDamaged(t *testing.T) {
	c := stand(t, riaktest.Config{Mode: riaktest.PreferToken})
	o := on(c)
	s := openContent(t, o)
	id := contenttest.Write(t, s, contenttest.Bytes(1, 3<<20), 1<<20)
	spoil := func(path string) {
		t.Helper()
		url := "http://" + c.Hosts()[0] + "/types/mucura/buckets/" + path
		get, err := http.Get(url)
		if err != nil || get.StatusCode != 200 {
			t.Fatalf("%s: %v %v", path, get.StatusCode, err)
		}
		body, _ := io.ReadAll(get.Body)
		body[len(body)/2] ^= 1
		req := httptest.NewRequest("PUT", url, bytes.NewReader(body))
		req.RequestURI, req.Header = "", get.Header.Clone()
		if resp, err := http.DefaultClient.Do(req); err != nil || resp.StatusCode != 204 {
			t.Fatal(resp, err)
		}
	}
	spoil(o.Name + ".block/keys/" + blockKey(id, 1))
	if got, err := contenttest.Read(s, id, 0, -1); !errors.Is(err, content.ErrCorrupt) || len(got) != 1<<20 {
		t.Errorf("damaged block: %d bytes, %v", len(got), err)
	}
	if _, err := contenttest.Read(s, id, 2<<20, 100); err != nil {
		t.Errorf("a block beside the damaged one: %v", err)
	}
	spoil(o.Name + ".content/keys/" + string(id))
	if _, err := contenttest.Read(s, id, 2<<20, 100); !errors.Is(err, content.ErrCorrupt) {
		t.Errorf("damaged manifest: %v", err)
	}
	m := openMeta(t, o)
	if _, err := m.Put(context.Background(), "p", "k", meta.Record{Value: []byte("value"), Body: []byte("body")}, meta.Always); err != nil {
		t.Fatal(err)
	}
	spoil(o.Name + ".record/keys/" + encodeKey(fullKey("p", "k")))
	if r, err := m.Get(context.Background(), "p", "k", true); !errors.Is(err, meta.ErrUnavailable) {
		t.Errorf("damaged record: %q, %v", r.Value, err)
	}
}

// TestRangesTouchFewBlocks: a small range of a long content reads one block
// beside the manifest.
func TestRangesTouchFewBlocks(t *testing.T) {
	c := stand(t, riaktest.Config{Mode: riaktest.PreferToken})
	s := openContent(t, on(c))
	data := contenttest.Bytes(3, 20<<20)
	id := contenttest.Write(t, s, data, 1<<20)
	var gets atomic.Int64
	c.SetFault(func(_ int, r *http.Request) riaktest.Fault {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, ".block/") {
			gets.Add(1)
		}
		return riaktest.Fault{}
	})
	for _, r := range []struct{ offset, length, blocks int64 }{{5 << 20, 10, 1}, {6<<20 - 5, 10, 2}, {0, 20 << 20, 20}} {
		gets.Store(0)
		got, err := contenttest.Read(s, id, r.offset, r.length)
		if err != nil || !bytes.Equal(got, data[r.offset:r.offset+r.length]) || gets.Load() != r.blocks {
			t.Errorf("%d bytes from %d: %d blocks read, %v", r.length, r.offset, gets.Load(), err)
		}
	}
}

// TestSecured speaks HTTPS to a cluster that asks for a password.
func TestSecured(t *testing.T) {
	pair := httptest.NewUnstartedServer(nil)
	pair.StartTLS() // for its certificate of 127.0.0.1
	defer pair.Close()
	c := stand(t, riaktest.Config{
		Nodes: 2, Mode: riaktest.PreferToken, User: "mucura", Password: "s3cret-pa55",
		TLS: &tls.Config{Certificates: pair.TLS.Certificates},
	})
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate().Raw})
	if err := errors.Join(os.WriteFile(ca, cert, 0o600), os.WriteFile(filepath.Join(dir, "pw"), []byte("s3cret-pa55\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	hosts := strings.Join(c.Hosts(), ",")
	for _, url := range []string{
		"riak+https://mucura:s3cret-pa55@" + hosts + "/?ca=" + ca,
		"riak+https://mucura@" + hosts + "/?ca=" + ca + "&password-file=" + dir + "/pw",
	} {
		o, err := ParseURL(url, "")
		if err != nil {
			t.Fatal(err)
		}
		s := openMeta(t, o)
		if _, err := s.Put(context.Background(), "p", "k", meta.Record{Value: []byte("v")}, meta.Always); err != nil {
			t.Error(err)
		}
	}
	for what, url := range map[string]string{
		"a wrong password":       "riak+https://mucura:s3cret-pa56@" + hosts + "/?ca=" + ca,
		"an unknown authority":   "riak+https://mucura:s3cret-pa55@" + hosts + "/",
		"no password":            "riak+https://" + hosts + "/?ca=" + ca,
		"plain HTTP to HTTPS":    "riak://" + hosts + "/",
		"an unknown bucket type": "riak+https://mucura:s3cret-pa55@" + hosts + "/?type=other&ca=" + ca,
	} {
		o, err := ParseURL(url, "")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		_, err = OpenMeta(ctx, o)
		cancel()
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("open with %s: %v", what, err)
		}
	}
}
