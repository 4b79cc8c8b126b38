package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/mucura/mucura/core/meta"
)

// names gives the names in the directory of a path.
func names(t *testing.T, path string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// TestFill fills a new database, and no other.
func TestFill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	calls := 0
	opts := Options{Fill: func(s meta.Store) error {
		calls++
		if _, err := os.Stat(path); err == nil {
			t.Error("the database has its name before it is filled")
		}
		_, err := s.Put(t.Context(), part, "k", meta.Record{Value: []byte("v"), Body: make([]byte, 50<<10)}, meta.IfAbsent)
		return err
	}}
	for range 2 {
		s := openAt(t, path, opts)
		wantValue(t, s, "k", "v")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if got := names(t, path); len(got) != 1 {
			t.Errorf("the directory holds %v", got)
		}
	}
	if calls != 1 {
		t.Errorf("Fill was called %d times", calls)
	}
}

func TestFillFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	broken := errors.New("broken")
	_, err := Open(path, Options{Fill: func(s meta.Store) error {
		_, err := s.Put(t.Context(), part, "k", meta.Record{}, meta.Always)
		return errors.Join(err, broken)
	}})
	if !errors.Is(err, broken) {
		t.Errorf("Open: %v", err)
	}
	if got := names(t, path); len(got) != 0 {
		t.Errorf("the directory holds %v", got)
	}
	s := openTemp(t, Options{})
	mustPut(t, s, "k", "v")
}

// TestFillNotWrittenBack: what is filled in lies in a log that another connection
// keeps from being written back. The database does not get its name without it.
func TestFillNotWrittenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	var other *conn
	_, err := Open(path, Options{Fill: func(s meta.Store) (err error) {
		if other, err = openConn(s.(*Store).path, true, readerCache, 0); err != nil {
			return err
		}
		if err := other.script("BEGIN; SELECT * FROM record"); err != nil {
			return err
		}
		_, err = s.Put(t.Context(), part, "k", meta.Record{Value: []byte("v")}, meta.Always)
		return err
	}})
	if err == nil || !strings.Contains(err.Error(), "could not be written back") {
		t.Errorf("Open: %v", err)
	}
	if err := other.close(); err != nil {
		t.Error(err)
	}
	if got := names(t, path); len(got) != 0 {
		t.Errorf("the directory holds %v", got)
	}
}

// TestFillWithoutRoom makes databases where the disk is full a little later each
// time: there is all of one, or none.
func TestFillWithoutRoom(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("mucura-test", dir, "tmpfs", 0, "size=512k"); err != nil {
		t.Skipf("may not mount a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	made := 0
	for n := 10; n < 26; n++ {
		path := filepath.Join(dir, fmt.Sprint("meta", n))
		s, err := Open(path, Options{Fill: func(s meta.Store) error {
			for i := range n {
				if _, err := s.Put(t.Context(), part, fmt.Sprint(i), meta.Record{Body: make([]byte, 8<<10)}, meta.Always); err != nil {
					return err
				}
			}
			return nil
		}})
		if err != nil {
			if got := names(t, path); len(got) != 0 {
				t.Errorf("%d records: %v, and the directory holds %v", n, err, got)
			}
			continue
		}
		made++
		if page, err := s.Scan(t.Context(), part, meta.Range{}); err != nil || len(page.Entries) != n {
			t.Errorf("%d of %d records, %v", len(page.Entries), n, err)
		}
		if err := errors.Join(s.Check(t.Context()), s.Close(), os.Remove(path)); err != nil {
			t.Error(err)
		}
	}
	if made == 0 || made == 16 {
		t.Errorf("%d databases were made", made)
	}
}

// TestFillTogether opens a missing file from many at once: all see what one has
// filled in, and nothing of the others.
func TestFillTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	stores := make([]*Store, 8)
	var wg sync.WaitGroup
	for i := range stores {
		wg.Go(func() {
			who := string(rune('a' + i))
			s, err := Open(path, Options{Fill: func(s meta.Store) error {
				_, err := s.Put(t.Context(), part, "first", meta.Record{Value: []byte(who)}, meta.IfAbsent)
				return err
			}})
			if err != nil {
				t.Error(err)
				return
			}
			stores[i] = s
			_, err = s.Put(t.Context(), part, who, meta.Record{}, meta.IfAbsent)
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	first, err := stores[0].Get(t.Context(), part, "first", false)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stores {
		wantValue(t, s, "first", string(first.Value))
		if page, err := s.Scan(t.Context(), part, meta.Range{}); err != nil || len(page.Entries) != len(stores)+1 {
			t.Errorf("%d records, %v", len(page.Entries), err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := names(t, path); len(got) != 1 {
		t.Errorf("the directory holds %v", got)
	}
}

// TestWithoutLinks makes a database where the file system has no hard links.
func TestWithoutLinks(t *testing.T) {
	defer func(f func(string, string) error) { link = f }(link)
	var first string // made by another process just before
	link = func(from, to string) error {
		if first != "" {
			if err := os.WriteFile(to, []byte(first), 0o600); err != nil {
				t.Error(err)
			}
		}
		return &os.LinkError{Op: "link", Old: from, New: to, Err: syscall.EPERM}
	}
	path := filepath.Join(t.TempDir(), "meta.db")
	s := openAt(t, path, Options{})
	mustPut(t, s, "k", "v")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first, path = string(db), filepath.Join(t.TempDir(), "meta.db")
	wantValue(t, openAt(t, path, Options{}), "k", "v")
}

// TestCrashedCreation opens what a crash may leave while a database is made.
func TestCrashedCreation(t *testing.T) {
	whole := openTemp(t, Options{})
	mustPut(t, whole, "old", "v")
	if err := whole.Close(); err != nil {
		t.Fatal(err)
	}
	for name, leave := range map[string]func(path string) error{
		"half of the file under its other name": func(path string) error {
			db, err := os.ReadFile(whole.path)
			return errors.Join(err, os.WriteFile(filepath.Join(filepath.Dir(path), ".meta.db-1"), db[:len(db)/2], 0o600))
		},
		"a log of the other name": func(path string) error {
			return os.WriteFile(filepath.Join(filepath.Dir(path), ".meta.db-1-wal"), []byte("log"), 0o600)
		},
		"both names": func(path string) error {
			other := filepath.Join(filepath.Dir(path), ".meta.db-1")
			db, err := os.ReadFile(whole.path)
			return errors.Join(err, os.WriteFile(other, db, 0o600), os.Link(other, path))
		},
		"an empty file, as an operator may make one": func(path string) error {
			return os.WriteFile(path, nil, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "meta.db")
			if err := leave(path); err != nil {
				t.Fatal(err)
			}
			s := openAt(t, path, Options{})
			mustPut(t, s, "k", "v")
		})
	}
}

// TestLogWithoutDatabase: a log is not taken for that of another database, nor
// thrown away.
func TestLogWithoutDatabase(t *testing.T) {
	for _, suffix := range []string{"-wal", "-journal"} {
		path := filepath.Join(t.TempDir(), "meta.db")
		if err := os.WriteFile(path+suffix, []byte("acknowledged writes"), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(path, Options{}); err == nil {
			s.Close()
			t.Errorf("%s: opened", suffix)
		} else if !strings.Contains(err.Error(), "without its database") {
			t.Errorf("%s: %v", suffix, err)
		}
		if got := names(t, path); len(got) != 1 {
			t.Errorf("%s: the directory holds %v", suffix, got)
		}
	}
}
