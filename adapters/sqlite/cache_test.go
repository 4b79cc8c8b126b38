package sqlite

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mucura/mucura/core/meta"
)

func put(t *testing.T, s *Store, key, value string) {
	t.Helper()
	if _, err := s.Put(t.Context(), part, key, meta.Record{Value: []byte(value)}, meta.Always); err != nil {
		t.Error(err)
	}
}

// kept looks whether a record can be had without asking SQLite.
func kept(t *testing.T, s *Store, key string, withBody bool) bool {
	t.Helper()
	id, found, err := s.partition(t.Context(), part)
	if err != nil || !found {
		t.Fatal(found, err)
	}
	_, ok := s.cache.get(place{id, key}, withBody)
	return ok
}

func TestCacheKeeps(t *testing.T) {
	s := openTemp(t, Options{})
	put(t, s, "a", "1")
	if !kept(t, s, "a", false) || !kept(t, s, "a", true) {
		t.Error("what was written is not kept")
	}
	if _, err := s.Put(t.Context(), part, "body", meta.Record{Value: []byte("v"), Body: []byte("b")}, meta.Always); err != nil {
		t.Fatal(err)
	}
	if !kept(t, s, "a", false) || !kept(t, s, "body", false) {
		t.Error("a write of another key forgot a record")
	}
	if kept(t, s, "body", true) {
		t.Error("a record is kept as if it had no body")
	}
	if r, err := s.Get(t.Context(), part, "body", true); err != nil || string(r.Body) != "b" {
		t.Errorf("read %q, %v", r.Body, err)
	}
	if err := s.Delete(t.Context(), part, "a", meta.Always); err != nil {
		t.Fatal(err)
	}
	if kept(t, s, "a", false) {
		t.Error("a deleted record is kept")
	}
	if _, err := s.Get(t.Context(), part, "a", false); !errors.Is(err, meta.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
}

// TestCacheIsTheCallers changes what Get gave.
func TestCacheIsTheCallers(t *testing.T) {
	s := openTemp(t, Options{})
	value := []byte("value")
	if _, err := s.Put(t.Context(), part, "k", meta.Record{Value: value, Summary: []byte("sum")}, meta.Always); err != nil {
		t.Fatal(err)
	}
	copy(value, "other")
	for range 2 {
		r, err := s.Get(t.Context(), part, "k", false)
		if err != nil || string(r.Value) != "value" || string(r.Summary) != "sum" {
			t.Fatalf("read %q %q, %v", r.Value, r.Summary, err)
		}
		copy(r.Value, "other")
		copy(r.Summary, "new")
	}
}

// TestCacheSeesOthers has two stores on one file, which are to each other as two
// processes are.
func TestCacheSeesOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	a, b := openAt(t, path, Options{}), openAt(t, path, Options{})
	for i := range 100 {
		from, to := a, b
		if rand.IntN(2) == 0 {
			from, to = b, a
		}
		put(t, from, "k", strconv.Itoa(i))
		wantValue(t, to, "k", strconv.Itoa(i))
		if !kept(t, to, "k", false) {
			t.Fatal("what was read is not kept")
		}
		wantValue(t, to, "k", strconv.Itoa(i))
		wantValue(t, from, "k", strconv.Itoa(i))
	}
}

// TestCacheNeverGoesBack reads through two stores, while both write, and never
// finds less than was acknowledged or seen before.
func TestCacheNeverGoesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	stores := []*Store{openAt(t, path, Options{}), openAt(t, path, Options{})}
	const keys = 4
	var acked [keys]atomic.Int64
	for k := range keys {
		put(t, stores[0], fmt.Sprint(k), "0")
	}
	var writers, readers sync.WaitGroup
	var stop atomic.Bool
	for k := range keys {
		writers.Go(func() {
			for i := int64(1); i <= 40; i++ {
				put(t, stores[(k+int(i))%2], fmt.Sprint(k), strconv.FormatInt(i, 10))
				acked[k].Store(i)
			}
		})
	}
	for r := range 4 {
		readers.Go(func() {
			for !stop.Load() {
				k := rand.IntN(keys)
				least := acked[k].Load()
				rec, err := stores[r%2].Get(t.Context(), part, fmt.Sprint(k), false)
				if n, _ := strconv.ParseInt(string(rec.Value), 10, 64); err != nil || n < least {
					t.Errorf("read %d, %v after %d was acknowledged", n, err, least)
					return
				}
			}
		})
	}
	writers.Wait()
	stop.Store(true)
	readers.Wait()
}

func TestCacheIsBounded(t *testing.T) {
	var c cache
	add := func(key, value string) {
		c.put(place{1, key}, cached{record: meta.Record{Value: []byte(value)}})
	}
	for i := range 5 * cacheEntries {
		add(strconv.Itoa(i), "v")
	}
	if n := len(c.young.m) + len(c.old.m); n > 2*cacheEntries || n < cacheEntries {
		t.Errorf("%d entries", n)
	}
	for i := range 5 * cacheEntries {
		add(strconv.Itoa(i), strings.Repeat("v", 4096))
	}
	if c.young.bytes > cacheBytes || c.old.bytes > cacheBytes {
		t.Errorf("%d and %d bytes", c.young.bytes, c.old.bytes)
	}
}

// TestCacheBrokenWriter: without a connection for writing nothing is taken from
// memory, because another process may begin a new index then.
func TestCacheBrokenWriter(t *testing.T) {
	s := openTemp(t, Options{})
	put(t, s, "k", "v")
	s.cache.stop()
	if kept(t, s, "k", false) {
		t.Error("the record is still kept")
	}
	wantValue(t, s, "k", "v")
	put(t, s, "k", "w")
	wantValue(t, s, "k", "w")
	if kept(t, s, "k", false) {
		t.Error("records are kept again")
	}
}

// TestWALIndexShared closes one of two stores on a file: the index stays mapped
// for the other, and is given back with that.
func TestWALIndexShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	a, b := openAt(t, path, Options{}), openAt(t, path, Options{})
	if a.cache.index == nil || a.cache.index != b.cache.index {
		t.Fatal("two mappings of one file")
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	put(t, b, "k", "v")
	if !kept(t, b, "k", false) {
		t.Error("nothing is kept after the other store was closed")
	}
	index := b.cache.index
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if index.words != nil {
		t.Error("the index is still mapped")
	}
}

// TestCacheBehindLink opens a database by a link beside which lies the index of a
// time when the database was there: SQLite uses the one beside the file.
func TestCacheBehindLink(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "moved.db"), filepath.Join(dir, "meta.db")
	s := openAt(t, path, Options{})
	mustPut(t, s, "k", "0")
	index, err := os.ReadFile(path + "-shm")
	if err := errors.Join(err, s.Close(), os.WriteFile(link+"-shm", index, 0o600), os.Symlink(path, link)); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, link, Options{})
	wantValue(t, s, "k", "0")
	mustPut(t, s, "k", "1")
	wantValue(t, s, "k", "1")
	if !kept(t, s, "k", false) {
		t.Error("nothing is kept")
	}
}

// TestCacheOfOtherIndex: an index that does not change with a commit is not the
// database's.
func TestCacheOfOtherIndex(t *testing.T) {
	other, s := openTemp(t, Options{}), openTemp(t, Options{})
	mustPut(t, other, "k", "other")
	mustPut(t, s, "k", "0")
	s.cache.index, other.cache.index = other.cache.index, s.cache.index
	wantValue(t, s, "k", "0")
	mustPut(t, s, "k", "1")
	wantValue(t, s, "k", "1")
	if kept(t, s, "k", false) {
		t.Error("records are kept")
	}
	s.cache.index, other.cache.index = other.cache.index, s.cache.index
}
