package repo

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"hash"
	"io"
	"strconv"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/checksum"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/sse"
)

func (r *Repo) copyPart(ctx context.Context, in CopyPartInput) (*catalog.Part, error) {
	src := in.Source
	if in.Offset < 0 || in.Length < 0 || in.Offset > src.Size || in.Length > src.Size-in.Offset {
		return nil, s3err.InvalidArgument.Say("Range specified is not valid for source object of size: %d", src.Size).
			Field("ArgumentName", "x-amz-copy-source-range").Field("ArgumentValue", strconv.FormatInt(src.Size, 10))
	}
	if in.Length > MaxPutSize {
		return nil, s3err.InvalidRequest.Say("The specified copy source is larger than the maximum allowable size for a copy source: %d", int64(MaxPutSize))
	}
	u, err := r.partUpload(ctx, in.Bucket, in.Key, in.UploadID, in.Number)
	if err != nil {
		return nil, err
	}
	key, err := r.uploadKey(u, in.Customer)
	if err != nil {
		return nil, err
	}
	h := holder{bucket: in.Bucket, key: in.Key, uploadID: u.ID, part: in.Number}
	shared, err := r.wholeSegments(ctx, &in, key)
	if err != nil {
		return nil, err
	}
	if shared != nil {
		return r.sharePart(ctx, &in, h, &u.Object, shared)
	}
	body, err := src.openRange(ctx, in.Offset, in.Length)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	s, err := r.ingest(ctx, ingested{
		to: h, body: body, size: in.Length, limit: MaxPutSize,
		digest: Digest{Algorithm: u.Object.Checksum.Algorithm}, key: key,
	})
	if err != nil {
		return nil, wrap(err)
	}
	s.encryption = u.Object.Encryption
	return r.keepPart(ctx, h, s)
}

// wholeSegments gives the segments that make up the stretch to copy, if it
// consists of whole ones, encrypted as the upload is; nil otherwise, and then
// its bytes are copied. Sharing less than a whole one would keep the rest on
// disk, which nobody pays for.
func (r *Repo) wholeSegments(ctx context.Context, in *CopyPartInput, key *sse.Key) ([]catalog.Segment, error) {
	src := in.Source
	if src.Inline || in.Length == 0 || !src.encryptedUnder(key) || len(src.Encryption.Salt) > 0 {
		return nil, nil
	}
	all, err := r.Segments(ctx, src.Object)
	if err != nil {
		return nil, err
	}
	cut := cutSegments(all, in.Offset, in.Length)
	if len(cut) == 0 || len(cut) > maxPartSegments {
		return nil, nil
	}
	// Only the first and the last can be less than whole.
	for _, s := range []catalog.Segment{cut[0], cut[len(cut)-1]} {
		if !hasSegment(all, s) {
			return nil, nil
		}
	}
	return cut, nil
}

// maxPartSegments is the most segments of a part: its record must stay small.
const maxPartSegments = 256

func hasSegment(all []catalog.Segment, s catalog.Segment) bool {
	for i := range all {
		if all[i] == s {
			return true
		}
	}
	return false
}

// sharePart makes a part over contents of the source. References are written
// first, then the source is looked at again, then the part's record is written,
// so the contents cannot be freed in between.
func (r *Repo) sharePart(ctx context.Context, in *CopyPartInput, h holder, o *catalog.Object, segments []catalog.Segment) (*catalog.Part, error) {
	if err := r.room(ctx, 0, true); err != nil {
		return nil, err
	}
	q, err := r.reserve(ctx, in.Bucket, in.Length)
	if err != nil {
		return nil, err
	}
	settled := false
	defer func() {
		if !settled && q.res != nil {
			q.res.Cancel()
		}
	}()
	ids := contentsIn(segments)
	if m := in.Source.Manifest; m != "" {
		if err := r.referManifest(ctx, ids, m); err != nil {
			return nil, err
		}
	}
	if err := r.refer(ctx, ids, holderOf(in.Source.Bucket, in.Source.Key), h); err != nil {
		return nil, err
	}
	p := &catalog.Part{Number: h.part, Size: in.Length, Segments: segments, Shared: true, WriteID: newWriteID(), Encryption: o.Encryption}
	if p.ETag, p.Checksum, err = r.sums(ctx, in, o.Checksum.Algorithm); err != nil {
		return nil, err
	}
	p.ModTime = r.now()
	old, err := r.putPart(ctx, h, p, nil, func() error { return r.mayShare(ctx, in.Source) })
	if q.res != nil && (err == nil || unsure(err)) {
		q.res.Settle(p.Size-sizeOf(old), 0)
		settled = true
	}
	if err != nil {
		return nil, err
	}
	return p, r.partCounts(ctx, h, p, old)
}

// sums gives MD5 and checksum of the stretch to copy. Those of a whole object
// that was put at once are known; else the bytes are read.
func (r *Repo) sums(ctx context.Context, in *CopyPartInput, algorithm string) (etag string, c catalog.Checksum, err error) {
	src := in.Source
	if in.Length == src.Size && src.PartCount == 0 && len(src.ETag) == 2*md5.Size {
		switch {
		case algorithm == "":
			return src.ETag, c, nil
		case src.Checksum.Algorithm == algorithm && src.Checksum.Type == catalog.FullObject:
			return src.ETag, src.Checksum, nil
		}
	}
	whole := r.state.md5s.New()
	var w io.Writer = whole
	var sum hash.Hash
	if algorithm != "" {
		if sum = checksum.New(algorithm); sum == nil {
			return "", c, s3err.InvalidRequest
		}
		w = io.MultiWriter(whole, sum)
	}
	if src.Encryption.Customer() { // its ETag is of the bytes as they are stored
		if err := src.copyRaw(ctx, whole, in.Offset, in.Length); err != nil {
			return "", c, err
		}
		w = io.Discard
		if sum != nil {
			w = sum
		}
	}
	body, err := src.openRange(ctx, in.Offset, in.Length)
	if err != nil {
		return "", c, err
	}
	defer body.Close()
	n, err := io.Copy(w, body)
	if err == nil && n != in.Length {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return "", c, wrap(err)
	}
	if sum != nil {
		c = catalog.Checksum{Algorithm: algorithm, Type: catalog.FullObject, Value: checksum.Encode(sum.Sum(nil))}
	}
	return hex.EncodeToString(whole.Sum(nil)), c, nil
}
