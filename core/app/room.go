package app

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/mucura/mucura/core/content"
)

// room is repo.Repo.Room: it keeps Config.MinFree bytes free in each store that
// knows how much room it has. Without a reserve a full disk could not even
// take the few bytes that a deletion writes.
func (a *App) room(ctx context.Context, bytes int64, inline bool) error {
	if err := a.gate.Writable(ctx); err != nil { // before the body is read
		return err
	}
	if !inline {
		if err := a.contentRoom.leaves(ctx, a, "content", a.Stores.Content, bytes); err != nil {
			return err
		}
		bytes = 0
	}
	return a.metaRoom.leaves(ctx, a, "metadata", a.Stores.Meta, bytes)
}

// spare is room that a store was seen to have beyond what is to stay free. Where
// that is plenty the store is not asked again for a moment: it would be asked
// for every write.
type spare struct {
	mu    sync.Mutex
	of    any       // the store
	until time.Time // when it is asked again
	left  int64     // bytes that may be written until then
}

// plenty is room that nobody else uses up within plentyFor, bytes.
const (
	plenty    = 2 << 30
	plentyFor = 100 * time.Millisecond
)

// take tells whether bytes can be written without asking store.
func (s *spare) take(store any, bytes int64) bool {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of != store || s.left < bytes || !now.Before(s.until) {
		return false
	}
	s.left -= bytes
	return true
}

// seen notes that store has so many bytes more than are to stay free.
func (s *spare) seen(store any, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of, s.left, s.until = nil, 0, time.Time{}
	if bytes > plenty {
		s.of, s.left, s.until = store, bytes/2, time.Now().Add(plentyFor)
	}
}

// leaves refuses bytes that would not leave enough room in store.
func (s *spare) leaves(ctx context.Context, a *App, name string, store any, bytes int64) error {
	if s.take(store, bytes) {
		return nil
	}
	sized, ok := store.(content.Space)
	if c, is := store.(content.Store); !ok && is {
		sized, ok = content.As[content.Space](c)
	}
	if !ok {
		return nil
	}
	free, _, err := sized.Space(ctx)
	if err != nil {
		return nil
	}
	s.seen(store, free-bytes-int64(a.Config.MinFree))
	if free-bytes < int64(a.Config.MinFree) {
		return fmt.Errorf("%s store: %d bytes are free, and %d are to stay free: %w", name, free, int64(a.Config.MinFree), content.ErrFull)
	}
	return nil
}
