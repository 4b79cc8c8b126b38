package repo

import (
	"context"
	"errors"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

// docKinds are the documents a bucket can have.
var docKinds = [...]string{catalog.DocCORS, catalog.DocLifecycle}

func docKey(b *catalog.Bucket, kind string) string { return b.ID + "/" + kind }

// hasDoc is the record's flag for a kind of document; nil for a kind without one.
func hasDoc(b *catalog.Bucket, kind string) *bool {
	switch kind {
	case catalog.DocCORS:
		return &b.HasCORS
	case catalog.DocLifecycle:
		return &b.HasLifecycle
	}
	return nil
}

func (r *Repo) bucketDoc(ctx context.Context, b *catalog.Bucket, kind string) ([]byte, error) {
	if has := hasDoc(b, kind); has != nil && !*has {
		return nil, nil
	}
	rec, err := r.Registry.Get(ctx, catalog.BucketDocs, docKey(b, kind), false)
	if errors.Is(err, meta.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, wrap(err)
	}
	return rec.Value, nil
}

// setBucketDoc never leaves a document without its flag: the document is
// written before the flag is set and removed after it is cleared. A flag
// without a document, after a crash, reads as "none".
func (r *Repo) setBucketDoc(ctx context.Context, b *catalog.Bucket, kind string, doc []byte) error {
	if doc == nil {
		if err := r.flagDoc(ctx, b, kind, false); err != nil {
			return err
		}
		return wrap(r.Registry.Delete(ctx, catalog.BucketDocs, docKey(b, kind), meta.Always))
	}
	_, err := r.Registry.Put(ctx, catalog.BucketDocs, docKey(b, kind), meta.Record{Value: doc}, meta.Always)
	if err != nil {
		return wrap(err)
	}
	return r.flagDoc(ctx, b, kind, true)
}

func (r *Repo) flagDoc(ctx context.Context, b *catalog.Bucket, kind string, has bool) error {
	_, err := r.updateBucket(ctx, b.Name, func(cur *catalog.Bucket) error {
		if cur.ID != b.ID { // deleted and made anew
			return s3err.NoSuchBucket.Field("BucketName", b.Name)
		}
		if flag := hasDoc(cur, kind); flag != nil {
			*flag = has
		}
		return nil
	})
	return err
}
