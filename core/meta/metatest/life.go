package metatest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/mucura/mucura/core/meta"
)

// cancelled shows that a call with an ended context says so and does nothing,
// and that calls cancelled while they run leave whole records.
func cancelled(t *testing.T, e *env) {
	v := e.put("k", "kept", meta.Always)
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	_, err := e.s.Get(ctx, part, "k", true)
	e.wantErr("get", err, context.Canceled)
	_, err = e.s.Scan(ctx, part, meta.Range{})
	e.wantErr("scan", err, context.Canceled)
	_, err = e.s.Put(ctx, part, "k", rec("x"), meta.IfMatch(v))
	e.wantErr("put", err, context.Canceled)
	e.wantErr("delete", e.s.Delete(ctx, part, "k", meta.Always), context.Canceled)
	e.wantErr("ping", e.s.Ping(ctx), context.Canceled)
	if e.caps.Batch {
		err := e.s.Batch(ctx, part, []meta.Op{{Key: "k", Delete: true}, {Key: "k2", Record: rec("x")}})
		e.wantErr("batch", err, context.Canceled)
	}
	e.wantValue("k", "kept")
	e.wantNone("k2")
	e.cancelWhileRunning(t)
}

func (e *env) cancelWhileRunning(t *testing.T) {
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			key := fmt.Sprint("w", w)
			last := "" // what was last acknowledged
			for i := range 30 {
				ctx, cancel := context.WithCancel(e.ctx)
				go cancel()
				value := fmt.Sprint(w, " ", i)
				_, err := e.s.Put(ctx, part, key, rec(value), meta.Always)
				cancel()
				switch {
				case err == nil:
					last = value
				case errors.Is(err, meta.ErrOutcomeUnknown):
					last = "?"
				case !errors.Is(err, context.Canceled):
					t.Errorf("put: %v", err)
				}
			}
			if last == "" || last == "?" {
				return
			}
			if r, err := e.s.Get(e.ctx, part, key, false); err != nil || string(r.Value) != last {
				t.Errorf("%s holds %q (%v), acknowledged was %q", key, r.Value, err, last)
			}
		})
	}
	wg.Wait()
}

func closed(t *testing.T, e *env) {
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 1000 {
				_, err := e.s.Put(e.ctx, part, fmt.Sprint(w, "-", i), rec("x"), meta.Always)
				if errors.Is(err, meta.ErrUnavailable) {
					return
				}
				if err != nil {
					t.Errorf("put while closing: %v", err)
				}
			}
		})
	}
	e.wantErr("close", e.s.Close(), nil)
	wg.Wait()
	_, err := e.s.Get(e.ctx, part, "k", false)
	e.wantErr("get after close", err, meta.ErrUnavailable)
	_, err = e.s.Put(e.ctx, part, "k", rec("x"), meta.Always)
	e.wantErr("put after close", err, meta.ErrUnavailable)
	e.wantErr("delete after close", e.s.Delete(e.ctx, part, "k", meta.Always), meta.ErrUnavailable)
	_, err = e.s.Scan(e.ctx, part, meta.Range{})
	e.wantErr("scan after close", err, meta.ErrUnavailable)
	e.wantErr("ping after close", e.s.Ping(e.ctx), meta.ErrUnavailable)
	e.wantErr("second close", e.s.Close(), nil)
}

func ping(t *testing.T, e *env) {
	e.wantErr("ping of an empty store", e.s.Ping(e.ctx), nil)
	e.put("k", "v", meta.Always)
	e.wantErr("ping", e.s.Ping(e.ctx), nil)
}

func capabilities(t *testing.T, e *env) {
	a := e.s.Capabilities()
	e.put("k", "v", meta.Always)
	if b := e.s.Capabilities(); a != b || a.Name == "" {
		t.Errorf("capabilities %+v, then %+v; want the same, and a name", a, b)
	}
	if a.ScanLag < 0 || a.FreshScan && a.ScanLag != 0 {
		t.Errorf("capabilities %+v: scans are fresh, or lag by some time", a)
	}
	if a.MaxValue < meta.MinValue || a.MaxInline < 0 {
		t.Errorf("capabilities %+v: want values of at least %d bytes", a, meta.MinValue)
	}
}

func reopened(t *testing.T, e *env) {
	e.needs(e.o.Reopen != nil, "keeps nothing when it is closed")
	ks := e.fill(50)
	old := e.put("again", "1", meta.Always)
	e.delete("again", meta.Always)
	var before []meta.Version
	for _, k := range ks {
		before = append(before, e.get(k).Version)
	}
	if e.caps.MaxInline > 0 {
		e.roundTrip("z", meta.Record{Body: pattern(e.caps.MaxInline)})
		e.delete("z", meta.Always)
	}
	s := e.o.Reopen(t, e.s)
	t.Cleanup(func() { s.Close() })
	e2 := e.on(s)
	e2.wantKeys(meta.Range{}, ks)
	for i, k := range ks {
		e2.wantValue(k, k)
		if v := e2.get(k).Version; v != before[i] {
			t.Fatalf("%s was at version %q, is at %q after reopening", k, before[i], v)
		}
	}
	e2.wantNone("again")
	if v := e2.put("again", "1", meta.IfAbsent); v == old && e.caps.CAS != meta.None {
		t.Error("a version was used again after reopening")
	}
	e2.put(ks[0], "new", meta.IfMatch(before[0]))
	e2.wantValue(ks[0], "new")
}

// secondProcess shows that two handles see each other's writes at once.
func secondProcess(t *testing.T, e *env) {
	e.needs(e.o.Second != nil, "cannot be opened twice in a test")
	e2 := e.on(e.second())
	for i := range 20 {
		key := numbered(i)
		v := e.put(key, "1", meta.IfAbsent)
		e2.wantValue(key, "1")
		w := e2.put(key, "2", meta.IfMatch(v))
		e.wantValue(key, "2")
		if e.caps.CAS != meta.None {
			_, err := e.s.Put(e.ctx, part, key, rec("3"), meta.IfMatch(v))
			e.wantErr("put at a version the other handle replaced", err, meta.ErrConflict)
		}
		e.delete(key, meta.IfMatch(w))
		e2.wantNone(key)
		// A partition that one handle makes is there for the other.
		p := meta.Partition(fmt.Sprint("new/", i))
		if _, err := e2.s.Put(e.ctx, p, "k", rec("x"), meta.IfAbsent); err != nil {
			t.Fatal(err)
		}
		if _, err := e.s.Get(e.ctx, p, "k", false); err != nil {
			t.Fatalf("record in a partition the other handle made: %v", err)
		}
	}
	e2.put("last", "x", meta.Always)
	e.wantKeys(meta.Range{}, []string{"last"})
}
