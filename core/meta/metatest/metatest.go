// Package metatest is the conformance suite of the metadata port. An
// adapter's test is one call of Run; what the suite demands follows from the
// store's Capabilities, and a law the store does not promise to keep is shown
// as skipped, with the reason.
package metatest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mucura/mucura/core/meta"
)

// Options tell the suite how to get at the store under test. Only Open is
// required; laws that need another function are skipped without it.
type Options struct {
	// Open makes a new, empty store. The suite closes it.
	Open func(t *testing.T) meta.Store
	// Reopen closes old and opens its data again.
	Reopen func(t *testing.T, old meta.Store) meta.Store
	// Second opens the data of first once more, as another process would, while
	// first stays open. The suite closes it.
	Second func(t *testing.T, first meta.Store) meta.Store
	// Unknown gives a handle on s whose next write fails with
	// ErrOutcomeUnknown, although it was done when done is set.
	Unknown func(t *testing.T, s meta.Store, done bool) meta.Store
	// Settle is how long a scan may lag behind writes, where Capabilities do not
	// promise FreshScan. 0 means what they do promise; more is for a store on a
	// machine that is too busy for that.
	Settle time.Duration
}

// laws are the tests in the order they run. The names of the first ten are
// those of the port's specification.
var laws = []struct {
	name string
	test func(t *testing.T, e *env)
}{
	{"PutAbsentRace", putAbsentRace},
	{"PutMatchRace", putMatchRace},
	{"DeleteThenRecreate", deleteThenRecreate},
	{"ScanOrder", scanOrder},
	{"ScanPaging", scanPaging},
	{"ScanHidesDeleted", scanHidesDeleted},
	{"BatchAllOrNothing", batchAllOrNothing},
	{"OutcomeUnknown", outcomeUnknown},
	{"Values", values},
	{"Counters", counters},

	{"BatchConditions", batchConditions},
	{"BatchTransfers", batchTransfers},
	{"BatchLimits", batchLimits},
	{"Bodies", bodies},
	{"Cancelled", cancelled},
	{"Capabilities", capabilities},
	{"Closed", closed},
	{"Conditions", conditions},
	{"Keys", keys},
	{"Model", model},
	{"NoAliasing", noAliasing},
	{"Partitions", partitions},
	{"Ping", ping},
	{"Reopened", reopened},
	{"ScanDuringWrites", scanDuringWrites},
	{"ScanRanges", scanRanges},
	{"ScansSettle", scansSettle},
	{"SecondProcess", secondProcess},
	{"Summaries", summaries},
	{"VersionsNeverReused", versionsNeverReused},
}

// Run tests the store that o opens against every law of the port, each on a
// store of its own.
func Run(t *testing.T, o Options) {
	for _, law := range laws {
		t.Run(law.name, func(t *testing.T) {
			s := o.Open(t)
			t.Cleanup(func() { s.Close() })
			law.test(t, &env{t: t, o: o, s: s, caps: s.Capabilities(), ctx: t.Context()})
		})
	}
}

// env is what a law works with: the store, and calls that end the test when
// they fail.
type env struct {
	t    testing.TB
	o    Options
	s    meta.Store
	caps meta.Capabilities
	ctx  context.Context
}

// part is the partition most laws use.
const part = meta.Partition("b/0123456789")

// on is the same environment over another handle.
func (e *env) on(s meta.Store) *env {
	e2 := *e
	e2.s = s
	return &e2
}

// rec makes a record with a summary that tells its value.
func rec(value string) meta.Record {
	return meta.Record{Value: []byte(value), Summary: []byte("s:" + value)}
}

func (e *env) put(key, value string, cond meta.Cond) meta.Version {
	e.t.Helper()
	v, err := e.s.Put(e.ctx, part, key, rec(value), cond)
	if err != nil {
		e.t.Fatalf("put %q: %v", key, err)
	}
	if v == "" {
		e.t.Fatalf("put %q gave the empty version", key)
	}
	return v
}

func (e *env) delete(key string, cond meta.Cond) {
	e.t.Helper()
	if err := e.s.Delete(e.ctx, part, key, cond); err != nil {
		e.t.Fatalf("delete %q: %v", key, err)
	}
}

func (e *env) get(key string) meta.Record {
	e.t.Helper()
	r, err := e.s.Get(e.ctx, part, key, true)
	if err != nil {
		e.t.Fatalf("get %q: %v", key, err)
	}
	return r
}

// wantValue requires that key holds what rec(value) made.
func (e *env) wantValue(key, value string) {
	e.t.Helper()
	if r := e.get(key); string(r.Value) != value || string(r.Summary) != "s:"+value {
		e.t.Fatalf("%q holds %q with summary %q, want %q", key, r.Value, r.Summary, value)
	}
}

func (e *env) wantNone(key string) {
	e.t.Helper()
	if r, err := e.s.Get(e.ctx, part, key, false); !errors.Is(err, meta.ErrNotFound) {
		e.t.Fatalf("get %q: %q, %v; want ErrNotFound", key, r.Value, err)
	}
}

func (e *env) wantErr(what string, got, want error) {
	e.t.Helper()
	if !errors.Is(got, want) {
		e.t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

// scan reads a whole range of partition p, page by page of limit entries, and
// checks what holds for every page.
func (e *env) scan(p meta.Partition, r meta.Range) []meta.Entry {
	e.t.Helper()
	var all []meta.Entry
	limit := r.Limit
	if limit == 0 {
		limit = meta.MaxScan
	}
	for {
		page, err := e.s.Scan(e.ctx, p, r)
		if err != nil {
			e.t.Fatalf("scan from %q: %v", r.From, err)
		}
		if len(page.Entries) > limit {
			e.t.Fatalf("page of %d entries, limit %d", len(page.Entries), limit)
		}
		all = append(all, page.Entries...)
		if !page.More {
			return all
		}
		if len(page.Entries) == 0 {
			e.t.Fatal("empty page says that more follows")
		}
		r.From = meta.Next(page.Entries[len(page.Entries)-1].Key)
	}
}

// wantKeys requires that a scan of r gives these keys, in this order; at once
// where scans are fresh, else within the time they may lag.
func (e *env) wantKeys(r meta.Range, want []string) {
	e.t.Helper()
	deadline := time.Now().Add(e.settle())
	for {
		last := e.caps.FreshScan || time.Now().After(deadline) // asked before the scan begins
		got := keysOf(e.scan(part, r))
		if slices.Equal(got, want) {
			return
		}
		if last {
			e.t.Fatalf("scan %+v gave\n%q, want\n%q", r, got, want)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// settle is how long after a write a scan must show it.
func (e *env) settle() time.Duration {
	if e.o.Settle > 0 {
		return e.o.Settle
	}
	return e.caps.ScanSettles()
}

func keysOf(es []meta.Entry) []string {
	keys := make([]string, len(es))
	for i := range es {
		keys[i] = es[i].Key
	}
	return keys
}

// needs skips the test when ok is false, because the store does not promise
// what the law is about.
func (e *env) needs(ok bool, promise string) {
	if !ok {
		e.t.Skipf("not applicable: %s %s", e.caps.Name, promise)
	}
}

func (e *env) needsCAS() {
	e.needs(e.caps.CAS != meta.None, "promises no exact conditions")
}

func (e *env) needsBatch() { e.needs(e.caps.Batch, "has no batches") }

// numbered makes keys that sort by i.
func numbered(i int) string { return fmt.Sprintf("o%06d", i) }
