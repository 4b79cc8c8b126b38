package metatest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/mucura/mucura/core/meta"
)

// model runs random calls against the store and a sorted map beside it.
func model(t *testing.T, e *env) {
	e.needs(e.caps.CAS == meta.Linearizable && e.caps.FreshScan, "is not exact at once")
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		m := &machine{s: e.s, caps: e.caps, env: e, p: meta.Partition(fmt.Sprint("model/", n)), want: map[string]meta.Record{}}
		rt.Repeat(map[string]func(*rapid.T){
			"Put":    m.put,
			"Delete": m.delete,
			"Batch":  m.batch,
			"Get":    m.get,
			"Scan":   m.scan,
		})
	})
}

// machine is the store beside what it should hold.
type machine struct {
	s    meta.Store
	caps meta.Capabilities
	env  *env
	p    meta.Partition
	want map[string]meta.Record
}

func key(t *rapid.T) string {
	return string(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 'a', '/', 0xff}), 1, 3).Draw(t, "key"))
}

func (m *machine) record(t *rapid.T) meta.Record {
	r := meta.Record{
		Value:   rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "value"),
		Summary: rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "summary"),
	}
	if m.caps.MaxInline > 0 {
		r.Body = pattern(rapid.SampledFrom([]int{0, 1, 300, 5000}).Draw(t, "body"))
	}
	return r
}

// cond draws a condition on key and tells whether it holds.
func (m *machine) cond(t *rapid.T, key string) (meta.Cond, bool) {
	r, there := m.want[key]
	switch rapid.IntRange(0, 3).Draw(t, "cond") {
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

func (m *machine) check(t *rapid.T, what string, holds bool, err error) {
	if holds && err != nil || !holds && !errors.Is(err, meta.ErrConflict) {
		t.Fatalf("%s: %v, condition holds: %v", what, err, holds)
	}
}

func (m *machine) put(t *rapid.T) {
	k, r := key(t), m.record(t)
	cond, holds := m.cond(t, k)
	v, err := m.s.Put(m.env.ctx, m.p, k, r, cond)
	m.check(t, "put", holds, err)
	if holds {
		r.Version = v
		m.want[k] = r
	}
}

func (m *machine) delete(t *rapid.T) {
	k := key(t)
	cond, holds := m.cond(t, k)
	m.check(t, "delete", holds, m.s.Delete(m.env.ctx, m.p, k, cond))
	if holds {
		delete(m.want, k)
	}
}

func (m *machine) batch(t *rapid.T) {
	if !m.caps.Batch {
		t.Skip("no batches")
	}
	var ops []meta.Op
	all := true
	for _, k := range rapid.SliceOfNDistinct(rapid.Custom(key), 1, 5, rapid.ID[string]).Draw(t, "keys") {
		op := meta.Op{Key: k, Delete: rapid.Bool().Draw(t, "delete"), Record: m.record(t)}
		var holds bool
		op.Cond, holds = m.cond(t, k)
		all = all && holds
		ops = append(ops, op)
	}
	m.check(t, "batch", all, m.s.Batch(m.env.ctx, m.p, ops))
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
			t.Fatalf("get after batch: %v", err)
		}
		op.Record.Version = got.Version
		m.want[op.Key] = op.Record
	}
}

func (m *machine) get(t *rapid.T) {
	k, withBody := key(t), rapid.Bool().Draw(t, "with body")
	want, there := m.want[k]
	got, err := m.s.Get(m.env.ctx, m.p, k, withBody)
	if !there {
		if !errors.Is(err, meta.ErrNotFound) {
			t.Fatalf("get %q: %v, want ErrNotFound", k, err)
		}
		return
	}
	if !withBody {
		want.Body = nil
	}
	if err != nil || !same(got, want) {
		t.Fatalf("get %q: %+v, %v; want %+v", k, got, err, want)
	}
}

func (m *machine) scan(t *rapid.T) {
	r := meta.Range{Limit: rapid.SampledFrom([]int{0, 1, 2, 3, 10}).Draw(t, "limit"), WithValue: rapid.Bool().Draw(t, "with value")}
	if rapid.Bool().Draw(t, "from") {
		r.From = key(t)
	}
	if rapid.Bool().Draw(t, "before") {
		r.Before = key(t)
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
		t.Fatalf("scan %+v: %q, want %q", r, keysOf(got), keys)
	}
	for _, entry := range got {
		want := m.want[entry.Key]
		want.Body = nil
		if !r.WithValue {
			want.Value = nil
		}
		if !same(entry.Record, want) {
			t.Fatalf("scan %+v gives %q as %+v, want %+v", r, entry.Key, entry.Record, want)
		}
	}
}

func same(a, b meta.Record) bool {
	return a.Version == b.Version && bytes.Equal(a.Value, b.Value) && bytes.Equal(a.Summary, b.Summary) && bytes.Equal(a.Body, b.Body)
}
