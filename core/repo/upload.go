package repo

import (
	"context"
	"errors"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

// A multipart upload is an upload record, beside it one record a part, and in
// the end a Finished record. The upload record decides whether the upload is in
// progress: Complete removes it in the commit that makes the object, Abort
// removes it by itself, and only one of them can. Parts found without it are
// rubbish, which Complete, Abort, the part's own writer or the sweeper drops.
//
// A part's bytes are always a content of their own, however small: then an
// object made of parts is a list of segments and nothing else.

// inlineLimitFor is inlineLimit for the record of an object, -1 for that of a part.
func (r *Repo) inlineLimitFor(h holder) int64 {
	if h.uploadID != "" {
		return -1
	}
	return r.inlineLimit()
}

func (r *Repo) createUpload(ctx context.Context, in CreateUploadInput) (*catalog.Upload, error) {
	if err := checkKey(in.Key); err != nil {
		return nil, err
	}
	if a := in.Object.Checksum.Algorithm; a != "" {
		if _, err := (&Digest{Algorithm: a}).hash(); err != nil {
			return nil, err
		}
	}
	u := &catalog.Upload{
		ID: r.newVersionRef(0).ID(), Initiator: in.Initiator, Initiated: r.now(),
		Object: in.Object, ChecksumAsked: in.ChecksumAsked,
	}
	u.Object.Encryption = encryptionUnder(in.Encrypt)
	rec := meta.Record{Value: catalog.EncodeUpload(u)}
	p, key := catalog.InBucket(in.Bucket.ID), catalog.UploadKey(in.Key, u.ID)
	_, err := r.Meta.Put(ctx, p, key, rec, meta.IfAbsent)
	if errors.Is(err, meta.ErrOutcomeUnknown) { // the ID is in no other record
		if _, _, readErr := r.readUpload(ctx, in.Bucket, in.Key, u.ID); readErr == nil {
			return u, nil
		}
	}
	if err != nil {
		return nil, wrap(err)
	}
	return u, nil
}

// upload reads an upload in progress. Without batches the commit that ended it
// may still owe the removal of its record: that is done first.
func (r *Repo) upload(ctx context.Context, b *catalog.Bucket, key, uploadID string) (*catalog.Upload, error) {
	if !r.Meta.Capabilities().Batch && checkKey(key) == nil {
		if err := r.Settle(ctx, b, key); err != nil {
			return nil, err
		}
	}
	u, _, err := r.readUpload(ctx, b, key, uploadID)
	return u, err
}

// readUpload reads an upload in progress with its version; NoSuchUpload when
// there is none.
func (r *Repo) readUpload(ctx context.Context, b *catalog.Bucket, key, uploadID string) (*catalog.Upload, meta.Version, error) {
	if checkKey(key) != nil || !validUploadID(uploadID) {
		return nil, "", noSuchUpload(uploadID)
	}
	at := catalog.UploadKey(key, uploadID)
	rec, err := r.Meta.Get(ctx, catalog.InBucket(b.ID), at, false)
	if errors.Is(err, meta.ErrNotFound) {
		return nil, "", noSuchUpload(uploadID)
	}
	if err != nil {
		return nil, "", wrap(err)
	}
	u, err := catalog.DecodeUpload(rec.Value)
	if err != nil {
		return nil, "", damaged(b, at, err)
	}
	return u, rec.Version, nil
}

// readFinished reads what remains of a completed upload; nil when there is nothing.
func (r *Repo) readFinished(ctx context.Context, b *catalog.Bucket, uploadID string) (*catalog.Finished, error) {
	if !validUploadID(uploadID) {
		return nil, nil
	}
	at := catalog.FinishedKey(uploadID)
	rec, err := r.Meta.Get(ctx, catalog.InBucket(b.ID), at, false)
	if errors.Is(err, meta.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, wrap(err)
	}
	f, err := catalog.DecodeFinished(rec.Value)
	if err != nil {
		return nil, damaged(b, at, err)
	}
	return f, nil
}

// removeUpload takes an upload out of progress without an object: NoSuchUpload
// when a Complete or another Abort was quicker. It meets a Complete on the
// upload record where there are batches, and elsewhere on the record that
// decides about the object.
func (r *Repo) removeUpload(ctx context.Context, b *catalog.Bucket, key, uploadID string) error {
	p := catalog.InBucket(b.ID)
	why := toWrite | claiming
	if !r.Meta.Capabilities().Batch {
		why |= withBody // the object is written back
	}
	unknown := 0
	return r.contend(ctx, p, catalog.ObjectKey(key), func() error {
		cur, err := r.readCurrent(ctx, b, key, why)
		if err != nil {
			return err
		}
		_, version, err := r.readUpload(ctx, b, key, uploadID)
		if err == nil {
			gone := meta.Op{Key: catalog.UploadKey(key, uploadID), Delete: true, Cond: meta.IfMatch(version)}
			err = r.commit(ctx, b, key, cur, &change{keep: true, extra: []meta.Op{gone}})
		} else if unknown > 0 && errors.Is(err, s3err.NoSuchUpload) {
			err = r.removedByAbort(ctx, b, uploadID, err)
		}
		if err == nil {
			return nil
		}
		r.unclaim(ctx, b, key, cur)
		if unsure(err) && unknown < maxUnknown {
			unknown++
			return meta.ErrConflict
		}
		return err
	})
}

// removedByAbort is nil when an upload that is gone was not completed.
func (r *Repo) removedByAbort(ctx context.Context, b *catalog.Bucket, uploadID string, gone error) error {
	f, err := r.readFinished(ctx, b, uploadID)
	if err != nil {
		return err
	}
	if f != nil {
		return gone
	}
	return nil
}

func (r *Repo) abortUpload(ctx context.Context, b *catalog.Bucket, key, uploadID string) error {
	if err := r.removeUpload(ctx, b, key, uploadID); err != nil {
		return err
	}
	// The upload is aborted. Parts that stay now are the sweeper's.
	_ = r.dropParts(ctx, b, key, uploadID, nil)
	return nil
}
