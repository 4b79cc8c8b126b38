package metatest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/core/meta"
)

// oddKeys try what indexes, encodings and paths get wrong. They are not in order.
func oddKeys() []string {
	return []string{
		"a", "a/", "a b", "a\x01", "a\x00", "a\x00\x00", "é", "e\u0301", "Z", "z", "%", "%2F", "+", "/", "//", "a//b", ".", "..",
		"../../etc/passwd", "a.", "a-", "a0", "~", "\x00", "\xff", "\xff\xff", "\xff\x00", "\xfe", "\x80", "日本", "🙂",
		"'", "\"", "a'; DROP TABLE record; --", "*", "a*", "[a]", "\\", "\r\n", "\t", "&<>",
		strings.Repeat("k", 1024), strings.Repeat("k", 1025), strings.Repeat("\x00", 1024),
		strings.Repeat("\xff", meta.MaxKey), strings.Repeat("x", meta.MaxKey-1) + "\x00",
	}
}

func scanOrder(t *testing.T, e *env) {
	ks := oddKeys()
	for _, k := range ks {
		e.put(k, fmt.Sprintf("%.20q", k), meta.IfAbsent)
	}
	slices.Sort(ks)
	e.wantKeys(meta.Range{}, ks)
	for _, entry := range e.scan(part, meta.Range{WithValue: true}) {
		if want := fmt.Sprintf("%.20q", entry.Key); string(entry.Record.Value) != want || string(entry.Record.Summary) != "s:"+want {
			t.Fatalf("%.20q comes with %q and summary %q", entry.Key, entry.Record.Value, entry.Record.Summary)
		}
	}
}

// scansSettle: what was acknowledged is in every scan from the promised time on,
// not only in one of several. Core waits no longer before it deletes what a scan
// does not name.
func scansSettle(t *testing.T, e *env) {
	e.fill(20)
	e.put("created", "1", meta.IfAbsent)
	e.put("replaced", "1", meta.IfAbsent)
	e.put("deleted", "1", meta.IfAbsent)
	time.Sleep(e.settle()) // the changes that follow start from a state scans show
	e.put("replaced", "2", meta.Always)
	e.delete("deleted", meta.Always)
	want := e.get("replaced").Version
	time.Sleep(e.settle())
	for range 20 {
		seen := map[string]meta.Record{}
		for _, entry := range e.scan(part, meta.Range{WithValue: true}) {
			seen[entry.Key] = entry.Record
		}
		if _, there := seen["deleted"]; there || len(seen) != 22 {
			t.Fatalf("%v after the last write a scan shows %d keys, deleted ones %v", e.settle(), len(seen), there)
		}
		if r := seen["replaced"]; r.Version != want || string(r.Value) != "2" {
			t.Fatalf("%v after the last write a scan shows %q at version %q, not at %q", e.settle(), r.Value, r.Version, want)
		}
	}
}

func scanPaging(t *testing.T, e *env) {
	const n = 1005
	want := e.fill(n)
	for _, limit := range []int{0, 1, 2, 7, n - 1006 + meta.MaxScan, meta.MaxScan} {
		if limit == 1 || limit == 2 {
			// A page for every key of a short stretch says as much as of all.
			e.wantKeys(meta.Range{Limit: limit, From: want[900]}, want[900:])
			continue
		}
		e.wantKeys(meta.Range{Limit: limit}, want)
	}
	e.needs(e.caps.FreshScan, "may give short pages")
	for _, c := range []struct {
		r    meta.Range
		n    int
		more bool
	}{
		{meta.Range{}, meta.MaxScan, true},
		{meta.Range{Limit: 5}, 5, true},
		{meta.Range{From: want[n-5], Limit: 5}, 5, false},
		{meta.Range{From: want[n-5], Limit: 6}, 5, false},
		{meta.Range{From: want[n-5], Limit: 4}, 4, true},
		{meta.Range{From: want[5], Before: want[10], Limit: 5}, 5, false},
		{meta.Range{From: meta.Next(want[n-1])}, 0, false},
	} {
		page, err := e.s.Scan(e.ctx, part, c.r)
		if err != nil || len(page.Entries) != c.n || page.More != c.more {
			t.Errorf("scan %+v: %d entries, more %v, %v; want %d, %v", c.r, len(page.Entries), page.More, err, c.n, c.more)
		}
	}
}

// fill puts n numbered records, several at a time, and returns their keys.
func (e *env) fill(n int) []string {
	e.t.Helper()
	keys := make([]string, n)
	errs := make([]error, 16)
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			for i := w; i < n && errs[w] == nil; i += len(errs) {
				keys[i] = numbered(i)
				_, errs[w] = e.s.Put(e.ctx, part, keys[i], rec(keys[i]), meta.Always)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		e.wantErr("put", err, nil)
	}
	return keys
}

func scanRanges(t *testing.T, e *env) {
	all := []string{"a", "a/1", "a/2", "a0", "b", "b\x00", "b\x00\x00", "b\xff", "c"}
	for _, k := range all {
		e.put(k, "v", meta.Always)
	}
	for _, c := range []struct {
		from, before string
		want         []string
	}{
		{"", "", all},
		{"", "a", nil},
		{"", "a\x00", []string{"a"}},
		{"a/", meta.PrefixEnd("a/"), []string{"a/1", "a/2"}},
		{meta.Next("a"), "b", []string{"a/1", "a/2", "a0"}},
		{"b", "b", nil},
		{"b", meta.Next("b"), []string{"b"}},
		{meta.Next("b"), meta.PrefixEnd("b"), []string{"b\x00", "b\x00\x00", "b\xff"}},
		{"c", "b", nil},
		{"c\x00", "", nil},
		{"\xff", "", nil},
	} {
		e.wantKeys(meta.Range{From: c.from, Before: c.before}, c.want)
	}
}

func scanHidesDeleted(t *testing.T, e *env) {
	ks := e.fill(30)
	for i, k := range ks {
		if i%3 != 0 {
			e.delete(k, meta.Always)
		}
	}
	var left []string
	for i := 0; i < len(ks); i += 3 {
		left = append(left, ks[i])
	}
	e.wantKeys(meta.Range{}, left)
	e.wantKeys(meta.Range{Limit: 1}, left)
	for _, k := range left {
		e.delete(k, meta.Always)
	}
	e.wantKeys(meta.Range{}, []string{})
}

// scanDuringWrites shows that keys which stay are seen exactly once while
// others come and go between them.
func scanDuringWrites(t *testing.T, e *env) {
	e.needs(e.caps.FreshScan, "may scan an old state")
	stay := e.fill(60)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 2 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				key := fmt.Sprintf("%s-%d", stay[i%len(stay)], w)
				if _, err := e.s.Put(e.ctx, part, key, rec("x"), meta.Always); err != nil {
					t.Errorf("put: %v", err)
				}
				if err := e.s.Delete(e.ctx, part, key, meta.Always); err != nil {
					t.Errorf("delete: %v", err)
				}
			}
		})
	}
	for range 10 {
		var got []string
		for _, k := range keysOf(e.scan(part, meta.Range{Limit: 7})) {
			if len(k) == len(stay[0]) {
				got = append(got, k)
			}
		}
		if !slices.Equal(got, stay) {
			t.Errorf("scan gave %d of %d keys that were there throughout, or gave one twice", len(got), len(stay))
		}
	}
	close(stop)
	wg.Wait()
}

func summaries(t *testing.T, e *env) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	sums := map[string][]byte{
		"a": nil, "b": {0}, "c": {0, 0, 0}, "d": []byte(","), "e": []byte("\xff\xfe\x00"), "f": all,
		"g": []byte(strings.Repeat("\xff", meta.MaxSummary)), "h": make([]byte, meta.MaxSummary), "i": []byte("é"),
	}
	for k, sum := range sums {
		if _, err := e.s.Put(e.ctx, part, k, meta.Record{Value: []byte("v" + k), Summary: sum}, meta.Always); err != nil {
			t.Fatal(err)
		}
	}
	e.wantKeys(meta.Range{}, []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"})
	for _, withValue := range []bool{false, true} {
		for _, entry := range e.scan(part, meta.Range{WithValue: withValue}) {
			if string(entry.Record.Summary) != string(sums[entry.Key]) {
				t.Errorf("%s: summary %q, want %q", entry.Key, entry.Record.Summary, sums[entry.Key])
			}
			if want := "v" + entry.Key; withValue && string(entry.Record.Value) != want || !withValue && entry.Record.Value != nil {
				t.Errorf("%s: scan with value %v gives value %q", entry.Key, withValue, entry.Record.Value)
			}
			if entry.Record.Version == "" || entry.Record.Body != nil {
				t.Errorf("%s: version %q and body %q", entry.Key, entry.Record.Version, entry.Record.Body)
			}
		}
	}
}
