package repo

import (
	"context"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// usage is a change of what an account uses.
type usage struct{ bytes, objects int64 }

func usageOf(o *catalog.Object) usage {
	if o.DeleteMarker {
		return usage{}
	}
	return usage{o.Size, 1}
}

// displace adds to ch what makes room for incoming, a version or delete marker
// that becomes the newest of key: the current version moves to the others, or,
// when both have the version ID "null", is dropped; so is a null version among
// the others. It returns what the account no longer uses.
func (r *Repo) displace(ctx context.Context, b *catalog.Bucket, key string, cur *current, incoming *catalog.Object, ch *change) (usage, error) {
	if cur.object != nil && cur.object.Null && incoming.Null {
		return r.drop(b, key, cur.object, incoming, ch)
	}
	if cur.object != nil {
		move := meta.Op{
			Key:    catalog.VersionKey(key, cur.object.Ref),
			Record: objectRecord(cur.object, cur.body),
		}
		if !r.Meta.Capabilities().Batch {
			move.Cond = meta.IfAbsent // see rollForward
		}
		ch.extra = append(ch.extra, move)
	}
	null, err := r.displaceNull(ctx, b, key, cur, incoming, ch)
	if err != nil {
		return usage{}, err
	}
	if n := cur.newest; n != nil && (null == nil || null.key != n.key) {
		ch.meet(n)
	}
	if null == nil {
		return usage{}, nil
	}
	return usageOf(null.object), nil
}

// displaceNull drops the null version among those that are not current, when
// incoming takes its place.
func (r *Repo) displaceNull(ctx context.Context, b *catalog.Bucket, key string, cur *current, incoming *catalog.Object, ch *change) (*versionRecord, error) {
	if !incoming.Null || !versioned(b, cur.object) {
		return nil, nil
	}
	null, err := r.nullVersion(ctx, b, key)
	if err != nil || null == nil {
		return nil, err
	}
	if _, err := r.drop(b, key, null.object, incoming, ch); err != nil {
		return nil, err
	}
	ch.extra = append(ch.extra, null.remove())
	return null, nil
}

// drop releases what old holds and incoming does not. Object lock needs
// versioning, so a null version is never locked; a locked one stays all the same.
func (r *Repo) drop(b *catalog.Bucket, key string, old, incoming *catalog.Object, ch *change) (usage, error) {
	if err := guard(old, r.Now(), false); err != nil {
		return usage{}, err
	}
	ids, manifest := contentsOf(old)
	if incoming != nil && len(ids) > 0 {
		ids = without(ids, incoming)
	}
	ch.releases = append(ch.releases, r.releaseOps(holderOf(b, key), manifest, ids...)...)
	return usageOf(old), nil
}

// without leaves out the contents that o holds.
func without(ids []content.ID, o *catalog.Object) []content.ID {
	kept, _ := contentsOf(o)
	if len(kept) == 0 {
		return ids
	}
	held := make(map[content.ID]bool, len(kept))
	for _, id := range kept {
		held[id] = true
	}
	var rest []content.ID
	for _, id := range ids {
		if !held[id] {
			rest = append(rest, id)
		}
	}
	return rest
}

// meet rewrites v as it is, if it still is as it was read: another writer who
// found no current version and removes or rewrites v conflicts.
func (ch *change) meet(v *versionRecord) {
	if !v.object.DeleteMarker {
		return // its body was not read; there is always a current version above one
	}
	ch.touch = append(ch.touch, meta.Op{Key: v.key, Record: objectRecord(v.object, nil), Cond: meta.IfMatch(v.version)})
}

// remove is the operation that removes v if it is as it was read.
func (v *versionRecord) remove() meta.Op {
	return meta.Op{Key: v.key, Delete: true, Cond: meta.IfMatch(v.version)}
}
