package sweep

import (
	"context"
	"errors"
	"fmt"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/quota"
)

// recount counts anew what accounts use whose figure is in doubt: a process
// died that had leased some of their bytes.
func (s *Sweeper) recount(ctx context.Context, rep *Report) error {
	if s.Repo.Quota == nil {
		return nil
	}
	stale, err := s.Repo.Quota.Stale(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, account := range stale {
		err := s.Recount(ctx, account)
		switch {
		case err == nil:
			rep.Recounted++
		case !errors.Is(err, quota.ErrRecountSuperseded): // then somebody else is at it
			errs = append(errs, fmt.Errorf("account %s: %w", account, err))
		}
	}
	return errors.Join(errs...)
}

// Recount counts what an account really uses, while it is being written to.
func (s *Sweeper) Recount(ctx context.Context, account string) error {
	token, err := s.Repo.Quota.BeginRecount(ctx, account)
	if err != nil {
		return err
	}
	bytes, objects, err := s.count(ctx, account)
	if err != nil {
		return err
	}
	return s.Repo.Quota.EndRecount(ctx, account, token, bytes, objects)
}

// count adds up what the buckets of an account hold.
func (s *Sweeper) count(ctx context.Context, account string) (bytes, objects int64, err error) {
	err = s.Repo.AllBuckets(ctx, func(b *catalog.Bucket) error {
		if b.Owner != account {
			return nil
		}
		n, o, err := s.CountBucket(ctx, b)
		bytes += n
		objects += o
		return err
	})
	return bytes, objects, err
}

// CountBucket adds up all versions in a bucket, and the parts of its uploads in
// progress. The space of uploads comes before that of parts.
func (s *Sweeper) CountBucket(ctx context.Context, b *catalog.Bucket) (bytes, objects int64, err error) {
	running := map[string]bool{}
	err = scan(ctx, s.Repo.Meta, catalog.InBucket(b.ID), "", "", true, func(e meta.Entry) error {
		switch e.Key[:1] {
		case catalog.SpaceObject, catalog.SpaceVersion:
			sum, err := catalog.DecodeSummary(e.Record.Summary)
			if err == nil && !sum.Gone && !sum.DeleteMarker {
				bytes += sum.Size
				objects++
			}
			return err
		case catalog.SpaceUpload:
			_, id, err := catalog.ParseUploadKey(e.Key)
			running[id] = true
			return err
		case catalog.SpacePart:
			id, _, err := catalog.ParsePartKey(e.Key)
			if err != nil || !running[id] {
				return err // left over from an upload that has ended
			}
			p, err := catalog.DecodePart(e.Record.Value)
			if err == nil {
				bytes += p.Size
			}
			return err
		}
		return nil
	})
	return bytes, objects, err
}
