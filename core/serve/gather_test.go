package serve

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// counted counts the writes of connections.
type counted struct {
	net.Listener
	writes *atomic.Int64
}

func (l counted) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &countedConn{c, l.writes}, err
}

type countedConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c *countedConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// serveGathered serves h over TLS as the S3 endpoint is, and counts writes.
func serveGathered(t *testing.T, h http.HandlerFunc) (*http.Client, string, *atomic.Int64) {
	t.Helper()
	writes := new(atomic.Int64)
	s := startGathered(t, newGatherer(), h, writes)
	return s.Client(), s.URL, writes
}

func startGathered(t *testing.T, g *gatherer, h http.HandlerFunc, writes *atomic.Int64) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(g.gather(h))
	s.Listener = gatherListener{counted{s.Listener, writes}}
	s.Config.ConnContext = withConn
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func fetch(t *testing.T, c *http.Client, url string) []byte {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestGathered has bodies of all sizes arrive whole, in an eighth of the writes that
// their records are.
func TestGathered(t *testing.T) {
	body := make([]byte, 2<<20+1)
	for i := range body {
		body[i] = byte(rand.Uint32())
	}
	c, url, writes := serveGathered(t, func(w http.ResponseWriter, r *http.Request) {
		size, _ := strconv.Atoi(r.URL.Query().Get("size"))
		_, _ = io.Copy(w, onlyReader{bytes.NewReader(body[:size])})
	})
	_ = fetch(t, c, url) // the handshake
	for _, size := range []int{1, 4 << 10, 16<<10 - 1, 16 << 10, gatherPiece - 1, gatherPiece, gatherPiece + 1, 1 << 20, len(body)} {
		before := writes.Load()
		if got := fetch(t, c, url+"?size="+strconv.Itoa(size)); !bytes.Equal(got, body[:size]) {
			t.Fatalf("%d bytes: got %d others", size, len(got))
		}
		// A write a piece, and one each for what net/http keeps to the end: the last
		// bytes, and the end of a chunked body.
		if n, most := writes.Load()-before, int64(size/gatherPiece+3); n > most {
			t.Errorf("%d bytes: %d writes, want at most %d", size, n, most)
		}
	}
}

// TestGatheredAsItComes has a client see what a source gave before it gives more.
func TestGatheredAsItComes(t *testing.T) {
	const size = 20 << 10
	source, feed := io.Pipe()
	c, url, _ := serveGathered(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.Copy(w, onlyReader{source})
	})
	go func() { _, _ = feed.Write(make([]byte, size)) }()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = feed.Write(make([]byte, size))
		_ = feed.CloseWithError(io.EOF)
	}()
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != size {
		t.Fatalf("%d bytes more, %v", n, err)
	}
}

// TestGatheredAborted ends a server whose client takes nothing: at once, and not
// when TLS no longer waits to say good-bye.
func TestGatheredAborted(t *testing.T) {
	g, failed := newGatherer(), make(chan error, 1)
	s := startGathered(t, g, func(w http.ResponseWriter, _ *http.Request) {
		_, err := io.Copy(w, zeros{})
		failed <- err
	}, new(atomic.Int64))
	resp, err := s.Client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	stuck := func() bool { // in writing what was held back
		g.mu.Lock()
		defer g.mu.Unlock()
		for c := range g.under {
			if c.mu.TryLock() {
				c.mu.Unlock()
				return false
			}
		}
		return len(g.under) == 1
	}
	for times := 0; times < 50; time.Sleep(time.Millisecond) {
		if times++; !stuck() {
			times = 0
		}
	}
	ended, end := context.WithCancel(context.Background())
	end()
	e := endpoint{http: s.Config, drains: true, abort: g.abort}
	if err := e.stop(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if err := <-failed; !errors.Is(err, net.ErrClosed) {
		t.Errorf("the answer ended with %v, want its connection closed", err)
	}
}

// TestGatheredTooMany serves more clients that do not read than are gathered for, and
// others beside them.
func TestGatheredTooMany(t *testing.T) {
	const size = 32 << 20 // more than connections hold
	c, url, _ := serveGathered(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.ParseInt(r.URL.Query().Get("size"), 10, 64)
		_, _ = io.Copy(w, io.LimitReader(zeros{}, n))
	})
	for range gatherMost + 1 {
		resp, err := c.Get(url + "?size=" + strconv.Itoa(size))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
	}
	if got := fetch(t, c, url+"?size=300000"); len(got) != 300000 {
		t.Errorf("got %d bytes", len(got))
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

type onlyReader struct{ io.Reader }

// TestGatheredSourceFails ends an answer whose source fails as net/http does.
func TestGatheredSourceFails(t *testing.T) {
	broken := errors.New("broken")
	failed := make(chan error, 1)
	c, url, _ := serveGathered(t, func(w http.ResponseWriter, _ *http.Request) {
		_, err := io.Copy(w, onlyReader{io.MultiReader(bytes.NewReader(make([]byte, 300<<10)), failing{broken})})
		failed <- err
		panic(http.ErrAbortHandler)
	})
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Errorf("the body of %d bytes ended well", n)
	}
	if err := <-failed; !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// unwritable is a connection that takes nothing.
type unwritable struct {
	net.Conn
	err error
}

func (c unwritable) Write([]byte) (int, error) { return 0, c.err }

// TestHeldBackFails tells of bytes that could not be written, then and from then on.
func TestHeldBackFails(t *testing.T) {
	gone := errors.New("gone")
	c, room := &gatheredConn{Conn: unwritable{err: gone}}, new([gatherRoom]byte)
	c.hold(room)
	if n, err := c.Write([]byte("held")); n != 4 || err != nil {
		t.Fatalf("held back: %d, %v", n, err)
	}
	if err := c.release(); !errors.Is(err, gone) {
		t.Errorf("released: %v", err)
	}
	c.hold(room)
	if _, err := c.Write([]byte("more")); !errors.Is(err, gone) {
		t.Errorf("afterwards: %v", err)
	}
	if err := c.release(); !errors.Is(err, gone) {
		t.Errorf("released again: %v", err)
	}
}

// TestHeldBackInOrder writes from two goroutines, as TLS may, more than there is
// room for: all arrives, and what one wrote in its order.
func TestHeldBackInOrder(t *testing.T) {
	server, client := net.Pipe()
	c, room := &gatheredConn{Conn: server}, new([gatherRoom]byte)
	const each = 2000
	record := make([]byte, 1<<10)
	go func() {
		defer server.Close()
		var wg sync.WaitGroup
		for who := range byte(2) {
			wg.Go(func() {
				for i := range each {
					p := make([]byte, len(record))
					p[0], p[1], p[2] = who, byte(i>>8), byte(i)
					if who == 0 && i%200 == 0 {
						c.hold(room)
					}
					if _, err := c.Write(p); err != nil {
						t.Error(err)
					}
					if who == 0 && i%200 == 199 {
						if err := c.release(); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		wg.Wait()
	}()
	var next [2]int
	for range 2 * each {
		if _, err := io.ReadFull(client, record); err != nil {
			t.Fatal(err)
		}
		who, i := record[0], int(record[1])<<8|int(record[2])
		if i != next[who] {
			t.Fatalf("of %d record %d, want %d", who, i, next[who])
		}
		next[who]++
	}
}
