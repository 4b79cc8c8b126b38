package repo

import (
	"context"
	"errors"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

// ChownBucket gives a bucket to another account. The new owner takes the old
// one's place in the bucket's ACL; objects keep their owners, and policies
// their words. What either account uses is counted wrongly until both are
// recounted, which is the caller's to do. Errors: NoSuchBucket, AccessDenied
// (the account is not active), OperationAborted.
func (r *Repo) ChownBucket(ctx context.Context, name, account string) (*catalog.Bucket, error) {
	for range maxBucketTries {
		old, version, err := r.readBucket(ctx, name)
		if err != nil || old.Owner == account {
			return old, err
		}
		b, err := chowned(old, account)
		if err != nil {
			return nil, err
		}
		// As when a bucket is made: the entry, then the account's state, then the
		// record, so none is given to an account that is being removed.
		listed, err := r.listInOwner(ctx, b)
		if err != nil {
			return nil, err
		}
		if err = r.mayOwn(ctx, account); err == nil {
			err = r.putBucket(ctx, b, meta.IfMatch(version))
		}
		if err == nil {
			r.unlist(ctx, old)
			return b, r.relist(ctx, b)
		}
		r.unlistIfOther(ctx, b, listed)
		if !errors.Is(err, meta.ErrConflict) {
			return nil, wrap(err)
		}
	}
	return nil, s3err.OperationAborted.Field("BucketName", name)
}

// chowned is the bucket as the account's.
func chowned(old *catalog.Bucket, account string) (*catalog.Bucket, error) {
	b, err := cloneBucket(old)
	if err != nil {
		return nil, err
	}
	b.Owner = account
	if b.ACL != nil {
		for i := range b.ACL.Grants {
			if g := &b.ACL.Grants[i]; g.Account == old.Owner {
				g.Account = account
			}
		}
	}
	return b, nil
}

// unlist removes the entry of an owner who has given the bucket away.
func (r *Repo) unlist(ctx context.Context, b *catalog.Bucket) {
	if rec, err := r.Registry.Get(ctx, catalog.BucketsOf(b.Owner), b.Name, false); err == nil {
		r.unlistIfOther(ctx, b, rec.Version)
	}
}
