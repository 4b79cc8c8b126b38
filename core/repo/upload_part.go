package repo

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

func (r *Repo) uploadPart(ctx context.Context, in UploadPartInput) (*catalog.Part, error) {
	u, err := r.partUpload(ctx, in.Bucket, in.Key, in.UploadID, in.Number)
	if err != nil {
		return nil, err
	}
	if in.Digest.Algorithm, err = partAlgorithm(u, in.Digest.Algorithm); err != nil {
		return nil, err
	}
	key, err := r.uploadKey(u, in.Customer)
	if err != nil {
		return nil, err
	}
	h := holder{bucket: in.Bucket, key: in.Key, uploadID: u.ID, part: in.Number}
	s, err := r.ingest(ctx, ingested{to: h, body: in.Body, size: in.Size, limit: MaxPutSize, digest: in.Digest, key: key})
	if err != nil {
		return nil, err
	}
	s.encryption = u.Object.Encryption
	return r.keepPart(ctx, h, s)
}

// partUpload finds the upload a part is for.
func (r *Repo) partUpload(ctx context.Context, b *catalog.Bucket, key, uploadID string, number int) (*catalog.Upload, error) {
	if number < 1 || number > MaxPartNumber {
		return nil, s3err.InvalidArgument.Say("Part number must be an integer between 1 and %d, inclusive", MaxPartNumber).
			Field("ArgumentName", "partNumber").Field("ArgumentValue", strconv.Itoa(number))
	}
	return r.upload(ctx, b, key, uploadID)
}

// partAlgorithm is the checksum algorithm for a part whose client named algo
// (""): the upload's own, which the client may not differ from when it asked
// for it, and must name when the object's checksum is to be made of the parts'.
func partAlgorithm(u *catalog.Upload, algo string) (string, error) {
	own := u.Object.Checksum.Algorithm
	switch {
	case !u.ChecksumAsked && algo != "":
		return algo, nil
	case !u.ChecksumAsked || own == algo:
		return own, nil
	case algo == "" && checksumType(u) == catalog.FullObject:
		return own, nil
	case algo == "":
		algo = "null"
	}
	return "", s3err.InvalidRequest.Say("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s",
		strings.ToLower(own), strings.ToLower(algo))
}

// checksumType is the type of an upload's checksum; S3's default where the
// client named none.
func checksumType(u *catalog.Upload) catalog.ChecksumType {
	c := u.Object.Checksum
	switch {
	case c.Type != "":
		return c.Type
	case !u.ChecksumAsked || c.Algorithm == "CRC64NVME":
		return catalog.FullObject
	}
	return catalog.Composite
}

// keepPart makes a part of bytes that were taken in.
func (r *Repo) keepPart(ctx context.Context, h holder, s *stored) (*catalog.Part, error) {
	p := &catalog.Part{
		Number: h.part, Size: s.size, ETag: s.etag(), ModTime: r.now(), Checksum: s.checksum,
		Segments: s.segments, WriteID: newWriteID(), Encryption: s.encryption,
	}
	old, err := r.putPart(ctx, h, p, nil)
	switch {
	case err == nil:
		s.settle(p.Size-sizeOf(old), 0)
	case unsure(err):
		s.settle(p.Size, 0)
	default:
		s.discard(ctx)
	}
	if err != nil {
		return nil, err
	}
	return p, r.partCounts(ctx, h, p, old)
}

func sizeOf(p *catalog.Part) int64 {
	if p == nil {
		return 0
	}
	return p.Size
}

// putPart writes a part's record in place of old, which it returns and whose
// contents it releases; nil when there was none. before is called each time
// right before the record is written; it may be nil.
func (r *Repo) putPart(ctx context.Context, h holder, p *catalog.Part, before func() error) (old *catalog.Part, err error) {
	part, at := catalog.InBucket(h.bucket.ID), catalog.PartKey(h.uploadID, h.part)
	rec := meta.Record{Value: catalog.EncodePart(p)}
	unknown := 0
	err = r.contend(ctx, part, at, func() error {
		found, version, err := r.readPart(ctx, h)
		if err != nil {
			return err
		}
		if found != nil && found.WriteID == p.WriteID { // by a try whose outcome was unknown
			return nil
		}
		if unknown == 0 {
			old = found
		}
		if before != nil {
			if err := before(); err != nil {
				return err
			}
		}
		put := meta.Op{Key: at, Record: rec, Cond: meta.IfMatch(version)}
		err = r.putReleasing(context.WithoutCancel(ctx), part, put, r.releaseParts(h, found, p))
		if unsure(err) && unknown < maxUnknown {
			unknown++
			return meta.ErrConflict
		}
		return err
	})
	if unknown > 0 && err != nil && !unsure(err) {
		err = errors.Join(err, meta.ErrOutcomeUnknown)
	}
	return old, err
}

// putReleasing does one write with the releases that must not come after it.
func (r *Repo) putReleasing(ctx context.Context, p meta.Partition, op meta.Op, releases []meta.Op) error {
	if len(releases) == 0 {
		return r.apply(ctx, p, &op)
	}
	if r.Meta.Capabilities().Batch {
		return r.batch(ctx, p, []meta.Op{op}, &change{releases: releases})
	}
	if err := r.applyAll(ctx, p, releases); err != nil {
		return err
	}
	return r.apply(ctx, p, &op)
}

// releaseParts releases what old holds and next does not; both may be nil.
func (r *Repo) releaseParts(h holder, old, next *catalog.Part) []meta.Op {
	if old == nil {
		return nil
	}
	ids := contentsIn(old.Segments)
	if next != nil {
		ids = without(ids, &catalog.Object{Segments: next.Segments})
	}
	return r.releaseOps(h, false, ids...)
}

// readPart reads a part's record; nil when there is none.
func (r *Repo) readPart(ctx context.Context, h holder) (*catalog.Part, meta.Version, error) {
	at := catalog.PartKey(h.uploadID, h.part)
	rec, err := r.Meta.Get(ctx, catalog.InBucket(h.bucket.ID), at, false)
	if errors.Is(err, meta.ErrNotFound) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	p, err := catalog.DecodePart(rec.Value)
	if err != nil {
		return nil, "", damaged(h.bucket, at, err)
	}
	return p, rec.Version, nil
}

// partCounts looks, after a part was written, whether its upload is still in
// progress. If it was, whoever ends the upload later sees the part. If not,
// nobody may: the part is dropped here, and it is NoSuchUpload.
func (r *Repo) partCounts(ctx context.Context, h holder, p, replaced *catalog.Part) error {
	_, err := r.upload(ctx, h.bucket, h.key, h.uploadID)
	if err == nil || !errors.Is(err, s3err.NoSuchUpload) {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	f, readErr := r.readFinished(ctx, h.bucket, h.uploadID)
	if readErr != nil || f != nil && (len(f.Used) == 0 || usesAny(f, p)) {
		return err // the object may have it: the sweeper finds out
	}
	found, version, readErr := r.readPart(ctx, h)
	if readErr != nil || found == nil || found.WriteID != p.WriteID {
		return err // somebody else has dropped it
	}
	gone := meta.Op{Key: catalog.PartKey(h.uploadID, h.part), Delete: true, Cond: meta.IfMatch(version)}
	if r.putReleasing(ctx, catalog.InBucket(h.bucket.ID), gone, r.releaseParts(h, p, nil)) != nil {
		return err
	}
	bytes := -p.Size
	if f != nil && replaced != nil && usesAny(f, replaced) {
		bytes += replaced.Size // counted as freed when this part took its place
	}
	r.charge(ctx, h.bucket, bytes, 0)
	return err
}

// usesAny tells whether the object a completed upload made holds a content of p.
func usesAny(f *catalog.Finished, p *catalog.Part) bool {
	return slices.ContainsFunc(p.Segments, func(s catalog.Segment) bool {
		return slices.Contains[[]content.ID](f.Used, s.ID)
	})
}
