package sweep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
)

// eraseTime is how long one run deletes objects of closed accounts; the next
// run goes on.
const eraseTime = 10 * time.Minute

// people removes what time has made useless about accounts.
func (s *Sweeper) people(ctx context.Context, rep *Report) error {
	if s.Repo.Accounts == nil {
		return nil
	}
	done, err := s.Repo.Accounts.Sweep(ctx)
	rep.People += done.Sessions + done.Finished + done.Requests + done.Rejected
	return err
}

// closed deletes what closed accounts own, and at last the accounts. An object
// that a lock holds stays, and its account with it, until that ends.
func (s *Sweeper) closed(ctx context.Context, rep *Report) error {
	if s.Repo.Accounts == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, eraseTime)
	defer cancel()
	var bad problems
	after := ""
	for more := true; more; {
		page, next, err := s.Repo.Accounts.List(ctx, after, 0)
		if err != nil {
			return bad.with(err)
		}
		for _, a := range page {
			after = a.ID
			if a.State != catalog.Closing || a.Why != accounts.Closed {
				continue
			}
			if err := s.pause(); err != nil {
				return bad.with(err)
			}
			if err := s.eraseAccount(ctx, a, rep); err != nil {
				if errors.Is(err, errPaused) || errors.Is(err, context.DeadlineExceeded) {
					return bad.with(errPaused) // the next run goes on
				}
				if stop := bad.add(ctx, fmt.Errorf("account %s: %w", a.Name, err)); stop != nil {
					return bad.with(stop)
				}
			}
		}
		more = next
	}
	return bad.with(nil)
}

func (s *Sweeper) eraseAccount(ctx context.Context, a *catalog.Account, rep *Report) error {
	for {
		buckets, _, err := s.Repo.ListBuckets(ctx, a.ID, "", "", 100)
		if err != nil {
			return err
		}
		if len(buckets) == 0 {
			break
		}
		for _, b := range buckets {
			if err := s.emptyBucket(ctx, b, rep); err != nil {
				return inBucket(b.Name, err)
			}
			if err := s.Repo.DeleteBucket(ctx, b.Name); err != nil && !errors.Is(err, s3err.NoSuchBucket) {
				return inBucket(b.Name, err)
			}
		}
	}
	if err := s.Repo.Accounts.Erase(ctx, a.ID); err != nil {
		return err
	}
	rep.Erased++
	return nil
}

// emptyBucket deletes every version in a bucket.
func (s *Sweeper) emptyBucket(ctx context.Context, b *catalog.Bucket, rep *Report) error {
	in, version := repo.ListInput{Max: 1000}, ""
	for {
		page, err := s.Repo.ListVersions(ctx, b, in, version)
		if err != nil {
			return err
		}
		l := newLanes(ctx, rep)
		var stop error
		for i := 0; i < len(page.Entries) && stop == nil; i++ {
			stop = l.add(page.Entries[i].Key, s.deleteVersion(ctx, b, page.Entries[i]))
		}
		if err := l.finish(stop); err != nil {
			return err
		}
		if err := s.pause(); err != nil {
			return err
		}
		if !page.Truncated {
			return nil
		}
		in.After, version = page.Next, page.NextVersion
	}
}

func (s *Sweeper) deleteVersion(ctx context.Context, b *catalog.Bucket, e repo.ListEntry) change {
	return func(rep *Report) error {
		_, err := s.Repo.DeleteObject(ctx, repo.DeleteInput{Bucket: b, Key: e.Key, VersionID: e.VersionID(), Owner: b.Owner, BypassGovernance: true})
		if err != nil && !errors.Is(err, s3err.NoSuchVersion) {
			return fmt.Errorf("delete %q: %w", e.Key, err)
		}
		rep.Expired++
		return nil
	}
}
