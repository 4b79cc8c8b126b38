package sqlite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/mucura/mucura/core/meta"
)

// ledger is what a test knows to be acknowledged.
type ledger struct {
	mu    sync.Mutex
	acked map[string]int // key -> last number acknowledged
	begun map[string]int // key -> last number attempted
}

// TestCrash copies the database and its log at moments while clients write,
// as a power cut would leave them, and shows that a copy opens, is whole, and
// holds every write acknowledged by then.
func TestCrash(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, filepath.Join(dir, "meta.db"), Options{})
	l := &ledger{acked: map[string]int{}, begun: map[string]int{}}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() { l.client(ctx, t, s, w) })
	}
	for i := range 8 {
		path := filepath.Join(dir, fmt.Sprintf("crash%d.db", i))
		var acked map[string]int
		// Within the writer no commit is under way; a checkpoint may be.
		err := s.writer.run(t.Context(), func(*writer) error {
			acked = l.snapshot()
			return copyCrashed(s.path, path, i)
		})
		if err != nil {
			t.Fatal(err)
		}
		checkCrashed(t, path, acked, l)
	}
	stop()
	wg.Wait()
	checkCrashed(t, s.path, l.snapshot(), l)
}

// client writes numbers, alternately small and with bodies, and deletes
// sometimes, until ctx ends.
func (l *ledger) client(ctx context.Context, t *testing.T, s *Store, w int) {
	for n := 1; ctx.Err() == nil; n++ {
		key := fmt.Sprintf("w%d-%d", w, n%50)
		r := meta.Record{Value: fmt.Appendf(nil, "%d", n)}
		if n%3 > 0 {
			r.Body = make([]byte, rand.IntN(30000))
		}
		l.mu.Lock()
		l.begun[key] = n
		l.mu.Unlock()
		if _, err := s.Put(context.WithoutCancel(ctx), part, key, r, meta.Always); err != nil {
			t.Error(err)
			return
		}
		l.mu.Lock()
		l.acked[key] = n
		l.mu.Unlock()
	}
}

func (l *ledger) snapshot() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	acked := make(map[string]int, len(l.acked))
	for k, n := range l.acked {
		acked[k] = n
	}
	return acked
}

// copyCrashed copies the files. Every other time the log ends in what a
// commit that was cut short leaves there.
func copyCrashed(from, to string, i int) error {
	log, err := os.ReadFile(from + "-wal")
	if err != nil {
		return err
	}
	if i%2 == 1 {
		torn := make([]byte, 24+rand.IntN(3*pageSize))
		for i := range torn {
			torn[i] = byte(rand.Uint32())
		}
		log = append(log, torn...)
	}
	if err := os.WriteFile(to+"-wal", log, 0o600); err != nil {
		return err
	}
	db, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, db, 0o600)
}

// checkCrashed requires that every key holds at least what was acknowledged,
// and nothing that was never attempted.
func checkCrashed(t *testing.T, path string, acked map[string]int, l *ledger) {
	t.Helper()
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	for key, n := range acked {
		r, err := s.Get(t.Context(), part, key, true)
		if err != nil {
			t.Fatalf("%s is lost: %v", key, err)
		}
		var got int
		fmt.Sscan(string(r.Value), &got)
		l.mu.Lock()
		begun := l.begun[key]
		l.mu.Unlock()
		if got < n || got > begun {
			t.Fatalf("%s holds %d; acknowledged was %d, attempted %d", key, got, n, begun)
		}
	}
	mustPut(t, s, "after the crash", "x")
}
