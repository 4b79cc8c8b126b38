package metatest

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/meta"
)

// pattern makes n bytes in which every value occurs.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8)
	}
	return b
}

func values(t *testing.T, e *env) {
	for _, n := range []int{0, 1, 100, 490, 1003, 4000, 4096, meta.MinValue - 1, meta.MinValue, e.caps.MaxValue} {
		want := pattern(n)
		e.roundTrip(fmt.Sprint("value", n), meta.Record{Value: want, Summary: []byte("s")})
	}
	if e.caps.MaxValue < meta.MinValue {
		t.Errorf("MaxValue is %d, every store takes %d", e.caps.MaxValue, meta.MinValue)
	}
	e.put("k", "kept", meta.Always)
	for name, r := range map[string]meta.Record{
		"value":   {Value: make([]byte, e.caps.MaxValue+1)},
		"summary": {Summary: make([]byte, meta.MaxSummary+1)},
		"body":    {Body: make([]byte, e.caps.MaxInline+1)},
	} {
		_, err := e.s.Put(e.ctx, part, "k", r, meta.Always)
		e.wantErr(name+" over the limit", err, meta.ErrTooLarge)
	}
	e.wantValue("k", "kept")
}

// roundTrip puts a record and requires that Get and Scan give it back.
func (e *env) roundTrip(key string, r meta.Record) {
	e.t.Helper()
	if _, err := e.s.Put(e.ctx, part, key, r, meta.Always); err != nil {
		e.t.Fatalf("put %.20q: %v", key, err)
	}
	got := e.get(key)
	for _, c := range []struct {
		what      string
		got, want []byte
	}{{"value", got.Value, r.Value}, {"summary", got.Summary, r.Summary}, {"body", got.Body, r.Body}} {
		if !bytes.Equal(c.got, c.want) {
			e.t.Fatalf("%s of %.20q came back as %d bytes, want %d, or changed", c.what, key, len(c.got), len(c.want))
		}
	}
}

func bodies(t *testing.T, e *env) {
	e.needs(e.caps.MaxInline > 0, "takes no inlined content")
	for _, n := range []int{0, 1, 4096, 8185, e.caps.MaxInline} {
		if n > e.caps.MaxInline {
			continue
		}
		key := fmt.Sprint("body", n)
		r := meta.Record{Value: []byte("v"), Summary: []byte("s"), Body: pattern(n)}
		e.roundTrip(key, r)
		got, err := e.s.Get(e.ctx, part, key, false)
		if err != nil || got.Body != nil || string(got.Value) != "v" || string(got.Summary) != "s" {
			t.Errorf("Get without body: %d bytes of body, value %q, %v", len(got.Body), got.Value, err)
		}
	}
	e.roundTrip("both", meta.Record{Value: pattern(e.caps.MaxValue), Body: pattern(e.caps.MaxInline)})
	e.roundTrip("both", meta.Record{Value: []byte("no body any more")})
	for _, entry := range e.scan(part, meta.Range{WithValue: true}) {
		if entry.Record.Body != nil {
			t.Errorf("%s: a scan gave a body", entry.Key)
		}
	}
}

func keys(t *testing.T, e *env) {
	ks := oddKeys()
	for i, k := range ks {
		e.put(k, fmt.Sprint(i), meta.IfAbsent)
	}
	for i, k := range ks {
		e.wantValue(k, fmt.Sprint(i))
	}
	for i, k := range ks {
		e.delete(k, meta.IfMatch(e.get(k).Version))
		e.wantNone(k)
		if i+1 < len(ks) {
			e.wantValue(ks[i+1], fmt.Sprint(i+1))
		}
	}
	for _, k := range []string{"", strings.Repeat("k", meta.MaxKey+1)} {
		_, err := e.s.Put(e.ctx, part, k, rec("x"), meta.Always)
		e.wantErr(fmt.Sprintf("put at a key of %d bytes", len(k)), err, meta.ErrTooLarge)
		if _, err := e.s.Get(e.ctx, part, k, false); err == nil {
			t.Errorf("get at a key of %d bytes gave a record", len(k))
		}
	}
	for _, p := range []meta.Partition{"", meta.Partition(strings.Repeat("p", meta.MaxPartition+1))} {
		_, err := e.s.Put(e.ctx, p, "k", rec("x"), meta.Always)
		e.wantErr(fmt.Sprintf("put in a partition with a name of %d bytes", len(p)), err, meta.ErrTooLarge)
	}
}

func partitions(t *testing.T, e *env) {
	ps := []meta.Partition{"a", "A", "a/", "a/b", "a%2Fb", "ab", "b", "keys-of/x", "~!#$&'()*+,;=:@",
		meta.Partition(strings.Repeat("p", meta.MaxPartition)), meta.Partition(strings.Repeat("p", meta.MaxPartition-1))}
	for i, p := range ps {
		if page, err := e.s.Scan(e.ctx, p, meta.Range{}); err != nil || len(page.Entries) != 0 || page.More {
			t.Fatalf("partition %s is not empty before the first write: %v, %v", p, page, err)
		}
		if _, err := e.s.Put(e.ctx, p, "k", rec(fmt.Sprint(i)), meta.IfAbsent); err != nil {
			t.Fatalf("put in %s: %v", p, err)
		}
	}
	if err := e.s.Delete(e.ctx, ps[0], "k", meta.Always); err != nil {
		t.Fatal(err)
	}
	_, err := e.s.Get(e.ctx, ps[0], "k", false)
	e.wantErr("get of the deleted record", err, meta.ErrNotFound)
	_, err = e.s.Get(e.ctx, "never written", "k", false)
	e.wantErr("get in a partition never written", err, meta.ErrNotFound)
	e.wantErr("delete in a partition never written", e.s.Delete(e.ctx, "never-written", "k", meta.Always), nil)
	for i, p := range ps[1:] {
		r, err := e.s.Get(e.ctx, p, "k", false)
		if err != nil || string(r.Value) != fmt.Sprint(i+1) {
			t.Errorf("partition %s: %q, %v", p, r.Value, err)
		}
		if es := e.scan(p, meta.Range{}); e.caps.FreshScan && len(es) != 1 {
			t.Errorf("partition %s has %d records, want 1", p, len(es))
		}
	}
}

// noAliasing shows that what a caller does with its slices after a call
// changes nothing in the store, and nothing another caller holds.
func noAliasing(t *testing.T, e *env) {
	r := meta.Record{Value: []byte("value"), Summary: []byte("summary")}
	if e.caps.MaxInline > 0 {
		r.Body = []byte("body")
	}
	spoil := func(rs ...[]byte) {
		for _, b := range rs {
			for i := range b[:cap(b)] {
				b[:cap(b)][i] = 'X'
			}
		}
	}
	if _, err := e.s.Put(e.ctx, part, "k1", r, meta.Always); err != nil {
		t.Fatal(err)
	}
	if e.caps.Batch {
		if err := e.s.Batch(e.ctx, part, []meta.Op{{Key: "k2", Record: r}}); err != nil {
			t.Fatal(err)
		}
	} else if _, err := e.s.Put(e.ctx, part, "k2", r, meta.Always); err != nil {
		t.Fatal(err)
	}
	spoil(r.Value, r.Summary, r.Body)
	check := func() {
		t.Helper()
		for _, k := range []string{"k1", "k2"} {
			if got := e.get(k); string(got.Value) != "value" || string(got.Summary) != "summary" || len(got.Body) > 0 && string(got.Body) != "body" {
				t.Fatalf("%s became %q, %q, %q", k, got.Value, got.Summary, got.Body)
			}
		}
		e.wantKeys(meta.Range{}, []string{"k1", "k2"})
	}
	check()
	got := e.get("k1")
	spoil(got.Value, got.Summary, got.Body)
	check()
	// Within a page, an append to one entry must not reach the next either.
	es := e.scan(part, meta.Range{WithValue: true})
	if len(es) == 2 {
		_ = append(es[0].Record.Summary, "XXXXXXXXXXXXXXXX"...)
		_ = append(es[0].Record.Value, "XXXXXXXXXXXXXXXX"...)
		if es[1].Key != "k2" || string(es[1].Record.Summary) != "summary" || string(es[1].Record.Value) != "value" {
			t.Errorf("appending to one entry made the next %+v", es[1])
		}
		spoil(es[0].Record.Summary, es[0].Record.Value)
	}
	check()
}
