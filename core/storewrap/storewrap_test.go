package storewrap_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/meta/metatest"
	"github.com/mucura/mucura/core/storewrap"
)

const part = meta.Partition("p")

// TestTransparent shows that wrappers without a fault change nothing.
func TestTransparent(t *testing.T) {
	metatest.Run(t, metatest.Options{Open: func(*testing.T) meta.Store {
		return &storewrap.Retry{Store: &storewrap.Fault{Store: mem.NewMeta()}}
	}})
}

// calls names every method, with and without a condition; see one.
var calls = []string{"get", "scan", "ping", "put", "put absent", "batch", "delete match", "delete"}

func filled(t *testing.T) *mem.Meta {
	t.Helper()
	m := mem.NewMeta()
	if _, err := m.Put(t.Context(), part, "k", meta.Record{Value: []byte("v")}, meta.Always); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestFaultBefore(t *testing.T) {
	boom := errors.New("boom")
	m := filled(t)
	f := &storewrap.Fault{Store: m, Before: func(storewrap.Op, meta.Partition, string) error { return boom }}
	for _, name := range calls {
		if err := one(t.Context(), f, name); !errors.Is(err, boom) {
			t.Errorf("%s: %v", name, err)
		}
	}
	page, err := m.Scan(t.Context(), part, meta.Range{})
	if err != nil || len(page.Entries) != 1 || page.Entries[0].Key != "k" {
		t.Errorf("something was done: %v, %v", page, err)
	}
}

// TestFaultAfter loses the answer of work that is done.
func TestFaultAfter(t *testing.T) {
	m := filled(t)
	f := &storewrap.Fault{Store: m, After: func(op storewrap.Op, _ meta.Partition, key string) error {
		if op == storewrap.Put && key == "lost" || op == storewrap.Batch && key == "second" {
			return meta.ErrOutcomeUnknown
		}
		return nil
	}}
	ctx := t.Context()
	if _, err := f.Put(ctx, part, "seen", meta.Record{}, meta.Always); err != nil {
		t.Error(err)
	}
	v, err := f.Put(ctx, part, "lost", meta.Record{}, meta.Always)
	if !errors.Is(err, meta.ErrOutcomeUnknown) || v != "" {
		t.Errorf("put: %q, %v", v, err)
	}
	if err := f.Batch(ctx, part, []meta.Op{{Key: "first"}, {Key: "second"}}); !errors.Is(err, meta.ErrOutcomeUnknown) {
		t.Errorf("batch: %v", err)
	}
	for _, key := range []string{"seen", "lost", "first", "second"} {
		if _, err := f.Get(ctx, part, key, false); err != nil {
			t.Errorf("%s was not written: %v", key, err)
		}
	}
	if _, err := f.Get(ctx, part, "none", false); !errors.Is(err, meta.ErrNotFound) {
		t.Errorf("the store's own error became %v", err)
	}
}

func TestFaultDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &storewrap.Fault{Store: mem.NewMeta(), Delay: func(op storewrap.Op, _ meta.Partition, _ string) time.Duration {
			if op == storewrap.Put {
				return time.Minute
			}
			return 0
		}}
		start := time.Now()
		if _, err := f.Put(t.Context(), part, "k", meta.Record{}, meta.Always); err != nil || time.Since(start) != time.Minute {
			t.Errorf("put took %v, %v", time.Since(start), err)
		}
		if _, err := f.Get(t.Context(), part, "k", false); err != nil || time.Since(start) != time.Minute {
			t.Errorf("get waited, %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := f.Put(ctx, part, "k2", meta.Record{}, meta.Always); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("put with a short deadline: %v", err)
		}
		if _, err := f.Get(t.Context(), part, "k2", false); !errors.Is(err, meta.ErrNotFound) {
			t.Errorf("the put that was given up: %v", err)
		}
	})
}

// failing makes a store whose first n calls fail, and counts all.
func failing(t *testing.T, n int64, with error) (*storewrap.Fault, *atomic.Int64) {
	made := new(atomic.Int64)
	return &storewrap.Fault{Store: filled(t), Before: func(storewrap.Op, meta.Partition, string) error {
		if made.Add(1) <= n {
			return with
		}
		return nil
	}}, made
}

func TestRetry(t *testing.T) {
	for _, c := range []struct {
		name  string
		fails int64
		with  error
		calls int64
		ok    bool
	}{
		{"one outage", 1, meta.ErrUnavailable, 2, true},
		{"three outages", 3, meta.ErrUnavailable, 4, true},
		{"too many outages", 9, meta.ErrUnavailable, 4, false},
		{"unknown outcome", 1, meta.ErrOutcomeUnknown, 1, false},
		{"full", 1, meta.ErrFull, 1, false},
		{"conflict", 1, meta.ErrConflict, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, op := range calls {
					f, made := failing(t, c.fails, c.with)
					err := one(t.Context(), &storewrap.Retry{Store: f}, op)
					if made.Load() != c.calls || (err == nil) != c.ok || err != nil && !errors.Is(err, c.with) {
						t.Errorf("%s: %d calls, %v; want %d, success %v", op, made.Load(), err, c.calls, c.ok)
					}
				}
			})
		})
	}
}

// one makes the named call.
func one(ctx context.Context, s meta.Store, op string) (err error) {
	switch op {
	case "get":
		_, err = s.Get(ctx, part, "k", false)
	case "scan":
		_, err = s.Scan(ctx, part, meta.Range{})
	case "ping":
		err = s.Ping(ctx)
	case "put":
		_, err = s.Put(ctx, part, "k", meta.Record{}, meta.Always)
	case "put absent":
		_, err = s.Put(ctx, part, "new", meta.Record{}, meta.IfAbsent)
	case "batch":
		err = s.Batch(ctx, part, []meta.Op{{Key: "k"}})
	case "delete match":
		err = s.Delete(ctx, part, "none", meta.IfAbsent)
	case "delete":
		err = s.Delete(ctx, part, "k", meta.Always)
	}
	return err
}

// TestRetryWaits shows the bounds of the waiting, and that an ended context
// ends it with the store's error.
func TestRetryWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, made := failing(t, 1000, meta.ErrUnavailable)
		r := &storewrap.Retry{Store: f, Attempts: 50, Base: time.Millisecond, Max: 8 * time.Millisecond}
		start := time.Now()
		if err := r.Ping(t.Context()); !errors.Is(err, meta.ErrUnavailable) || made.Load() != 50 {
			t.Errorf("%d calls, %v", made.Load(), err)
		}
		if d := time.Since(start); d > 49*9*time.Millisecond || d < 20*time.Millisecond {
			t.Errorf("49 waits of up to 8 ms took %v", d)
		}
		made.Store(0)
		r = &storewrap.Retry{Store: f, Attempts: 1000, Within: 20 * time.Millisecond}
		start = time.Now()
		if err := r.Ping(t.Context()); err == nil || time.Since(start) > 20*time.Millisecond+500*time.Millisecond {
			t.Errorf("%d calls in %v, %v", made.Load(), time.Since(start), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		made.Store(0)
		r = &storewrap.Retry{Store: f, Attempts: 1000, Base: time.Hour, Max: time.Hour}
		if err := r.Ping(ctx); !errors.Is(err, meta.ErrUnavailable) || made.Load() > 2 {
			t.Errorf("%d calls, %v; want the store's error", made.Load(), err)
		}
	})
}
