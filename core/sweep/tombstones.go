package sweep

import (
	"context"

	"github.com/mucura/mucura/core/meta"
)

// tombstones removes what deleted records left behind in stores that have to
// remember them for a while.
func (s *Sweeper) tombstones(ctx context.Context, rep *Report) error {
	stores := []meta.Store{s.Repo.Meta}
	if s.Repo.Registry != s.Repo.Meta {
		stores = append(stores, s.Repo.Registry)
	}
	for _, store := range stores {
		j, ok := meta.As[meta.Janitor](store)
		if !ok {
			continue
		}
		n, err := j.Clean(ctx, s.Now().Add(-s.Repo.Leeway))
		rep.Tombstones += n
		if err != nil {
			return err
		}
	}
	return nil
}
