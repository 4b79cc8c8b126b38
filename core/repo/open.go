package repo

import (
	"context"
	"errors"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

func (r *Repo) open(ctx context.Context, b *catalog.Bucket, key, versionID string, withBody bool) (*Handle, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if versionID != "" {
		return r.openVersion(ctx, b, key, versionID, withBody)
	}
	h, err := r.openCurrent(ctx, b, key, withBody)
	if err != nil {
		return nil, wrap(err)
	}
	if h != nil && !h.Gone {
		return h, nil
	}
	marker, err := r.newestMarker(ctx, b, key, h)
	if err != nil {
		return nil, wrap(err)
	}
	return marker, s3err.NoSuchKey.Field("Key", key)
}

// openCurrent reads the deciding record of key as it is, also when it is Gone;
// nil when there is none.
func (r *Repo) openCurrent(ctx context.Context, b *catalog.Bucket, key string, withBody bool) (*Handle, error) {
	opened := r.Now()
	rec, err := r.Meta.Get(ctx, catalog.InBucket(b.ID), catalog.ObjectKey(key), withBody)
	if errors.Is(err, meta.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o, err := catalog.DecodeObject(rec.Value)
	if err != nil {
		return nil, err
	}
	h := &Handle{Object: o, Bucket: b, Key: key, repo: r, rev: rec.Version, opened: opened}
	if withBody && o.Inline {
		h.body = whole(rec.Body)
	}
	return h, nil
}

// whole is body, but never nil: that would mean it was not read.
func whole(body []byte) []byte {
	if body == nil {
		return []byte{}
	}
	return body
}

// newestMarker gives the delete marker that hides key, nil when it just is not
// there. gone is the key's deciding record, if it has one.
func (r *Repo) newestMarker(ctx context.Context, b *catalog.Bucket, key string, gone *Handle) (*Handle, error) {
	if b.Versioning == catalog.Unversioned {
		return nil, nil
	}
	var newest *catalog.Object
	if gone != nil { // what it still owes is newer than what is written
		newest = newestPending(key, gone.Pending)
	}
	if newest == nil {
		found, err := r.newestVersions(ctx, b, key, 1)
		if err != nil || len(found) == 0 {
			return nil, err
		}
		newest = found[0].object
	}
	if !newest.DeleteMarker {
		return nil, nil
	}
	return &Handle{Object: newest, Bucket: b, Key: key, repo: r}, nil
}

// newestPending is the newest version that pending work is going to write.
func newestPending(key string, pending []catalog.PendingOp) (newest *catalog.Object) {
	for i := range pending {
		op := &pending[i]
		if k, _, err := catalog.ParseVersionKey(op.Key); op.Delete || err != nil || k != key {
			continue
		}
		o, err := catalog.DecodeObject(op.Value)
		if err == nil && (newest == nil || o.Ref.Seq > newest.Ref.Seq) {
			newest = o
		}
	}
	return newest
}

// openVersion finds one version. It looks at the current one, then at the
// others; a version that moves between them meanwhile is looked for again.
func (r *Repo) openVersion(ctx context.Context, b *catalog.Bucket, key, versionID string, withBody bool) (*Handle, error) {
	if err := checkVersionID(versionID); err != nil {
		return nil, err
	}
	var before meta.Version
	for try := 0; ; try++ {
		cur, err := r.openCurrent(ctx, b, key, withBody)
		if err != nil {
			return nil, wrap(err)
		}
		h, err := r.versionBeside(ctx, b, key, versionID, withBody, cur)
		if err != nil {
			return nil, wrap(err)
		}
		if h != nil && h.DeleteMarker {
			return h, s3err.MethodNotAllowed.Field("Method", "GET").Field("ResourceType", "DeleteMarker")
		}
		if h != nil {
			return h, nil
		}
		rev := meta.Version("")
		if cur != nil {
			rev = cur.rev
		}
		if b.Versioning == catalog.Unversioned || try > 0 && rev == before || try >= maxTries {
			return nil, s3err.NoSuchVersion.Field("Key", key).Field("VersionId", versionID)
		}
		before = rev
	}
}

// versionBeside looks for a version when the deciding record is cur; nil when
// it is not there.
func (r *Repo) versionBeside(ctx context.Context, b *catalog.Bucket, key, versionID string, withBody bool, cur *Handle) (*Handle, error) {
	if cur != nil && !cur.Gone && isVersion(cur.Object, versionID) {
		return cur, nil
	}
	if b.Versioning == catalog.Unversioned && (cur == nil || cur.Null) {
		return nil, nil
	}
	if cur != nil && len(cur.Pending) > 0 {
		if h, decided := pendingVersion(cur, versionID); decided {
			return h, nil
		}
	}
	opened := r.Now()
	v, body, err := r.otherVersion(ctx, b, key, versionID, withBody)
	if v == nil || err != nil {
		return nil, err
	}
	h := &Handle{Object: v.object, Bucket: b, Key: key, repo: r, rev: v.version, opened: opened}
	if withBody && v.object.Inline {
		h.body = whole(body)
	}
	return h, nil
}

// pendingVersion looks for a version in the work the deciding record still
// owes. decided is false when that says nothing about it.
func pendingVersion(cur *Handle, versionID string) (h *Handle, decided bool) {
	wanted := ""
	if ref, ok := catalog.ParseVersionID(versionID); ok {
		wanted = catalog.VersionKey(cur.Key, ref)
	}
	for i := range cur.Pending {
		op := &cur.Pending[i]
		if op.Delete {
			if op.Key == wanted {
				return nil, true
			}
			continue
		}
		if _, _, err := catalog.ParseVersionKey(op.Key); err != nil {
			continue
		}
		o, err := catalog.DecodeObject(op.Value)
		if err == nil && isVersion(o, versionID) {
			h := &Handle{Object: o, Bucket: cur.Bucket, Key: cur.Key, repo: cur.repo, rev: cur.rev, opened: cur.opened}
			if o.Inline {
				h.body = whole(op.Body)
			}
			return h, true
		}
	}
	return nil, false
}
