package repo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

// newBucketID makes an ID that is never used again: 128 random bits.
func newBucketID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// An entry of catalog.BucketsOf is a hint, which lists buckets of an account
// without reading everybody's. It is there before the bucket's record and until
// after its deletion.

// listInOwner writes the entry for a bucket, and gives its version.
func (r *Repo) listInOwner(ctx context.Context, b *catalog.Bucket) (meta.Version, error) {
	rec := meta.Record{Value: []byte(b.Created.Format(time.RFC3339Nano))}
	v, err := r.Registry.Put(ctx, catalog.BucketsOf(b.Owner), b.Name, rec, meta.Always)
	if err != nil {
		return "", wrap(err)
	}
	return v, nil
}

// relist writes the entry again if it is not there.
func (r *Repo) relist(ctx context.Context, b *catalog.Bucket) error {
	_, err := r.Registry.Get(ctx, catalog.BucketsOf(b.Owner), b.Name, false)
	if errors.Is(err, meta.ErrNotFound) {
		_, err = r.listInOwner(ctx, b)
	}
	return wrap(err)
}

// unlistIfOther removes the entry at a version unless the owner has a bucket
// of that name. It is done also when the caller has gone; an entry that stays
// finds nothing.
func (r *Repo) unlistIfOther(ctx context.Context, b *catalog.Bucket, listed meta.Version) {
	ctx = context.WithoutCancel(ctx)
	owns := func() bool {
		cur, _, err := r.readBucket(ctx, b.Name)
		return err == nil && cur.Owner == b.Owner || err != nil && !errors.Is(err, s3err.NoSuchBucket)
	}
	if owns() {
		return
	}
	_ = r.Registry.Delete(ctx, catalog.BucketsOf(b.Owner), b.Name, meta.IfMatch(listed))
	if owns() { // somebody made one since
		_ = r.relist(ctx, b)
	}
}

func (r *Repo) listBuckets(ctx context.Context, account, prefix, after string, max int) (buckets []*catalog.Bucket, more bool, err error) {
	from := prefix
	if after >= prefix && after != "" {
		from = meta.Next(after)
	}
	if max <= 0 || len(from) > meta.MaxKey {
		return nil, false, nil
	}
	part := catalog.BucketsOf(account)
	if account == "" {
		part = catalog.Buckets
	}
	c := &cursor{store: r.Registry, part: part, from: from, before: meta.PrefixEnd(prefix), limit: max + 1, most: max + 1}
	for {
		e, err := c.peek(ctx)
		if err != nil || e == nil {
			return buckets, false, err
		}
		b, _, err := r.readBucket(ctx, e.Key)
		switch {
		case errors.Is(err, s3err.NoSuchBucket):
		case err != nil:
			return nil, false, err
		case account == "" || b.Owner == account:
			if len(buckets) == max {
				return buckets, true, nil
			}
			buckets = append(buckets, b)
		}
		c.pop()
	}
}

func (r *Repo) bucketsFrom(ctx context.Context, from string, fn func(*catalog.Bucket) error) error {
	c := &cursor{store: r.Registry, part: catalog.Buckets, from: from, limit: meta.MaxScan, most: meta.MaxScan, values: true}
	for {
		e, err := c.peek(ctx)
		if err != nil || e == nil {
			return err
		}
		b, err := decodeBucket(e.Key, e.Record.Value)
		if err != nil {
			return err
		}
		if err := fn(b); err != nil {
			return err
		}
		c.pop()
	}
}
