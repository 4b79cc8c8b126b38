package repo

import (
	"strconv"
	"strings"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/checksum"
	"github.com/mucura/mucura/core/s3err"
)

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
		return made, s3err.BadDigest.Say("The %s you specified did not match the calculated checksum.", c.expected.Algorithm)
	}
	return made, nil
}
