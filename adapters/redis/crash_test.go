package redis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/redis/redistest"
	"github.com/mucura/mucura/core/meta"
)

// TestKilledWhileWriting kills the server with SIGKILL again and again while
// writers write, and starts it again. The store stays open all the time and
// works again by itself; nothing acknowledged is lost, and the index says what
// the records say.
func TestKilledWhileWriting(t *testing.T) {
	r := server(t, redistest.Options{})
	s := open(t, r.URL())
	l := newLoad(12)
	for cycle := range 6 {
		stop := l.run(s)
		l.await(t, int64(100+rand.IntN(300)))
		r.Kill()
		if err := r.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.await(t, 50) // by the store that was open before
		stop()
		if n := l.lost(t, s); n > 0 {
			t.Errorf("cycle %d: %d acknowledged writes are lost", cycle, n)
		}
		agree(t, r)
	}
	if l.unknown.Load()+l.refused.Load() == 0 {
		t.Error("no write met a dead server: this showed nothing")
	}
	t.Logf("%d acknowledged, %d unknown, %d refused", l.acks.Load(), l.unknown.Load(), l.refused.Load())
}

// TestLoading meets a server that has started and is still reading its file:
// that is an outage, nothing is written, and it ends by itself.
func TestLoading(t *testing.T) {
	r := server(t, redistest.Options{})
	s := open(t, r.URL())
	ctx := t.Context()
	// The server answers after every 1024th command that it reads.
	const records = 3000
	for i := 0; i < records; i += 500 {
		var ops []meta.Op
		for n := range 500 {
			ops = append(ops, meta.Op{Key: fmt.Sprint("k", i+n), Record: meta.Record{Value: []byte("x")}})
		}
		if err := s.Batch(ctx, "p", ops); err != nil {
			t.Fatal(err)
		}
	}
	r.Kill()
	if err := errors.Join(r.Configure("key-load-delay 1000"), r.Launch()); err != nil { // µs for each command
		t.Fatal(err)
	}
	met := false
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		_, err := s.Put(ctx, "p", "new", meta.Record{}, meta.IfAbsent)
		if err == nil {
			break
		}
		if !errors.Is(err, meta.ErrUnavailable) && !errors.Is(err, meta.ErrOutcomeUnknown) {
			t.Fatal(err)
		}
		if loading := strings.Contains(err.Error(), "LOADING"); loading && !met {
			met = true
			if !errors.Is(err, meta.ErrUnavailable) {
				t.Errorf("put at a loading server: %v", err)
			}
			if err := s.Ping(ctx); !errors.Is(err, meta.ErrUnavailable) {
				t.Errorf("ping of a loading server: %v", err)
			}
			// Somebody who comes now waits.
			if late := open(t, r.URL()); late.Ping(ctx) != nil {
				t.Error("opened, but the server is loading")
			}
		}
		if time.Now().After(end) {
			t.Fatal("never well again: ", err)
		}
	}
	if !met {
		t.Error("the server was never seen loading: this showed nothing")
	}
	if n := agree(t, r); n != records+1 {
		t.Errorf("%d records, want %d", n, records+1)
	}
}

// TestFull fills the server's memory: writes are refused as such, reads and
// deletions work, and make room again.
func TestFull(t *testing.T) {
	r := server(t, redistest.Options{Set: []string{"maxmemory 6mb"}})
	s := open(t, r.URL())
	ctx := t.Context()
	body := make([]byte, 8000)
	n := 0
	var err error
	for ; n < 2000; n++ {
		if _, err = s.Put(ctx, "p", fmt.Sprint("k", n), meta.Record{Body: body}, meta.IfAbsent); err != nil {
			break
		}
	}
	if !errors.Is(err, meta.ErrFull) || n == 0 {
		t.Fatalf("put number %d: %v, want ErrFull", n, err)
	}
	// What a refused write took is free again, and lets a small one in now and
	// then. With a lower limit there is no doubt.
	limit(t, r, "1mb")
	if err := s.Batch(ctx, "p", []meta.Op{{Key: "new", Record: meta.Record{Body: body}}, {Key: "k0", Delete: true}}); !errors.Is(err, meta.ErrFull) {
		t.Errorf("batch: %v, want ErrFull", err)
	}
	if _, err := s.Put(ctx, "p", "k0", meta.Record{Value: []byte("x")}, meta.Always); !errors.Is(err, meta.ErrFull) {
		t.Errorf("overwrite: %v, want ErrFull", err)
	}
	agree(t, r)
	if r, err := s.Get(ctx, "p", "k0", true); err != nil || len(r.Body) != len(body) {
		t.Errorf("get: %d bytes, %v", len(r.Body), err)
	}
	if page, err := s.Scan(ctx, "p", meta.Range{}); err != nil || len(page.Entries) != n {
		t.Errorf("scan: %d entries of %d, %v", len(page.Entries), n, err)
	}
	if err := s.Ping(ctx); err != nil {
		t.Errorf("ping: %v", err)
	}
	// A batch that begins with a deletion is done, so moves work.
	if err := s.Batch(ctx, "p", []meta.Op{{Key: "k0", Delete: true}, {Key: "moved", Record: meta.Record{Value: []byte("x")}}}); err != nil {
		t.Errorf("move: %v", err)
	}
	for i := 1; i < n; i++ {
		if err := s.Delete(ctx, "p", fmt.Sprint("k", i), meta.Always); err != nil {
			t.Fatal(err)
		}
	}
	limit(t, r, "6mb")
	if _, err := s.Put(ctx, "p", "again", meta.Record{Body: body}, meta.IfAbsent); err != nil {
		t.Errorf("put after deletions: %v", err)
	}
	agree(t, r)
}

func limit(t *testing.T, r *redistest.Server, memory string) {
	t.Helper()
	if _, err := r.Do(t.Context(), "CONFIG", "SET", "maxmemory", memory); err != nil {
		t.Fatal(err)
	}
}

// TestFullDisk lets the append-only file not grow beyond a size, as a full disk
// does. With appendfsync always Redis ends itself rather than acknowledge what
// it cannot keep; with everysec it refuses writes and serves reads.
func TestFullDisk(t *testing.T) {
	for _, c := range []struct {
		fsync string
		want  error
		ends  bool
	}{{"always", meta.ErrOutcomeUnknown, true}, {"everysec", meta.ErrFull, false}} {
		t.Run(c.fsync, func(t *testing.T) {
			r := server(t, redistest.Options{FileLimit: 1 << 20, Set: []string{"appendfsync " + c.fsync}})
			s := open(t, with(r.URL(), "appendfsync="+c.fsync))
			ctx := context.Background()
			acked := 0
			var err error
			for ; acked < 2000; acked++ {
				if _, err = s.Put(ctx, "p", fmt.Sprint("k", acked), meta.Record{Body: make([]byte, 4000)}, meta.IfAbsent); err != nil {
					break
				}
				if !c.ends {
					time.Sleep(2 * time.Millisecond) // the file is written before the answer, its failure told with the next
				}
			}
			if acked < 10 || !errors.Is(err, c.want) {
				t.Fatalf("after %d writes: %v, want %v", acked, err, c.want)
			}
			t.Logf("after %d writes: %v", acked, err)
			if c.ends {
				if err := r.Wait(ctx); err != nil {
					t.Fatal(err)
				}
				r.Unlimited()
				if err := r.Restart(ctx); err != nil {
					t.Fatal(err)
				}
			}
			for i := range acked {
				if _, err := s.Get(ctx, "p", fmt.Sprint("k", i), false); err != nil {
					t.Fatalf("acknowledged write %d: %v", i, err)
				}
			}
			agree(t, r)
		})
	}
}
