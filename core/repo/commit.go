package repo

import (
	"context"
	"errors"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

// change is what one write does to a key: it replaces the deciding record, or
// keeps it, and writes further records of the same partition.
type change struct {
	next *catalog.Object // to be the current version; nil: none. With a fresh WriteID.
	body []byte          // of next, when it is inline
	keep bool            // the deciding record stays as it is, next and body are not looked at

	// extra are writes on further records. Their conditions count where there
	// are batches; elsewhere writers meet on the deciding record alone.
	extra []meta.Op
	// touch are records rewritten as they are, so that two writers who both
	// found no deciding record meet on them. Only where there are batches.
	touch []meta.Op
	// releases may be written before all else.
	releases []meta.Op
}

// commit makes a change to key, whose deciding record is as cur says, all at
// once. meta.ErrConflict: somebody else was quicker and nothing was changed;
// meta.ErrOutcomeUnknown: it may have been. A request that is cancelled does
// not stop a commit half-way.
func (r *Repo) commit(ctx context.Context, b *catalog.Bucket, key string, cur *current, ch *change) error {
	ctx = context.WithoutCancel(ctx)
	p := catalog.InBucket(b.ID)
	if r.Meta.Capabilities().Batch {
		return r.commitBatch(ctx, p, key, cur, ch)
	}
	return r.commitPending(ctx, p, key, cur, ch)
}

// decide is the operation on the deciding record.
func (ch *change) decide(key string, cur *current) meta.Op {
	op := meta.Op{Key: catalog.ObjectKey(key), Cond: meta.IfMatch(cur.version)}
	if ch.next == nil {
		op.Delete = true
	} else {
		op.Record = objectRecord(ch.next, ch.body)
	}
	return op
}

func (r *Repo) commitBatch(ctx context.Context, p meta.Partition, key string, cur *current, ch *change) error {
	n := len(ch.extra) + len(ch.touch) + len(ch.releases)
	if !ch.keep {
		op := ch.decide(key, cur)
		if n == 0 {
			return r.apply(ctx, p, &op)
		}
		return r.batch(ctx, p, append([]meta.Op{op}, ch.extra...), ch)
	}
	return r.batch(ctx, p, ch.extra, ch)
}

// batch writes ops with the touches and releases of ch, those that do not fit
// in one batch before it.
func (r *Repo) batch(ctx context.Context, p meta.Partition, ops []meta.Op, ch *change) error {
	ops = append(ops[:len(ops):len(ops)], ch.touch...)
	releases := ch.releases
	for len(ops)+len(releases) > meta.MaxBatch {
		n := min(len(releases), meta.MaxBatch)
		if n == 0 {
			return meta.ErrTooLarge
		}
		if err := r.Meta.Batch(ctx, p, releases[:n]); err != nil {
			return err
		}
		releases = releases[n:]
	}
	ops = append(ops, releases...)
	if len(ops) == 1 {
		return r.apply(ctx, p, &ops[0])
	}
	return r.Meta.Batch(ctx, p, ops)
}

// apply does one operation by itself.
func (r *Repo) apply(ctx context.Context, p meta.Partition, op *meta.Op) error {
	if op.Delete {
		return r.Meta.Delete(ctx, p, op.Key, op.Cond)
	}
	_, err := r.Meta.Put(ctx, p, op.Key, op.Record, op.Cond)
	return err
}

// commitPending is commit for a store without batches: releases first, then
// the deciding record with the rest as its Pending work, then that work.
//
// Once the deciding record is written the change has happened; work that fails
// here is left to whoever next writes the key, or to the sweeper (Settle).
// Reads of a version by its ID see it at once, listings of versions when it is done.
func (r *Repo) commitPending(ctx context.Context, p meta.Partition, key string, cur *current, ch *change) error {
	for i := range ch.releases {
		if err := r.apply(ctx, p, &ch.releases[i]); err != nil {
			return err
		}
	}
	next, body := ch.next, ch.body
	if ch.keep && cur.object != nil {
		again := *cur.object
		again.WriteID = newWriteID()
		next, body = &again, cur.body
	}
	if len(ch.extra) == 0 {
		op := (&change{next: next, body: body}).decide(key, cur)
		return r.apply(ctx, p, &op)
	}
	if next == nil {
		next, body = &catalog.Object{Gone: true, WriteID: newWriteID()}, nil
	}
	owing := *next
	owing.Pending = pendingOf(ch.extra)
	until := time.Now().Add(ownTime)
	v, err := r.Meta.Put(ctx, p, catalog.ObjectKey(key), objectRecord(&owing, body), meta.IfMatch(cur.version))
	if err != nil {
		return err
	}
	_ = r.rollForward(ctx, p, key, &owing, body, v, until)
	return nil
}

// Only one process at a time does the work a record owes: the one that wrote
// it, for ownTime from before that write; any other when it has seen the same
// record owing for patience.
const (
	ownTime  = time.Second
	patience = 2 * ownTime
)

func (s *repoState) patience() time.Duration {
	if s.hurry {
		return 0
	}
	return patience
}

func pendingOf(ops []meta.Op) []catalog.PendingOp {
	list := make([]catalog.PendingOp, len(ops))
	for i := range ops {
		op := &ops[i]
		list[i] = catalog.PendingOp{
			Key: op.Key, Delete: op.Delete,
			Absent: op.Cond.Kind == meta.Absent, Match: string(op.Cond.Version),
			Value: op.Record.Value, Summary: op.Record.Summary, Body: op.Record.Body,
		}
	}
	return list
}

// opOf is the inverse of pendingOf.
func opOf(p *catalog.PendingOp) meta.Op {
	op := meta.Op{
		Key: p.Key, Delete: p.Delete,
		Record: meta.Record{Value: p.Value, Summary: p.Summary, Body: p.Body},
	}
	if p.Absent || p.Match != "" {
		op.Cond = meta.IfMatch(meta.Version(p.Match))
	}
	return op
}

// rollForward does the pending work of the deciding record o, found at version
// v with its body, and then clears it. It stops at the time until; the zero
// time is never.
//
// One limit remains: a process held up for longer than patience in the midst of
// one call to the store, while another finishes the work for it and then
// deletes the version that this call moves, brings that version back. Its
// content is released then; fsck reports it once that is gone. A version is
// never lost in this way, because what a late call removes must still be as it was.
func (r *Repo) rollForward(ctx context.Context, p meta.Partition, key string, o *catalog.Object, body []byte, v meta.Version, until time.Time) error {
	ctx = context.WithoutCancel(ctx)
	for i := range o.Pending {
		if !until.IsZero() && time.Now().After(until) {
			return nil
		}
		op := opOf(&o.Pending[i])
		if err := r.apply(ctx, p, &op); err != nil && !errors.Is(err, meta.ErrConflict) && !errors.Is(err, meta.ErrNotFound) {
			return err
		}
	}
	done := meta.Op{Key: catalog.ObjectKey(key), Cond: meta.IfMatch(v), Delete: o.Gone}
	if !o.Gone {
		settled := *o
		settled.Pending = nil
		done.Record = objectRecord(&settled, body)
	}
	err := r.apply(ctx, p, &done)
	if errors.Is(err, meta.ErrConflict) || errors.Is(err, meta.ErrNotFound) {
		return nil // somebody else cleared it
	}
	return err
}

// Settle finishes the work that a write of key left pending. Only stores
// without batches ever have any; a summary's Pending or Gone flag tells where.
func (r *Repo) Settle(ctx context.Context, b *catalog.Bucket, key string) error {
	_, err := r.readCurrent(ctx, b, key, justLook)
	return wrap(err)
}
