package repo

import (
	"cmp"
	"context"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

func (r *Repo) update(ctx context.Context, b *catalog.Bucket, key, versionID string, fn func(*catalog.Object) error) (*catalog.Object, error) {
	if err := cmp.Or(checkKey(key), checkVersionID(versionID)); err != nil {
		return nil, err
	}
	u := &updating{r: r, b: b, key: key, versionID: versionID, fn: fn}
	err := r.contendFor(ctx, b, key, func() error { return u.try(ctx) })
	if u.refused != nil {
		return nil, u.refused
	}
	if err != nil {
		return nil, err
	}
	return u.done, nil
}

// updating is one update under way.
type updating struct {
	r         *Repo
	b         *catalog.Bucket
	key       string
	versionID string
	fn        func(*catalog.Object) error

	refused error // what fn returned
	unknown int   // how many tries had an unknown outcome
	done    *catalog.Object
}

func (u *updating) try(ctx context.Context) error {
	cur, err := u.r.readCurrent(ctx, u.b, u.key, toWrite|withBody)
	if err != nil {
		return err
	}
	ch, err := u.plan(ctx, cur)
	if err != nil {
		u.r.unclaim(ctx, u.b, u.key, cur)
		return err
	}
	err = u.r.commit(ctx, u.b, u.key, cur, ch)
	if err == nil {
		return nil
	}
	u.r.unclaim(ctx, u.b, u.key, cur)
	if unsure(err) && u.unknown < maxUnknown {
		u.unknown++
		return meta.ErrConflict // doing it again comes to the same
	}
	return err
}

// plan makes the change that rewrites the version.
func (u *updating) plan(ctx context.Context, cur *current) (*change, error) {
	if cur.object != nil && (u.versionID == "" || isVersion(cur.object, u.versionID)) {
		if err := u.apply(cur.object); err != nil {
			return nil, err
		}
		return &change{next: u.done, body: cur.body}, nil
	}
	if u.versionID == "" {
		return nil, s3err.NoSuchKey.Field("Key", u.key)
	}
	v, body, err := u.r.otherVersion(ctx, u.b, u.key, u.versionID, true)
	switch {
	case err != nil:
		return nil, err
	case v == nil:
		return nil, s3err.NoSuchVersion.Field("Key", u.key).Field("VersionId", u.versionID)
	case v.object.DeleteMarker:
		return nil, s3err.MethodNotAllowed.Field("ResourceType", "DeleteMarker")
	}
	if err := u.apply(v.object); err != nil {
		return nil, err
	}
	return &change{keep: true, extra: []meta.Op{{
		Key: v.key, Record: objectRecord(u.done, body), Cond: meta.IfMatch(v.version),
	}}}, nil
}

// apply lets fn change a copy of o.
func (u *updating) apply(o *catalog.Object) error {
	next := *o
	if u.refused = u.fn(&next); u.refused != nil {
		return u.refused
	}
	next.WriteID = newWriteID()
	u.done = &next
	return nil
}
