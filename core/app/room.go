package app

import (
	"context"
	"fmt"

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
		if err := a.leaves(ctx, "content", a.Stores.Content, bytes); err != nil {
			return err
		}
		bytes = 0
	}
	return a.leaves(ctx, "metadata", a.Stores.Meta, bytes)
}

func (a *App) leaves(ctx context.Context, name string, store any, bytes int64) error {
	s, ok := store.(content.Space)
	if c, is := store.(content.Store); !ok && is {
		s, ok = content.As[content.Space](c)
	}
	if !ok {
		return nil
	}
	free, _, err := s.Space(ctx)
	if err == nil && free-bytes < int64(a.Config.MinFree) {
		return fmt.Errorf("%s store: %d bytes are free, and %d are to stay free: %w", name, free, int64(a.Config.MinFree), content.ErrFull)
	}
	return nil
}
