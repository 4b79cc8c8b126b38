package md5lanes

import (
	"slices"
	"sync"
	"time"
)

// stream is what a gathering knows of a digest.
type stream struct {
	state     [4]uint32
	rest      []byte          // whole blocks that are still to be digested
	done      chan struct{}   // lanes have digested what they will; rest may be left
	marshaled [marshaled]byte // see export

	// Under the gathering's lock.
	waiting bool
	under   bool      // under way
	seen    time.Time // when it was last heard of
}

// gathering is where pieces wait for others.
type gathering struct {
	machine  machine                           // computes them; nil: there is none
	patience func(now time.Time) time.Duration // see patience.go; under the lock

	mu      sync.Mutex
	waiting []*stream     // the goroutine of the first one computes all
	enough  chan struct{} // tells it that there is nobody to wait for
	under   []*stream     // streams under way, and some that were
}

// common is the gathering of this process.
var common = newGathering(find())

func newGathering(m machine) *gathering {
	if !understood() {
		m = nil
	}
	return &gathering{machine: m, patience: new(load).patience, enough: make(chan struct{}, 1)}
}

// pass digests whole blocks of s.rest beside those of other streams, as far as
// there are others.
func (g *gathering) pass(s *stream) {
	g.mu.Lock()
	s.waiting = true
	g.enlist(s)
	g.waiting = append(g.waiting, s)
	now := time.Now()
	first, all := len(g.waiting) == 1, g.complete(now)
	limit := g.patience(now)
	if all && !first {
		g.wake()
	}
	g.mu.Unlock()
	if !first {
		<-s.done
		return
	}
	if !all {
		t := time.NewTimer(limit)
		select {
		case <-g.enough:
		case <-t.C:
		}
		t.Stop()
	}
	batch := g.take()
	g.compute(batch)
	<-s.done
}

// take takes all that wait.
func (g *gathering) take() []*stream {
	g.mu.Lock()
	defer g.mu.Unlock()
	batch := g.waiting
	g.waiting = nil
	for _, s := range batch {
		s.waiting = false
	}
	select {
	case <-g.enough: // there was, or time was up in the same moment
	default:
	}
	return batch
}

// wake tells the first one that waits that there is nobody to wait for.
func (g *gathering) wake() {
	select {
	case g.enough <- struct{}{}:
	default:
	}
}

// complete tells whether all lanes are taken, or all streams under way wait.
func (g *gathering) complete(now time.Time) bool {
	if len(g.waiting) >= lanes {
		return true
	}
	limit := g.patience(now)
	g.under = slices.DeleteFunc(g.under, func(s *stream) bool {
		s.under = s.waiting || now.Sub(s.seen) < limit
		return !s.under
	})
	return len(g.under) == len(g.waiting)
}

// touch notes that a stream is under way.
func (g *gathering) touch(s *stream) {
	now := time.Now()
	g.mu.Lock()
	s.seen = now
	g.enlist(s)
	g.mu.Unlock()
}

// enlist makes a stream one that is under way.
func (g *gathering) enlist(s *stream) {
	if !s.under {
		s.under = true
		g.under = append(g.under, s)
	}
}

// leave notes that a stream has ended.
func (g *gathering) leave(s *stream) {
	g.mu.Lock()
	s.seen = time.Time{}
	if len(g.waiting) > 0 && g.complete(time.Now()) {
		g.wake()
	}
	g.mu.Unlock()
}

// compute digests the blocks of a batch, side by side as long as there are enough,
// and lets go each stream whose turn is over.
func (g *gathering) compute(batch []*stream) {
	for len(batch) >= fewest {
		g.machine.side(batch[:min(len(batch), lanes)])
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
