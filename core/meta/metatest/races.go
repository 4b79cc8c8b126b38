package metatest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/mucura/mucura/core/meta"
)

const (
	racers = 16 // goroutines of a race
	rounds = 12 // races of a test
)

// race runs fn in parallel, on all stores, and returns the number of the only winner; the
// losers must have got ErrConflict.
func (e *env) race(stores []meta.Store, fn func(s meta.Store, i int) error) int {
	e.t.Helper()
	errs := make([]error, racers)
	var wg sync.WaitGroup
	for i := range racers {
		wg.Go(func() { errs[i] = fn(stores[i%len(stores)], i) })
	}
	wg.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err != nil && !errors.Is(err, meta.ErrConflict):
			e.t.Fatalf("racer %d: %v, want ErrConflict", i, err)
		case err == nil && winner >= 0:
			e.t.Fatalf("racers %d and %d both won", winner, i)
		case err == nil:
			winner = i
		}
	}
	if winner < 0 {
		e.t.Fatal("nobody won")
	}
	return winner
}

// handles are the store and, where there can be one, a second handle on its data.
func (e *env) handles() []meta.Store {
	e.t.Helper()
	if e.o.Second == nil {
		return []meta.Store{e.s}
	}
	return []meta.Store{e.s, e.second()}
}

// second is a further handle on the same data, closed after the test.
func (e *env) second() meta.Store {
	e.t.Helper()
	t, ok := e.t.(*testing.T)
	if !ok {
		e.t.Fatal("a second handle needs a *testing.T")
	}
	s := e.o.Second(t, e.s)
	t.Cleanup(func() { s.Close() })
	return s
}

func putAbsentRace(t *testing.T, e *env) {
	e.needsCAS()
	stores := e.handles()
	for i := range rounds {
		key := numbered(i)
		won := e.race(stores, func(s meta.Store, i int) error {
			_, err := s.Put(e.ctx, part, key, rec(strconv.Itoa(i)), meta.IfAbsent)
			return err
		})
		e.wantValue(key, strconv.Itoa(won))
	}
}

func putMatchRace(t *testing.T, e *env) {
	e.needsCAS()
	stores := e.handles()
	stale := e.put("k", "first", meta.IfAbsent)
	v := stale
	for i := range rounds {
		won := e.race(stores, func(s meta.Store, n int) error {
			_, err := s.Put(e.ctx, part, "k", rec(fmt.Sprint(i, " ", n)), meta.IfMatch(v))
			return err
		})
		e.wantValue("k", fmt.Sprint(i, " ", won))
		v = e.get("k").Version
		_, err := e.s.Put(e.ctx, part, "k", rec("stale"), meta.IfMatch(stale))
		e.wantErr("put at a stale version", err, meta.ErrConflict)
		stale = v
	}
}

// counters adds in a loop of Get and Put with Match, as usage records are
// changed: the sum must be exact.
func counters(t *testing.T, e *env) {
	e.needsCAS()
	const each = 25
	stores := e.handles()
	var wg sync.WaitGroup
	for i := range 8 {
		s := stores[i%len(stores)]
		wg.Go(func() {
			for range each {
				if err := e.increment(s, "usage"); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	e.wantValue("usage", strconv.Itoa(8*each))
}

func (e *env) increment(s meta.Store, key string) error {
	for {
		n := 0
		r, err := s.Get(e.ctx, part, key, false)
		if err == nil {
			n, err = strconv.Atoi(string(r.Value))
		} else if errors.Is(err, meta.ErrNotFound) {
			err = nil
		}
		if err != nil {
			return err
		}
		_, err = s.Put(e.ctx, part, key, rec(strconv.Itoa(n+1)), meta.IfMatch(r.Version))
		if !errors.Is(err, meta.ErrConflict) {
			return err
		}
	}
}

func deleteThenRecreate(t *testing.T, e *env) {
	for i := range 20 {
		e.put("k", fmt.Sprint("a", i), meta.Always)
		e.delete("k", meta.Always)
		e.wantNone("k")
		// The order in which Riak loses the write for good: see BACKENDS.md 0.4.
		e.put("k", fmt.Sprint("b", i), meta.IfAbsent)
		e.wantValue("k", fmt.Sprint("b", i))
		e.wantKeys(meta.Range{}, []string{"k"})
	}
}

// versionsNeverReused shows that a version seen once never comes back, even
// for the same value, or after the record was deleted and created anew.
func versionsNeverReused(t *testing.T, e *env) {
	seen := map[meta.Version]bool{}
	note := func(v meta.Version) {
		t.Helper()
		if seen[v] {
			t.Fatalf("version %q was given twice", v)
		}
		seen[v] = true
		if got := e.get("k").Version; got != v && e.caps.CAS != meta.None {
			t.Fatalf("Put returned version %q, Get says %q", v, got)
		}
	}
	e.needsCAS()
	var first meta.Version
	for range 20 {
		v := e.put("k", "same", meta.Always)
		note(v)
		w := e.put("k", "same", meta.IfMatch(v))
		note(w)
		if first == "" {
			first = w
		}
		e.delete("k", meta.IfMatch(w))
		note(e.put("k", "same", meta.IfAbsent))
		_, err := e.s.Put(e.ctx, part, "k", rec("x"), meta.IfMatch(w))
		e.wantErr("put at the version of a deleted record", err, meta.ErrConflict)
		e.wantErr("delete at the version of a deleted record",
			e.s.Delete(e.ctx, part, "k", meta.IfMatch(first)), meta.ErrConflict)
		e.wantValue("k", "same")
	}
	if es := e.scan(part, meta.Range{}); e.caps.FreshScan && (len(es) != 1 || es[0].Record.Version != e.get("k").Version) {
		t.Fatalf("scan gives %+v, want the version Get gives", es)
	}
}

func conditions(t *testing.T, e *env) {
	e.wantNone("k")
	e.delete("k", meta.Always)
	e.needsCAS()
	_, err := e.s.Put(e.ctx, part, "k", rec("x"), meta.IfMatch("no such version"))
	e.wantErr("put with Match on nothing", err, meta.ErrConflict)
	e.wantErr("delete with Match on nothing", e.s.Delete(e.ctx, part, "k", meta.IfMatch("12345678")), meta.ErrConflict)
	e.delete("k", meta.IfAbsent)
	e.wantNone("k")

	v := e.put("k", "1", meta.IfMatch(""))
	_, err = e.s.Put(e.ctx, part, "k", rec("2"), meta.IfAbsent)
	e.wantErr("put with Absent on a record", err, meta.ErrConflict)
	_, err = e.s.Put(e.ctx, part, "k", rec("2"), meta.IfMatch(v+"x"))
	e.wantErr("put with Match of another version", err, meta.ErrConflict)
	_, err = e.s.Put(e.ctx, part, "k", rec("2"), meta.Cond{Kind: meta.Match})
	e.wantErr("put with Match of the empty version", err, meta.ErrConflict)
	e.wantErr("delete with Absent on a record", e.s.Delete(e.ctx, part, "k", meta.IfAbsent), meta.ErrConflict)
	e.wantErr("delete with Match of another version", e.s.Delete(e.ctx, part, "k", meta.IfMatch("x"+v)), meta.ErrConflict)
	e.wantValue("k", "1")

	r := rec("2")
	r.Version = "ignored by Put"
	w, err := e.s.Put(e.ctx, part, "k", r, meta.IfMatch(v))
	e.wantErr("put with Match", err, nil)
	e.wantValue("k", "2")
	e.put("k", "3", meta.Always)
	e.wantErr("delete with Match of an old version", e.s.Delete(e.ctx, part, "k", meta.IfMatch(w)), meta.ErrConflict)
	e.delete("k", meta.IfMatch(e.get("k").Version))
	e.wantNone("k")
}

// outcomeUnknown shows that after a cut connection a read tells, by what the
// write left in the record, whether it happened.
func outcomeUnknown(t *testing.T, e *env) {
	e.needs(e.o.Unknown != nil, "runs in the process or has no way to cut its connection in a test")
	for _, done := range []bool{true, false} {
		key, id := fmt.Sprint("put", done), fmt.Sprint("write ID ", done)
		_, err := e.o.Unknown(t, e.s, done).Put(e.ctx, part, key, rec(id), meta.IfAbsent)
		e.wantErr("cut put", err, meta.ErrOutcomeUnknown)
		if done {
			e.wantValue(key, id)
		} else {
			e.wantNone(key)
		}
		e.put("gone", "x", meta.Always)
		err = e.o.Unknown(t, e.s, done).Delete(e.ctx, part, "gone", meta.Always)
		e.wantErr("cut delete", err, meta.ErrOutcomeUnknown)
		if done {
			e.wantNone("gone")
		} else {
			e.wantValue("gone", "x")
		}
	}
}
