package storewrap

import (
	"context"
	"fmt"
	"time"

	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// Limit lets at most so many calls be made at once; others wait, but not for long.
type Limit struct {
	slots chan struct{}
	wait  time.Duration
}

// NewLimit makes a limit of n calls at once, n at least 1. A call that has waited
// for the given time is refused with ErrUnavailable of both ports.
func NewLimit(n int, wait time.Duration) *Limit {
	return &Limit{make(chan struct{}, n), wait}
}

func (l *Limit) acquire(ctx context.Context) error {
	select {
	case l.slots <- struct{}{}:
		return nil
	default:
	}
	t := time.NewTimer(l.wait)
	defer t.Stop()
	select {
	case l.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return fmt.Errorf("%d calls at once, and none ended in %v: %w, %w", cap(l.slots), l.wait, meta.ErrUnavailable, content.ErrUnavailable)
	}
}

func (l *Limit) release() {
	if l != nil {
		<-l.slots
	}
}
