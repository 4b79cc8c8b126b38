package repo

import (
	"context"
	"errors"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

func (r *Repo) completeUpload(ctx context.Context, in CompleteUploadInput) (*catalog.Object, error) {
	u, err := r.upload(ctx, in.Bucket, in.Key, in.UploadID)
	if errors.Is(err, s3err.NoSuchUpload) {
		return r.completed(ctx, &in, err)
	}
	if err != nil {
		return nil, err
	}
	g, err := r.gather(ctx, &in, u)
	if err != nil {
		return nil, r.unlessCompleted(ctx, &in, err)
	}
	manifest, err := g.writeManifest(ctx)
	if err != nil {
		return nil, err
	}
	done, err := g.commit(ctx)
	if err != nil {
		if manifest != "" && !unsure(err) {
			_ = r.Content.Delete(context.WithoutCancel(ctx), manifest)
		}
		if errors.Is(err, s3err.NoSuchUpload) {
			return r.completed(ctx, &in, err)
		}
		return nil, err
	}
	r.charge(ctx, in.Bucket, -done.freedBytes, 1-done.freedObjects)
	_ = r.dropParts(ctx, in.Bucket, in.Key, u.ID, g.used)
	return done.object, nil
}

// unlessCompleted is err, or NoSuchUpload when the parts are missing because
// the upload has ended meanwhile.
func (r *Repo) unlessCompleted(ctx context.Context, in *CompleteUploadInput, err error) error {
	if !errors.Is(err, s3err.InvalidPart) {
		return err
	}
	if _, gone := r.upload(ctx, in.Bucket, in.Key, in.UploadID); gone != nil {
		return gone
	}
	return err
}

// commit makes the object current and ends the upload in one step. NoSuchUpload
// when the upload has ended meanwhile.
func (g *gathered) commit(ctx context.Context) (*replaced, error) {
	b, key := g.in.Bucket, g.in.Key
	if err := g.in.Cond.decidable(g.r.Meta.Capabilities()); err != nil {
		return nil, err
	}
	w := &replacer{r: g.r, b: b, key: key, cond: g.in.Cond, why: toWrite | claiming}
	w.make = func(*catalog.Object) (replacement, error) {
		_, version, err := g.r.readUpload(ctx, b, key, g.upload.ID)
		if err != nil {
			return replacement{}, err
		}
		return replacement{object: &g.object, also: func(o *catalog.Object) []meta.Op {
			return []meta.Op{
				// In this order: where they are done one by one, an upload that is
				// neither in progress nor finished was aborted.
				{Key: catalog.FinishedKey(g.upload.ID), Record: g.finished(o)},
				{Key: catalog.UploadKey(key, g.upload.ID), Delete: true, Cond: meta.IfMatch(version)},
			}
		}}, nil
	}
	return w.run(ctx)
}

// finished is the record that lets a repeated call give the same answer.
func (g *gathered) finished(o *catalog.Object) meta.Record {
	f := &catalog.Finished{Key: g.in.Key, VersionID: o.VersionID(), ETag: o.ETag, At: g.r.now()}
	if ids := contentsIn(g.segments); len(ids) <= g.r.maxUsed() {
		f.Used = ids
	}
	return meta.Record{Value: catalog.EncodeFinished(f)}
}

// maxUsed is how many contents a Finished record lists at most; with more it
// lists none. It must fit into another record's Pending.
func (r *Repo) maxUsed() int {
	const each = len(content.ID("")) + 40
	return min(r.Meta.Capabilities().MaxValue/4/each, MaxPartNumber)
}

// completed answers for an upload that is not in progress: as before when it
// was completed, gone otherwise.
func (r *Repo) completed(ctx context.Context, in *CompleteUploadInput, gone error) (*catalog.Object, error) {
	f, err := r.readFinished(ctx, in.Bucket, in.UploadID)
	if err != nil {
		return nil, err
	}
	if f == nil || f.Key != in.Key {
		return nil, gone
	}
	h, err := r.open(ctx, in.Bucket, in.Key, f.VersionID, false)
	if err == nil && h.ETag == f.ETag {
		return h.Object, nil
	}
	if err != nil && s3err.From(err).Status >= 500 {
		return nil, err
	}
	// It was overwritten or deleted since; the answer is what it was.
	ref, named := catalog.ParseVersionID(f.VersionID)
	return &catalog.Object{Ref: ref, Null: !named, ETag: f.ETag, ModTime: f.At}, nil
}
