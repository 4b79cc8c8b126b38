package storewrap_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/content/contenttest"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/meta/metatest"
	"github.com/mucura/mucura/core/obs"
	"github.com/mucura/mucura/core/storewrap"
)

// everything is a guard with all its parts, none of which is felt.
func everything() *storewrap.Guard {
	return &storewrap.Guard{
		Gate:    &storewrap.Gate{Every: time.Second, Read: func(context.Context) (bool, error) { return false, nil }},
		Breaker: new(storewrap.Breaker),
		Limit:   storewrap.NewLimit(64, time.Minute),
		Stats:   storewrap.NewStoreMetrics(new(obs.Metrics)).Of("metadata"),
	}
}

// TestGuardTransparent runs the conformance suites through all decorators.
func TestGuardTransparent(t *testing.T) {
	metatest.Run(t, metatest.Options{Open: func(*testing.T) meta.Store {
		return &storewrap.Retry{Store: &storewrap.Guarded{Store: mem.NewMeta(), Guard: everything()}}
	}})
	contenttest.Run(t, contenttest.Options{
		Open: func(*testing.T) content.Store {
			return &storewrap.RetryContent{Store: &storewrap.GuardedContent{Store: mem.NewContent(), Guard: everything()}}
		},
		Reopen: func(_ *testing.T, s content.Store) content.Store { return s },
	})
}

// TestOptionalInterfaces sees that what a store can do besides is found through
// decorators, and that readers stay what they are.
func TestOptionalInterfaces(t *testing.T) {
	ctx := t.Context()
	for _, limit := range []*storewrap.Limit{nil, storewrap.NewLimit(1, time.Second)} {
		s := content.Store(&storewrap.RetryContent{Store: &storewrap.GuardedContent{Store: mem.NewContent(), Guard: &storewrap.Guard{Limit: limit}}})
		if _, ok := content.As[content.Stat](s); !ok {
			t.Error("Stat is lost")
		}
		if _, ok := content.As[content.Janitor](s); ok {
			t.Error("mem has no Janitor")
		}
		id := content.NewID(time.Now())
		w, err := s.Create(ctx, id, -1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, "bytes"); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Commit(), w.Abort(), w.Abort()); err != nil {
			t.Fatal(err)
		}
		for range 3 { // a place that is not given back would be missing
			rc, err := s.Open(ctx, id, 1, 2)
			if err != nil {
				t.Fatal(err)
			}
			to, ok := rc.(io.WriterTo)
			var b bytes.Buffer
			if !ok {
				t.Fatal("the reader can no more write itself")
			}
			if _, err := to.WriteTo(&b); err != nil || b.String() != "yt" {
				t.Errorf("%q, %v", b.String(), err)
			}
			if err := errors.Join(rc.Close(), rc.Close()); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := filled(t)
		slow := &storewrap.Fault{Store: m, Delay: func(op storewrap.Op, _ meta.Partition, _ string) time.Duration {
			return map[storewrap.Op]time.Duration{storewrap.Get: time.Minute}[op]
		}}
		s := &storewrap.Guarded{Store: slow, Guard: &storewrap.Guard{Limit: storewrap.NewLimit(1, time.Second)}}
		go func() { _, _ = s.Get(t.Context(), part, "k", false) }()
		synctest.Wait()
		start := time.Now()
		if _, err := s.Scan(t.Context(), part, meta.Range{}); !errors.Is(err, meta.ErrUnavailable) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Scan(ctx, part, meta.Range{}); !errors.Is(err, context.Canceled) {
			t.Errorf("of a caller who has gone: %v", err)
		}
		time.Sleep(time.Minute)
		if _, err := s.Scan(t.Context(), part, meta.Range{}); err != nil {
			t.Errorf("after the call ended: %v", err)
		}
	})
}

func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answer error
		var made atomic.Int64
		f := &storewrap.Fault{Store: filled(t), Before: func(storewrap.Op, meta.Partition, string) error {
			made.Add(1)
			return answer
		}}
		var changes []bool
		b := &storewrap.Breaker{Failures: 3, Pause: time.Second, MaxPause: 4 * time.Second, Changed: func(open bool) { changes = append(changes, open) }}
		s := &storewrap.Retry{Store: &storewrap.Guarded{Store: f, Guard: &storewrap.Guard{Breaker: b}}, Attempts: 1}
		get := func() error { _, err := s.Get(t.Context(), part, "k", false); return err }

		// What a store says of records never opens it.
		for _, harmless := range []error{meta.ErrNotFound, meta.ErrConflict, meta.ErrFull, meta.ErrTooLarge, context.Canceled} {
			answer = harmless
			for range 10 {
				if err := get(); !errors.Is(err, harmless) || b.IsOpen() {
					t.Fatalf("%v: %v, open %v", harmless, err, b.IsOpen())
				}
			}
		}
		// Failures count in a row only.
		answer = meta.ErrUnavailable
		_, _ = get(), get()
		answer = nil
		_ = get()
		answer = meta.ErrOutcomeUnknown
		_, _ = get(), get()
		if b.IsOpen() {
			t.Fatal("open after two failures in a row")
		}
		_ = get()
		for n, pause := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 4 * time.Second} {
			before := made.Load()
			for range 5 {
				if err := get(); !errors.Is(err, storewrap.ErrOpen) || !errors.Is(err, meta.ErrUnavailable) || !errors.Is(err, content.ErrUnavailable) {
					t.Fatalf("pause %d: %v", n, err)
				}
			}
			time.Sleep(pause - time.Millisecond)
			if err := get(); !errors.Is(err, storewrap.ErrOpen) || made.Load() != before {
				t.Fatalf("pause %d ended early: %v", n, err)
			}
			time.Sleep(2 * time.Millisecond)
			if err := get(); errors.Is(err, storewrap.ErrOpen) || made.Load() != before+1 {
				t.Fatalf("pause %d: no probe was made: %v", n, err)
			}
		}
		time.Sleep(5 * time.Second)
		answer = context.Canceled // a probe whose caller goes finds nothing out
		_ = get()
		if !b.IsOpen() {
			t.Error("closed by a caller who went away")
		}
		answer = nil
		if err := get(); err != nil || b.IsOpen() {
			t.Errorf("after the store came back: %v, open %v", err, b.IsOpen())
		}
		if fmt.Sprint(changes) != "[true false]" {
			t.Errorf("changes %v", changes)
		}
	})
}

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var on atomic.Bool
		var looks atomic.Int64
		g := &storewrap.Gate{Every: 2 * time.Second, Read: func(context.Context) (bool, error) { looks.Add(1); return on.Load(), nil }}
		f, made := failing(t, 0, nil)
		s := &storewrap.Retry{Store: &storewrap.Guarded{Store: f, Guard: &storewrap.Guard{Gate: g, Breaker: &storewrap.Breaker{Failures: 1}}}}
		c := &storewrap.GuardedContent{Store: mem.NewContent(), Guard: &storewrap.Guard{Gate: g}}
		for range 100 {
			if err := one(t.Context(), s, "put"); err != nil {
				t.Fatal(err)
			}
		}
		if looks.Load() != 1 {
			t.Errorf("%d looks for 100 writes", looks.Load())
		}
		on.Store(true)
		time.Sleep(2 * time.Second)
		before := made.Load()
		for _, op := range calls {
			err := one(t.Context(), s, op)
			if write := op != "get" && op != "scan" && op != "ping"; errors.Is(err, meta.ErrReadOnly) != write || write != errors.Is(err, meta.ErrUnavailable) {
				t.Errorf("%s: %v", op, err)
			}
		}
		if made.Load() != before+3 {
			t.Errorf("%d calls reached the store, want the 3 reads", made.Load()-before)
		}
		if _, err := c.Create(t.Context(), content.NewID(time.Now()), 1); !errors.Is(err, meta.ErrReadOnly) || !errors.Is(err, content.ErrUnavailable) {
			t.Errorf("create: %v", err)
		}
		if err := c.Delete(t.Context(), content.NewID(time.Now())); !errors.Is(err, meta.ErrReadOnly) {
			t.Errorf("delete: %v", err)
		}
		on.Store(false)
		time.Sleep(2 * time.Second)
		if err := one(t.Context(), s, "put"); err != nil {
			t.Errorf("after maintenance: %v", err)
		}
		g.Read = func(context.Context) (bool, error) { return false, meta.ErrUnavailable }
		time.Sleep(2 * time.Second)
		if err := one(t.Context(), s, "put"); !errors.Is(err, meta.ErrUnavailable) || errors.Is(err, meta.ErrReadOnly) {
			t.Errorf("when it cannot be found out: %v", err)
		}
	})
}

func TestStats(t *testing.T) {
	var m obs.Metrics
	f, _ := failing(t, 1, meta.ErrUnavailable)
	s := &storewrap.Guarded{Store: f, Guard: &storewrap.Guard{Stats: storewrap.NewStoreMetrics(&m).Of("metadata")}}
	_ = one(t.Context(), s, "get")
	_ = one(t.Context(), s, "get")
	_ = one(t.Context(), s, "put absent")
	_ = one(t.Context(), s, "put absent")
	var b strings.Builder
	if _, err := m.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`mucura_store_seconds_count{store="metadata",op="get",outcome="unavailable"} 1`,
		`mucura_store_seconds_count{store="metadata",op="get",outcome="ok"} 1`,
		`mucura_store_seconds_count{store="metadata",op="put",outcome="conflict"} 1`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in\n%s", want, b.String())
		}
	}
}

func TestRetryContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &flaky{Store: mem.NewContent(), fails: 3}
		r := &storewrap.RetryContent{Store: s}
		if err := r.Delete(t.Context(), content.NewID(time.Now())); err != nil || s.calls != 4 {
			t.Errorf("delete: %d calls, %v", s.calls, err)
		}
		s.calls = 0
		if _, err := r.Open(t.Context(), content.NewID(time.Now()), 0, 1); !errors.Is(err, content.ErrNotFound) || s.calls != 4 {
			t.Errorf("open: %d calls, %v", s.calls, err)
		}
		s.calls, s.fails = 0, 9
		if err := r.Delete(t.Context(), content.NewID(time.Now())); !errors.Is(err, content.ErrUnavailable) || s.calls != 4 {
			t.Errorf("a longer outage: %d calls, %v", s.calls, err)
		}
	})
}

// flaky fails each first calls.
type flaky struct {
	content.Store
	fails, calls int
}

func (s *flaky) fail() error {
	if s.calls++; s.calls <= s.fails {
		return content.ErrUnavailable
	}
	return nil
}

func (s *flaky) Delete(ctx context.Context, id content.ID) error {
	if err := s.fail(); err != nil {
		return err
	}
	return s.Store.Delete(ctx, id)
}

func (s *flaky) Open(ctx context.Context, id content.ID, offset, length int64) (io.ReadCloser, error) {
	if err := s.fail(); err != nil {
		return nil, err
	}
	return s.Store.Open(ctx, id, offset, length)
}

// BenchmarkGuard is what the decorators cost a call.
func BenchmarkGuard(b *testing.B) {
	m := mem.NewMeta()
	if _, err := m.Put(b.Context(), part, "k", meta.Record{}, meta.Always); err != nil {
		b.Fatal(err)
	}
	g := everything()
	g.Limit = nil // as by default
	for name, s := range map[string]meta.Store{"bare": m, "guarded": &storewrap.Retry{Store: &storewrap.Guarded{Store: m, Guard: g}}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Get(b.Context(), part, "k", false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
