package sweep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/repo"
)

// releases frees every content whose release is older than the leeway and to
// which nothing refers any more.
func (s *Sweeper) releases(ctx context.Context, rep *Report) error {
	return s.partitions(ctx, func(bucketID string) error { return s.releasesOf(ctx, bucketID, rep) })
}

// dueRelease is a release that is due.
type dueRelease struct {
	key string // of its record
	rel *catalog.Release
	saw *look // what the first look saw when it found no holder
}

// releasesOf goes on after a release it cannot settle: a damaged record must
// not keep the rest of the space.
func (s *Sweeper) releasesOf(ctx context.Context, bucketID string, rep *Report) error {
	due := catalog.ReleaseKey(uint64(s.Now().Add(-s.Repo.Leeway).UnixNano()), "")
	var bad problems
	var some []*dueRelease
	flush := func() error {
		err := s.settleSome(ctx, bucketID, some, rep, &bad)
		some = nil
		return err
	}
	err := s.scan(ctx, s.Repo.Meta, catalog.InBucket(bucketID), catalog.SpaceRelease, due, true, func(e meta.Entry) error {
		rel, err := catalog.DecodeRelease(e.Record.Value)
		if err != nil {
			return bad.add(ctx, fmt.Errorf("release %q: %w", e.Key, err))
		}
		if some = append(some, &dueRelease{key: e.Key, rel: rel}); len(some) < meta.MaxScan {
			return nil
		}
		return flush()
	})
	if err == nil || errors.Is(err, errPaused) { // what was found is not looked for again
		err = errors.Join(err, flush())
	}
	return bad.with(err)
}

// settleSome settles releases, where scans are fresh several at once: one after
// the other each would wait for commits of its own, and busy writers make
// releases faster than that.
//
// Manifests go first and alone. What a manifest lists is held until the manifest
// is gone, and has a release before it is: looked at in between, that release
// would be forgotten, and the space lost. Those of one content stay in order.
func (s *Sweeper) settleSome(ctx context.Context, bucketID string, some []*dueRelease, rep *Report, bad *problems) error {
	caps := s.Repo.Meta.Capabilities()
	if caps.ScanSettles() > 0 {
		return s.settleTwice(ctx, bucketID, some, rep, bad)
	}
	for _, manifests := range []bool{true, false} {
		l := newLanes(ctx, rep)
		var stop error
		for _, d := range some {
			if d.rel.Manifest != manifests {
				continue
			}
			stop = l.add(string(d.rel.ID), func(rep *Report) error {
				_, err := s.release(ctx, bucketID, d, rep)
				return err
			})
			if stop != nil {
				break
			}
		}
		err := l.finish(stop)
		if stop != nil {
			return err
		}
		if err := bad.add(ctx, err); err != nil {
			return err
		}
	}
	return nil
}

// settleTwice settles releases where scans lag, one after the other. Those with
// no holder are looked at again together.
func (s *Sweeper) settleTwice(ctx context.Context, bucketID string, some []*dueRelease, rep *Report, bad *problems) error {
	var unheld []*dueRelease
	for _, d := range some {
		again, err := s.release(ctx, bucketID, d, rep)
		if again {
			unheld = append(unheld, d)
		}
		if err := bad.add(ctx, err); err != nil {
			return err
		}
	}
	return s.lookAgain(ctx, bucketID, unheld, rep, bad)
}

// lookAgain frees what had no holder in the first look, if it has none a while
// later and nothing concerned has changed.
func (s *Sweeper) lookAgain(ctx context.Context, bucketID string, unheld []*dueRelease, rep *Report, bad *problems) error {
	if len(unheld) == 0 {
		return nil
	}
	caps := s.Repo.Meta.Capabilities()
	if err := pause(ctx, caps.ScanSettles()); err != nil {
		return err
	}
	for _, d := range unheld {
		held, saw, err := s.held(ctx, bucketID, d.rel)
		if err == nil && !held && saw.equal(d.saw) {
			err = s.settle(ctx, bucketID, d, rep)
		}
		if errors.Is(err, errBusy) {
			err = nil
		}
		if err := bad.add(ctx, err); err != nil {
			return err
		}
	}
	return nil
}

// release settles one release: the content is freed unless something holds it,
// or it must be looked at again: in this run (again), or in a later one.
func (s *Sweeper) release(ctx context.Context, bucketID string, d *dueRelease, rep *Report) (again bool, err error) {
	held, saw, err := s.held(ctx, bucketID, d.rel)
	caps := s.Repo.Meta.Capabilities()
	switch {
	case errors.Is(err, errBusy):
		return false, nil // the next run looks again
	case err != nil:
		return false, fmt.Errorf("release of %s: %w", d.rel.ID, err)
	case held:
		rep.Kept++
		return false, s.forget(ctx, bucketID, d)
	case d.rel.Intent || saw.references > 0:
		if d.rel.Looked.IsZero() {
			rep.Suspects++
			d.rel.Looked = s.Now()
			rec := meta.Record{Value: catalog.EncodeRelease(d.rel)}
			_, err := s.Repo.Meta.Put(ctx, catalog.InBucket(bucketID), d.key, rec, meta.Always)
			return false, err
		}
		if s.Now().Sub(d.rel.Looked) < s.Repo.Leeway/2 {
			return false, nil
		}
	}
	if caps.ScanSettles() > 0 {
		d.saw = saw
		return true, nil
	}
	return false, s.settle(ctx, bucketID, d, rep)
}

// settle frees a content nothing holds. The release itself goes last, so a crash
// repeats the whole.
func (s *Sweeper) settle(ctx context.Context, bucketID string, d *dueRelease, rep *Report) error {
	if err := s.free(ctx, bucketID, d.rel, rep); err != nil {
		return fmt.Errorf("free %s: %w", d.rel.ID, err)
	}
	return s.forget(ctx, bucketID, d)
}

func (s *Sweeper) forget(ctx context.Context, bucketID string, d *dueRelease) error {
	return s.Repo.Meta.Delete(ctx, catalog.InBucket(bucketID), d.key, meta.Always)
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// free deletes a content nothing holds. What a manifest lists is released
// first, so its segments are looked at in their turn.
func (s *Sweeper) free(ctx context.Context, bucketID string, rel *catalog.Release, rep *Report) error {
	if rel.Manifest {
		segments, err := s.manifest(ctx, rel.ID)
		if err != nil && !errors.Is(err, content.ErrNotFound) {
			return err
		}
		if err := s.releaseSegments(ctx, bucketID, rel, segments); err != nil {
			return err
		}
	}
	if err := s.remove(ctx, rel.ID, &rep.Freed, rep); err != nil {
		return err
	}
	return s.dropReferences(ctx, rel.ID)
}

// remove deletes a content and counts it if it was there.
func (s *Sweeper) remove(ctx context.Context, id content.ID, count *int, rep *Report) error {
	size := int64(0)
	if st, ok := content.As[content.Stat](s.Repo.Content); ok {
		info, err := st.Stat(ctx, id)
		if errors.Is(err, content.ErrNotFound) {
			if s.Repo.Content.Capabilities().CheapWalk {
				return nil
			}
			return s.Repo.Content.Delete(ctx, id) // an unfinished writer may have left something
		}
		if err == nil {
			size = info.Size
		}
	}
	if err := s.Repo.Content.Delete(ctx, id); err != nil {
		return err
	}
	*count++
	rep.FreedBytes += size
	return nil
}

// releaseSegments writes a release for each content of a manifest. They are
// due at once: the manifest has waited for the leeway already.
func (s *Sweeper) releaseSegments(ctx context.Context, bucketID string, rel *catalog.Release, segments []catalog.Segment) error {
	seen := map[content.ID]bool{}
	for _, seg := range segments {
		if seen[seg.ID] {
			continue
		}
		seen[seg.ID] = true
		child := catalog.Release{ID: seg.ID, At: rel.At, Key: rel.Key, UploadID: rel.UploadID}
		key := catalog.ReleaseKey(uint64(rel.At.UnixNano()), seg.ID)
		_, err := s.Repo.Meta.Put(ctx, catalog.InBucket(bucketID), key, meta.Record{Value: catalog.EncodeRelease(&child)}, meta.Always)
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Sweeper) dropReferences(ctx context.Context, id content.ID) error {
	p := catalog.References(id)
	return scanPrefix(ctx, s.Repo.Meta, p, repo.ReferencePrefix(id), false, func(e meta.Entry) error {
		return s.Repo.Meta.Delete(ctx, p, e.Key, meta.Always)
	})
}
