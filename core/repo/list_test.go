package repo_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/repo"
)

var listBucket = &catalog.Bucket{Name: "box", ID: "0123", Owner: "ana"}

// fatal is what tests, benchmarks and property tests have in common.
type fatal interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// putRecord writes an object's record as it lies in the store.
func putRecord(t fatal, s meta.Store, key string, o *catalog.Object) {
	t.Helper()
	rec := meta.Record{Value: catalog.EncodeObject(o), Summary: catalog.ObjectSummary(o)}
	if _, err := s.Put(context.Background(), catalog.InBucket(listBucket.ID), key, rec, meta.Always); err != nil {
		t.Fatal(err)
	}
}

// genListKey makes keys that share prefixes, hold delimiters of several bytes, NUL
// and bytes beside it in the order.
func genListKey() *rapid.Generator[string] {
	piece := rapid.SampledFrom([]string{"a", "b", "/", "//", "é", "\x00", "\x01", "\x00\xff", "😀", "ab", "-", "zz"})
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(piece, 1, 5).Draw(t, "pieces"), "")
	})
}

func genListInput(keys []string) *rapid.Generator[repo.ListInput] {
	return rapid.Custom(func(t *rapid.T) repo.ListInput {
		some := rapid.OneOf(rapid.Just(""), genListKey())
		if len(keys) > 0 {
			some = rapid.OneOf(some, rapid.SampledFrom(keys))
		}
		cut := func(s string) string { return s[:rapid.IntRange(0, len(s)).Draw(t, "cut")] }
		return repo.ListInput{
			Prefix:    cut(rapid.OneOf(rapid.Just(""), some).Draw(t, "prefix")),
			Delimiter: rapid.SampledFrom([]string{"", "", "/", "/", "//", "a", "é", "\x00", "b/"}).Draw(t, "delimiter"),
			After:     cut(rapid.OneOf(rapid.Just(""), some).Draw(t, "after")),
			Max:       rapid.SampledFrom([]int{0, 1, 2, 3, 7, 1000}).Draw(t, "max"),
		}
	})
}

// modelLine is a line of a listing: a common prefix, or an entry under its key.
type modelLine struct {
	name   string
	prefix bool
	id     string // tells entries of one key apart
}

// model lists lines, sorted by key, as S3 documents it: grouped by delimiter,
// then those above the marker.
func model(lines []modelLine, in repo.ListInput) (page []modelLine, truncated bool) {
	for _, l := range lines {
		if !strings.HasPrefix(l.name, in.Prefix) {
			continue
		}
		if in.Delimiter != "" {
			if before, _, is := strings.Cut(l.name[len(in.Prefix):], in.Delimiter); is {
				l = modelLine{name: in.Prefix + before + in.Delimiter, prefix: true}
			}
		}
		if l.name <= in.After && in.After != "" || len(page) > 0 && page[len(page)-1] == l {
			continue
		}
		if len(page) == in.Max {
			return page, in.Max > 0
		}
		page = append(page, l)
	}
	return page, false
}

// linesOf puts the entries and common prefixes of a page in one order.
func linesOf(l *repo.Listing, id func(*repo.ListEntry) string) (lines []modelLine) {
	for i := range l.Entries {
		lines = append(lines, modelLine{name: l.Entries[i].Key, id: id(&l.Entries[i])})
	}
	for _, p := range l.Prefixes {
		lines = append(lines, modelLine{name: p, prefix: true})
	}
	slices.SortStableFunc(lines, func(a, b modelLine) int { return strings.Compare(a.name, b.name) })
	return lines
}

func TestListObjectsIsTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store := mem.NewMeta()
		r := &repo.Repo{Meta: store, Registry: store, Now: time.Now}
		keys := rapid.SliceOfNDistinct(genListKey(), 0, 60, rapid.ID[string]).Draw(t, "keys")
		slices.Sort(keys)
		var lines []modelLine
		for i, key := range keys {
			gone := rapid.IntRange(0, 9).Draw(t, "gone") == 0
			putRecord(t, store, catalog.ObjectKey(key), &catalog.Object{Size: int64(i), Gone: gone})
			if !gone {
				lines = append(lines, modelLine{name: key, id: fmt.Sprint(i)})
			}
		}
		// Neighbours in the partition that must not show.
		putRecord(t, store, catalog.VersionKey("a", catalog.VersionRef{Seq: 1}), &catalog.Object{})
		putRecord(t, store, catalog.UploadKey("a", "x"), &catalog.Object{})

		in := genListInput(keys).Draw(t, "in")
		size := func(e *repo.ListEntry) string { return fmt.Sprint(e.Size) }
		walk := in
		for {
			l, err := r.ListObjects(context.Background(), listBucket, walk)
			if err != nil {
				t.Fatal(err)
			}
			want, truncated := model(lines, walk)
			if got := linesOf(l, size); !slices.Equal(got, want) || l.Truncated != truncated {
				t.Fatalf("%#v:\n got %#v %v\nwant %#v %v", walk, got, l.Truncated, want, truncated)
			}
			if len(want) > 0 && l.Next != want[len(want)-1].name {
				t.Fatalf("Next %q, want %q", l.Next, want[len(want)-1].name)
			}
			for _, e := range l.Entries {
				if !e.Latest {
					t.Fatalf("%q is not the latest", e.Key)
				}
			}
			if !l.Truncated {
				return
			}
			walk.After = l.Next
		}
	})
}

func TestListObjectsLongMarkers(t *testing.T) {
	store := mem.NewMeta()
	r := &repo.Repo{Meta: store, Registry: store, Now: time.Now}
	long := strings.Repeat("k", repo.MaxKeyBytes)
	for _, key := range []string{"a", long, "z"} {
		putRecord(t, store, catalog.ObjectKey(key), &catalog.Object{})
	}
	huge := strings.Repeat("k", 100_000)
	for _, c := range []struct {
		in   repo.ListInput
		want []string
	}{
		{repo.ListInput{After: huge, Max: 10}, []string{"z"}},
		{repo.ListInput{After: huge + "/", Delimiter: "/", Max: 10}, []string{"z"}},
		{repo.ListInput{After: long, Max: 10}, []string{"z"}},
		{repo.ListInput{After: long[1:], Max: 10}, []string{long, "z"}},
		{repo.ListInput{Prefix: huge, Max: 10}, nil},
		{repo.ListInput{Prefix: long, Max: 10}, []string{long}},
		{repo.ListInput{Delimiter: huge, Max: 10}, []string{"a", long, "z"}},
		{repo.ListInput{Max: -1}, nil},
		{repo.ListInput{After: "\xff\xff/", Delimiter: "/", Max: 10}, nil},
		{repo.ListInput{After: "\xff\xff", Delimiter: "\xff", Max: 10}, nil},
	} {
		l, err := r.ListObjects(context.Background(), listBucket, c.in)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range l.Entries {
			got = append(got, e.Key)
		}
		if !slices.Equal(got, c.want) || l.Truncated {
			t.Errorf("After %.5q (%d bytes): %.30q", c.in.After, len(c.in.After), got)
		}
		v, err := r.ListVersions(context.Background(), listBucket, c.in, "")
		if err != nil || len(v.Entries) != len(c.want) {
			t.Errorf("versions after %.5q (%d bytes): %d, %v", c.in.After, len(c.in.After), len(v.Entries), err)
		}
		u, err := r.ListUploads(context.Background(), listBucket, c.in, huge)
		if err != nil || len(u.Uploads) != 0 {
			t.Errorf("uploads: %v, %v", u, err)
		}
	}
}

// countingStore counts the entries scans return.
type countingStore struct {
	meta.Store
	scans, entries int
}

func (s *countingStore) Scan(ctx context.Context, p meta.Partition, r meta.Range) (meta.Page, error) {
	page, err := s.Store.Scan(ctx, p, r)
	s.scans++
	s.entries += len(page.Entries)
	return page, err
}

// A listing by delimiter reads a few entries a prefix, however many keys lie below.
func TestListObjectsSeeks(t *testing.T) {
	store := &countingStore{Store: mem.NewMeta()}
	r := &repo.Repo{Meta: store, Registry: store, Now: time.Now}
	for d := range 10 {
		for k := range 1000 {
			putRecord(t, store, catalog.ObjectKey(fmt.Sprintf("d%d/k%d", d, k)), &catalog.Object{})
		}
	}
	l, err := r.ListObjects(context.Background(), listBucket, repo.ListInput{Delimiter: "/", Max: 1000})
	if err != nil || len(l.Prefixes) != 10 || len(l.Entries) != 0 || l.Truncated {
		t.Fatalf("%d prefixes, %d entries, %v", len(l.Prefixes), len(l.Entries), err)
	}
	if store.entries > 150 {
		t.Errorf("%d entries read in %d scans for 10 prefixes", store.entries, store.scans)
	}
	store.scans, store.entries = 0, 0
	l, err = r.ListObjects(context.Background(), listBucket, repo.ListInput{Delimiter: "/", Prefix: "d3/", Max: 1000})
	if err != nil || len(l.Entries) != 1000 {
		t.Fatalf("%d entries, %v", len(l.Entries), err)
	}
	if store.scans > 10 || store.entries > 1000 {
		t.Errorf("%d entries read in %d scans for 1000", store.entries, store.scans)
	}
}

func BenchmarkListObjects(b *testing.B) {
	store := mem.NewMeta()
	r := &repo.Repo{Meta: store, Registry: store, Now: time.Now}
	for k := range 20_000 {
		o := &catalog.Object{
			Ref: catalog.VersionRef{Seq: uint64(time.Now().UnixNano()), Rand: 7}, Size: 4096, ModTime: time.Now(),
			ETag: "d41d8cd98f00b204e9800998ecf8427e", Owner: "0123456789abcdef01234567",
			Checksum: catalog.Checksum{Algorithm: "CRC64NVME", Type: catalog.FullObject},
		}
		putRecord(b, store, catalog.ObjectKey(fmt.Sprintf("some/folder/key-%07d", k)), o)
	}
	b.Run("list", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			l, err := r.ListObjects(context.Background(), listBucket, repo.ListInput{After: "some/folder/key-0000500", Max: 1000})
			if err != nil || len(l.Entries) != 1000 {
				b.Fatal(len(l.Entries), err)
			}
		}
	})
	b.Run("scan", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := store.Scan(context.Background(), catalog.InBucket(listBucket.ID), meta.Range{From: "osome/folder/key-0000500", Limit: 1000}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
