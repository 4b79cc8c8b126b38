package repo

import (
	"context"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

// checkVersionID refuses what cannot be a version ID of any S3 server. An ID of
// letters and digits that was not given here is a version that does not exist.
func checkVersionID(id string) error {
	for i := range len(id) {
		if ch := id[i]; (ch < '0' || ch > '9') && (ch < 'a' || ch > 'z') && (ch < 'A' || ch > 'Z') {
			return s3err.InvalidArgument.Say("Invalid version id specified").
				Field("ArgumentName", "versionId").Field("ArgumentValue", id)
		}
	}
	return nil
}

// isVersion tells whether o has the version ID.
func isVersion(o *catalog.Object, versionID string) bool {
	if o.Null || versionID == catalog.NullVersion {
		return o.Null && versionID == catalog.NullVersion
	}
	ref, ok := catalog.ParseVersionID(versionID)
	return ok && ref == o.Ref
}

// otherVersion finds a version among those that are not current; nil when
// there is none.
func (r *Repo) otherVersion(ctx context.Context, b *catalog.Bucket, key, versionID string, withBody bool) (*versionRecord, []byte, error) {
	if versionID != catalog.NullVersion {
		ref, ok := catalog.ParseVersionID(versionID)
		if !ok {
			return nil, nil, nil
		}
		v, body, err := r.versionAt(ctx, b, catalog.VersionKey(key, ref), withBody)
		if v != nil && v.object.Null {
			return nil, nil, err
		}
		return v, body, err
	}
	v, err := r.nullVersion(ctx, b, key)
	if v == nil || err != nil || !withBody || !v.object.Inline {
		return v, nil, err
	}
	return r.versionAt(ctx, b, v.key, true)
}

// planVersion deletes one version for good.
func (d *deletion) planVersion(ctx context.Context, cur *current) (*change, error) {
	if cur.object != nil && isVersion(cur.object, d.in.VersionID) {
		return d.planCurrent(ctx, cur)
	}
	if !versioned(d.in.Bucket, cur.object) {
		return nil, nil
	}
	v, _, err := d.r.otherVersion(ctx, d.in.Bucket, d.in.Key, d.in.VersionID, false)
	if v == nil || err != nil {
		return nil, err
	}
	ch := &change{keep: true, extra: []meta.Op{v.remove()}}
	if err := d.dropVersion(v.object, ch); err != nil {
		return nil, err
	}
	if cur.object == nil && cur.newest != nil && cur.newest.key == v.key && cur.second != nil {
		return ch, d.promote(ctx, cur.second, ch)
	}
	return ch, nil
}

// planCurrent deletes the current version; the one before it becomes current.
func (d *deletion) planCurrent(ctx context.Context, cur *current) (*change, error) {
	ch := new(change)
	if err := d.dropVersion(cur.object, ch); err != nil {
		return nil, err
	}
	if !versioned(d.in.Bucket, cur.object) {
		return ch, nil
	}
	if err := d.r.scansSettle(ctx); err != nil { // else an older one may seem the newest
		return nil, err
	}
	found, err := d.r.newestVersions(ctx, d.in.Bucket, d.in.Key, 1)
	if err != nil || len(found) == 0 {
		return ch, err
	}
	return ch, d.promote(ctx, found[0], ch)
}

// dropVersion judges whether o may be deleted, releases its contents and
// notes what the deletion says and frees.
func (d *deletion) dropVersion(o *catalog.Object, ch *change) error {
	if err := d.in.Cond.forDelete(o); err != nil {
		return err
	}
	if err := guard(o, d.r.Now(), d.in.BypassGovernance); err != nil {
		return err
	}
	ch.releases = append(ch.releases, d.r.releaseObject(holderOf(d.in.Bucket, d.in.Key), o)...)
	d.result.DeleteMarker = o.DeleteMarker
	d.freed = usageOf(o)
	return nil
}

// promote makes v, which is now the newest version, the current one, unless it
// is a delete marker.
func (d *deletion) promote(ctx context.Context, v *versionRecord, ch *change) error {
	if v.object.DeleteMarker {
		ch.meet(v)
		return nil
	}
	var body []byte
	if v.object.Inline {
		again, b, err := d.r.versionAt(ctx, d.in.Bucket, v.key, true)
		if err != nil {
			return err
		}
		if again == nil {
			return meta.ErrConflict // it was just deleted
		}
		v, body = again, b
	}
	next := *v.object
	next.WriteID = newWriteID()
	ch.keep, ch.next, ch.body = false, &next, body
	ch.extra = append(ch.extra, v.remove())
	return nil
}
