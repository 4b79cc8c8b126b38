package repo

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

// gathered is what an upload's parts make.
type gathered struct {
	r      *Repo
	in     *CompleteUploadInput
	upload *catalog.Upload

	object   catalog.Object
	segments []catalog.Segment
	shared   []catalog.Segment // those of them that are other objects' too
	parts    []catalog.PartInfo
	used     map[int]usedPart
	intents  []meta.Op // of the manifest, see create

	digests []byte // the parts' MD5s
	sums    checksums
}

// usedPart is a part the object is made of.
type usedPart struct {
	writeID [16]byte
	size    int64
}

// gather reads the parts of an upload in pages and checks them against what
// the client lists.
func (r *Repo) gather(ctx context.Context, in *CompleteUploadInput, u *catalog.Upload) (*gathered, error) {
	if err := checkOrder(in); err != nil {
		return nil, err
	}
	g := &gathered{r: r, in: in, upload: u, object: u.Object, used: make(map[int]usedPart, len(in.Parts))}
	g.parts = make([]catalog.PartInfo, 0, len(in.Parts))
	if err := g.sums.begin(in, u); err != nil {
		return nil, err
	}
	parts := r.listedParts(in, u)
	for i := range in.Parts {
		p, err := parts.next(ctx)
		if err != nil {
			return nil, err
		}
		if p == nil {
			return nil, invalidPart(in, &in.Parts[i])
		}
		if err := g.take(p, &in.Parts[i], i == len(in.Parts)-1); err != nil {
			return nil, err
		}
	}
	return g, g.end()
}

// checkOrder wants parts, in ascending order of their numbers.
func checkOrder(in *CompleteUploadInput) error {
	if len(in.Parts) == 0 {
		return s3err.MalformedXML
	}
	for i := range in.Parts {
		if i > 0 && in.Parts[i].Number <= in.Parts[i-1].Number {
			return s3err.InvalidPartOrder.Field("UploadId", in.UploadID)
		}
	}
	if in.Parts[0].Number < 1 {
		return invalidPart(in, &in.Parts[0])
	}
	return nil
}

func invalidPart(in *CompleteUploadInput, listed *CompletedPart) error {
	return s3err.InvalidPart.Field("UploadId", in.UploadID).
		Field("PartNumber", strconv.Itoa(listed.Number)).Field("ETag", listed.ETag)
}

// take adds a part.
func (g *gathered) take(p *catalog.Part, listed *CompletedPart, last bool) error {
	if !strings.EqualFold(p.ETag, listed.ETag) {
		return invalidPart(g.in, listed)
	}
	if err := g.sums.add(p, listed); err != nil {
		return err
	}
	if p.Size < MinPartSize && !last {
		return s3err.EntityTooSmall.Field("ProposedSize", strconv.FormatInt(p.Size, 10)).
			Field("MinSizeAllowed", strconv.Itoa(MinPartSize)).
			Field("PartNumber", strconv.Itoa(p.Number)).Field("ETag", p.ETag)
	}
	sum, err := hex.DecodeString(p.ETag)
	if err != nil || len(sum) != md5.Size {
		return invalidPart(g.in, listed)
	}
	g.digests = append(g.digests, sum...)
	g.segments = append(g.segments, p.Segments...)
	if p.Shared {
		g.shared = append(g.shared, p.Segments...)
	}
	g.parts = append(g.parts, catalog.PartInfo{Number: p.Number, Size: p.Size, Checksum: p.Checksum.Value})
	g.used[p.Number] = usedPart{p.WriteID, p.Size}
	g.object.Size += p.Size
	return nil
}

// end makes the object of the parts.
func (g *gathered) end() error {
	o := &g.object
	if want := g.in.Size; want != nil && *want != o.Size {
		return s3err.InvalidRequest.Say("The provided 'x-amz-mp-object-size' header value %d does not match what was computed: %d", *want, o.Size)
	}
	if o.Size > MaxObjectSize {
		return tooLarge(o.Size, MaxObjectSize)
	}
	sum := md5.Sum(g.digests)
	o.ETag = hex.EncodeToString(sum[:]) + "-" + strconv.Itoa(len(g.parts))
	var err error
	if o.Checksum, err = g.sums.end(); err != nil {
		return err
	}
	for i := range g.parts {
		if o.Checksum.Algorithm == "" {
			g.parts[i].Checksum = ""
		}
	}
	o.Inline, o.PartCount = false, len(g.parts)
	o.Segments, o.Parts, o.Manifest = g.segments, g.parts, ""
	return nil
}

// writeManifest moves segments and parts into a content of their own when they
// are too many for the object's record. It returns that content's ID, or "".
func (g *gathered) writeManifest(ctx context.Context) (content.ID, error) {
	if len(g.segments) <= catalog.MaxEmbedded && len(g.parts) <= catalog.MaxEmbedded {
		return "", nil
	}
	bytes := catalog.EncodeManifest(g.segments, g.parts)
	id, w, intents, err := g.r.create(ctx, holderOf(g.in.Bucket, g.in.Key), int64(len(bytes)))
	if err != nil {
		return "", err
	}
	defer w.Abort()
	if _, err := w.Write(bytes); err != nil {
		return "", wrap(err)
	}
	if err := w.Commit(); err != nil {
		return "", wrap(err)
	}
	g.object.Segments, g.object.Parts, g.object.Manifest = nil, nil, id
	g.intents = intents
	if err := g.r.referManifest(ctx, contentsIn(g.shared), id); err != nil {
		_ = g.r.Content.Delete(context.WithoutCancel(ctx), id)
		return "", err
	}
	return id, nil
}
