package sweep

import (
	"context"
	"errors"
	"fmt"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// releases frees every content whose release is older than the leeway and to
// which nothing refers any more.
func (s *Sweeper) releases(ctx context.Context, rep *Report) error {
	return s.partitions(ctx, func(bucketID string) error { return s.releasesOf(ctx, bucketID, rep) })
}

func (s *Sweeper) releasesOf(ctx context.Context, bucketID string, rep *Report) error {
	due := catalog.ReleaseKey(uint64(s.Now().Add(-s.Repo.Leeway).UnixNano()), "")
	return scan(ctx, s.Repo.Meta, catalog.InBucket(bucketID), catalog.SpaceRelease, due, true, func(e meta.Entry) error {
		rel, err := catalog.DecodeRelease(e.Record.Value)
		if err != nil {
			return fmt.Errorf("release %q: %w", e.Key, err)
		}
		return s.release(ctx, bucketID, e.Key, rel, rep)
	})
}

// release settles one release: the content is freed unless something holds it.
// The release itself goes last, so a crash repeats the whole.
func (s *Sweeper) release(ctx context.Context, bucketID, key string, rel *catalog.Release, rep *Report) error {
	held, err := s.held(ctx, bucketID, rel)
	if err != nil {
		return fmt.Errorf("release of %s: %w", rel.ID, err)
	}
	if held {
		rep.Kept++
	} else if err := s.free(ctx, bucketID, rel, rep); err != nil {
		return fmt.Errorf("free %s: %w", rel.ID, err)
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
	if st, ok := s.Repo.Content.(content.Stat); ok {
		if info, err := st.Stat(ctx, rel.ID); err == nil {
			rep.FreedBytes += info.Size
		}
	}
	if err := s.Repo.Content.Delete(ctx, rel.ID); err != nil {
		return err
	}
	rep.Freed++
	return s.dropReferences(ctx, rel.ID)
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
	return scanPrefix(ctx, s.Repo.Meta, p, string(id)+"/", false, func(e meta.Entry) error {
		return s.Repo.Meta.Delete(ctx, p, e.Key, meta.Always)
	})
}

// held tells whether anything refers to the content of a release: the key the
// release names, or the holder of a reference. A reference younger than the
// leeway counts: its holder may be about to be written.
func (s *Sweeper) held(ctx context.Context, bucketID string, rel *catalog.Release) (bool, error) {
	held, err := s.holds(ctx, bucketID, rel.Key, rel.UploadID, rel.ID)
	if held || err != nil {
		return held, err
	}
	young := s.Now().Add(-s.Repo.Leeway)
	err = scanPrefix(ctx, s.Repo.Meta, catalog.References(rel.ID), string(rel.ID)+"/", true, func(e meta.Entry) error {
		ref, err := catalog.DecodeReference(e.Record.Value)
		if err != nil {
			return fmt.Errorf("reference %q: %w", e.Key, err)
		}
		if ref.At.After(young) {
			return errHeld
		}
		held, err := s.holds(ctx, ref.Bucket, ref.Key, ref.UploadID, rel.ID)
		if held {
			return errHeld
		}
		return err
	})
	if errors.Is(err, errHeld) {
		return true, nil
	}
	return false, err
}

// errHeld ends a scan that has found a holder.
var errHeld = errors.New("held")

// holds tells whether any version of a key, or with an upload ID any part of
// that upload, refers to a content.
func (s *Sweeper) holds(ctx context.Context, bucketID, key, uploadID string, id content.ID) (bool, error) {
	p := catalog.InBucket(bucketID)
	if uploadID != "" {
		held, err := s.partsHold(ctx, p, uploadID, id)
		if held || err != nil {
			return held, err
		}
	}
	look := func(value []byte) error {
		o, err := catalog.DecodeObject(value)
		if err != nil {
			return err
		}
		held, err := s.objectHolds(ctx, o, id)
		if held {
			return errHeld
		}
		return err
	}
	rec, err := s.Repo.Meta.Get(ctx, p, catalog.ObjectKey(key), false)
	if err == nil {
		err = look(rec.Value)
	} else if errors.Is(err, meta.ErrNotFound) {
		err = nil
	}
	if err == nil {
		err = scanPrefix(ctx, s.Repo.Meta, p, catalog.VersionsPrefix(key), true, func(e meta.Entry) error { return look(e.Record.Value) })
	}
	if errors.Is(err, errHeld) {
		return true, nil
	}
	return false, err
}

func (s *Sweeper) partsHold(ctx context.Context, p meta.Partition, uploadID string, id content.ID) (bool, error) {
	err := scanPrefix(ctx, s.Repo.Meta, p, catalog.PartsPrefix(uploadID), true, func(e meta.Entry) error {
		part, err := catalog.DecodePart(e.Record.Value)
		if err == nil && segmentsHold(part.Segments, id) {
			return errHeld
		}
		return err
	})
	if errors.Is(err, errHeld) {
		return true, nil
	}
	return false, err
}

// objectHolds tells whether an object refers to a content, itself, through its
// manifest, or through a write it still owes.
func (s *Sweeper) objectHolds(ctx context.Context, o *catalog.Object, id content.ID) (bool, error) {
	if o.Manifest == id && id != "" || segmentsHold(o.Segments, id) {
		return true, nil
	}
	for _, op := range o.Pending {
		if op.Delete || len(op.Key) == 0 || op.Key[:1] != catalog.SpaceVersion {
			continue
		}
		owed, err := catalog.DecodeObject(op.Value)
		if err != nil {
			return false, err
		}
		if held, err := s.objectHolds(ctx, owed, id); held || err != nil {
			return held, err
		}
	}
	if o.Manifest == "" {
		return false, nil
	}
	segments, err := s.manifest(ctx, o.Manifest)
	if err != nil {
		return false, fmt.Errorf("manifest %s: %w", o.Manifest, err)
	}
	return segmentsHold(segments, id), nil
}

func segmentsHold(segments []catalog.Segment, id content.ID) bool {
	for _, seg := range segments {
		if seg.ID == id {
			return true
		}
	}
	return false
}
