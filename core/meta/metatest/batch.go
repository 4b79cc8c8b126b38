package metatest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/mucura/mucura/core/meta"
)

func batchAllOrNothing(t *testing.T, e *env) {
	if !e.caps.Batch {
		err := e.s.Batch(e.ctx, part, []meta.Op{{Key: "k", Record: rec("x")}})
		e.wantErr("batch on a store without batches", err, meta.ErrUnsupported)
		e.wantNone("k")
	}
	e.needsBatch()
	v := e.put("old", "1", meta.Always)
	e.put("drop", "1", meta.Always)
	// The failing operation in every place among others that would hold.
	good := []meta.Op{
		{Key: "new", Record: rec("2"), Cond: meta.IfAbsent},
		{Key: "old", Record: rec("2"), Cond: meta.IfMatch(v)},
		{Key: "drop", Delete: true},
	}
	for _, bad := range []meta.Op{
		{Key: "x", Record: rec("2"), Cond: meta.IfMatch("12345678")},
		{Key: "x", Delete: true, Cond: meta.IfMatch("12345678")},
		{Key: "there", Record: rec("2"), Cond: meta.IfAbsent},
		{Key: "there", Delete: true, Cond: meta.IfAbsent},
		{Key: "there", Delete: true, Cond: meta.IfMatch(v)},
	} {
		e.put("there", "1", meta.Always)
		for at := range len(good) + 1 {
			ops := append(append(append([]meta.Op{}, good[:at]...), bad), good[at:]...)
			e.wantErr(fmt.Sprintf("batch with a failing operation at %d", at), e.s.Batch(e.ctx, part, ops), meta.ErrConflict)
			e.wantNone("new")
			e.wantNone("x")
			e.wantValue("old", "1")
			e.wantValue("drop", "1")
			e.wantValue("there", "1")
		}
	}
	e.wantKeys(meta.Range{}, []string{"drop", "old", "there"})
	e.wantErr("batch", e.s.Batch(e.ctx, part, good), nil)
	e.wantValue("new", "2")
	e.wantValue("old", "2")
	e.wantNone("drop")
	e.wantKeys(meta.Range{}, []string{"new", "old", "there"})
	if got := e.get("old").Version; got == v {
		t.Error("a batch left the version as it was")
	}
	if e.get("old").Version == e.get("new").Version {
		t.Log("two records of a batch share a version; allowed, as versions are compared per key")
	}
}

func batchConditions(t *testing.T, e *env) {
	e.needsBatch()
	e.wantErr("empty batch", e.s.Batch(e.ctx, part, nil), nil)
	v := e.put("a", "1", meta.Always)
	// A record moves to another key, as a version that is replaced does.
	e.wantErr("move", e.s.Batch(e.ctx, part, []meta.Op{
		{Key: "b", Record: rec("1"), Cond: meta.IfAbsent},
		{Key: "a", Delete: true, Cond: meta.IfMatch(v)},
		{Key: "nothing", Delete: true},
		{Key: "nothing either", Delete: true, Cond: meta.IfAbsent},
	}), nil)
	e.wantNone("a")
	e.wantValue("b", "1")
	e.wantErr("same again", e.s.Batch(e.ctx, part, []meta.Op{{Key: "a", Record: rec("1"), Cond: meta.IfMatch(v)}}), meta.ErrConflict)
	body := meta.Record{Value: []byte("v")}
	if e.caps.MaxInline > 0 {
		body.Body = pattern(e.caps.MaxInline)
	}
	e.wantErr("batch with a body", e.s.Batch(e.ctx, part, []meta.Op{{Key: "c", Record: body}}), nil)
	if got := e.get("c"); string(got.Body) != string(body.Body) {
		t.Errorf("body of %d bytes came back as %d", len(body.Body), len(got.Body))
	}
}

func batchLimits(t *testing.T, e *env) {
	e.needsBatch()
	ops := make([]meta.Op, meta.MaxBatch+1)
	want := make([]string, meta.MaxBatch)
	for i := range ops {
		ops[i] = meta.Op{Key: numbered(i), Record: rec(strconv.Itoa(i))}
	}
	for i := range want {
		want[i] = numbered(i)
	}
	e.wantErr("batch over the limit", e.s.Batch(e.ctx, part, ops), meta.ErrTooLarge)
	e.wantErr("largest batch", e.s.Batch(e.ctx, part, ops[:meta.MaxBatch]), nil)
	e.wantKeys(meta.Range{}, want)
	e.wantErr("a large value in a batch", e.s.Batch(e.ctx, part, []meta.Op{
		{Key: "x", Record: rec("x")},
		{Key: "y", Record: meta.Record{Value: make([]byte, e.caps.MaxValue+1)}},
	}), meta.ErrTooLarge)
	e.wantNone("x")
	e.wantErr("a key twice in a batch", e.s.Batch(e.ctx, part, []meta.Op{{Key: "x", Record: rec("1")}, {Key: "x", Delete: true}}), meta.ErrUnsupported)
	e.wantNone("x")
}

// batchTransfers moves amounts between accounts by batches from many
// goroutines: no amount is ever lost or made.
func batchTransfers(t *testing.T, e *env) {
	e.needsBatch()
	e.needsCAS()
	const accounts, start = 4, 100
	name := func(i int) string { return "account" + strconv.Itoa(i%accounts) }
	for i := range accounts {
		e.put(name(i), strconv.Itoa(start), meta.IfAbsent)
	}
	var wg sync.WaitGroup
	for w := range 6 {
		wg.Go(func() {
			for i := range 20 {
				if err := e.transfer(name(w+i), name(w+i+1)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	sum := 0
	for i := range accounts {
		n, err := strconv.Atoi(string(e.get(name(i)).Value))
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	if sum != accounts*start {
		t.Errorf("%d in all accounts, want %d", sum, accounts*start)
	}
}

// transfer moves 1 between two accounts, trying until no other is in the way.
func (e *env) transfer(from, to string) error {
	add := func(key string, n int) (meta.Op, error) {
		r, err := e.s.Get(e.ctx, part, key, false)
		if err != nil {
			return meta.Op{}, err
		}
		was, err := strconv.Atoi(string(r.Value))
		return meta.Op{Key: key, Record: rec(strconv.Itoa(was + n)), Cond: meta.IfMatch(r.Version)}, err
	}
	for {
		a, err := add(from, -1)
		if err != nil {
			return err
		}
		b, err := add(to, 1)
		if err != nil {
			return err
		}
		if err := e.s.Batch(e.ctx, part, []meta.Op{a, b}); !errors.Is(err, meta.ErrConflict) {
			return err
		}
	}
}
