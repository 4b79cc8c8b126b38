package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/redis/redistest"
	"github.com/mucura/mucura/core/meta"
)

func sentinels(t testing.TB, replicas int) *redistest.Group {
	t.Helper()
	redistest.Need(t)
	g, err := redistest.StartSentinel(t.Context(), redistest.Options{Dir: shortDir(t), Password: "secret"}, replicas)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Stop)
	return g
}

func clusterOf(t testing.TB, primaries, replicas int) *redistest.Group {
	t.Helper()
	redistest.Need(t)
	o := redistest.Options{Dir: shortDir(t)}
	if replicas == 0 {
		// Nobody could take over. A node that stands still for a while, such as at an
		// fsync, must not make the others refuse calls.
		o.Set = []string{"cluster-node-timeout 60000"}
	}
	g, err := redistest.StartCluster(t.Context(), o, primaries, replicas)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Stop)
	return g
}

// sentinelURL gives the servers' password in a file; the sentinels have none.
func sentinelURL(t testing.TB, g *redistest.Group) string {
	return with(g.URL(), "password-file="+secretFile(t, "secret"))
}

func TestConformanceCluster(t *testing.T) {
	g := clusterOf(t, 3, 0)
	conform(t, g.URL())
	for _, s := range g.Servers {
		if agree(t, s) == 0 {
			t.Error("a server of the cluster has no records")
		}
	}
}

func TestConformanceSentinel(t *testing.T) {
	conform(t, with(sentinelURL(t, sentinels(t, 1)), "wait=1"))
}

// TestFailover cuts the replica off, goes on writing, and kills the primary:
// the replica takes over without what it had not got. The store finds it by
// itself. Of what only the primary had, nothing was acknowledged with wait=1;
// without, it was, and is lost, which is what the grade "when healthy" is about.
func TestFailover(t *testing.T) {
	for _, wait := range []string{"wait=0", "wait=1"} {
		t.Run(wait, func(t *testing.T) {
			g := sentinels(t, 1)
			ctx := t.Context()
			s := open(t, with(sentinelURL(t, g), wait, "wait-timeout=100ms"))
			l := newLoad(12)
			stop := l.run(s)
			l.await(t, 300)
			old, replica := g.Servers[0], g.Servers[1]
			do := func(s *redistest.Server, args ...any) {
				t.Helper()
				if _, err := s.Do(ctx, args...); err != nil {
					t.Fatal(err)
				}
			}
			do(replica, "CONFIG", "SET", "masterauth", "wrong")
			do(old, "CLIENT", "KILL", "TYPE", "replica")
			if wait == "wait=0" {
				l.await(t, 100)
			} else {
				time.Sleep(500 * time.Millisecond)
			}
			old.Kill()
			do(replica, "CONFIG", "SET", "masterauth", "secret")
			awaitPrimary(t, g, old)
			if wait == "wait=1" { // somebody has to confirm
				if err := old.Restart(ctx); err != nil {
					t.Fatal(err)
				}
			}
			l.await(t, 300)
			stop()
			lost := l.lost(t, s)
			if wait == "wait=1" && lost > 0 {
				t.Errorf("%d keys lost an acknowledged write", lost)
			}
			if wait == "wait=0" && lost == 0 {
				t.Error("nothing was lost: the replica was not cut off")
			}
			agree(t, replica)
			t.Logf("%d acknowledged, %d unknown, %d refused; %d keys lost an acknowledged write", l.acks.Load(), l.unknown.Load(), l.refused.Load(), lost)
		})
	}
}

func awaitPrimary(t *testing.T, g *redistest.Group, not *redistest.Server) {
	t.Helper()
	for end := time.Now().Add(5 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if now, err := g.Primary(t.Context()); err == nil && now != not {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the sentinels chose no other primary")
		}
	}
}

// TestUnconfirmed stops the replica: a write is done but not confirmed, and
// reading it back must not pass for a confirmation.
func TestUnconfirmed(t *testing.T) {
	g := sentinels(t, 1)
	s := open(t, with(sentinelURL(t, g), "wait=1", "wait-timeout=500ms"))
	ctx := t.Context()
	for _, key := range []string{"before", "k"} {
		// The replica may need longer to confirm it.
		if _, err := s.Put(ctx, "p", key, meta.Record{Value: []byte("old")}, meta.Always); err != nil && !errors.Is(err, meta.ErrOutcomeUnknown) {
			t.Fatal(err)
		}
		if r := settled(t, s, "p", key); string(r.Value) != "old" {
			t.Fatalf("%s holds %q", key, r.Value)
		}
	}
	if err := g.Servers[1].Pause(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(ctx, "p", "k", meta.Record{Value: []byte("new")}, meta.Always); !errors.Is(err, meta.ErrOutcomeUnknown) {
		t.Errorf("put without a replica: %v, want ErrOutcomeUnknown", err)
	}
	if _, err := s.Put(ctx, "p", "k", meta.Record{}, meta.IfAbsent); !errors.Is(err, meta.ErrConflict) {
		t.Errorf("put that writes nothing: %v, want ErrConflict", err)
	}
	if _, err := s.Get(ctx, "p", "k", false); !errors.Is(err, meta.ErrUnavailable) {
		t.Errorf("reading it back: %v, want ErrUnavailable", err)
	}
	if _, err := s.Get(ctx, "p", "before", false); err != nil {
		t.Errorf("reading another key: %v", err)
	}
	if err := g.Servers[1].Resume(); err != nil {
		t.Fatal(err)
	}
	if r := settled(t, s, "p", "k"); string(r.Value) != "new" {
		t.Fatalf("with the replica back: %q", r.Value)
	}
}

// TestClusterFailover kills a primary of a cluster in mid-load; its replica takes
// over, and the store follows.
func TestClusterFailover(t *testing.T) {
	g := clusterOf(t, 3, 1)
	s := open(t, with(g.URL(), "wait=0"))
	l := newLoad(16)
	stop := l.run(s)
	l.await(t, 500)
	g.Servers[0].Kill()
	l.await(t, 500)
	if err := g.Servers[0].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.WaitCluster(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.await(t, 500)
	stop()
	lost := l.lost(t, s)
	t.Logf("%d acknowledged, %d unknown, %d refused; %d keys lost an acknowledged write", l.acks.Load(), l.unknown.Load(), l.refused.Load(), lost)
	for _, r := range g.Servers {
		agree(t, r)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestMovingSlots moves the slots of partitions from server to server while
// writers write to them: redirections are followed, and nothing is lost.
func TestMovingSlots(t *testing.T) {
	g := clusterOf(t, 2, 0)
	s := open(t, g.URL())
	l := newLoad(8)
	stop := l.run(s)
	for range 4 {
		for _, w := range l.writers {
			l.await(t, 20)
			records, index := s.a.keysOf(w.part())
			moveSlot(t, g, records, index)
		}
	}
	stop()
	if n := l.lost(t, s); n > 0 {
		t.Errorf("%d acknowledged writes are lost", n)
	}
	if l.refused.Load()+l.unknown.Load() > 0 {
		t.Errorf("%d writes refused, %d unknown: redirections were not followed", l.refused.Load(), l.unknown.Load())
	}
	for _, r := range g.Servers {
		agree(t, r)
	}
	t.Logf("%d acknowledged", l.acks.Load())
}

// moveSlot moves the slot of two keys to the server that has it not, key by key.
func moveSlot(t *testing.T, g *redistest.Group, keys ...string) {
	t.Helper()
	ctx := context.Background()
	do := func(s *redistest.Server, args ...any) string {
		t.Helper()
		v, err := s.Do(ctx, args...)
		if err != nil {
			t.Fatalf("%v: %v", args[:2], err)
		}
		return fmt.Sprint(v)
	}
	slot := do(g.Servers[0], "CLUSTER", "KEYSLOT", keys[0])
	from, to := g.Servers[0], g.Servers[1]
	if _, err := from.Do(ctx, "HLEN", keys[0]); err != nil && strings.HasPrefix(err.Error(), "MOVED") {
		from, to = to, from
	}
	fromID, toID := do(from, "CLUSTER", "MYID"), do(to, "CLUSTER", "MYID")
	do(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", fromID)
	do(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", toID)
	host, port, _ := strings.Cut(to.Addr, ":")
	for _, k := range keys {
		do(from, "MIGRATE", host, port, k, 0, 5000)
		time.Sleep(10 * time.Millisecond) // with one of two keys here and one there
	}
	// A key that a writer has made anew meanwhile.
	for _, k := range keys {
		do(from, "MIGRATE", host, port, k, 0, 5000)
	}
	do(to, "CLUSTER", "SETSLOT", slot, "NODE", toID)
	do(from, "CLUSTER", "SETSLOT", slot, "NODE", toID)
}

// TestCountAcrossFailover counts up by compare-and-set through two handles while
// the primary dies; with confirmation no number is given twice.
func TestCountAcrossFailover(t *testing.T) {
	g := sentinels(t, 2)
	url := with(sentinelURL(t, g), "wait=1")
	handles := []*Store{open(t, url), open(t, url)}
	var mu sync.Mutex
	took := map[string]int{} // by whom a number was taken
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for i := range 6 {
		s := handles[i%2]
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r, err := s.Get(context.Background(), "p", "counter", false)
				if err != nil && !errors.Is(err, meta.ErrNotFound) {
					time.Sleep(5 * time.Millisecond)
					continue
				}
				n := 0
				if err == nil {
					_, _ = fmt.Sscan(string(r.Value), &n)
				}
				next := fmt.Sprint(n + 1)
				if _, err := s.Put(context.Background(), "p", "counter", meta.Record{Value: []byte(next)}, meta.IfMatch(r.Version)); err == nil {
					mu.Lock()
					took[next]++
					mu.Unlock()
				}
			}
		})
	}
	taken := func() int { mu.Lock(); defer mu.Unlock(); return len(took) }
	await := func(n int) {
		for end := time.Now().Add(5 * time.Minute); taken() < n; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Error("no progress")
				return
			}
		}
	}
	await(200)
	old, err := g.Primary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	old.Kill()
	await(taken() + 200)
	close(stop)
	wg.Wait()
	for n, times := range took {
		if times > 1 {
			t.Errorf("number %s was acknowledged to %d callers", n, times)
		}
	}
	t.Logf("%d numbers taken", len(took))
}
