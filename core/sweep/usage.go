package sweep

import (
	"context"
	"errors"
	"fmt"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/course"
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
		if account < string(s.at().Key) {
			continue // done in this round
		}
		err := s.Recount(ctx, account)
		switch {
		case err == nil:
			rep.Recounted++
		case !errors.Is(err, quota.ErrRecountSuperseded): // then somebody else is at it
			if err, paused := unpaused(err); paused {
				return errors.Join(append(errs, err, errPaused)...)
			}
			errs = append(errs, fmt.Errorf("account %s: %w", account, err))
		}
		s.move(course.Place{Key: []byte(meta.Next(account))})
	}
	return errors.Join(errs...)
}

// Recount counts what an account really uses, while it is being written to. It
// pauses between two buckets, and goes on with the sums of those before: what
// changes in them meanwhile the account's record gathers since the token was given.
func (s *Sweeper) Recount(ctx context.Context, account string) error {
	at := s.at()
	token, begun := at.Sums["token"]
	if !begun || string(at.Key) != account {
		var err error
		if token, err = s.Repo.Quota.BeginRecount(ctx, account); err != nil {
			return err
		}
		at = course.Place{}
	}
	bytes, objects := at.Sums["bytes"], at.Sums["objects"]
	err := s.Repo.BucketsFrom(ctx, at.Bucket, func(b *catalog.Bucket) error {
		if b.Owner != account {
			return nil
		}
		if err := s.pause(); err != nil {
			return err
		}
		n, o, err := s.CountBucket(ctx, b)
		if err != nil {
			return inBucket(b.Name, err)
		}
		bytes += n
		objects += o
		s.move(course.Place{Bucket: meta.Next(b.Name), Key: []byte(account), Sums: map[string]int64{"token": token, "bytes": bytes, "objects": objects}})
		return nil
	})
	if err != nil {
		return err
	}
	return s.Repo.Quota.EndRecount(ctx, account, token, bytes, objects)
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
