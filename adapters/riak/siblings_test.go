package riak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/riak/riaktest"
	"github.com/mucura/mucura/core/meta"
)

// collide writes a record into the object of another as a writer does that saw
// nothing of it: a sibling. kind is that of the head.
func collide(t *testing.T, m *Meta, p meta.Partition, key, value string, stamp int64, kind byte) {
	t.Helper()
	full := fullKey(p, key)
	h, body := encodeRecord(&meta.Record{Value: []byte(value), Summary: []byte("s:" + value)}, stamp)
	if h.kind = kind; kind == tombstoneKind {
		body = nil
	}
	v := m.value(full, h, body)
	a, err := m.client.do(context.Background(), &request{
		method: http.MethodPut, path: m.records.path + "/keys/" + encodeKey(full), query: m.records.write, header: v.headers(), body: v.body, write: true,
	})
	if err != nil || a.status != http.StatusNoContent {
		t.Fatal(a, err)
	}
}

// siblingsAt tells how many values the object of a record has.
func siblingsAt(t *testing.T, m *Meta, p meta.Partition, key string) int {
	t.Helper()
	o, err := m.records.get(context.Background(), encodeKey(fullKey(p, key)), readRange{})
	if err != nil {
		t.Fatal(err)
	}
	return len(o.siblings)
}

// TestSiblings: what a collision leaves is resolved the same way by all who
// see it, and goes when it is read or written.
func TestSiblings(t *testing.T) {
	c := stand(t, riaktest.Config{Mode: riaktest.PreferToken})
	o := on(c)
	a, b := openMeta(t, o), openMeta(t, o)
	ctx := context.Background()
	now := time.Now().UnixNano()
	for i, second := range []struct {
		stamp int64
		kind  byte
		want  string // "" for none
	}{
		{now + 1e12, recordKind, "second"},
		{now - 1e12, recordKind, "first"},
		{now + 1e12, tombstoneKind, ""},
		{now - 1e12, tombstoneKind, "first"},
	} {
		key := fmt.Sprint("k", i)
		if _, err := a.Put(ctx, "p", key, meta.Record{Value: []byte("first"), Summary: []byte("s:first")}, meta.IfAbsent); err != nil {
			t.Fatal(err)
		}
		collide(t, a, "p", key, "second", second.stamp, second.kind)
		if n := siblingsAt(t, a, "p", key); n != 2 {
			t.Fatalf("%d siblings", n)
		}
		page, err := a.Scan(ctx, "p", meta.Range{From: key, Before: meta.Next(key)})
		if second.kind == recordKind && (err != nil || len(page.Entries) != 1 || string(page.Entries[0].Record.Summary) != "s:"+second.want) {
			t.Errorf("%d: scan of siblings gives %+v, %v", i, page, err)
		}
		for _, m := range []*Meta{b, a} {
			r, err := m.Get(ctx, "p", key, i%2 == 0)
			if second.want == "" && !errors.Is(err, meta.ErrNotFound) || second.want != "" && string(r.Value) != second.want {
				t.Errorf("%d: %q, %v; want %q", i, r.Value, err, second.want)
			}
		}
		if n := siblingsAt(t, a, "p", key); n != 1 {
			t.Errorf("%d: %d siblings are left", i, n)
		}
		page, err = a.Scan(ctx, "p", meta.Range{From: key, Before: meta.Next(key)})
		if err != nil || (len(page.Entries) == 1) != (second.want != "") {
			t.Errorf("%d: scan gives %+v, %v", i, page, err)
		}
		// The next write over whatever it is is exact.
		if _, err := a.Put(ctx, "p", key, meta.Record{Value: []byte("third")}, meta.Always); err != nil || siblingsAt(t, a, "p", key) != 1 {
			t.Errorf("%d: put over siblings: %v", i, err)
		}
	}
}

// TestSiblingsUnderWrite: a write with a condition on the sibling that counts
// replaces all, and one on another is refused.
func TestSiblingsUnderWrite(t *testing.T) {
	c := stand(t, riaktest.Config{Mode: riaktest.PreferToken})
	m := openMeta(t, on(c))
	ctx := context.Background()
	v, err := m.Put(ctx, "p", "k", meta.Record{Value: []byte("first")}, meta.IfAbsent)
	if err != nil {
		t.Fatal(err)
	}
	collide(t, m, "p", "k", "second", time.Now().UnixNano()+1e12, recordKind)
	if _, err := m.Put(ctx, "p", "k", meta.Record{Value: []byte("x")}, meta.IfMatch(v)); !errors.Is(err, meta.ErrConflict) {
		t.Errorf("put at the version that lost: %v", err)
	}
	r, err := m.Get(ctx, "p", "k", false)
	if err != nil || string(r.Value) != "second" {
		t.Fatalf("%q, %v", r.Value, err)
	}
	collide(t, m, "p", "k", "third", 1, recordKind)
	if _, err := m.Put(ctx, "p", "k", meta.Record{Value: []byte("fourth")}, meta.IfMatch(r.Version)); err != nil {
		t.Errorf("put at the version that counts: %v", err)
	}
	if r, err := m.Get(ctx, "p", "k", false); err != nil || string(r.Value) != "fourth" || siblingsAt(t, m, "p", "k") != 1 {
		t.Errorf("%q, %v", r.Value, err)
	}
}

// TestNotKeptStillWhole: where racers can all win, one whole record wins, the
// same for all, and no sibling stays for ever.
func TestNotKeptStillWhole(t *testing.T) {
	c := stand(t, riaktest.Config{Nodes: 3, Mode: riaktest.APIOnly})
	o := on(c)
	a, b := openMeta(t, o), openMeta(t, o)
	ctx := context.Background()
	for round := range 10 {
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				r := meta.Record{Value: []byte(strings.Repeat(fmt.Sprint(i), 1000)), Summary: []byte(fmt.Sprint(i))}
				if _, err := a.Put(ctx, "p", "k", r, meta.Always); err != nil {
					t.Errorf("put: %v", err)
				}
			})
		}
		wg.Wait()
		x, err1 := a.Get(ctx, "p", "k", false)
		y, err2 := b.Get(ctx, "p", "k", false)
		if err := errors.Join(err1, err2); err != nil || x.Version != y.Version || string(x.Value) != strings.Repeat(string(x.Summary), 1000) {
			t.Fatalf("round %d: %q and %q, %v", round, x.Version, y.Version, err)
		}
	}
}

// TestReap: tombstone records go after a day, not before, and what is created
// anew at any moment stays.
func TestReap(t *testing.T) {
	c := stand(t, riaktest.Config{Mode: riaktest.PreferToken, DeleteAfter: 200 * time.Millisecond})
	o := on(c)
	var mu sync.Mutex
	later := time.Duration(0)
	o.Now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return time.Now().Add(later)
	}
	m := openMeta(t, o)
	ctx := context.Background()
	put := func(key, value string, cond meta.Cond) {
		t.Helper()
		if _, err := m.Put(ctx, "p", key, meta.Record{Value: []byte(value)}, cond); err != nil {
			t.Fatalf("put %s: %v", key, err)
		}
	}
	const n = 30
	key := func(i int) string { return fmt.Sprint("k", i) }
	for i := range n {
		put(key(i), "1", meta.IfAbsent)
		if err := m.Delete(ctx, "p", key(i), meta.Always); err != nil {
			t.Fatal(err)
		}
	}
	put("kept", "1", meta.IfAbsent)
	if did, err := m.Clean(ctx, time.Now().Add(48*time.Hour)); did != 0 || err != nil {
		t.Errorf("young: reaped %d, %v", did, err)
	}
	mu.Lock()
	later = 25 * time.Hour
	mu.Unlock()
	put(key(0), "again", meta.IfAbsent)
	if did, err := m.Clean(ctx, m.client.opts.Now()); did != n-1 || err != nil {
		t.Errorf("reaped %d of %d, %v", did, n-1, err)
	}
	// Within the tombstones' window, and, for a store that knows nothing, too.
	fresh := openMeta(t, o)
	for i := 1; i < n; i++ {
		s := []*Meta{m, fresh}[i%2]
		if _, err := s.Put(ctx, "p", key(i), meta.Record{Value: []byte("2")}, meta.IfAbsent); err != nil {
			t.Fatalf("re-creation: %v", err)
		}
	}
	time.Sleep(300 * time.Millisecond)
	for i := range n {
		if r, err := fresh.Get(ctx, "p", key(i), false); err != nil || string(r.Value) != map[bool]string{true: "again", false: "2"}[i == 0] {
			t.Errorf("%s after the window: %q, %v", key(i), r.Value, err)
		}
	}
	if page, err := m.Scan(ctx, "p", meta.Range{}); err != nil || len(page.Entries) != n+1 {
		t.Errorf("%d records, %v", len(page.Entries), err)
	}
	if did, err := m.Clean(ctx, m.client.opts.Now()); did != 0 || err != nil {
		t.Errorf("again: reaped %d, %v", did, err)
	}
}

// TestReapRacesCreation: a record created between the reaper's look and its
// DELETE stays.
func TestReapRacesCreation(t *testing.T) {
	c := stand(t, riaktest.Config{Mode: riaktest.PreferToken, DeleteAfter: 200 * time.Millisecond})
	o := on(c)
	m, other := openMeta(t, o), openMeta(t, o)
	ctx := context.Background()
	day := time.Now().Add(-25 * time.Hour)
	m.client.opts.Now = func() time.Time { return day }
	if _, err := m.Put(ctx, "p", "k", meta.Record{Value: []byte("1")}, meta.IfAbsent); err != nil {
		t.Fatal(err)
	}
	if err := m.Delete(ctx, "p", "k", meta.Always); err != nil {
		t.Fatal(err)
	}
	m.client.opts.Now = time.Now
	var once sync.Once
	c.SetFault(func(_ int, r *http.Request) riaktest.Fault {
		if r.Method == http.MethodDelete {
			once.Do(func() {
				if _, err := other.Put(ctx, "p", "k", meta.Record{Value: []byte("2")}, meta.IfAbsent); err != nil {
					t.Errorf("creation: %v", err)
				}
			})
		}
		return riaktest.Fault{}
	})
	if _, err := m.Clean(ctx, time.Now()); err != nil {
		t.Error(err)
	}
	c.SetFault(nil)
	time.Sleep(400 * time.Millisecond)
	for range 2 { // siblings at first, the tombstone being one
		if r, err := m.Get(ctx, "p", "k", false); err != nil || string(r.Value) != "2" {
			t.Errorf("%q, %v", r.Value, err)
		}
		if _, err := m.Put(ctx, "p", "k", meta.Record{Value: []byte("2")}, meta.Always); err != nil {
			t.Error(err)
		}
	}
}

// TestCleanBlocks: a block that arrives after its content was dropped is found,
// and blocks of contents that are committed are not touched.
func TestCleanBlocks(t *testing.T) {
	c := stand(t, riaktest.Config{Mode: riaktest.PreferToken, IndexLag: 0})
	s := openContent(t, on(c))
	ctx := context.Background()
	kept := writeContent(t, s, 3<<20)
	gone := writeContent(t, s, 3<<20)
	if err := s.Delete(ctx, gone); err != nil {
		t.Fatal(err)
	}
	if err := s.putBlock(ctx, gone, 2, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{1, 0} {
		if n, size, err := s.Clean(ctx, time.Now().Add(time.Hour)); n != want || size != int64(1000*want) || err != nil {
			t.Errorf("clean %d: %d contents, %d bytes, %v", i, n, size, err)
		}
	}
	r, err := s.Open(ctx, kept, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n, err := io.Copy(io.Discard, r); n != 3<<20 || err != nil {
		t.Errorf("%d bytes of what was kept, %v", n, err)
	}
}
