package sweep

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

// dropped clears what deleted buckets left: documents, unfinished uploads, and
// objects whose writers came too late and were told so. The entry goes when
// the leeway has passed and the bucket's partition is empty.
func (s *Sweeper) dropped(ctx context.Context, rep *Report) error {
	var bad problems
	return bad.with(s.scan(ctx, s.Repo.Registry, catalog.Dropped, "", "", true, func(e meta.Entry) error {
		return bad.add(ctx, inBucket(e.Key, s.droppedBucket(ctx, e, rep)))
	}))
}

func (s *Sweeper) droppedBucket(ctx context.Context, e meta.Entry, rep *Report) error {
	var b catalog.Bucket
	if err := json.Unmarshal(e.Record.Value, &b); err != nil {
		return err
	}
	b.Name = string(e.Record.Summary)
	cur, err := s.standing(ctx, &b)
	if err != nil || cur != nil && cur.Closing { // it may be deleted any moment
		return err
	}
	if cur == nil {
		if err := s.clearBucket(ctx, &b); err != nil {
			return err
		}
		if empty, err := s.emptyPartition(ctx, b.ID); err != nil || !empty {
			return err
		}
		// A writer who read the bucket's record before it was deleted may still
		// write to its partition, and what he leaves must be found.
		if !b.Dropped.IsZero() && s.Now().Sub(b.Dropped) < s.Repo.Leeway {
			return nil
		}
	}
	err = s.Repo.Registry.Delete(ctx, catalog.Dropped, e.Key, meta.IfMatch(e.Record.Version))
	if errors.Is(err, meta.ErrConflict) {
		return nil // another sweeper did it, or the bucket is being deleted again
	}
	if err == nil && cur == nil {
		rep.Buckets++
	}
	return err
}

// standing gives the record of a bucket that was not deleted after all: the
// process that began it died, or is still at it. nil when it was.
func (s *Sweeper) standing(ctx context.Context, b *catalog.Bucket) (*catalog.Bucket, error) {
	cur, err := s.Repo.Bucket(ctx, b.Name)
	if errors.Is(err, s3err.NoSuchBucket) || err == nil && cur.ID != b.ID {
		return nil, nil
	}
	return cur, err
}

// clearBucket releases and removes what lies in a deleted bucket's partition.
// Parts and completed uploads are the uploads job's.
func (s *Sweeper) clearBucket(ctx context.Context, b *catalog.Bucket) error {
	if err := s.Repo.DropRemains(ctx, b); err != nil {
		return err
	}
	p := catalog.InBucket(b.ID)
	for _, space := range []string{catalog.SpaceObject, catalog.SpaceVersion} {
		err := scanPrefix(ctx, s.Repo.Meta, p, space, true, func(e meta.Entry) error {
			o, err := catalog.DecodeObject(e.Record.Value)
			if err != nil {
				return err
			}
			if err := s.releaseAll(ctx, p, objectKey(e.Key), o); err != nil {
				return err
			}
			err = s.Repo.Meta.Delete(ctx, p, e.Key, meta.IfMatch(e.Record.Version))
			if errors.Is(err, meta.ErrConflict) {
				return nil // the next run sees what it is now
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// objectKey is the object's key in the key of its record.
func objectKey(recordKey string) string {
	if key, _, err := catalog.ParseVersionKey(recordKey); err == nil {
		return key
	}
	return recordKey[len(catalog.SpaceObject):]
}

// releaseAll writes a release for each content an object refers to.
func (s *Sweeper) releaseAll(ctx context.Context, p meta.Partition, key string, o *catalog.Object) error {
	ids := map[content.ID]bool{}
	if o.Manifest != "" {
		ids[o.Manifest] = true
	} else {
		for _, seg := range o.Segments {
			ids[seg.ID] = true
		}
	}
	now := s.Now()
	for id := range ids {
		rel := catalog.Release{ID: id, At: now, Key: key, Manifest: id == o.Manifest}
		rec := meta.Record{Value: catalog.EncodeRelease(&rel)}
		if _, err := s.Repo.Meta.Put(ctx, p, catalog.ReleaseKey(uint64(now.UnixNano()), id), rec, meta.Always); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sweeper) emptyPartition(ctx context.Context, bucketID string) (bool, error) {
	page, err := s.Repo.Meta.Scan(ctx, catalog.InBucket(bucketID), meta.Range{Limit: 1})
	return err == nil && len(page.Entries) == 0, err
}
