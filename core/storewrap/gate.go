package storewrap

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// Gate refuses writes while the repository is in maintenance. It looks anew when
// it last looked longer than Every ago, so a write that begins later than that
// after maintenance was turned on is refused in every process.
type Gate struct {
	// Read tells whether maintenance is on.
	Read  func(ctx context.Context) (bool, error)
	Every time.Duration

	mu    sync.Mutex
	state atomic.Pointer[gateState]
}

type gateState struct {
	at time.Time // when the look began
	on bool
}

// errReadOnly is unavailability of both ports, and says why.
var errReadOnly = fmt.Errorf("%w (%w, %w)", meta.ErrReadOnly, meta.ErrUnavailable, content.ErrUnavailable)

// Writable is nil, or an error that wraps meta.ErrReadOnly in maintenance; when it
// cannot be found out, the error of Read.
func (g *Gate) Writable(ctx context.Context) error {
	s := g.state.Load()
	if s == nil || time.Since(s.at) >= g.Every {
		var err error
		if s, err = g.look(ctx); err != nil {
			return err
		}
	}
	if s.on {
		return errReadOnly
	}
	return nil
}

// look asks once for all who wait.
func (g *Gate) look(ctx context.Context) (*gateState, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.state.Load(); s != nil && time.Since(s.at) < g.Every {
		return s, nil
	}
	s := &gateState{at: time.Now()}
	var err error
	if s.on, err = g.Read(ctx); err != nil {
		return nil, fmt.Errorf("maintenance: %w", err)
	}
	g.state.Store(s)
	return s, nil
}
