package repo

import (
	"context"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

func (r *Repo) deleteObject(ctx context.Context, in DeleteInput) (DeleteResult, error) {
	if err := checkKey(in.Key); err != nil {
		return DeleteResult{}, err
	}
	if err := in.Cond.decidable(r.Meta.Capabilities()); err != nil {
		return DeleteResult{}, err
	}
	if err := checkVersionID(in.VersionID); err != nil {
		return DeleteResult{}, err
	}
	d := &deletion{r: r, in: &in, writeID: newWriteID()}
	err := r.contendFor(ctx, in.Bucket, in.Key, func() error { return d.try(ctx) })
	if err != nil {
		return DeleteResult{}, err
	}
	r.charge(ctx, in.Bucket, -d.freed.bytes, -d.freed.objects)
	if d.marker != "" {
		if err := r.stillOpen(ctx, in.Bucket); err != nil {
			return DeleteResult{}, err
		}
	}
	return d.result, nil
}

// deletion is one deleteObject under way.
type deletion struct {
	r  *Repo
	in *DeleteInput

	writeID [16]byte // of the marker
	marker  string   // record key of the marker last tried
	unknown int      // how many tries had an unknown outcome
	freed   usage
	result  DeleteResult
}

func (d *deletion) try(ctx context.Context) error {
	cur, err := d.r.readCurrent(ctx, d.in.Bucket, d.in.Key, toWrite)
	if err != nil {
		return err
	}
	if d.unknown > 0 && d.marker != "" {
		if done, err := d.marked(ctx); done || err != nil {
			d.r.unclaim(ctx, d.in.Bucket, d.in.Key, cur)
			return err
		}
	}
	ch, err := d.plan(ctx, cur)
	if err != nil || ch == nil {
		d.r.unclaim(ctx, d.in.Bucket, d.in.Key, cur)
		return err
	}
	err = d.r.commit(ctx, d.in.Bucket, d.in.Key, cur, ch)
	if err == nil {
		return nil
	}
	if unsure(err) && d.unknown < maxUnknown {
		// Looking again tells: what is deleted is not found, a marker is.
		d.unknown++
		return meta.ErrConflict
	}
	d.r.unclaim(ctx, d.in.Bucket, d.in.Key, cur)
	return err
}

// marked tells whether an earlier try has written its delete marker.
func (d *deletion) marked(ctx context.Context) (bool, error) {
	v, _, err := d.r.versionAt(ctx, d.in.Bucket, d.marker, false)
	return v != nil && v.object.WriteID == d.writeID, err
}

// plan makes the change a deletion asks for; nil when there is nothing to do.
// What is found gone after a try with an unknown outcome was deleted by that
// try, so its result stays.
func (d *deletion) plan(ctx context.Context, cur *current) (*change, error) {
	if d.unknown == 0 {
		d.freed, d.result = usage{}, DeleteResult{VersionID: d.in.VersionID}
	}
	if d.in.VersionID != "" {
		return d.planVersion(ctx, cur)
	}
	target := cur.object
	if target == nil && cur.newest != nil {
		target = cur.newest.object
	}
	if err := d.in.Cond.forDelete(target); err != nil {
		return nil, err
	}
	if target == nil && !d.in.Cond.empty() { // the object meant is not there: no marker either
		return nil, nil
	}
	if versioned(d.in.Bucket, cur.object) {
		return d.planMarker(ctx, cur)
	}
	if cur.object == nil {
		return nil, nil
	}
	ch := new(change)
	freed, err := d.r.drop(d.in.Bucket, d.in.Key, cur.object, nil, ch)
	d.freed = freed
	return ch, err
}

// planMarker puts a delete marker above the versions of a key.
func (d *deletion) planMarker(ctx context.Context, cur *current) (*change, error) {
	marker := &catalog.Object{
		Ref:          d.r.newVersionRef(cur.seq()),
		Null:         d.in.Bucket.Versioning == catalog.VersioningSuspended,
		DeleteMarker: true,
		WriteID:      d.writeID,
		Owner:        d.in.Owner,
		ModTime:      d.r.now(),
	}
	ch := new(change)
	freed, err := d.r.displace(ctx, d.in.Bucket, d.in.Key, cur, marker, ch)
	if err != nil {
		return nil, err
	}
	d.marker = catalog.VersionKey(d.in.Key, marker.Ref)
	ch.extra = append(ch.extra, meta.Op{Key: d.marker, Record: objectRecord(marker, nil), Cond: meta.IfAbsent})
	d.freed = freed
	d.result = DeleteResult{VersionID: marker.VersionID(), DeleteMarker: true}
	return ch, nil
}
