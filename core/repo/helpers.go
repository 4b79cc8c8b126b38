package repo

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/quota"
	"github.com/mucura/mucura/core/s3err"
)

// wrap turns an error of a port into the row a client sees. A row, and an
// error of the request's context, stay what they are.
func wrap(err error) error {
	if err == nil {
		return nil
	}
	var row *s3err.Code
	switch {
	case errors.As(err, &row),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, meta.ErrFull), errors.Is(err, content.ErrFull):
		return s3err.StorageFull.With(err)
	case errors.Is(err, meta.ErrReadOnly):
		return s3err.ServiceUnavailable.With(err)
	case errors.Is(err, meta.ErrUnavailable), errors.Is(err, meta.ErrOutcomeUnknown), errors.Is(err, content.ErrUnavailable):
		return s3err.SlowDown.With(err)
	case errors.Is(err, meta.ErrConflict):
		return s3err.OperationAborted.With(err)
	}
	return s3err.InternalError.With(err)
}

// unsure tells whether a write that failed with err may have happened all the
// same. What it would have made visible must then be left alone.
func unsure(err error) bool { return errors.Is(err, meta.ErrOutcomeUnknown) }

// now is the time to the millisecond, as records keep it.
func (r *Repo) now() time.Time { return r.Now().UTC().Truncate(time.Millisecond) }

// newVersionRef names a version newer than every one up to prevSeq.
func (r *Repo) newVersionRef(prevSeq uint64) catalog.VersionRef {
	var b [8]byte
	rand.Read(b[:])
	seq := max(uint64(r.Now().UnixNano()), prevSeq+1)
	return catalog.VersionRef{Seq: seq, Rand: binary.BigEndian.Uint64(b[:])}
}

// newWriteID is a fresh random write ID.
func newWriteID() (id [16]byte) {
	rand.Read(id[:])
	return id
}

// checkKey refuses a key S3 does not take.
func checkKey(key string) error {
	switch {
	case len(key) > MaxKeyBytes:
		return s3err.KeyTooLong.Field("Size", strconv.Itoa(len(key))).Field("MaxSizeAllowed", strconv.Itoa(MaxKeyBytes))
	case key == "" || !utf8.ValidString(key):
		return s3err.InvalidURI.Field("URI", key)
	}
	return nil
}

// holder names who refers to a content, for releases and references.
type holder struct {
	bucket   *catalog.Bucket
	key      string
	uploadID string // of a part
	part     int
}

func holderOf(b *catalog.Bucket, key string) holder { return holder{bucket: b, key: key} }

// releaseOps are the puts, in the bucket's partition, that release contents h
// refers to. They may be written with the drop or before it, never after.
func (r *Repo) releaseOps(h holder, manifest bool, ids ...content.ID) []meta.Op {
	if len(ids) == 0 {
		return nil
	}
	at := r.Now()
	ops := make([]meta.Op, len(ids))
	for i, id := range ids {
		ops[i] = meta.Op{
			Key: catalog.ReleaseKey(uint64(at.UnixNano()), id),
			Record: meta.Record{Value: catalog.EncodeRelease(&catalog.Release{
				ID: id, At: at, Key: h.key, UploadID: h.uploadID, Manifest: manifest,
			})},
		}
	}
	return ops
}

// intentOp is the put that says that a content is about to be written, to which h
// is to refer.
func (r *Repo) intentOp(h holder, id content.ID) meta.Op {
	at := r.Now()
	return meta.Op{
		Key: catalog.ReleaseKey(uint64(at.UnixNano()), id),
		Record: meta.Record{Value: catalog.EncodeRelease(&catalog.Release{
			ID: id, At: at, Key: h.key, UploadID: h.uploadID, Intent: true,
		})},
	}
}

// releaseObject releases the contents of an object that is dropped.
func (r *Repo) releaseObject(h holder, o *catalog.Object) []meta.Op {
	ids, manifest := contentsOf(o)
	return r.releaseOps(h, manifest, ids...)
}

// contentsOf lists each content an object's record refers to once: the
// manifest alone where there is one.
func contentsOf(o *catalog.Object) (ids []content.ID, manifest bool) {
	if o.Manifest != "" {
		return []content.ID{o.Manifest}, true
	}
	return contentsIn(o.Segments), false
}

// contentsIn lists each content of some segments once, in order.
func contentsIn(segments []catalog.Segment) []content.ID {
	if len(segments) == 1 {
		return []content.ID{segments[0].ID}
	}
	var ids []content.ID
	seen := make(map[content.ID]bool, len(segments))
	for i := range segments {
		if id := segments[i].ID; !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids
}

// objectRecord is the record of an object.
func objectRecord(o *catalog.Object, body []byte) meta.Record {
	return meta.Record{Value: catalog.EncodeObject(o), Summary: catalog.ObjectSummary(o), Body: body}
}

// inlineLimit is the largest content to keep in a record, bytes. Where the
// store has no batches a body may have to ride in another record's Pending, so
// it must leave room there.
func (r *Repo) inlineLimit() int64 {
	c := r.Meta.Capabilities()
	limit := min(r.InlineMax, c.MaxInline)
	if !c.Batch {
		limit = min(limit, c.MaxValue/4)
	}
	return int64(limit)
}

// InlineLimit is the largest content that is kept in an object's record, bytes.
func (r *Repo) InlineLimit() int64 { return r.inlineLimit() }

// charge books a change that had no reservation to the account of b's owner.
// A repository without a Keeper counts nothing.
func (r *Repo) charge(ctx context.Context, b *catalog.Bucket, bytes, objects int64) {
	if r.Quota != nil && (bytes != 0 || objects != 0) {
		r.Quota.Note(b.Owner, bytes, objects)
		quota.TallyOf(ctx).Add(bytes, objects)
	}
}
