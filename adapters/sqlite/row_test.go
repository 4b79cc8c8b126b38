package sqlite

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/meta"
)

func TestPage(t *testing.T) {
	type row struct {
		version      uint64
		key, summary string
	}
	rows := []row{
		{1, "a", ""}, {1<<63 - 1, "\x00", "\x00\x00"}, {newVersion(), strings.Repeat("\xff", meta.MaxKey), strings.Repeat("s", meta.MaxSummary)},
		{newVersion(), "last", "12,34"},
	}
	var page []byte
	for _, r := range rows {
		page = append(appendHead(page, r.version, r.key, []byte(r.summary)), r.key...)
	}
	got, err := parsePage(page)
	if err != nil || len(got) != len(rows) {
		t.Fatalf("%d rows, %v", len(got), err)
	}
	for i, r := range rows {
		e := got[i]
		if e.Key != r.key || string(e.Record.Summary) != r.summary || e.Record.Version != versionString(r.version) {
			t.Errorf("row %d: %+v, want %+v", i, e, r)
		}
	}
	if got, err := parsePage(nil); got != nil || err != nil {
		t.Errorf("empty page: %v, %v", got, err)
	}
}

// FuzzPage shows that a damaged page gives an error or entries that fill it,
// never a panic.
func FuzzPage(f *testing.F) {
	whole := append(appendHead(nil, 7, "key", []byte("summary")), "key"...)
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(append(bytes.Clone(whole), whole[:5]...))
	f.Add([]byte(strings.Repeat("\xff", 30)))
	f.Fuzz(func(t *testing.T, page []byte) {
		entries, err := parsePage(page)
		if err != nil {
			return
		}
		size := 0
		for _, e := range entries {
			size += headLen + len(e.Key) + len(e.Record.Summary)
		}
		if size != len(page) {
			t.Errorf("entries of %d bytes from a page of %d", size, len(page))
		}
	})
}

func TestHeadDamaged(t *testing.T) {
	head := appendHead(nil, 7, "key", []byte("summary"))
	if v, sum, err := parseHead(head); err != nil || v != versionString(7) || string(sum) != "summary" {
		t.Errorf("%q, %q, %v", v, sum, err)
	}
	for _, bad := range [][]byte{nil, head[:headLen-1], head[:len(head)-1], append(head, 0)} {
		if _, _, err := parseHead(bad); err == nil {
			t.Errorf("%q was taken for a head", bad)
		}
	}
}

// TestBulkMoves takes one record through all the places its parts may lie in;
// the check at the end of every test finds a bulk row left behind.
func TestBulkMoves(t *testing.T) {
	s := openTemp(t, Options{})
	states := []meta.Record{
		{},
		{Value: []byte("small")},
		{Value: bytes.Repeat([]byte("v"), maxRow+1)},
		{Value: []byte("small"), Body: []byte("b")},
		{Value: bytes.Repeat([]byte("v"), 5000), Body: bytes.Repeat([]byte("b"), 5000)},
		{Body: bytes.Repeat([]byte("b"), 4096)},
	}
	check := func(r meta.Record) {
		t.Helper()
		got, err := s.Get(t.Context(), part, "k", true)
		if err != nil || !bytes.Equal(got.Value, r.Value) || !bytes.Equal(got.Body, r.Body) {
			t.Fatalf("%d bytes of value, %d of body, %v; want %d, %d", len(got.Value), len(got.Body), err, len(r.Value), len(r.Body))
		}
		page, err := s.Scan(t.Context(), part, meta.Range{WithValue: true})
		if err != nil || len(page.Entries) != 1 || !bytes.Equal(page.Entries[0].Record.Value, r.Value) {
			t.Fatalf("scan gives %v, %v", page, err)
		}
	}
	for i, a := range states {
		for j, b := range states {
			t.Run(fmt.Sprint(i, " to ", j), func(t *testing.T) {
				for _, r := range []meta.Record{a, b} {
					if _, err := s.Put(t.Context(), part, "k", r, meta.Always); err != nil {
						t.Fatal(err)
					}
					check(r)
				}
			})
		}
		if err := s.Delete(t.Context(), part, "k", meta.Always); err != nil {
			t.Fatal(err)
		}
	}
}

// TestScanValuesStops shows that a page with values ends early rather than
// fill the memory, and that the next one goes on where it ended.
func TestScanValuesStops(t *testing.T) {
	s := openTemp(t, Options{})
	const n = 7
	for i := range n {
		if _, err := s.Put(t.Context(), part, fmt.Sprint("k", i), meta.Record{Value: make([]byte, maxValue)}, meta.Always); err != nil {
			t.Fatal(err)
		}
	}
	r := meta.Range{WithValue: true}
	seen, pages := 0, 0
	for {
		page, err := s.Scan(t.Context(), part, r)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		seen += len(page.Entries)
		if !page.More {
			break
		}
		r.From = meta.Next(page.Entries[len(page.Entries)-1].Key)
	}
	if seen != n || pages < 2 {
		t.Errorf("%d records on %d pages, want %d on several", seen, pages, n)
	}
}
