package repo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

// maxBucketTries bounds how often a change of a bucket's record is tried again
// because somebody else changed it in between.
const maxBucketTries = 20

// createBucket writes the entry in the owner's list, then looks whether the
// owner may have buckets (so none is made for an account that is being
// removed), then the record, which decides.
func (r *Repo) createBucket(ctx context.Context, in catalog.Bucket) (*catalog.Bucket, error) {
	if !validBucketName(in.Name) {
		return nil, s3err.InvalidBucketName.Field("BucketName", in.Name)
	}
	b := in
	b.ID = newBucketID()
	b.Created = r.Now().UTC().Truncate(time.Millisecond)
	b.HasCORS, b.HasLifecycle, b.Closing = false, false, false
	if b.Lock != nil && b.Lock.Enabled { // object lock needs versions
		b.Versioning = catalog.VersioningEnabled
	}
	listed, err := r.listInOwner(ctx, &b)
	if err != nil {
		return nil, err
	}
	if err := r.mayOwn(ctx, b.Owner); err != nil {
		r.unlistIfOther(ctx, &b, listed)
		return nil, err
	}
	err = r.putBucket(ctx, &b, meta.IfAbsent)
	if errors.Is(err, meta.ErrConflict) {
		err = r.bucketTaken(ctx, &b)
	}
	if err != nil {
		r.unlistIfOther(ctx, &b, listed)
		return nil, wrap(err)
	}
	// A deletion of the bucket that was there before may have taken the entry away.
	return &b, r.relist(ctx, &b)
}

// mayOwn refuses an account that is not active. A repository without accounts
// refuses nobody.
func (r *Repo) mayOwn(ctx context.Context, account string) error {
	if r.Accounts == nil {
		return nil
	}
	a, err := r.Accounts.Account(ctx, account)
	if err == nil && a.State == catalog.Active {
		return nil
	}
	if err == nil || errors.Is(err, meta.ErrNotFound) {
		return s3err.AccessDenied
	}
	return wrap(err)
}

// bucketTaken is the error for a name that has a record.
func (r *Repo) bucketTaken(ctx context.Context, b *catalog.Bucket) error {
	cur, _, err := r.readBucket(ctx, b.Name)
	switch {
	case errors.Is(err, s3err.NoSuchBucket): // deleted this moment
		return s3err.OperationAborted.Field("BucketName", b.Name)
	case err != nil:
		return err
	case cur.Owner == b.Owner:
		return s3err.BucketAlreadyOwnedByYou.Field("BucketName", b.Name)
	}
	return s3err.BucketAlreadyExists.Field("BucketName", b.Name)
}

func (r *Repo) bucket(ctx context.Context, name string) (*catalog.Bucket, error) {
	b, _, err := r.readBucket(ctx, name)
	return b, err
}

// readBucket reads a bucket's record with its version. The record is read
// every time; only its decoding is remembered. The result is shared.
func (r *Repo) readBucket(ctx context.Context, name string) (*catalog.Bucket, meta.Version, error) {
	if name == "" || len(name) > meta.MaxKey {
		return nil, "", s3err.NoSuchBucket.Field("BucketName", name)
	}
	rec, err := r.Registry.Get(ctx, catalog.Buckets, name, false)
	if errors.Is(err, meta.ErrNotFound) {
		return nil, "", s3err.NoSuchBucket.Field("BucketName", name)
	}
	if err != nil {
		return nil, "", wrap(err)
	}
	if b, ok := r.state.buckets.Get(name, rec.Version); ok {
		return b, rec.Version, nil
	}
	b, err := decodeBucket(name, rec.Value)
	if err != nil {
		return nil, "", err
	}
	r.state.buckets.Put(name, rec.Version, b)
	return b, rec.Version, nil
}

func decodeBucket(name string, value []byte) (*catalog.Bucket, error) {
	b := &catalog.Bucket{Name: name}
	if err := json.Unmarshal(value, b); err != nil {
		return nil, fmt.Errorf("bucket %s: %w", name, err)
	}
	return b, nil
}

// putBucket writes a bucket's record. When the store cannot say whether it did,
// the record is read back: if it has the value wanted, nothing is left to do.
func (r *Repo) putBucket(ctx context.Context, b *catalog.Bucket, cond meta.Cond) error {
	value, err := json.Marshal(b)
	if err != nil {
		return err
	}
	_, err = r.Registry.Put(ctx, catalog.Buckets, b.Name, meta.Record{Value: value}, cond)
	if errors.Is(err, meta.ErrOutcomeUnknown) {
		if rec, readErr := r.Registry.Get(ctx, catalog.Buckets, b.Name, false); readErr == nil && bytes.Equal(rec.Value, value) {
			return nil
		}
	}
	return err
}

func (r *Repo) updateBucket(ctx context.Context, name string, change func(*catalog.Bucket) error) (b *catalog.Bucket, err error) {
	var refused error // by change, for the caller as it is
	err = r.contend(ctx, catalog.Buckets, name, func() error {
		old, version, err := r.readBucket(ctx, name)
		if err != nil {
			return err
		}
		if b, err = cloneBucket(old); err != nil {
			return err
		}
		if refused = change(b); refused != nil {
			return refused
		}
		b.Name, b.ID, b.Owner, b.Created = old.Name, old.ID, old.Owner, old.Created
		return r.putBucket(ctx, b, meta.IfMatch(version))
	})
	if refused != nil {
		return nil, refused
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// cloneBucket copies a bucket with all that it points to.
func cloneBucket(b *catalog.Bucket) (*catalog.Bucket, error) {
	value, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	return decodeBucket(b.Name, value)
}
