package metatest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/meta"
)

const (
	modelRuns  = 100
	modelSteps = 60 // of the longest run
)

// model runs random calls against the store and a sorted map beside it. Runs
// grow longer, so the first that fails is about the shortest. The dice are made
// here, not by a library, because the suites are part of the shipped binary.
func model(t *testing.T, e *env) {
	e.needs(e.caps.CAS == meta.Linearizable && e.caps.FreshScan, "is not exact at once")
	for n := range modelRuns {
		seed := rand.Uint64()
		d := &dice{Rand: rand.New(rand.NewPCG(seed, 0)), t: t, seed: seed}
		m := &machine{s: e.s, caps: e.caps, env: e, p: meta.Partition(fmt.Sprint("model/", n)), want: map[string]meta.Record{}}
		steps := []func(*dice){m.put, m.delete, m.get, m.scan}
		if m.caps.Batch {
			steps = append(steps, m.batch)
		}
		for range 1 + n*modelSteps/modelRuns {
			steps[d.IntN(len(steps))](d)
		}
	}
}

// dice draw, and remember what was done.
type dice struct {
	*rand.Rand
	t    *testing.T
	seed uint64
	done []string
}

func (d *dice) note(format string, args ...any) {
	d.done = append(d.done, fmt.Sprintf(format, args...))
}

// Fatalf ends the test with all that was done up to here.
func (d *dice) Fatalf(format string, args ...any) {
	d.t.Helper()
	d.t.Fatalf("%s\nseed %d, after:\n  %s", fmt.Sprintf(format, args...), d.seed, strings.Join(d.done, "\n  "))
}

func (d *dice) bool() bool { return d.IntN(2) == 0 }

// bytes draws up to most bytes.
func (d *dice) bytes(most int) []byte {
	b := make([]byte, d.IntN(most+1))
	for i := range b {
		b[i] = byte(d.Uint32())
	}
	return b
}

func pick[T any](d *dice, of ...T) T { return of[d.IntN(len(of))] }

// machine is the store beside what it should hold.
type machine struct {
	s    meta.Store
	caps meta.Capabilities
	env  *env
	p    meta.Partition
	want map[string]meta.Record
}

func key(d *dice) string {
	b := make([]byte, 1+d.IntN(3))
	for i := range b {
		b[i] = pick[byte](d, 0, 'a', '/', 0xff)
	}
	return string(b)
}

func (m *machine) record(d *dice) meta.Record {
	r := meta.Record{Value: d.bytes(20), Summary: d.bytes(8)}
	if m.caps.MaxInline > 0 {
		r.Body = pattern(min(m.caps.MaxInline, pick(d, 0, 1, 300, 5000)))
	}
	return r
}

// cond draws a condition on key and tells whether it holds.
func (m *machine) cond(d *dice, key string) (meta.Cond, bool) {
	r, there := m.want[key]
	switch d.IntN(4) {
	case 0:
		return meta.IfAbsent, !there
	case 1:
		return meta.IfMatch("12345678"), false
	case 2:
		if there {
			return meta.IfMatch(r.Version), true
		}
	}
	return meta.Always, true
}

func (m *machine) check(d *dice, what string, holds bool, err error) {
	if holds && err != nil || !holds && !errors.Is(err, meta.ErrConflict) {
		d.Fatalf("%s: %v, condition holds: %v", what, err, holds)
	}
}

func (m *machine) put(d *dice) {
	k, r := key(d), m.record(d)
	cond, holds := m.cond(d, k)
	d.note("put %q if %+v", k, cond)
	v, err := m.s.Put(m.env.ctx, m.p, k, r, cond)
	m.check(d, "put", holds, err)
	if holds {
		r.Version = v
		m.want[k] = r
	}
}

func (m *machine) delete(d *dice) {
	k := key(d)
	cond, holds := m.cond(d, k)
	d.note("delete %q if %+v", k, cond)
	m.check(d, "delete", holds, m.s.Delete(m.env.ctx, m.p, k, cond))
	if holds {
		delete(m.want, k)
	}
}

func (m *machine) batch(d *dice) {
	var ops []meta.Op
	all := true
	keys := map[string]bool{}
	for range 1 + d.IntN(5) {
		keys[key(d)] = true
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		op := meta.Op{Key: k, Delete: d.bool(), Record: m.record(d)}
		var holds bool
		op.Cond, holds = m.cond(d, k)
		d.note("batch: %q, deleted %v, if %+v", k, op.Delete, op.Cond)
		all = all && holds
		ops = append(ops, op)
	}
	m.check(d, "batch", all, m.s.Batch(m.env.ctx, m.p, ops))
	if !all {
		return
	}
	for _, op := range ops {
		if op.Delete {
			delete(m.want, op.Key)
			continue
		}
		got, err := m.s.Get(m.env.ctx, m.p, op.Key, false)
		if err != nil {
			d.Fatalf("get after batch: %v", err)
		}
		op.Record.Version = got.Version
		m.want[op.Key] = op.Record
	}
}

func (m *machine) get(d *dice) {
	k, withBody := key(d), d.bool()
	want, there := m.want[k]
	got, err := m.s.Get(m.env.ctx, m.p, k, withBody)
	if !there {
		if !errors.Is(err, meta.ErrNotFound) {
			d.Fatalf("get %q: %v, want ErrNotFound", k, err)
		}
		return
	}
	if !withBody {
		want.Body = nil
	}
	if err != nil || !same(got, want) {
		d.Fatalf("get %q: %+v, %v; want %+v", k, got, err, want)
	}
}

func (m *machine) scan(d *dice) {
	r := meta.Range{Limit: pick(d, 0, 1, 2, 3, 10), WithValue: d.bool()}
	if d.bool() {
		r.From = key(d)
	}
	if d.bool() {
		r.Before = key(d)
	}
	var keys []string
	for k := range m.want {
		if k >= r.From && (r.Before == "" || k < r.Before) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	got := m.env.scan(m.p, r)
	if !slices.Equal(keysOf(got), keys) {
		d.Fatalf("scan %+v: %q, want %q", r, keysOf(got), keys)
	}
	for _, entry := range got {
		want := m.want[entry.Key]
		want.Body = nil
		if !r.WithValue {
			want.Value = nil
		}
		if !same(entry.Record, want) {
			d.Fatalf("scan %+v gives %q as %+v, want %+v", r, entry.Key, entry.Record, want)
		}
	}
}

func same(a, b meta.Record) bool {
	return a.Version == b.Version && bytes.Equal(a.Value, b.Value) && bytes.Equal(a.Summary, b.Summary) && bytes.Equal(a.Body, b.Body)
}
