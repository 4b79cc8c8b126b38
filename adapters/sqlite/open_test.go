package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/core/meta"
)

const part = meta.Partition("b/1")

func mustPut(t testing.TB, s *Store, key, value string) meta.Version {
	t.Helper()
	v, err := s.Put(t.Context(), part, key, meta.Record{Value: []byte(value)}, meta.Always)
	if err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
	return v
}

func wantValue(t testing.TB, s *Store, key, value string) {
	t.Helper()
	r, err := s.Get(t.Context(), part, key, false)
	if err != nil || string(r.Value) != value {
		t.Fatalf("%s holds %.40q, %v; want %.40q", key, r.Value, err, value)
	}
}

// raw runs statements on the file as another program would.
func raw(t testing.TB, path string, statements ...string) {
	t.Helper()
	c, err := openConn(path, false, 1<<20, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for _, sql := range statements {
		if err := c.script(sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	s := openAt(t, at("newer"), Options{})
	mustPut(t, s, "k", "v")
	s.Close()
	raw(t, at("newer"), "PRAGMA user_version = 2")
	if err := os.WriteFile(at("other"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	raw(t, at("other"), "CREATE TABLE cats (name TEXT)")
	if err := os.WriteFile(at("text"), []byte(strings.Repeat("no database at all\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"newer":           "newer Mucura",
		"other":           "another program",
		"text":            "not a database",
		"missing/meta.db": "no such file",
	} {
		before, _ := os.ReadFile(at(name))
		s, err := Open(at(name), Options{BusyTimeout: time.Second})
		if err == nil {
			s.Close()
			t.Errorf("%s: opened", name)
			continue
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
		if after, _ := os.ReadFile(at(name)); string(after) != string(before) {
			t.Errorf("%s: was changed", name)
		}
	}
}

func TestOddPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b%20c?mode=memory#x&é'\"")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "meta?x=1#.db")
	s := openAt(t, path, Options{})
	mustPut(t, s, "k", "v")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v", info.Mode())
	}
	if info, err := os.Stat(path + "-wal"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the log: %v, %v", info, err)
	}
}

// TestOpenTogether opens a file that does not exist from many goroutines at
// once, as processes that start together would.
func TestOpenTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	stores := make([]*Store, 8)
	var wg sync.WaitGroup
	for i := range stores {
		wg.Go(func() {
			s, err := Open(path, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			stores[i] = s
			_, err = s.Put(t.Context(), part, string(rune('a'+i)), meta.Record{}, meta.IfAbsent)
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, s := range stores {
		if s == nil {
			t.FailNow()
		}
		if page, err := s.Scan(t.Context(), part, meta.Range{}); err != nil || len(page.Entries) != len(stores) {
			t.Errorf("%d records, %v", len(page.Entries), err)
		}
	}
	for _, s := range stores {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestCloseLeavesOneFile shows that the log is written back and removed, and
// that no goroutine stays behind.
func TestCloseLeavesOneFile(t *testing.T) {
	before := runtime.NumGoroutine()
	dir := t.TempDir()
	s := openAt(t, filepath.Join(dir, "meta.db"), Options{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 200 {
				_, err := s.Put(t.Context(), part, string(rune('a'+i%26)), meta.Record{Body: make([]byte, 5000)}, meta.Always)
				if err != nil && !errors.Is(err, meta.ErrUnavailable) {
					t.Error(err)
				}
				if _, err := s.Scan(t.Context(), part, meta.Range{}); err != nil && !errors.Is(err, meta.ErrUnavailable) {
					t.Error(err)
				}
			}
		})
	}
	time.Sleep(10 * time.Millisecond)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "meta.db" {
		t.Errorf("directory holds %v, %v", entries, err)
	}
	for end := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, were %d before", runtime.NumGoroutine(), before)
		}
	}
}

func TestSize(t *testing.T) {
	s := openTemp(t, Options{})
	before, err := s.Size()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), part, "k", meta.Record{Body: make([]byte, maxInline)}, meta.Always); err != nil {
		t.Fatal(err)
	}
	after, err := s.Size()
	if err != nil || after < before+maxInline {
		t.Errorf("size was %d, is %d after %d bytes; %v", before, after, maxInline, err)
	}
	if err := os.Remove(s.path); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Size(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("size of a file removed: %v", err)
	}
}

// TestSpace shows what an object of 4 KiB costs on the disk.
func TestSpace(t *testing.T) {
	const n = 3000
	s := openTemp(t, Options{})
	load(t, s, n)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	size, err := s.Size()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes an object", size/n)
	if size/n > 5<<10 {
		t.Errorf("an object of 4 KiB costs %d bytes, want at most %d", size/n, 5<<10)
	}
}

// TestReplaced puts another database in the place of an open one, and then none. No
// write is acknowledged that would be lost with the old file, and the new one stays
// as it is.
func TestReplaced(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "meta.db"), filepath.Join(dir, "other.db")
	o := openAt(t, other, Options{})
	mustPut(t, o, "k", "other")
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, "k", "old")
	refused := func() {
		t.Helper()
		if _, err := s.Put(t.Context(), part, "k", meta.Record{}, meta.Always); !errors.Is(err, meta.ErrUnavailable) {
			t.Errorf("put: %v", err)
		}
		if err := s.Ping(t.Context()); !errors.Is(err, meta.ErrUnavailable) {
			t.Errorf("ping: %v", err)
		}
		if c, err := s.openReader(); err == nil {
			c.close()
			t.Error("a connection to another file was opened")
		}
		if err := s.writer.check.once(); err == nil {
			t.Error("a checkpoint was made")
		}
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(path+suffix, path+".old"+suffix); err != nil {
			t.Fatal(err)
		}
	}
	refused()
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	refused()
	if err := s.writer.run(t.Context(), func(w *writer) error { w.reopen(); return nil }); err != nil {
		t.Fatal(err)
	}
	refused()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wantValue(t, openAt(t, path, Options{}), "k", "other")
}
