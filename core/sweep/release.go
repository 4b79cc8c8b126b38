package sweep

import (
	"context"
	"errors"
	"fmt"

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

// releasesOf goes on after a release it cannot settle: a damaged record must
// not keep the rest of the space.
func (s *Sweeper) releasesOf(ctx context.Context, bucketID string, rep *Report) error {
	due := catalog.ReleaseKey(uint64(s.Now().Add(-s.Repo.Leeway).UnixNano()), "")
	var bad problems
	err := scan(ctx, s.Repo.Meta, catalog.InBucket(bucketID), catalog.SpaceRelease, due, true, func(e meta.Entry) error {
		rel, err := catalog.DecodeRelease(e.Record.Value)
		if err != nil {
			return bad.add(ctx, fmt.Errorf("release %q: %w", e.Key, err))
		}
		return bad.add(ctx, s.release(ctx, bucketID, e.Key, rel, rep))
	})
	return bad.with(err)
}

// release settles one release: the content is freed unless something holds it.
// The release itself goes last, so a crash repeats the whole.
func (s *Sweeper) release(ctx context.Context, bucketID, key string, rel *catalog.Release, rep *Report) error {
	held, err := s.held(ctx, bucketID, rel)
	switch {
	case errors.Is(err, errBusy):
		return nil // the next run looks again
	case err != nil:
		return fmt.Errorf("release of %s: %w", rel.ID, err)
	case held:
		rep.Kept++
	default:
		if err := s.free(ctx, bucketID, rel, rep); err != nil {
			return fmt.Errorf("free %s: %w", rel.ID, err)
		}
	}
	return s.Repo.Meta.Delete(ctx, catalog.InBucket(bucketID), key, meta.Always)
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
	if st, ok := s.Repo.Content.(content.Stat); ok {
		info, err := st.Stat(ctx, id)
		if errors.Is(err, content.ErrNotFound) {
			return nil
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
