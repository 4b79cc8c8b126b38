package acme

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/seal"
	"github.com/mucura/mucura/core/storewrap"
)

var ctx = context.Background()

func newStorage(t *testing.T, store meta.Store) *storage {
	t.Helper()
	box, err := seal.New(make([]byte, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return &storage{store: store, box: box, now: time.Now, locks: newLocks(store)}
}

func TestStorage(t *testing.T) {
	store := mem.NewMeta()
	s := newStorage(t, store)
	if _, err := s.Load(ctx, "a/b"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("load of nothing: %v", err)
	}
	secret := []byte("private key")
	for _, k := range []string{"a/b/k.key", "a/b/k.crt", "a/b.c", "a/c", "ab/x", "z"} {
		if err := s.Store(ctx, k, append(secret, k...)); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := s.Load(ctx, "a/c"); err != nil || string(v) != "private keya/c" {
		t.Errorf("loaded %q, %v", v, err)
	}
	for _, c := range []struct {
		path      string
		recursive bool
		want      []string
	}{
		{"a", true, []string{"a/b.c", "a/b/k.crt", "a/b/k.key", "a/c"}},
		{"a", false, []string{"a/b", "a/b.c", "a/c"}},
		{"a/", false, []string{"a/b", "a/b.c", "a/c"}},
		{"", false, []string{"a", "ab", "z"}},
		{"a/b", true, []string{"a/b/k.crt", "a/b/k.key"}},
	} {
		if got, err := s.List(ctx, c.path, c.recursive); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("list %q %v: %q, %v; want %q", c.path, c.recursive, got, err, c.want)
		}
	}
	if _, err := s.List(ctx, "b", true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("list of nothing: %v", err)
	}
	info, err := s.Stat(ctx, "a/c")
	if err != nil || !info.IsTerminal || info.Size != int64(len("private keya/c")) || time.Since(info.Modified) > time.Hour {
		t.Errorf("stat %+v, %v", info, err)
	}
	if info, err := s.Stat(ctx, "a/b"); err != nil || info.IsTerminal {
		t.Errorf("stat of a directory: %+v, %v", info, err)
	}
	if !s.Exists(ctx, "a/b") || !s.Exists(ctx, "z") || s.Exists(ctx, "a/d") || s.Exists(ctx, "y") {
		t.Error("Exists is wrong")
	}
	rec, err := store.Get(ctx, catalog.TLS, "a/c", false)
	if err != nil || bytes.Contains(rec.Value, secret) {
		t.Errorf("the record is not sealed: %q, %v", rec.Value, err)
	}
	if err := s.Delete(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.List(ctx, "", true); err != nil || !slices.Equal(got, []string{"ab/x", "z"}) {
		t.Errorf("after delete: %q, %v", got, err)
	}
	if err := s.Delete(ctx, "a"); err != nil {
		t.Errorf("delete of nothing: %v", err)
	}
}

// A sealed value moved to another key does not open.
func TestSealedToItsKey(t *testing.T) {
	store := mem.NewMeta()
	s := newStorage(t, store)
	if err := s.Store(ctx, "a", []byte("x")); err != nil {
		t.Fatal(err)
	}
	rec, err := store.Get(ctx, catalog.TLS, "a", false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Put(ctx, catalog.TLS, "b", rec, meta.Always); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(ctx, "b"); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("error %v", err)
	}
}

// Only one of many holds a lock at a time, also when answers are lost.
func TestLockExcludes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := mem.NewMeta()
		var n atomic.Int64
		lossy := &storewrap.Fault{Store: store, After: func(op storewrap.Op, _ meta.Partition, _ string) error {
			if op == storewrap.Put && n.Add(1)%5 == 0 {
				return meta.ErrOutcomeUnknown
			}
			return nil
		}}
		var inside, total atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			l := newLocks(lossy)
			wg.Go(func() {
				for range 5 {
					if err := l.Lock(ctx, "name"); err != nil {
						t.Error(err)
						return
					}
					if inside.Add(1) != 1 {
						t.Error("two hold the lock")
					}
					time.Sleep(3 * lockLife) // longer than a lock lives without renewal
					inside.Add(-1)
					total.Add(1)
					if err := l.Unlock(ctx, "name"); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if total.Load() != 40 {
			t.Errorf("%d times", total.Load())
		}
		if page, err := store.Scan(ctx, catalog.TLSLocks, meta.Range{}); err != nil || len(page.Entries) != 0 {
			t.Errorf("left: %v, %v", page.Entries, err)
		}
	})
}

// A lock whose holder died is taken when it has stood still for its life.
func TestLockOfTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := mem.NewMeta()
		dead := newLocks(store)
		if err := dead.Lock(ctx, "name"); err != nil {
			t.Fatal(err)
		}
		dead.held["name"].stop() // it no longer renews
		l := newLocks(store)
		if got, err := l.TryLock(ctx, "name"); err != nil || got {
			t.Errorf("TryLock: %v, %v", got, err)
		}
		began := time.Now()
		if err := l.Lock(ctx, "name"); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited < lockLife || waited > 2*lockLife {
			t.Errorf("waited %v", waited)
		}
		if err := dead.Unlock(ctx, "name"); err != nil {
			t.Errorf("the dead one unlocks: %v", err)
		}
		if got, err := newLocks(store).TryLock(ctx, "name"); err != nil || got {
			t.Errorf("taken from its second holder: %v, %v", got, err)
		}
		if err := l.Unlock(ctx, "name"); err != nil {
			t.Error(err)
		}
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		if err := dead.Lock(cancelled, "name"); err == nil {
			t.Error("a lock for a cancelled context")
		}
	})
}
