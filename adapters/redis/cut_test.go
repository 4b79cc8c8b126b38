package redis

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/redis/redistest"
	"github.com/mucura/mucura/core/meta"
)

// What a cutter does with the next connection that carries a mutation.
const (
	pass   int32 = iota
	lose         // the request is lost, and the connection cut
	forget       // the request is done, the answer lost and the connection cut
)

// cutter is a proxy before a server that cuts connections on demand.
type cutter struct {
	addr string
	to   string
	mode atomic.Int32
	cuts atomic.Int32
}

func newCutter(t *testing.T, to string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{addr: l.Addr().String(), to: to}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			down, err := l.Accept()
			if err != nil {
				return
			}
			go c.serve(down)
		}
	}()
	return c
}

// awaitCuts waits for so many more cuts, or a minute.
func (c *cutter) awaitCuts(more int32) {
	want := c.cuts.Load() + more
	for end := time.Now().Add(time.Minute); c.cuts.Load() < want && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

func (c *cutter) serve(down net.Conn) {
	defer down.Close()
	up, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer up.Close()
	var deaf atomic.Bool // the answer is not passed on
	go func() {
		defer down.Close()
		b := make([]byte, 64<<10)
		for {
			n, err := up.Read(b)
			if err != nil || deaf.Load() {
				return
			}
			if _, err := down.Write(b[:n]); err != nil {
				return
			}
		}
	}()
	b := make([]byte, 64<<10)
	for {
		n, err := down.Read(b)
		if err != nil {
			return
		}
		if bytes.Contains(b[:n], []byte("eval")) {
			switch mode := c.mode.Load(); mode {
			case lose:
				c.cuts.Add(1)
				return
			case forget:
				c.cuts.Add(1)
				deaf.Store(true)
			}
		}
		if _, err := up.Write(b[:n]); err != nil {
			return
		}
		if deaf.Load() {
			_, _ = io.Copy(io.Discard, down)
			return
		}
	}
}

// TestCutConnection loses requests, and answers. Either way the outcome is
// unknown to the caller, nothing is sent twice, and what was done stays done.
func TestCutConnection(t *testing.T) {
	r := server(t, redistest.Options{})
	c := newCutter(t, r.Addr)
	s := open(t, strings.Replace(r.URL(), r.Addr, c.addr, 1))
	direct := open(t, r.URL())
	ctx := t.Context()
	for _, mode := range []int32{lose, forget} {
		if _, err := s.Put(ctx, "p", "k", meta.Record{Value: []byte("old")}, meta.Always); err != nil {
			t.Fatal(err)
		}
		c.mode.Store(mode)
		c.cuts.Store(0)
		_, err := s.Put(ctx, "p", "k", meta.Record{Value: []byte("new")}, meta.Always)
		if !errors.Is(err, meta.ErrOutcomeUnknown) {
			t.Errorf("put: %v, want ErrOutcomeUnknown", err)
		}
		if n := c.cuts.Load(); n != 1 {
			t.Errorf("the put was sent %d times", n)
		}
		want := map[int32]string{lose: "old", forget: "new"}[mode]
		if got, err := direct.Get(ctx, "p", "k", false); err != nil || string(got.Value) != want {
			t.Errorf("the record holds %q (%v), want %q", got.Value, err, want)
		}
		// Reading is not a mutation: it works, over another connection.
		if got, err := s.Get(ctx, "p", "k", false); err != nil || string(got.Value) != want {
			t.Errorf("read back %q (%v), want %q", got.Value, err, want)
		}
		if err := s.Batch(ctx, "p", []meta.Op{{Key: "k", Delete: true}, {Key: "k2"}}); !errors.Is(err, meta.ErrOutcomeUnknown) {
			t.Errorf("batch: %v, want ErrOutcomeUnknown", err)
		}
		if err := s.Delete(ctx, "p", "k", meta.Always); !errors.Is(err, meta.ErrOutcomeUnknown) {
			t.Errorf("delete: %v, want ErrOutcomeUnknown", err)
		}
		c.mode.Store(pass)
	}
	agree(t, r)
}

// TestCutPipeline cuts a connection that carries the calls of many: each learns
// that its outcome is unknown, and none is told of a success that was not.
func TestCutPipeline(t *testing.T) {
	r := server(t, redistest.Options{})
	c := newCutter(t, r.Addr)
	s := open(t, with(strings.Replace(r.URL(), r.Addr, c.addr, 1), "lanes=1"))
	l := newLoad(24)
	stop := l.run(s)
	for range 10 {
		l.await(t, 200)
		c.mode.Store(lose)
		c.awaitCuts(2)
		c.mode.Store(forget)
		c.awaitCuts(2)
		c.mode.Store(pass)
	}
	stop()
	if n := l.lost(t, s); n > 0 {
		t.Errorf("%d keys lost an acknowledged write", n)
	}
	agree(t, r)
	if l.unknown.Load() < 100 {
		t.Errorf("only %d outcomes were unknown", l.unknown.Load())
	}
	t.Logf("%d acknowledged, %d unknown, %d refused", l.acks.Load(), l.unknown.Load(), l.refused.Load())
}
