package redis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/mucura/mucura/adapters/redis/redistest"
	"github.com/mucura/mucura/core/meta"
)

// event is one call on a key and its answer. States of a key are versions.
type event struct {
	op, key string
	cond    meta.Cond
	version meta.Version // what a put wrote or a get or scan read; "" is no record
	holds   bool
	unknown bool
}

var registers = porcupine.NondeterministicModel{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[string][]porcupine.Operation{}
		for _, o := range history {
			byKey[o.Input.(event).key] = append(byKey[o.Input.(event).key], o)
		}
		var parts [][]porcupine.Operation
		for _, p := range byKey {
			parts = append(parts, p)
		}
		return parts
	},
	Init: func() []any { return []any{meta.Version("")} },
	Step: func(state, _, output any) []any {
		now, e := state.(meta.Version), output.(event)
		if e.op == "get" {
			if e.version == now {
				return []any{now}
			}
			return nil
		}
		holds := e.cond.Kind == meta.Any || e.cond.Kind == meta.Absent && now == "" || e.cond.Kind == meta.Match && now == e.cond.Version
		switch {
		case e.unknown && holds:
			return []any{now, e.version}
		case e.unknown || !holds && !e.holds:
			return []any{now}
		case holds && e.holds:
			return []any{e.version}
		}
		return nil
	},
	Equal: func(a, b any) bool { return a == b },
}

// TestLinearizable runs clients over two handles on one server, which is killed
// and started again meanwhile, and checks that some order of the calls explains
// every answer.
func TestLinearizable(t *testing.T) {
	r := server(t, redistest.Options{})
	handles := []*Store{open(t, r.URL()), open(t, r.URL())}
	var mu sync.Mutex
	var history []porcupine.Operation
	counts := map[string]int{}
	begin := time.Now()
	var wg sync.WaitGroup
	for id := range 8 {
		wg.Go(func() {
			c := &client{s: handles[id%2], rnd: rand.New(rand.NewPCG(uint64(id), 5)), seen: map[string]meta.Version{}}
			for range 300 {
				call := time.Since(begin).Nanoseconds()
				e, ok := c.step(t)
				ret := time.Since(begin).Nanoseconds()
				if !ok {
					time.Sleep(2 * time.Millisecond)
					continue
				}
				if e.unknown {
					ret = int64(1) << 62 // it may happen at any time after
				}
				mu.Lock()
				history = append(history, porcupine.Operation{ClientId: id, Input: e, Output: e, Call: call, Return: ret})
				counts[fmt.Sprint(e.op, " ", e.holds)]++
				mu.Unlock()
			}
		})
	}
	for range 2 {
		time.Sleep(100 * time.Millisecond)
		r.Kill()
		if err := r.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	if got := porcupine.CheckOperationsTimeout(registers.ToModel(), history, 2*time.Minute); got != porcupine.Ok {
		_, info := porcupine.CheckOperationsVerbose(registers.ToModel(), history, time.Minute)
		file := filepath.Join(t.ArtifactDir(), "history.html")
		_ = porcupine.VisualizePath(registers.ToModel(), info, file)
		t.Fatalf("no order explains the answers (%s); see %s", got, file)
	}
	for _, want := range []string{"put true", "put false", "delete true", "delete false", "get true"} {
		if counts[want] == 0 {
			t.Errorf("no %q in the history: it tested less than it should", want)
		}
	}
	t.Logf("%d calls: %v", len(history), counts)
}

type client struct {
	s    *Store
	rnd  *rand.Rand
	seen map[string]meta.Version
}

// step makes one call; false when the server was surely not asked.
func (c *client) step(t *testing.T) (event, bool) {
	ctx := context.Background()
	e := event{op: "put", key: fmt.Sprint("k", c.rnd.IntN(3)), cond: meta.Always, holds: true}
	switch c.rnd.IntN(3) {
	case 0:
		e.cond = meta.IfAbsent
	case 1:
		e.cond = meta.IfMatch(c.seen[e.key])
	}
	var err error
	switch c.rnd.IntN(5) {
	case 0, 1:
		e.op = "get"
		var r meta.Record
		if r, err = c.s.Get(ctx, "p", e.key, false); errors.Is(err, meta.ErrNotFound) {
			err = nil
		}
		e.version = r.Version
		c.seen[e.key] = r.Version
	case 2:
		e.op = "delete"
		err = c.s.Delete(ctx, "p", e.key, e.cond)
	default:
		e.version, err = c.s.put(ctx, e.key, e.cond)
	}
	switch {
	case errors.Is(err, meta.ErrConflict):
		e.holds = false
	case errors.Is(err, meta.ErrOutcomeUnknown):
		e.unknown = true
	case errors.Is(err, meta.ErrUnavailable):
		return e, false
	case err != nil:
		t.Error(err)
	}
	return e, true
}

// put is Put that tells the version also when the outcome is unknown.
func (s *Store) put(ctx context.Context, key string, cond meta.Cond) (meta.Version, error) {
	v := newVersion()
	return v, s.apply(ctx, "put", "p", []meta.Op{{Key: key, Cond: cond}}, v)
}
