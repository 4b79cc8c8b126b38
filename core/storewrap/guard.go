package storewrap

import (
	"context"
	"time"
)

// Guard is what is done around each call to one store. Each part may be nil. It
// is shared by all decorators of that store and safe for concurrent use.
type Guard struct {
	Gate    *Gate    // refuses writes
	Breaker *Breaker // refuses calls while the store is down
	Limit   *Limit   // lets calls wait
	Stats   *Stats   // counts and times
}

// isWrite tells whether an operation changes anything.
func isWrite(op Op) bool {
	switch op {
	case Put, Delete, Batch, Create:
		return true
	}
	return false
}

// begin asks whether a call may be made. When it may, end must follow.
func (g *Guard) begin(ctx context.Context, op Op) (start time.Time, err error) {
	if g.Gate != nil && isWrite(op) {
		if err := g.Gate.Writable(ctx); err != nil {
			return start, err
		}
	}
	if g.Breaker != nil {
		if err := g.Breaker.allow(); err != nil {
			g.Stats.refused(op)
			return start, err
		}
	}
	if g.Stats != nil {
		start = time.Now()
	}
	if g.Limit != nil {
		if err := g.Limit.acquire(ctx); err != nil {
			g.Stats.refused(op)
			if g.Breaker != nil {
				g.Breaker.cancelled()
			}
			return start, err
		}
	}
	return start, nil
}

// end takes in how the call went.
func (g *Guard) end(op Op, start time.Time, err error) {
	g.leave(op, start, err)
	g.Limit.release()
}

// leave is end for a call that keeps its place of the limit for a while.
func (g *Guard) leave(op Op, start time.Time, err error) {
	if g.Breaker != nil {
		g.Breaker.record(err)
	}
	g.Stats.observe(op, start, err)
}
