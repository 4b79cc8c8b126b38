package repo

import (
	"context"
	"encoding/base64"
	"io"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

func (r *Repo) copyObject(ctx context.Context, in CopyInput) (*catalog.Object, error) {
	shares := in.Source.encryptedUnder(in.Encrypt)
	itself := in.Source.Bucket.ID == in.Bucket.ID && in.Source.Key == in.Key
	cur, err := r.beforeOrNew(ctx, in.Bucket, in.Key, &in.Cond, shares && !itself)
	if err != nil {
		return nil, err
	}
	if in.Source.Size > MaxPutSize {
		return nil, s3err.InvalidRequest.Say("The specified copy source is larger than the maximum allowable size for a copy source: %d", int64(MaxPutSize))
	}
	if !shares {
		return r.copyBytes(ctx, &in, cur)
	}
	if err := r.room(ctx, 0, true); err != nil { // a copy shares the bytes
		return nil, err
	}
	q, err := r.reserve(ctx, in.Bucket, in.Source.Size)
	if err != nil {
		return nil, err
	}
	done, err := r.copyInto(ctx, &in, cur)
	if q.res != nil {
		switch {
		case err == nil:
			q.res.Settle(in.Source.Size-done.freedBytes, 1-done.freedObjects)
		case unsure(err):
			q.res.Settle(in.Source.Size, 1)
		default:
			q.res.Cancel()
		}
	}
	if err != nil {
		return nil, err
	}
	r.state.newKeys.saw(in.Bucket, done)
	return done.object, nil
}

// copyInto makes the copy's record over the source's contents.
func (r *Repo) copyInto(ctx context.Context, in *CopyInput, cur *current) (*replaced, error) {
	body, err := r.shareSource(ctx, in.Source, holderOf(in.Bucket, in.Key))
	if err != nil {
		return nil, err
	}
	o := in.Object
	takeOver(&o, in.Source.Object)
	if in.Algorithm != "" && in.Algorithm != o.Checksum.Algorithm {
		if o.Checksum, err = in.Source.sum(ctx, in.Algorithm); err != nil {
			return nil, err
		}
	}
	return r.replaceCurrent(ctx, in.Bucket, in.Key, cur, in.Cond, func(*catalog.Object) (replacement, error) {
		if err := r.mayShare(ctx, in.Source); err != nil {
			return replacement{}, err
		}
		return replacement{object: &o, body: body}, nil
	})
}

// shareSource prepares that another record will hold the bytes of src: inlined
// ones are read; for shared ones the references are written. The caller must
// still see, after this and right before its record, that src stands.
func (r *Repo) shareSource(ctx context.Context, src *Handle, to holder) (body []byte, err error) {
	if src.Inline {
		if err := src.loadInline(ctx); err != nil {
			return nil, err
		}
		return src.body, nil
	}
	if src.Bucket.ID == to.bucket.ID && src.Key == to.key && to.uploadID == "" {
		return nil, nil // versions of one key share their references
	}
	ids, _ := contentsOf(src.Object)
	return nil, r.refer(ctx, ids, holderOf(src.Bucket, src.Key), to)
}

// takeOver makes o an object of the bytes of src.
func takeOver(o, src *catalog.Object) {
	o.Size, o.ETag, o.Checksum, o.Encryption = src.Size, src.ETag, src.Checksum, src.Encryption
	o.Inline, o.Segments, o.Manifest = src.Inline, src.Segments, src.Manifest
	o.PartCount, o.Parts = src.PartCount, src.Parts
}

// sum reads the whole object to make its checksum.
func (h *Handle) sum(ctx context.Context, algorithm string) (c catalog.Checksum, err error) {
	sum, err := (&Digest{Algorithm: algorithm}).hash()
	if err != nil {
		return c, err
	}
	rc, err := h.openRange(ctx, 0, h.Size)
	if err != nil {
		return c, err
	}
	defer rc.Close()
	n, err := io.Copy(sum, rc)
	if err == nil && n != h.Size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return c, wrap(err)
	}
	return catalog.Checksum{Algorithm: algorithm, Type: catalog.FullObject, Value: base64.StdEncoding.EncodeToString(sum.Sum(nil))}, nil
}
