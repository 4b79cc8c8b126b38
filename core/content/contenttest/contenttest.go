// Package contenttest is the conformance suite of the content port: what
// package content promises, every adapter shows here. An adapter's own test is
// one call of Run, and what only its engine can do wrong.
package contenttest

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mucura/mucura/core/content"
)

// Options say how to reach the store under test and what it can do.
type Options struct {
	// Open gives a store that is empty and stays so but for what the suite
	// writes. The suite closes it.
	Open func(t *testing.T) content.Store
	// Reopen opens what s holds once more, as another process would. s may be
	// open or closed. nil skips the tests of what outlives a process.
	Reopen func(t *testing.T, s content.Store) content.Store
	// MaxSize is the longest content written, in bytes; 0 means 5 MiB.
	MaxSize int
	// ReaderLosesDeleted says that a content deleted while it is read cannot
	// be read to its end; the reader must then give an error, not short data.
	ReaderLosesDeleted bool
	// Buffered is how many bytes a writer may keep to itself, so that a crash
	// leaves nothing unfinished of a shorter content.
	Buffered int
}

// Run runs the suite.
func Run(t *testing.T, o Options) {
	if o.MaxSize == 0 {
		o.MaxSize = 5 << 20
	}
	for _, c := range []struct {
		name string
		run  func(*testing.T, Options)
	}{
		{"Sizes", testSizes},
		{"Ranges", testRanges},
		{"RangeBeyondEnd", testBeyondEnd},
		{"ReadAndWriteTo", testReadAndWriteTo},
		{"NothingBeforeCommit", testNothingBeforeCommit},
		{"Abort", testAbort},
		{"FinishedWriter", testFinishedWriter},
		{"WrongHint", testWrongHint},
		{"CallerKeepsItsBuffer", testBuffer},
		{"Missing", testMissing},
		{"Delete", testDelete},
		{"DeleteWhileRead", testDeleteWhileRead},
		{"MalformedIDs", testMalformed},
		{"Cancelled", testCancelled},
		{"Walk", testWalk},
		{"WalkWhileChanging", testWalkWhileChanging},
		{"ManyWriters", testManyWriters},
		{"Reopen", testReopen},
		{"TwoProcesses", testTwoProcesses},
		{"Stat", testStat},
		{"Janitor", testJanitor},
		{"Space", testSpace},
		{"PingAndCapabilities", testPing},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, o) })
	}
}

// open opens the store and closes it when the test ends.
func (o Options) open(t *testing.T) content.Store {
	t.Helper()
	s := o.Open(t)
	t.Cleanup(func() { s.Close() })
	return s
}

func (o Options) reopen(t *testing.T, s content.Store) content.Store {
	t.Helper()
	if o.Reopen == nil {
		t.Skip("the store does not outlive its process")
	}
	again := o.Reopen(t, s)
	t.Cleanup(func() { again.Close() })
	return again
}

// Bytes gives n bytes that depend on seed and repeat nowhere, so that a
// reader that is shifted or mixes contents is caught.
func Bytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	rand.NewChaCha8(key).Read(b)
	return b
}

// Write stores data under a fresh ID in pieces of at most step bytes.
func Write(t testing.TB, s content.Store, data []byte, step int) content.ID {
	t.Helper()
	id := content.NewID(time.Now())
	WriteID(t, s, id, data, step)
	return id
}

// WriteID stores data under id in pieces of at most step bytes.
func WriteID(t testing.TB, s content.Store, id content.ID, data []byte, step int) {
	t.Helper()
	w, err := s.Create(context.Background(), id, int64(len(data)))
	if err != nil {
		t.Fatalf("create %s: %v", id, err)
	}
	defer w.Abort()
	for len(data) > 0 {
		n := min(step, len(data))
		if m, err := w.Write(data[:n]); m != n || err != nil {
			t.Fatalf("write %d bytes: %d, %v", n, m, err)
		}
		data = data[n:]
	}
	if err := w.Commit(); err != nil {
		t.Fatalf("commit %s: %v", id, err)
	}
}

// Read reads a range to its end.
func Read(s content.Store, id content.ID, offset, length int64) ([]byte, error) {
	r, err := s.Open(context.Background(), id, offset, length)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// wantBytes reads a range, which must be want.
func wantBytes(t *testing.T, s content.Store, id content.ID, offset, length int64, want []byte) {
	t.Helper()
	got, err := Read(s, id, offset, length)
	if err != nil {
		t.Errorf("read %d bytes from %d: %v", length, offset, err)
		return
	}
	if !bytes.Equal(got, want) {
		t.Errorf("read %d bytes from %d: got %d bytes, want %d, or they differ", length, offset, len(got), len(want))
	}
}

// walk collects what Walk shows, which must be in order.
func walk(t *testing.T, s content.Store, from content.ID) []content.Info {
	t.Helper()
	var all []content.Info
	err := s.Walk(context.Background(), from, func(i content.Info) error {
		if n := len(all); n > 0 && all[n-1].ID >= i.ID {
			t.Errorf("walk shows %s after %s", i.ID, all[n-1].ID)
		}
		all = append(all, i)
		return nil
	})
	if err != nil {
		t.Errorf("walk: %v", err)
	}
	return all
}
