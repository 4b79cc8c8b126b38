package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"

	"github.com/mucura/mucura/core/meta"
)

// TestFull fills the file to its limit: writes fail with ErrFull and leave
// nothing, reads and deletions go on, and when there is room again so do writes.
func TestFull(t *testing.T) {
	s := openTemp(t, Options{MaxBytes: 400 << 10})
	body := meta.Record{Value: []byte("v"), Body: make([]byte, 16<<10)}
	n := 0
	for ; ; n++ {
		_, err := s.Put(t.Context(), part, fmt.Sprint("k", n), body, meta.IfAbsent)
		if errors.Is(err, meta.ErrFull) {
			break
		}
		if err != nil || n > 100 {
			t.Fatalf("put %d: %v, want ErrFull in the end", n, err)
		}
	}
	if n < 10 {
		t.Fatalf("full after %d records", n)
	}
	if _, err := s.Get(t.Context(), part, fmt.Sprint("k", n), true); !errors.Is(err, meta.ErrNotFound) {
		t.Errorf("the record that did not fit: %v", err)
	}
	if r, err := s.Get(t.Context(), part, "k0", true); err != nil || !bytes.Equal(r.Body, body.Body) {
		t.Errorf("read when full: %v", err)
	}
	if page, err := s.Scan(t.Context(), part, meta.Range{}); err != nil || len(page.Entries) != n {
		t.Errorf("scan when full: %d records, %v", len(page.Entries), err)
	}
	fullTogether(t, s, n, body)
	if err := s.writer.run(t.Context(), func(w *writer) error { return w.c.limit(40 << 20) }); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if _, err := s.Put(t.Context(), part, fmt.Sprint("more", i), body, meta.IfAbsent); err != nil {
			t.Fatalf("put after room was made: %v", err)
		}
	}
}

// fullTogether shows that in one group a write that does not fit fails, and a
// deletion succeeds.
func fullTogether(t *testing.T, s *Store, n int, body meta.Record) {
	big := body
	big.Body = make([]byte, maxInline)
	release := holdWriter(t, s)
	var wg sync.WaitGroup
	var bigErr, delErr, updErr error
	wg.Go(func() { _, bigErr = s.Put(t.Context(), part, "big", big, meta.Always) })
	wg.Go(func() { delErr = s.Delete(t.Context(), part, "k0", meta.Always) })
	wg.Go(func() { _, updErr = s.Put(t.Context(), part, "k1", meta.Record{Value: []byte("v")}, meta.Always) })
	awaitQueue(s, 3)
	release()
	wg.Wait()
	if !errors.Is(bigErr, meta.ErrFull) || delErr != nil || updErr != nil {
		t.Errorf("large put: %v (want ErrFull), delete: %v, update: %v", bigErr, delErr, updErr)
	}
	if _, err := s.Put(t.Context(), part, "in the place of k0", body, meta.Always); err != nil {
		t.Errorf("put after a deletion made room: %v", err)
	}
}

// holdWriter stops the writer between two groups until release is called.
func holdWriter(t *testing.T, s *Store) (release func()) {
	held, free, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		err := s.writer.run(context.WithoutCancel(t.Context()), func(*writer) error { close(held); <-free; return nil })
		if err != nil {
			t.Error(err)
		}
	}()
	<-held
	return func() { close(free); <-done }
}

func awaitQueue(s *Store, n int) {
	for len(s.writer.queue) < n {
		time.Sleep(time.Millisecond)
	}
}

// TestGivenUp shows that a call whose context ends while it waits is not done.
func TestGivenUp(t *testing.T) {
	s := openTemp(t, Options{})
	mustPut(t, s, "k", "1")
	release := holdWriter(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, fn := range []func() error{
		func() error {
			_, err := s.Put(ctx, part, "k", meta.Record{Value: []byte("2")}, meta.Always)
			return err
		},
		func() error { return s.Delete(ctx, part, "k", meta.Always) },
		func() error { return s.Batch(ctx, part, []meta.Op{{Key: "k", Delete: true}}) },
	} {
		wg.Go(func() {
			if err := fn(); !errors.Is(err, context.Canceled) {
				t.Errorf("%v, want Canceled", err)
			}
		})
	}
	awaitQueue(s, 3)
	wantValue(t, s, "k", "1") // reads do not wait for the writer
	cancel()
	wg.Wait()
	release()
	mustPut(t, s, "other", "x")
	wantValue(t, s, "k", "1")
}

// failCommits has the next n commits fail as after a failed fsync.
func failCommits(t *testing.T, s *Store, n int) {
	t.Helper()
	err := s.writer.run(t.Context(), func(w *writer) error {
		real := w.commit
		w.commit = func(c *conn) error {
			if n--; n >= 0 {
				return sqlite3.Error{Code: sqlite3.ErrIoErr, ExtendedCode: sqlite3.ErrIoErrFsync}
			}
			return real(c)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFailedFsync shows that after a failed fsync nothing of the group is
// acknowledged, that the answer is "not written" only when the log was
// cleared of it, and that the store recovers.
func TestFailedFsync(t *testing.T) {
	for _, c := range []struct {
		failures int
		want     error
	}{{1, meta.ErrUnavailable}, {2, meta.ErrOutcomeUnknown}} {
		s := openTemp(t, Options{})
		mustPut(t, s, "k", "old")
		failCommits(t, s, c.failures)
		release := holdWriter(t, s)
		errs := make([]error, 4)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = s.Put(t.Context(), "new", fmt.Sprint("k", i), meta.Record{}, meta.Always)
			})
		}
		awaitQueue(s, len(errs))
		release()
		wg.Wait()
		for _, err := range errs {
			if !errors.Is(err, c.want) {
				t.Errorf("after %d failed commits: %v, want %v", c.failures, err, c.want)
			}
		}
		wantValue(t, s, "k", "old")
		if page, err := s.Scan(t.Context(), "new", meta.Range{}); err != nil || len(page.Entries) != 0 {
			t.Errorf("records of the failed group are seen: %v, %v", page, err)
		}
		mustPut(t, s, "k", "new")
		wantValue(t, s, "k", "new")
		if _, err := s.Put(t.Context(), "new", "k0", meta.Record{}, meta.IfAbsent); err != nil {
			t.Errorf("a partition made by the failed group: %v", err)
		}
	}
}

// TestUnsettled shows that while the log cannot be cleared every write says
// that it was not done, and reads go on.
func TestUnsettled(t *testing.T) {
	s := openTemp(t, Options{})
	mustPut(t, s, "k", "old")
	failCommits(t, s, 4)
	want := []error{meta.ErrOutcomeUnknown, meta.ErrUnavailable, meta.ErrUnavailable, nil}
	for i, want := range want {
		_, err := s.Put(t.Context(), part, "k", meta.Record{Value: []byte("new")}, meta.Always)
		if !errors.Is(err, want) {
			t.Errorf("put %d: %v, want %v", i, err, want)
		}
		if want != nil {
			wantValue(t, s, "k", "old")
		}
	}
	wantValue(t, s, "k", "new")
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestBusy shows what a write does while another process holds the lock.
func TestBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	s := openAt(t, path, Options{BusyTimeout: 30 * time.Millisecond})
	mustPut(t, s, "k", "1")
	other, err := openConn(path, false, 1<<20, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer other.close()
	if err := other.script("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), part, "k", meta.Record{}, meta.Always); !errors.Is(err, meta.ErrUnavailable) {
		t.Errorf("put: %v, want ErrUnavailable", err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, meta.ErrUnavailable) {
		t.Errorf("ping: %v, want ErrUnavailable", err)
	}
	wantValue(t, s, "k", "1")
	if err := other.rollback(); err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, "k", "2")
	wantValue(t, s, "k", "2")
}
