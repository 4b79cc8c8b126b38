package repo

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/checksum"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/s3err"
)

// gathered is what an upload's parts make.
type gathered struct {
	r      *Repo
	in     *CompleteUploadInput
	upload *catalog.Upload

	object   catalog.Object
	segments []catalog.Segment
	parts    []catalog.PartInfo
	used     map[int]usedPart

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
	listed := in.Parts
	c := r.partsAfter(in.Bucket, u.ID, 0, listed[len(listed)-1].Number)
	for len(listed) > 0 {
		e, err := c.peek(ctx)
		if err != nil {
			return nil, err
		}
		if e == nil {
			return nil, invalidPart(in, &listed[0])
		}
		p, err := catalog.DecodePart(e.Record.Value)
		if err != nil {
			return nil, damaged(in.Bucket, e.Key, err)
		}
		c.pop()
		if p.Number > listed[0].Number {
			return nil, invalidPart(in, &listed[0])
		}
		if p.Number < listed[0].Number {
			continue
		}
		if err := g.take(p, &listed[0], len(listed) == 1); err != nil {
			return nil, err
		}
		listed = listed[1:]
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
	id, w, err := g.r.create(ctx, holderOf(g.in.Bucket, g.in.Key), int64(len(bytes)))
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
	return id, nil
}

// checksums makes an object's checksum of its parts'.
type checksums struct {
	asked     bool
	algorithm string // "" as long as it is not known, when it was not asked for
	kind      catalog.ChecksumType
	expected  catalog.Checksum // zero fields: nothing is expected
	in        *CompleteUploadInput

	none  bool // some part has none, or another algorithm
	each  [][]byte
	sized []checksum.PartSum
}

func (c *checksums) begin(in *CompleteUploadInput, u *catalog.Upload) error {
	*c = checksums{asked: u.ChecksumAsked, in: in, expected: in.Checksum, kind: checksumType(u)}
	if c.asked {
		c.algorithm = u.Object.Checksum.Algorithm
	}
	if want := in.Checksum.Type; want != "" && (!c.asked || want != c.kind) {
		kind := c.kind
		if !c.asked {
			kind = "null"
		}
		return s3err.InvalidRequest.Say("The upload was created using the %s checksum mode. The complete request must use the same checksum mode.", kind)
	}
	return nil
}

// add checks what the client says of a part's checksum and adds the part's own.
func (c *checksums) add(p *catalog.Part, listed *CompletedPart) error {
	given := listed.Checksum
	switch {
	case given.Value != "" && c.asked && given.Algorithm != c.algorithm:
		return s3err.BadDigest.Say("The %s you specified for part %d did not match what we received.", strings.ToLower(given.Algorithm), p.Number)
	case given.Value != "" && (given.Algorithm != p.Checksum.Algorithm || given.Value != p.Checksum.Value):
		return invalidPart(c.in, listed)
	case given.Value == "" && c.asked && c.kind == catalog.Composite:
		return s3err.InvalidRequest.Say("The upload was created using a %s checksum. The complete request must include the checksum for each part. It was missing for part %d in the request.",
			strings.ToLower(c.algorithm), p.Number)
	}
	if c.algorithm == "" && len(c.sized) == 0 {
		c.algorithm = p.Checksum.Algorithm
	}
	sum, ok := checksum.Decode(p.Checksum.Algorithm, p.Checksum.Value)
	if !ok || p.Checksum.Algorithm != c.algorithm {
		c.none = true
	}
	c.each = append(c.each, sum)
	c.sized = append(c.sized, checksum.PartSum{Sum: sum, Length: p.Size})
	return nil
}

// end gives the object's checksum, zero when its parts do not make one, and
// compares it with the client's.
func (c *checksums) end() (catalog.Checksum, error) {
	var sum []byte
	ok := false
	switch {
	case c.none || c.algorithm == "":
	case c.kind == catalog.Composite:
		sum = checksum.Composite(c.algorithm, c.each)
		ok = sum != nil
	default:
		sum, ok = checksum.CombineCRC(c.algorithm, c.sized)
	}
	made := catalog.Checksum{}
	if ok {
		made = catalog.Checksum{Algorithm: c.algorithm, Type: c.kind, Value: checksum.Encode(sum)}
	}
	want := c.expected.Value
	if want == "" {
		return made, nil
	}
	if value, count, is := strings.Cut(want, "-"); is && c.kind == catalog.Composite && count == strconv.Itoa(len(c.each)) {
		want = value
	}
	if c.expected.Algorithm != made.Algorithm || want != made.Value {
		return made, s3err.BadDigest.Say("The %s you specified did not match the calculated checksum.", strings.ToLower(c.expected.Algorithm))
	}
	return made, nil
}
