package repo

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

// replacement is a new current version of a key.
type replacement struct {
	// object is the record. Its Ref, Null, ModTime and WriteID are set by
	// replaceCurrent, on a copy of its own.
	object *catalog.Object
	body   []byte // when object is inline
	// modTime is the object's time when it is not now: it was there before.
	modTime time.Time
	// extra and releases are further writes of the same commit, see change.
	extra    []meta.Op
	releases []meta.Op
	// also makes further extra ones that depend on what replaceCurrent set.
	also func(o *catalog.Object) []meta.Op
}

// replaced is what replaceCurrent did.
type replaced struct {
	object *catalog.Object
	// What the account no longer uses because of it: the version overwritten.
	freedBytes, freedObjects int64
}

// replaceCurrent makes a new current version of key, if cond allows: what was
// current moves to the other versions or is dropped, as the bucket's versioning
// wants, and what is dropped is released. make is called with the current
// version (nil: none) each time before it is tried and gives the new one; its
// error ends the write. pre, when not nil, is used for the first try
// instead of reading.
//
// When extra has conditions that fail, everything is tried again, so make must
// itself look whether what extra depends on still stands.
//
// After an error nothing is visible, unless unsure(err).
func (r *Repo) replaceCurrent(ctx context.Context, b *catalog.Bucket, key string, pre *current, cond WriteCond,
	make func(cur *catalog.Object) (replacement, error)) (*replaced, error) {
	if err := cond.decidable(r.Meta.Capabilities()); err != nil {
		return nil, err
	}
	w := &replacer{r: r, b: b, key: key, cond: cond, make: make, why: toWrite}
	if pre != nil && !pre.unclaimed {
		w.cur = pre
	}
	return w.run(ctx)
}

// run tries until it is done.
func (w *replacer) run(ctx context.Context) (*replaced, error) {
	w.writeID = newWriteID()
	err := w.r.contendFor(ctx, w.b, w.key, func() error { return w.try(ctx) })
	if err != nil {
		if w.unknown > 0 && !unsure(err) {
			err = errors.Join(err, meta.ErrOutcomeUnknown) // an earlier try may still arrive
		}
		return nil, err
	}
	if err := w.r.stillOpen(ctx, w.b); err != nil {
		return nil, err
	}
	return &w.done, nil
}

// replacer is one replaceCurrent under way.
type replacer struct {
	r    *Repo
	b    *catalog.Bucket
	key  string
	cond WriteCond
	make func(cur *catalog.Object) (replacement, error)
	why  reading // how to read before each try

	writeID [16]byte
	cur     *current // for the next try, when already read
	unknown int      // how many tries had an unknown outcome
	done    replaced
}

// maxUnknown is how often a write whose outcome is unknown, and which is seen
// not to have happened, is tried again.
const maxUnknown = 3

func (w *replacer) try(ctx context.Context) (err error) {
	cur := w.cur
	w.cur = nil
	if cur == nil {
		if cur, err = w.r.readCurrent(ctx, w.b, w.key, w.why); err != nil {
			return err
		}
	}
	defer func() {
		if err != nil {
			w.r.unclaim(ctx, w.b, w.key, cur)
		}
	}()
	if err := w.cond.forWrite(cur.object, w.key); err != nil {
		return err
	}
	rep, err := w.make(cur.object)
	if err != nil {
		return err
	}
	ch, err := w.plan(ctx, cur, &rep)
	if err != nil {
		return err
	}
	err = w.r.commit(ctx, w.b, w.key, cur, ch)
	if errors.Is(err, meta.ErrOutcomeUnknown) {
		return w.settle(ctx, cur, err)
	}
	return err
}

// plan makes the change that puts rep in the place of cur.
func (w *replacer) plan(ctx context.Context, cur *current, rep *replacement) (*change, error) {
	o := *rep.object
	o.WriteID = w.writeID
	o.Null = w.b.Versioning != catalog.VersioningEnabled
	o.DeleteMarker, o.Gone, o.Pending = false, false, nil
	if o.ModTime = rep.modTime; o.ModTime.IsZero() {
		o.ModTime = w.r.now()
	}
	o.Ref = w.r.newVersionRef(cur.seq())
	ch := &change{next: &o, body: rep.body, extra: slices.Clip(rep.extra), releases: slices.Clip(rep.releases)}
	if rep.also != nil {
		ch.extra = append(ch.extra, rep.also(&o)...)
	}
	freed, err := w.r.displace(ctx, w.b, w.key, cur, &o, ch)
	if err != nil {
		return nil, err
	}
	w.done = replaced{&o, freed.bytes, freed.objects}
	return ch, nil
}

// settle finds out whether a write whose outcome is unknown has happened:
// nil, or ErrConflict to try again, or the unknown outcome itself.
func (w *replacer) settle(ctx context.Context, before *current, unknown error) error {
	ctx = context.WithoutCancel(ctx)
	w.unknown++
	now, err := w.r.readCurrent(ctx, w.b, w.key, justLook)
	if err != nil {
		return unknown
	}
	if now.object != nil && now.object.WriteID == w.writeID {
		return nil
	}
	if !w.done.object.Null { // it may have been written and moved on already
		v, _, err := w.r.versionAt(ctx, w.b, catalog.VersionKey(w.key, w.done.object.Ref), false)
		if err != nil {
			return unknown
		}
		if v != nil && v.object.WriteID == w.writeID {
			return nil
		}
	}
	if w.unknown > maxUnknown || now.version != before.version {
		// Somebody else's record is there: ours may have been before it.
		return unknown
	}
	return meta.ErrConflict
}
