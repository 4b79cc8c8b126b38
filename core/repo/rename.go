package repo

import (
	"cmp"
	"context"
	"errors"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

// renameObject moves one record. Where there are batches the object is at
// exactly one of both keys at any time. Elsewhere it is at both for a moment,
// and stays there after a crash in that moment.
func (r *Repo) renameObject(ctx context.Context, b *catalog.Bucket, from, to string, source, dest WriteCond) error {
	if err := cmp.Or(checkKey(from), checkKey(to)); err != nil {
		return err
	}
	caps := r.Meta.Capabilities()
	if err := cmp.Or(source.decidable(caps), dest.decidable(caps)); err != nil {
		return err
	}
	if b.Versioning != catalog.Unversioned {
		return s3err.InvalidBucketState.Say("RenameObject needs a bucket without versioning.")
	}
	m := &move{r: r, b: b, from: from, to: to, source: source}
	if from == to {
		return m.check(ctx, dest)
	}
	done, err := r.replaceCurrent(ctx, b, to, nil, dest, func(*catalog.Object) (replacement, error) { return m.plan(ctx) })
	if err != nil {
		return err
	}
	r.charge(ctx, b, -done.freedBytes, -done.freedObjects)
	if caps.Batch {
		return nil
	}
	return m.leave(context.WithoutCancel(ctx))
}

// move is one renameObject under way.
type move struct {
	r        *Repo
	b        *catalog.Bucket
	from, to string
	source   WriteCond
	rev      meta.Version // of the record moved
}

// read finds what is to be moved.
func (m *move) read(ctx context.Context) (*Handle, error) {
	if _, err := m.r.readCurrent(ctx, m.b, m.from, justLook); err != nil { // finishes what is pending
		return nil, err
	}
	src, err := m.r.openCurrent(ctx, m.b, m.from, true)
	switch {
	case err != nil:
		return nil, err
	case src == nil:
		return nil, s3err.NoSuchKey.Field("Key", m.from)
	case src.Gone || len(src.Pending) > 0:
		return nil, meta.ErrConflict
	}
	return src, m.source.forWrite(src.Object, m.from)
}

// check judges a rename of a key to itself, which changes nothing.
func (m *move) check(ctx context.Context, dest WriteCond) error {
	src, err := m.read(ctx)
	if err != nil {
		return wrap(err)
	}
	return dest.forWrite(src.Object, m.from)
}

// plan makes the record at the new key and, in the same batch, removes the old one.
func (m *move) plan(ctx context.Context) (replacement, error) {
	src, err := m.read(ctx)
	if err != nil {
		return replacement{}, err
	}
	o := *src.Object
	rep := replacement{object: &o, body: src.body, modTime: o.ModTime}
	m.rev = src.rev
	ids, _ := contentsOf(&o)
	if err := m.r.refer(ctx, ids, holderOf(m.b, m.to)); err != nil {
		return replacement{}, err
	}
	if m.r.Meta.Capabilities().Batch {
		rep.extra = []meta.Op{{Key: catalog.ObjectKey(m.from), Delete: true, Cond: meta.IfMatch(src.rev)}}
		return rep, nil
	}
	return rep, m.r.stands(ctx, src)
}

// leave removes the record at the old key. When somebody has changed it since,
// the rename came before that.
func (m *move) leave(ctx context.Context) error {
	err := m.r.Meta.Delete(ctx, catalog.InBucket(m.b.ID), catalog.ObjectKey(m.from), meta.IfMatch(m.rev))
	if errors.Is(err, meta.ErrConflict) || errors.Is(err, meta.ErrNotFound) {
		return nil
	}
	return wrap(err)
}
