package migrate

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/sweep"
)

// finish makes the target whole: usage is counted, and contents go that were
// copied for records that are no more.
func (m *Migration) finish(ctx context.Context) error {
	m.report("finish")
	caps := m.To.Meta.Capabilities()
	if err := sleep(ctx, caps.ScanSettles()); err != nil { // what was just written must show
		return err
	}
	s := &sweep.Sweeper{Repo: m.To.Repo, Now: m.Now, Log: slog.New(slog.DiscardHandler)}
	if err := m.dropUnnamed(ctx, s); err != nil {
		return err
	}
	return m.countUsage(ctx, s)
}

// countUsage writes what each account uses. The leases of the source's processes
// mean nothing here.
func (m *Migration) countUsage(ctx context.Context, s *sweep.Sweeper) error {
	used := map[string]*catalog.Usage{}
	for _, p := range []meta.Partition{catalog.Accounts} {
		err := scan(ctx, m.To.Registry, p, func(e meta.Entry) error {
			used[e.Key] = &catalog.Usage{Recounted: m.Now().UTC()}
			return nil
		})
		if err != nil {
			return err
		}
	}
	err := m.To.Repo.AllBuckets(ctx, func(b *catalog.Bucket) error {
		bytes, objects, err := s.CountBucket(ctx, b)
		if u := used[b.Owner]; u != nil {
			u.Bytes += bytes
			u.Objects += objects
		}
		return err
	})
	if err != nil {
		return err
	}
	for account, u := range used {
		value, err := json.Marshal(u)
		if err == nil {
			_, err = m.To.Registry.Put(ctx, catalog.Usages, account, meta.Record{Value: value}, meta.Always)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sliceSize is how many contents are compared with the records at a time.
const sliceSize = 200_000

// dropUnnamed deletes contents that were copied and that nothing names in the end.
func (m *Migration) dropUnnamed(ctx context.Context, s *sweep.Sweeper) error {
	slice := map[content.ID]bool{}
	flush := func() error {
		if err := s.Named(ctx, func(id content.ID) { delete(slice, id) }); err != nil {
			return err
		}
		var ops []meta.Op
		for id := range slice {
			if err := m.To.Content.Delete(ctx, id); err != nil {
				return err
			}
			ops = append(ops, meta.Op{Key: string(id), Delete: true})
		}
		clear(slice)
		m.run.mu.Lock()
		clear(m.run.copied) // a later pass copies what then has a record again
		m.run.mu.Unlock()
		return m.remember(ctx, contentsState, ops)
	}
	err := scan(ctx, m.State, contentsState, func(e meta.Entry) error {
		slice[content.ID(e.Key)] = true
		if len(slice) < cmp.Or(m.slice, sliceSize) {
			return nil
		}
		return flush()
	})
	if err != nil || len(slice) == 0 {
		return err
	}
	return flush()
}
