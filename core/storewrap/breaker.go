package storewrap

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// ErrOpen is the answer of a breaker instead of a call to a store that is down.
// It wraps ErrUnavailable of both ports.
var ErrOpen = fmt.Errorf("the store has been failing and is left alone for a moment: %w, %w", meta.ErrUnavailable, content.ErrUnavailable)

// Breaker spares a store that is down, and those who wait for it: after Failures
// calls in a row that found it unavailable none is made for Pause; then one is,
// and if it fails too none for twice as long, up to MaxPause. What a store says
// about records and contents (ErrNotFound, ErrConflict, ErrFull) is not failing,
// nor is a caller who goes away.
type Breaker struct {
	Failures int           // 0 means 10
	Pause    time.Duration // 0 means 500 ms
	MaxPause time.Duration // 0 means 15 s
	// Changed is told when it opens and when it closes. It must not block. May be nil.
	Changed func(open bool)

	failed atomic.Int64 // calls in a row
	open   atomic.Bool

	mu      sync.Mutex
	pause   time.Duration
	until   time.Time
	probing bool
}

// IsOpen tells whether calls are refused.
func (b *Breaker) IsOpen() bool { return b.open.Load() }

// allow tells whether a call may be made. Only the mutex of an open breaker is
// ever waited for.
func (b *Breaker) allow() error {
	if !b.open.Load() {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.open.Load() {
		return nil
	}
	if b.probing || time.Now().Before(b.until) {
		return ErrOpen
	}
	b.probing = true
	return nil
}

// record takes in the outcome of a call.
func (b *Breaker) record(err error) {
	if !unavailable(err) {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			b.cancelled()
			return
		}
		if b.failed.Load() != 0 {
			b.failed.Store(0)
		}
		if b.open.Load() {
			b.close()
		}
		return
	}
	if b.failed.Add(1) >= int64(orDefault(b.Failures, 10)) {
		b.trip()
	}
}

// cancelled ends a call that found nothing out.
func (b *Breaker) cancelled() {
	if b.open.Load() {
		b.mu.Lock()
		b.probing = false
		b.mu.Unlock()
	}
}

func (b *Breaker) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pause, b.probing = 0, false
	if b.open.Swap(false) && b.Changed != nil {
		b.Changed(false)
	}
}

func (b *Breaker) trip() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open.Load() && !b.probing {
		return // a call that was under way when it opened
	}
	b.probing = false
	b.pause = min(max(2*b.pause, orDefault(b.Pause, 500*time.Millisecond)), orDefault(b.MaxPause, 15*time.Second))
	b.until = time.Now().Add(b.pause)
	if !b.open.Swap(true) && b.Changed != nil {
		b.Changed(true)
	}
}

// unavailable tells whether err says that the store is down.
func unavailable(err error) bool {
	return err != nil && !errors.Is(err, meta.ErrReadOnly) &&
		(errors.Is(err, meta.ErrUnavailable) || errors.Is(err, content.ErrUnavailable) || errors.Is(err, meta.ErrOutcomeUnknown))
}

func orDefault[T int | time.Duration](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}
