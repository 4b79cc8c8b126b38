package swift

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/content/contenttest"
)

// gateway answers GET /ID with the content of s.
type gateway struct {
	*httptest.Server
	ended chan ended
}

// ended is what became of an answer.
type ended struct {
	spliced int64 // bytes
	err     error
}

func newGateway(t *testing.T, s *Store, secure bool) *gateway {
	g := &gateway{ended: make(chan ended, 1)}
	g.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc, err := s.Open(r.Context(), content.ID(r.URL.Path[1:]), 0, -1)
		if err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		defer rc.Close()
		w.Header().Set("Content-Length", strconv.FormatInt(rc.(*reader).end, 10))
		_, err = io.Copy(w, rc)
		g.ended <- ended{rc.(*reader).spliced, err}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}))
	if secure {
		g.StartTLS()
	} else {
		g.Start()
	}
	t.Cleanup(g.Close)
	return g
}

func (g *gateway) get(t *testing.T, id content.ID) ([]byte, ended) {
	res, err := g.Client().Get(g.URL + "/" + string(id))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	e := <-g.ended
	if (err == nil) != (e.err == nil) {
		t.Errorf("the client sees %v, the server %v", err, e.err)
	}
	return b, e
}

// Long contents go from Swift's connection to the client's without a copy, over
// connections that are used again and again.
func TestSplice(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no splice")
	}
	s, p := behindProxy(t, func(o *Options) { o.SegmentBytes, o.BufferBytes = 4<<20, 64<<20 })
	var connections atomic.Int32
	s.transports[1].DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		connections.Add(1)
		return dial(ctx, network, addr)
	}
	g := newGateway(t, s, false)
	one, many := contenttest.Bytes(1, 7_876_543), contenttest.Bytes(2, 13_456_789)
	for _, data := range [][]byte{one, many} {
		id := contenttest.Write(t, s, data, 1<<20)
		g.get(t, id)
		connections.Store(0)
		for range 4 {
			got, e := g.get(t, id)
			if e.err != nil || !bytes.Equal(got, data) {
				t.Fatalf("%d bytes of %d, or they differ: %v", len(got), len(data), e.err)
			}
			if e.spliced < int64(len(data))-spliceLeast-2<<20 { // but for both ends
				t.Errorf("%d bytes of %d were spliced", e.spliced, len(data))
			}
		}
		if n := connections.Load(); n != 0 {
			t.Errorf("%d new connections", n)
		}
		for _, h := range []harm{{cut: 3_000_000}, {cut: 2_000_000, slow: time.Microsecond}, {cut: 1}, {status: 503}, {loseAnswer: true}} {
			p.times(2, http.MethodGet, string(id), h)
			got, e := g.get(t, id)
			if e.err != nil || !bytes.Equal(got, data) {
				t.Errorf("%+v: %d bytes of %d, or they differ: %v", h, len(got), len(data), e.err)
			}
		}
		p.times(1000, http.MethodGet, string(id), harm{cut: 100_000})
		if got, e := g.get(t, id); !errors.Is(e.err, content.ErrUnavailable) || !bytes.HasPrefix(data, got) {
			t.Errorf("cut off again and again: %d bytes, %v", len(got), e.err)
		}
		p.do(nil)
	}
}

// A client that reads slowly, or goes, or comes by TLS.
func TestSpliceToOthers(t *testing.T) {
	s, p := behindProxy(t, func(o *Options) { o.SegmentBytes, o.BufferBytes = 16<<20, 64<<20 })
	data := contenttest.Bytes(1, 30_000_000)
	id := contenttest.Write(t, s, data, 1<<20)
	g := newGateway(t, s, false)
	res, err := g.Client().Get(g.URL + "/" + string(id))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	s.opts.Timeout = 4 * time.Second // that of Swift, not of the client
	got := make([]byte, 10_000_000)
	for _, part := range [][]byte{got[:5_000_000], got[5_000_000:]} {
		if _, err := io.ReadFull(res.Body, part); err != nil {
			t.Fatal(err)
		}
		time.Sleep(s.opts.Timeout + time.Second/2)
	}
	if !bytes.Equal(got, data[:len(got)]) {
		t.Error("a slow client gets other bytes")
	}
	s.opts.Timeout = 30 * time.Second
	res.Body.Close() // goes
	if e := <-g.ended; e.err == nil || e.spliced == 0 {
		t.Errorf("the client went: %d bytes spliced, %v", e.spliced, e.err)
	}
	// Where bytes are seen they are compared.
	secure := newGateway(t, s, true)
	for i, g := range []*gateway{secure, g} {
		got, e := g.get(t, id)
		if e.err != nil || !bytes.Equal(got, data) || e.spliced != 0 {
			t.Errorf("%d: %d bytes, %d spliced, %v", i, len(got), e.spliced, e.err)
		}
		p.times(1, http.MethodGet, string(id), harm{flipAnswer: true})
		if got, e := g.get(t, id); !errors.Is(e.err, content.ErrCorrupt) || len(got) == len(data) {
			t.Errorf("%d: changed on the way: %d bytes, %v", i, len(got), e.err)
		}
		s.opts.VerifyAll = true // for the plain one, that comes now
	}
}

// A body is sent from its buffer, not through the transport's.
func TestSentFromBuffer(t *testing.T) {
	s, _ := behindProxy(t, func(o *Options) { o.SegmentBytes = 4 << 20 })
	data := contenttest.Bytes(1, 3_000_000)
	before := copiesSaved.Load()
	id := contenttest.Write(t, s, data, 1<<20)
	wantContent(t, s, id, data)
	// More than once, where the container was not there.
	if n := copiesSaved.Load() - before; n == 0 || n%int64(len(data)) != 0 {
		t.Errorf("%d bytes of %d", n, len(data))
	}
}

// The MD5 that a writer is told is the one that is sent; a wrong one stores nothing.
func TestToldMD5(t *testing.T) {
	s, _ := behindProxy(t, func(o *Options) { o.attempts = 2 })
	for _, data := range [][]byte{nil, short(), contenttest.Bytes(3, 120_000), long()} {
		for _, wrong := range []bool{false, true} {
			id := content.NewID(time.Now())
			w, err := s.Create(t.Context(), id, int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(data); err != nil {
				t.Fatal(err)
			}
			sum := md5.Sum(data)
			if wrong {
				sum[0] ^= 1
			}
			w.(content.Told).MD5(sum)
			err = w.Commit()
			if segments := len(data) > 2*64<<10; wrong && !segments {
				if err == nil {
					t.Errorf("%d bytes are stored under another MD5", len(data))
				}
				wantAbsent(t, s, id)
				continue
			}
			if err != nil {
				t.Errorf("%d bytes: %v", len(data), err)
			}
			wantContent(t, s, id, data)
		}
	}
}
