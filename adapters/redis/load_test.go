package redis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mucura/mucura/core/meta"
)

// load is writers that know what each of their keys may hold.
type load struct {
	acks    atomic.Int64
	unknown atomic.Int64
	refused atomic.Int64
	writers []*loadWriter
}

// loadWriter owns its keys. possible is what a key may hold: the last
// acknowledged value, and those of attempts since of which nobody knows; "" is
// no record.
type loadWriter struct {
	l        *load
	id, n    int
	rnd      *rand.Rand
	possible map[string][]string
	broken   error
}

func newLoad(writers int) *load {
	l := &load{}
	for i := range writers {
		l.writers = append(l.writers, &loadWriter{l: l, id: i, rnd: rand.New(rand.NewPCG(uint64(i), 9)), possible: map[string][]string{}})
	}
	return l
}

// part spreads the writers over partitions, and so over the servers of a cluster.
func (w *loadWriter) part() meta.Partition { return meta.Partition(fmt.Sprint("load/", w.id)) }

// run writes from all writers until stop, which waits for them.
func (l *load) run(s meta.Store) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, w := range l.writers {
		wg.Go(func() {
			for ctx.Err() == nil && w.broken == nil {
				w.step(s)
			}
		})
	}
	return func() { cancel(); wg.Wait() }
}

func (w *loadWriter) step(s meta.Store) {
	w.n++
	ctx := context.Background()
	key := fmt.Sprintf("k%d", w.rnd.IntN(30))
	value := fmt.Sprint(w.id, " ", w.n)
	r := meta.Record{Value: []byte(value), Summary: []byte("s" + value)}
	if w.rnd.IntN(2) == 0 {
		r.Body = make([]byte, w.rnd.IntN(3000))
	}
	if w.possible[key] == nil {
		w.possible[key] = []string{""}
	}
	var err error
	switch w.rnd.IntN(4) {
	case 0:
		value = ""
		err = s.Delete(ctx, w.part(), key, meta.Always)
	case 1:
		// Moves the record from one key to another, as versioned buckets do.
		other := key + "x"
		if w.possible[other] == nil {
			w.possible[other] = []string{""}
		}
		err = s.Batch(ctx, w.part(), []meta.Op{{Key: key, Delete: true}, {Key: other, Record: r}})
		w.settle(other, value, err)
		value = ""
	default:
		_, err = s.Put(ctx, w.part(), key, r, meta.Always)
	}
	w.settle(key, value, err)
	switch {
	case err == nil:
		w.l.acks.Add(1)
	case errors.Is(err, meta.ErrOutcomeUnknown):
		w.l.unknown.Add(1)
	case errors.Is(err, meta.ErrUnavailable):
		w.l.refused.Add(1)
		time.Sleep(5 * time.Millisecond)
	default:
		w.broken = err
	}
}

// settle notes what a write did.
func (w *loadWriter) settle(key, value string, err error) {
	switch {
	case err == nil:
		w.possible[key] = []string{value}
	case errors.Is(err, meta.ErrOutcomeUnknown):
		w.possible[key] = append(w.possible[key], value)
	}
}

// await waits until so many more writes are acknowledged.
func (l *load) await(t *testing.T, more int64) {
	t.Helper()
	want := l.acks.Load() + more
	for end := time.Now().Add(5 * time.Minute); l.acks.Load() < want; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("only %d of %d writes were acknowledged (%d refused, %d unknown)", l.acks.Load(), want, l.refused.Load(), l.unknown.Load())
		}
	}
}

// settled reads a record when the servers are well again: a replica may need longer
// than wait-timeout to confirm what was written last, and a cluster may look for its
// nodes. A record that is not there is the zero one.
func settled(t *testing.T, s meta.Store, p meta.Partition, key string) meta.Record {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		r, err := s.Get(context.Background(), p, key, true)
		if err == nil || errors.Is(err, meta.ErrNotFound) {
			return r
		}
		if !errors.Is(err, meta.ErrUnavailable) || time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// lost counts the keys that hold what they cannot, and settles the others.
func (l *load) lost(t *testing.T, s meta.Store) (lost int) {
	t.Helper()
	for _, w := range l.writers {
		if w.broken != nil {
			t.Errorf("writer %d: %v", w.id, w.broken)
		}
		for key, possible := range w.possible {
			r := settled(t, s, w.part(), key)
			found := false
			for _, p := range possible {
				found = found || p == string(r.Value)
			}
			if !found {
				lost++
				if lost <= 3 {
					t.Logf("%s %s holds %q, must be one of %q", w.part(), key, r.Value, possible)
				}
			}
			w.possible[key] = []string{string(r.Value)}
		}
	}
	return lost
}
