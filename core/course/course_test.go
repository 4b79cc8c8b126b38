package course

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/storewrap"
)

func begin(t *testing.T, ctx context.Context, store meta.Store) (context.Context, *Course) {
	t.Helper()
	run, c, err := Begin(ctx, store, "job", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return run, c
}

func leave(t *testing.T, c *Course, done bool) {
	t.Helper()
	if err := c.Leave(t.Context(), done); err != nil {
		t.Fatal(err)
	}
}

func TestGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := mem.NewMeta()
		_, c := begin(t, t.Context(), store)
		first := c.Begun()
		c.Move(Place{Bucket: "b", Key: []byte("k\xff\x00"), Sums: map[string]int64{"n": 7}})
		leave(t, c, false)

		time.Sleep(time.Hour)
		_, c = begin(t, t.Context(), store)
		if at := c.At(); at.Bucket != "b" || string(at.Key) != "k\xff\x00" || at.Sums["n"] != 7 || !c.Begun().Equal(first) {
			t.Errorf("goes on at %+v of a round begun %v", at, c.Begun())
		}
		leave(t, c, true)
		s, err := Read(t.Context(), store, "job")
		if err != nil || !s.Ended.Equal(time.Now()) || s.Bucket != "" || s.Runner != "" {
			t.Errorf("after the round: %+v, %v", s, err)
		}
		_, c = begin(t, t.Context(), store)
		if at := c.At(); at.Bucket != "" || at.Key != nil || c.Begun().Equal(first) {
			t.Errorf("a new round begins at %+v, begun %v", at, c.Begun())
		}
		leave(t, c, false)
	})
}

func TestTwoAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := mem.NewMeta()
		run, c := begin(t, t.Context(), store)
		for range 10 { // it is alive for minutes
			time.Sleep(deadAfter)
			if _, _, err := Begin(t.Context(), store, "job", time.Now); !errors.Is(err, ErrTaken) {
				t.Fatalf("a second run: %v", err)
			}
		}
		if run.Err() != nil {
			t.Error("the first run was ended")
		}
		leave(t, c, false)
	})
}

// TestKilled has a run end without a word: another takes over where it was a few
// seconds before.
func TestKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := mem.NewMeta()
		killed, kill := context.WithCancel(t.Context())
		_, c := begin(t, killed, store)
		c.Move(Place{Bucket: "saved"})
		time.Sleep(saveEvery + time.Second)
		c.Move(Place{Bucket: "lost"})
		kill()
		synctest.Wait()
		time.Sleep(deadAfter - 2*time.Second)
		if _, _, err := Begin(t.Context(), store, "job", time.Now); !errors.Is(err, ErrTaken) {
			t.Errorf("before it counts as dead: %v", err)
		}
		time.Sleep(2 * time.Second)
		_, next := begin(t, t.Context(), store)
		if next.At().Bucket != "saved" {
			t.Errorf("goes on at %+v", next.At())
		}
		leave(t, next, false)
	})
}

// TestFrozen has a run stop for longer than it counts as alive, as a function
// between two calls: it must notice that another has the job.
func TestFrozen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		frozen := false
		shared := mem.NewMeta()
		store := &storewrap.Fault{Store: shared, Before: func(op storewrap.Op, _ meta.Partition, _ string) error {
			if frozen && op == storewrap.Put {
				time.Sleep(2 * deadAfter)
				frozen = false
			}
			return nil
		}}
		run, c := begin(t, t.Context(), store)
		frozen = true
		time.Sleep(saveEvery + deadAfter + time.Second)
		_, other := begin(t, t.Context(), shared)
		other.Move(Place{Bucket: "other"})
		<-run.Done()
		if !errors.Is(context.Cause(run), ErrTaken) {
			t.Errorf("ended by %v", context.Cause(run))
		}
		c.Move(Place{Bucket: "late"})
		leave(t, c, true)
		leave(t, other, false)
		if s, err := Read(t.Context(), shared, "job"); err != nil || s.Bucket != "other" || !s.Ended.IsZero() {
			t.Errorf("the late one changed the state: %+v, %v", s, err)
		}
	})
}

// TestLostAnswers has writes happen whose answer is lost: the run goes on.
func TestLostAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, n := mem.NewMeta(), 0
		store := &lossy{Store: shared, lose: func() bool { n++; return n%2 == 1 }}
		run, c := begin(t, t.Context(), store)
		c.Move(Place{Bucket: "b"})
		time.Sleep(10 * saveEvery)
		if run.Err() != nil {
			t.Error(context.Cause(run))
		}
		leave(t, c, false)
		if s, _ := Read(t.Context(), shared, "job"); s.Bucket != "b" || s.Runner != "" {
			t.Errorf("left %+v", s)
		}
	})
}

type lossy struct {
	meta.Store
	lose func() bool
}

func (l *lossy) Put(ctx context.Context, p meta.Partition, key string, r meta.Record, cond meta.Cond) (meta.Version, error) {
	v, err := l.Store.Put(ctx, p, key, r, cond)
	if err == nil && l.lose() {
		return "", meta.ErrOutcomeUnknown
	}
	return v, err
}

func TestUnreadable(t *testing.T) {
	store := mem.NewMeta()
	if _, err := store.Put(t.Context(), catalog.Jobs, key("job"), meta.Record{Value: []byte("{")}, meta.Always); err != nil {
		t.Fatal(err)
	}
	_, c := begin(t, t.Context(), store)
	leave(t, c, true)
}
