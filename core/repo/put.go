package repo

import (
	"context"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/vcache"
)

type repoState struct {
	queues    queues
	hurry     bool // there is no other process, so nobody's work is waited for (tests)
	manifests manifestCache
	buckets   vcache.Cache[*catalog.Bucket]
	newKeys   newKeys
}

func (r *Repo) putObject(ctx context.Context, in PutObjectInput) (*catalog.Object, error) {
	if err := checkKey(in.Key); err != nil {
		return nil, err
	}
	cur := &current{}
	if !r.expectNew(&in) {
		var err error
		if cur, err = r.before(ctx, in.Bucket, in.Key, &in.Cond); err != nil {
			return nil, err
		}
	}
	s, err := r.ingest(ctx, ingested{
		to: holderOf(in.Bucket, in.Key), body: in.Body, size: in.Size, limit: MaxPutSize, digest: in.Digest, key: in.Encrypt,
	})
	if err != nil {
		return nil, err
	}
	o := in.Object
	s.place(&o)
	done, err := r.putStored(ctx, &in, cur, s, &o)
	s.finish(ctx, done, err)
	if err != nil {
		return nil, err
	}
	if in.Bucket.Versioning == catalog.Unversioned {
		r.state.newKeys.saw(in.Bucket, done.freedObjects > 0)
	}
	return done.object, nil
}

// before judges a write as early as possible, before its body is read, and
// returns what is at the key. The commit judges again.
func (r *Repo) before(ctx context.Context, b *catalog.Bucket, key string, cond *WriteCond) (*current, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if err := cond.decidable(r.Meta.Capabilities()); err != nil {
		return nil, err
	}
	cur, err := r.readCurrent(ctx, b, key, justLook)
	if err != nil {
		return nil, wrap(err)
	}
	return cur, cond.forWrite(cur.object, key)
}

func (r *Repo) putStored(ctx context.Context, in *PutObjectInput, cur *current, s *stored, o *catalog.Object) (*replaced, error) {
	b := in.Bucket
	if !s.inline { // that took a while
		fresh, err := r.sameBucket(ctx, b)
		if err != nil {
			return nil, err
		}
		b = fresh
	}
	return r.replaceCurrent(ctx, b, in.Key, cur, in.Cond, func(*catalog.Object) (replacement, error) {
		return replacement{object: o, body: s.body, extra: s.intents}, nil
	})
}

// sameBucket reads a bucket again after a while: NoSuchBucket when it was
// deleted, even if there is another one of that name now.
func (r *Repo) sameBucket(ctx context.Context, b *catalog.Bucket) (*catalog.Bucket, error) {
	fresh, err := r.Bucket(ctx, b.Name)
	if err != nil {
		return nil, err
	}
	if fresh.ID != b.ID {
		return nil, s3err.NoSuchBucket.Field("BucketName", b.Name)
	}
	return fresh, nil
}
