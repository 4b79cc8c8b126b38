package md5lanes

import (
	"slices"
	"sync"
	"time"
)

// stream is what a group knows of a digest.
type stream struct {
	state     [4]uint32
	rest      []byte          // whole blocks that are still to be digested
	done      chan struct{}   // lanes have digested what they will; rest may be left
	marshaled [marshaled]byte // see export

	// Under the group's lock.
	waiting bool
	under   bool      // under way
	seen    time.Time // when it was last heard of
}

// Group is streams that wait for each other: those of one repository. The zero
// value is one without streams. It must not be copied.
type Group struct {
	machine  machine                           // nil: the processor's own
	patience func(now time.Time) time.Duration // nil: as the load is; under the lock

	mu      sync.Mutex
	load    load
	waiting []*stream     // the goroutine of the first one computes all
	enough  chan struct{} // tells that one that there is nobody to wait for
	under   []*stream     // streams under way, and some that were
}

// native is this processor's machine, nil when there is none, or when the state of
// crypto/md5 is not understood.
var native = func() machine {
	if !understood() {
		return nil
	}
	return find()
}()

func (g *Group) digester() machine {
	if g.machine != nil {
		return g.machine
	}
	return native
}

// limit is how long to wait now.
func (g *Group) limit(now time.Time) time.Duration {
	if g.patience != nil {
		return g.patience(now)
	}
	return g.load.patience(now)
}

// pass digests whole blocks of s.rest beside those of other streams, as far as
// there are others.
func (g *Group) pass(s *stream) {
	g.mu.Lock()
	now := time.Now()
	s.waiting = true
	g.enlist(s, now)
	g.waiting = append(g.waiting, s)
	first, all := len(g.waiting) == 1, g.complete(now)
	limit := g.limit(now)
	if first {
		g.enough = make(chan struct{}, 1)
	} else if all {
		g.wake()
	}
	enough := g.enough
	g.mu.Unlock()
	if !first {
		<-s.done
		return
	}
	if !all {
		t := time.NewTimer(limit)
		select {
		case <-enough:
		case <-t.C:
		}
		t.Stop()
	}
	batch := g.take()
	g.compute(batch)
	<-s.done
}

// take takes all that wait.
func (g *Group) take() []*stream {
	g.mu.Lock()
	defer g.mu.Unlock()
	batch := g.waiting
	g.waiting = nil
	for _, s := range batch {
		s.waiting = false
	}
	return batch
}

// wake tells the first one that waits that there is nobody to wait for.
func (g *Group) wake() {
	select {
	case g.enough <- struct{}{}:
	default:
	}
}

// complete tells whether all lanes are taken, or all streams under way wait.
func (g *Group) complete(now time.Time) bool {
	if len(g.waiting) >= lanes {
		return true
	}
	g.forget(now)
	return len(g.under) == len(g.waiting)
}

// forget drops those that are not under way any more.
func (g *Group) forget(now time.Time) {
	limit := g.limit(now)
	g.under = slices.DeleteFunc(g.under, func(s *stream) bool {
		s.under = s.waiting || now.Sub(s.seen) < limit
		return !s.under
	})
}

// touch notes that a stream is under way.
func (g *Group) touch(s *stream) {
	now := time.Now()
	g.mu.Lock()
	s.seen = now
	g.enlist(s, now)
	g.mu.Unlock()
}

// enlist makes a stream one that is under way. Before the list grows it is looked
// through: some never have a piece large enough for complete to do so.
func (g *Group) enlist(s *stream, now time.Time) {
	if !s.under {
		if len(g.under) == cap(g.under) {
			g.forget(now)
		}
		s.under = true
		g.under = append(g.under, s)
	}
}

// leave notes that a stream has ended.
func (g *Group) leave(s *stream) {
	g.mu.Lock()
	s.seen = time.Time{}
	if len(g.waiting) > 0 && g.complete(time.Now()) {
		g.wake()
	}
	g.mu.Unlock()
}

// compute digests the blocks of a batch, side by side as long as there are enough,
// and lets go each stream whose turn is over.
func (g *Group) compute(batch []*stream) {
	for len(batch) >= fewest {
		g.digester().side(batch[:min(len(batch), lanes)])
		batch = slices.DeleteFunc(batch, func(s *stream) bool {
			if len(s.rest) > 0 {
				return false
			}
			s.done <- struct{}{}
			return true
		})
	}
	for _, s := range batch { // each in its own goroutine
		s.done <- struct{}{}
	}
}
