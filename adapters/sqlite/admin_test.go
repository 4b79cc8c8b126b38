package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mucura/mucura/core/meta"
)

// TestBackup copies the store while batches write pairs; in the copy the two
// of a pair must be equal.
func TestBackup(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, filepath.Join(dir, "meta.db"), Options{})
	mustPut(t, s, "fixed", "value")
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				r := meta.Record{Value: fmt.Append(nil, n), Body: make([]byte, 3000)}
				ops := []meta.Op{{Key: fmt.Sprint("a", w), Record: r}, {Key: fmt.Sprint("z", w), Record: r}}
				if err := s.Batch(t.Context(), part, ops); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 3 {
		path := filepath.Join(dir, fmt.Sprintf("backup%d.db", i))
		if err := s.Backup(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		checkPairs(t, path)
		if err := s.Backup(t.Context(), path); !errors.Is(err, fs.ErrExist) {
			t.Errorf("backup over a file: %v, want ErrExist", err)
		}
	}
	stop()
	wg.Wait()
	cancelled := filepath.Join(dir, "cancelled.db")
	if err := s.Backup(ctx, cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("backup with an ended context: %v", err)
	}
	if left, _ := filepath.Glob(cancelled + "*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func checkPairs(t *testing.T, path string) {
	t.Helper()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("backup: %v, %v", info, err)
	}
	s := openAt(t, path, Options{})
	wantValue(t, s, "fixed", "value")
	for w := range 4 {
		a, errA := s.Get(t.Context(), part, fmt.Sprint("a", w), true)
		z, errZ := s.Get(t.Context(), part, fmt.Sprint("z", w), true)
		if errors.Is(errA, meta.ErrNotFound) && errors.Is(errZ, meta.ErrNotFound) {
			continue
		}
		if errA != nil || errZ != nil || string(a.Value) != string(z.Value) || len(a.Body) != 3000 {
			t.Errorf("pair %d: %s and %s, %v, %v", w, a.Value, z.Value, errA, errZ)
		}
	}
}

// damaged opens a store that damage has been done to.
func damaged(t *testing.T, damage func(path string)) *Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "meta.db")
	s := openAt(t, path, Options{})
	for i := range 200 {
		if _, err := s.Put(t.Context(), part, fmt.Sprint("k", i), meta.Record{Body: make([]byte, 2000)}, meta.Always); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	damage(path)
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestCheckFinds(t *testing.T) {
	for _, c := range []struct {
		name, want string
		damage     func(path string)
	}{
		{"a page overwritten", "damaged", func(path string) {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt(make([]byte, 3*pageSize), 20*pageSize); err != nil {
				t.Fatal(err)
			}
		}},
		{"a bulk row lost", "has lost its bulk row", func(path string) {
			raw(t, path, "DELETE FROM bulk WHERE id = 7")
		}},
		{"a bulk row unused", "belongs to no record", func(path string) {
			raw(t, path, "INSERT INTO bulk (body) VALUES (x'00')")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := damaged(t, c.damage).Check(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("check: %v, want %q", err, c.want)
			}
		})
	}
}

// TestLogIsKeptShort writes many times the length at which the log is written
// back; it must begin anew, also while clients go on writing.
func TestLogIsKeptShort(t *testing.T) {
	s := openTemp(t, Options{})
	const size = 128 << 10
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 200 {
				// SQLite writes only pages that change.
				r := meta.Record{Body: bytes.Repeat([]byte{byte(w), byte(i)}, size/2)}
				if _, err := s.Put(t.Context(), part, fmt.Sprint(w, i%4), r, meta.Always); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	info, err := os.Stat(s.path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if most := int64(4*checkpointPages*pageSize + maxGroupBytes); info.Size() > most {
		t.Errorf("the log has %d bytes, want at most %d", info.Size(), most)
	}
	t.Logf("log of %d KiB after writing %d KiB", info.Size()>>10, 800*size>>10)
}
