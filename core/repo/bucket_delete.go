package repo

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

// Deleting a bucket and writing to it exclude each other without a lock,
// though the bucket's record and its objects lie in different partitions or
// even stores:
//
//   - DeleteBucket marks the record Closing, then looks whether the bucket is
//     empty, then deletes the record if it is still as it was marked.
//   - A write, after its commit and before it is acknowledged, reads the record
//     (stillOpen). Gone: the write failed. Closing: it clears the mark, which
//     makes the deletion start over and find the bucket not empty.
//
// If the write's commit came before the look, the look sees it. If it came
// after, the write reads the record after the mark, and only one of the two
// compare-and-sets on it succeeds. So no acknowledged object is lost with its
// bucket, and a mark left by a crash hinders nobody.

// stillOpen is called by every write of an object after its commit: nil when
// the bucket stands, NoSuchBucket when it was deleted meanwhile (what was
// committed is then rubbish, which the sweeper frees). With any other error it
// is not known whether the object stays; see unsure.
func (r *Repo) stillOpen(ctx context.Context, b *catalog.Bucket) error {
	err := r.keepOpen(context.WithoutCancel(ctx), b)
	if err != nil && !errors.Is(err, s3err.NoSuchBucket) {
		return s3err.SlowDown.With(errors.Join(err, meta.ErrOutcomeUnknown))
	}
	return err
}

func (r *Repo) keepOpen(ctx context.Context, b *catalog.Bucket) error {
	for range maxBucketTries {
		cur, version, err := r.readBucket(ctx, b.Name)
		if err != nil {
			return err
		}
		if cur.ID != b.ID {
			return s3err.NoSuchBucket.Field("BucketName", b.Name)
		}
		if !cur.Closing {
			return nil
		}
		open := *cur
		open.Closing = false
		err = r.putBucket(ctx, &open, meta.IfMatch(version))
		if err == nil {
			return nil
		}
		if !errors.Is(err, meta.ErrConflict) {
			return wrap(err)
		}
	}
	return s3err.OperationAborted.Field("BucketName", b.Name)
}

func (r *Repo) deleteBucket(ctx context.Context, name string) error {
	for range maxBucketTries {
		b, version, err := r.markClosing(ctx, name)
		if err != nil {
			return err
		}
		empty := false
		if err = r.scansSettle(ctx); err == nil {
			empty, err = r.bucketEmpty(ctx, b)
		}
		if err == nil && !empty {
			err = s3err.BucketNotEmpty.Field("BucketName", name)
		}
		if err != nil {
			if open := r.stillOpen(ctx, b); open != nil && !errors.Is(open, s3err.NoSuchBucket) {
				return errors.Join(err, open)
			}
			return err
		}
		err = r.dropBucket(ctx, b, version)
		if !errors.Is(err, meta.ErrConflict) {
			return wrap(err)
		}
	}
	return s3err.OperationAborted.Field("BucketName", name)
}

// scansSettle waits until scans show all that was written before now, where
// they are not always fresh.
func (r *Repo) scansSettle(ctx context.Context) error {
	caps := r.Meta.Capabilities()
	d := caps.ScanSettles()
	if d == 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// markClosing marks the bucket's record, unless it is marked, and gives it with
// its version.
func (r *Repo) markClosing(ctx context.Context, name string) (*catalog.Bucket, meta.Version, error) {
	for range maxBucketTries {
		b, version, err := r.readBucket(ctx, name)
		if err != nil || b.Closing {
			return b, version, err
		}
		closing := *b
		closing.Closing = true
		err = r.putBucket(ctx, &closing, meta.IfMatch(version))
		if err != nil && !errors.Is(err, meta.ErrConflict) {
			return nil, "", wrap(err)
		}
	}
	return nil, "", s3err.OperationAborted.Field("BucketName", name)
}

// bucketEmpty tells whether a bucket has no object, version or delete marker.
func (r *Repo) bucketEmpty(ctx context.Context, b *catalog.Bucket) (bool, error) {
	for _, space := range []string{catalog.SpaceObject, catalog.SpaceVersion} {
		c := &cursor{store: r.Meta, part: catalog.InBucket(b.ID), from: space, before: meta.PrefixEnd(space), limit: 1, most: meta.MaxScan}
		for {
			e, err := c.peek(ctx)
			if err != nil {
				return false, err
			}
			if e == nil {
				break
			}
			s, err := catalog.DecodeSummary(e.Record.Summary)
			if err != nil {
				return false, damaged(b, e.Key, err)
			}
			if !s.Gone {
				return false, nil
			}
			// It may owe a version its record.
			if err := r.Settle(ctx, b, e.Key[len(space):]); err != nil {
				return false, err
			}
			c.pop()
		}
	}
	return true, nil
}

// dropBucket deletes the record of an empty bucket, and what belongs to it.
// meta.ErrConflict: somebody wrote to the bucket meanwhile.
//
// The entry in catalog.Dropped is written first, so that after a crash the
// sweeper frees what the bucket's partition still holds; it looks whether the
// bucket's record is really gone.
func (r *Repo) dropBucket(ctx context.Context, b *catalog.Bucket, version meta.Version) error {
	gone := *b
	gone.Dropped = r.Now().UTC()
	value, err := json.Marshal(&gone)
	if err != nil {
		return err
	}
	dropped := meta.Record{Value: value, Summary: []byte(b.Name)}
	if _, err := r.Registry.Put(ctx, catalog.Dropped, b.ID, dropped, meta.Always); err != nil {
		return err
	}
	listed, err := r.Registry.Get(ctx, catalog.BucketsOf(b.Owner), b.Name, false)
	if err != nil && !errors.Is(err, meta.ErrNotFound) {
		return err
	}
	err = r.Registry.Delete(ctx, catalog.Buckets, b.Name, meta.IfMatch(version))
	if errors.Is(err, meta.ErrOutcomeUnknown) {
		if _, readErr := r.bucket(ctx, b.Name); errors.Is(readErr, s3err.NoSuchBucket) {
			err = nil
		}
	}
	if err != nil {
		return err
	}
	// The bucket is deleted. What follows can be left to the sweeper.
	ctx = context.WithoutCancel(ctx)
	if listed.Version != "" {
		r.unlistIfOther(ctx, b, listed.Version)
	}
	_ = r.DropRemains(ctx, b)
	return nil
}

// DropRemains frees what a deleted bucket leaves besides objects: its documents
// and its uploads in progress, whose bytes its owner then has again. The
// sweeper calls it for buckets in catalog.Dropped. It can be repeated.
func (r *Repo) DropRemains(ctx context.Context, b *catalog.Bucket) error {
	for _, kind := range docKinds {
		if err := r.Registry.Delete(ctx, catalog.BucketDocs, docKey(b, kind), meta.Always); err != nil {
			return wrap(err)
		}
	}
	c := &cursor{store: r.Meta, part: catalog.InBucket(b.ID), from: catalog.SpaceUpload, before: meta.PrefixEnd(catalog.SpaceUpload), limit: 1, most: meta.MaxScan}
	for {
		e, err := c.peek(ctx)
		if err != nil || e == nil {
			return err
		}
		key, uploadID, err := catalog.ParseUploadKey(e.Key)
		if err != nil {
			return damaged(b, e.Key, err)
		}
		if err := r.abortUpload(ctx, b, key, uploadID); err != nil && !errors.Is(err, s3err.NoSuchUpload) {
			return err
		}
		c.pop()
	}
}
