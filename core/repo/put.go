package repo

import (
	"context"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/md5lanes"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/vcache"
)

type repoState struct {
	queues    queues
	hurry     bool // there is no other process, so nobody's work is waited for (tests)
	manifests manifestCache
	buckets   vcache.Cache[*catalog.Bucket]
	newKeys   newKeys
	md5s      md5lanes.Group // of bodies on their way in
}

func (r *Repo) putObject(ctx context.Context, in PutObjectInput) (*catalog.Object, error) {
	small := in.Size >= 0 && in.Size <= r.inlineLimit() // a large body is not read in vain
	cur, err := r.beforeOrNew(ctx, in.Bucket, in.Key, &in.Cond, small)
	if err != nil {
		return nil, err
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
	r.state.newKeys.saw(in.Bucket, done)
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

// beforeOrNew is before, but where it may guess, and expects a new key, it reads
// nothing: the commit then is for a key that holds nothing.
func (r *Repo) beforeOrNew(ctx context.Context, b *catalog.Bucket, key string, cond *WriteCond, mayGuess bool) (*current, error) {
	if mayGuess && r.expectNew(b, cond) {
		return &current{}, checkKey(key)
	}
	return r.before(ctx, b, key, cond)
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
