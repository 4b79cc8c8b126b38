package repo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// ReferencePrefix begins the keys of all references to a content, in
// partition catalog.References(id).
func ReferencePrefix(id content.ID) string { return string(id) + "/" }

// referenceKey is where the reference of h to a content lies. All versions of
// one key share it.
func referenceKey(id content.ID, h holder) string {
	sum := sha256.Sum256([]byte(h.key + "\x00" + h.uploadID + "\x00" + strconv.Itoa(h.part)))
	return ReferencePrefix(id) + h.bucket.ID + "/" + hex.EncodeToString(sum[:16])
}

// refer writes that each of holders refers to each of the contents, or is just
// about to. A content that gets a second holder needs a reference for its first
// one too: whoever is dropped first, the release names only that one.
//
// The order matters. A copy writes its references, then looks whether it may
// share (mayShare), then writes its record; the sweeper looks whether the holders
// stand and then whether there are references. So one of them sees the other.
func (r *Repo) refer(ctx context.Context, ids []content.ID, holders ...holder) error {
	ops := map[meta.Partition][]meta.Op{}
	for _, id := range ids {
		p := catalog.References(id)
		for _, h := range holders {
			ops[p] = append(ops[p], meta.Op{Key: referenceKey(id, h), Record: meta.Record{
				Value: catalog.EncodeReference(&catalog.Reference{
					At: r.Now(), Bucket: h.bucket.ID, Key: h.key, UploadID: h.uploadID, PartNum: h.part,
				}),
			}})
		}
	}
	for p, list := range ops {
		if err := r.applyAll(ctx, p, list); err != nil {
			return wrap(err)
		}
	}
	return nil
}

// referManifest writes that a manifest lists each of the contents, which are
// about to get a holder of their own beside it. The holders of the manifest may
// change after that, and no reference of theirs names a content it lists.
func (r *Repo) referManifest(ctx context.Context, ids []content.ID, manifest content.ID) error {
	for _, id := range ids {
		op := meta.Op{Key: ReferencePrefix(id) + string(manifest), Record: meta.Record{
			Value: catalog.EncodeReference(&catalog.Reference{At: r.Now(), Manifest: manifest}),
		}}
		if err := r.apply(ctx, catalog.References(id), &op); err != nil {
			return wrap(err)
		}
	}
	return nil
}

// applyAll does operations that need not happen at once, with as few calls as
// the store allows.
func (r *Repo) applyAll(ctx context.Context, p meta.Partition, ops []meta.Op) error {
	if !r.Meta.Capabilities().Batch {
		for i := range ops {
			if err := r.apply(ctx, p, &ops[i]); err != nil {
				return err
			}
		}
		return nil
	}
	for len(ops) > 0 {
		n := min(len(ops), meta.MaxBatch)
		if err := r.batch(ctx, p, ops[:n], new(change)); err != nil {
			return err
		}
		ops = ops[n:]
	}
	return nil
}

// mayShare tells whether a record over the contents of h may be written now.
// They stood when h was opened, so whoever has dropped them since released them
// after that, and the sweeper leaves them alone for the leeway; by then it
// finds the new record by its reference. (For a release that may be older than
// that it looks twice, see sweep.) Only a copy that takes longer than half of
// the leeway, so long that clocks may differ, looks again.
func (r *Repo) mayShare(ctx context.Context, h *Handle) error {
	if h.Inline || r.Now().Sub(h.opened) < r.Leeway/2 {
		return nil
	}
	return r.stands(ctx, h)
}

// stands tells whether the version h was opened from still holds the same
// contents.
func (r *Repo) stands(ctx context.Context, h *Handle) error {
	if h.Inline {
		return nil // its bytes are copied, not shared
	}
	_, err := h.reopen(ctx)
	return err
}
