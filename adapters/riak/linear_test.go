package riak

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/mucura/mucura/adapters/riak/riaktest"
	"github.com/mucura/mucura/core/meta"
)

// call is one operation of a history on one key; every value is written once.
type call struct {
	op    string // get, put, create, replace, delete
	key   string
	value string // written
	cond  string // what replace requires
}

// result is what the caller was told.
type result struct {
	value   string // get: "" for none
	refused bool   // ErrConflict
	nothing bool   // failed, and nothing was written
	unknown bool   // ErrOutcomeUnknown
}

// register is one record; its state is the value, "" when there is none. An
// operation of unknown outcome may take effect at any later time, or never.
var register = porcupine.NondeterministicModel{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[string][]porcupine.Operation{}
		for _, o := range history {
			byKey[o.Input.(call).key] = append(byKey[o.Input.(call).key], o)
		}
		var parts [][]porcupine.Operation
		for _, p := range byKey {
			parts = append(parts, p)
		}
		return parts
	},
	Init: func() []any { return []any{""} },
	Step: func(state, input, output any) []any {
		now, in, out := state.(string), input.(call), output.(result)
		if out.nothing {
			return []any{now}
		}
		holds := in.op != "create" && in.op != "replace" || in.op == "create" && now == "" || in.op == "replace" && now == in.cond
		switch {
		case in.op == "get" && out.value == now:
			return []any{now}
		case in.op == "get":
			return nil
		case out.unknown && holds:
			return []any{now, in.value}
		case out.unknown || out.refused && !holds:
			return []any{now}
		case holds && !out.refused:
			return []any{in.value}
		}
		return nil
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
}

// history runs clients over the stores and returns what they saw.
func history(t *testing.T, stores []*Meta, clients, ops int) []porcupine.Operation {
	var mu sync.Mutex
	var all []porcupine.Operation
	begin := time.Now()
	var wg sync.WaitGroup
	for id := range clients {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(id), 7))
			seen := map[string]meta.Record{}
			for n := range ops {
				in := call{key: fmt.Sprint("key", rnd.IntN(3)), value: fmt.Sprint(id, " ", n)}
				in.op = []string{"get", "get", "put", "create", "replace", "replace", "delete"}[rnd.IntN(7)]
				last, ok := seen[in.key]
				if in.op == "replace" && !ok {
					in.op = "get"
				}
				in.cond = string(last.Value)
				at := time.Since(begin).Nanoseconds()
				r, err := ask(stores[id%len(stores)], &in, last.Version)
				back := time.Since(begin).Nanoseconds()
				out := result{value: string(r.Value)}
				switch {
				case in.op == "get" && err == nil:
					seen[in.key] = r
				case err == nil, errors.Is(err, meta.ErrNotFound):
				case errors.Is(err, meta.ErrConflict):
					out.refused = true
				case errors.Is(err, meta.ErrOutcomeUnknown):
					out.unknown, back = true, math.MaxInt64
				case errors.Is(err, meta.ErrUnavailable):
					out.nothing = true
				default:
					t.Errorf("%+v: %v", in, err)
				}
				mu.Lock()
				all = append(all, porcupine.Operation{ClientId: id, Input: in, Output: out, Call: at, Return: back})
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return all
}

func ask(s *Meta, in *call, version meta.Version) (meta.Record, error) {
	ctx := context.Background()
	const p = "linear"
	r := meta.Record{Value: []byte(in.value)}
	var err error
	switch in.op {
	case "get":
		return s.Get(ctx, p, in.key, false)
	case "put":
		_, err = s.Put(ctx, p, in.key, r, meta.Always)
	case "create":
		_, err = s.Put(ctx, p, in.key, r, meta.IfAbsent)
	case "replace":
		_, err = s.Put(ctx, p, in.key, r, meta.IfMatch(version))
	case "delete":
		in.value = ""
		err = s.Delete(ctx, p, in.key, meta.Always)
	}
	return meta.Record{}, err
}

// explain checks that some order of the calls explains what was told.
func explain(t *testing.T, all []porcupine.Operation) {
	t.Helper()
	model := register.ToModel()
	verdict, info := porcupine.CheckOperationsVerbose(model, all, 2*time.Minute)
	counts := map[string]int{}
	for _, o := range all {
		name := o.Input.(call).op
		switch out := o.Output.(result); {
		case out.refused:
			name += " refused"
		case out.unknown:
			name += " unknown"
		case out.nothing:
			name += " failed"
		}
		counts[name]++
	}
	t.Logf("%v", counts)
	if verdict != porcupine.Ok {
		file := filepath.Join(t.ArtifactDir(), "history.html")
		_ = porcupine.VisualizePath(model, info, file)
		t.Fatalf("no order explains the answers (%s); see %s", verdict, file)
	}
	for _, want := range []string{"get", "put", "create", "create refused", "replace", "replace refused", "delete"} {
		if counts[want] == 0 {
			t.Errorf("no %q in the history: it tested less than it should", want)
		}
	}
}

// TestLinearizable has clients of two processes work on three records of a
// healthy cluster of three nodes.
func TestLinearizable(t *testing.T) {
	c := stand(t, riaktest.Config{Nodes: 3, Mode: riaktest.PreferToken})
	o := on(c)
	explain(t, history(t, []*Meta{openMeta(t, o), openMeta(t, o)}, 8, 120))
}

// TestLinearizableFaults cuts connections, before and after writes are done,
// and stops nodes meanwhile.
func TestLinearizableFaults(t *testing.T) {
	c := stand(t, riaktest.Config{Nodes: 3, Mode: riaktest.PreferToken})
	o := on(c)
	stores := []*Meta{openMeta(t, o), openMeta(t, o)}
	var n atomic.Int64
	c.SetFault(func(_ int, r *http.Request) riaktest.Fault {
		switch i := n.Add(1); {
		case i%31 == 0:
			return riaktest.Fault{Cut: riaktest.CutAfter}
		case i%37 == 0:
			return riaktest.Fault{Cut: riaktest.CutBefore}
		case i%41 == 0 && r.Method != http.MethodPut:
			return riaktest.Fault{Status: 500}
		}
		return riaktest.Fault{}
	})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(30 * time.Millisecond):
			}
			node := c.Node(i / 2 % 3)
			if i%2 == 0 {
				node.Stop()
			} else if err := node.Start(); err != nil {
				t.Error(err)
			}
		}
	})
	all := history(t, stores, 6, 80)
	close(stop)
	wg.Wait()
	unknown := 0
	for _, o := range all {
		if o.Output.(result).unknown {
			unknown++
		}
	}
	if unknown == 0 {
		t.Error("no outcome was unknown: nothing was tested")
	}
	explain(t, all)
}

// TestNotLinearizable shows that the check can fail: where several racers win,
// a store that is told its conditions hold is caught. Whether racers meet is chance.
func TestNotLinearizable(t *testing.T) {
	c := stand(t, riaktest.Config{Nodes: 3, Mode: riaktest.APIOnly, RaceWindow: 5 * time.Millisecond})
	for range 30 {
		o := on(c)
		o.CAS = "when-healthy"
		all := history(t, []*Meta{openMeta(t, o), openMeta(t, o)}, 8, 60)
		if !porcupine.CheckOperations(register.ToModel(), all) {
			return
		}
	}
	t.Error("histories of conditions that are not kept are explained")
}

func TestLinearizableReal(t *testing.T) {
	o := realNode(t)
	explain(t, history(t, []*Meta{openMeta(t, o), openMeta(t, o)}, 8, 100))
}
