package s3

import (
	"cmp"
	"encoding/xml"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/mucura/mucura/core/basepath"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/checksum"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
)

// maxCompleteDoc bounds the list of parts, bytes: 10,000 parts with an ETag and
// the longest checksum each take some 3 MB.
const maxCompleteDoc = 6 << 20

// completeXML is the body of CompleteMultipartUpload.
type completeXML struct {
	XMLName xml.Name          `xml:"CompleteMultipartUpload"`
	Parts   []completePartXML `xml:"Part"`
}

type completePartXML struct {
	PartNumber *int
	ETag       string
	// Checksums takes every ChecksumALGORITHM element.
	Checksums []struct {
		XMLName xml.Name
		Value   string `xml:",chardata"`
	} `xml:",any"`
}

// completeUpload makes the object of the parts
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html).
// It is answered when it is done, not kept alive meanwhile: it touches
// metadata only.
func (c *call) completeUpload() error {
	in := repo.CompleteUploadInput{Bucket: c.b, Key: c.key, UploadID: c.uploadID()}
	var err, bad error
	if in.Cond, err = c.writeCondition(); err != nil {
		return err
	}
	if in.Checksum, err = c.finalChecksum(); err != nil {
		return err
	}
	if in.Size, err = finalSize(c.r.Header); err != nil {
		return err
	}
	up, err := c.f.Repo.Upload(c.ctx, c.b, c.key, in.UploadID)
	if in.Parts, bad = c.completedParts(); bad != nil && !errors.Is(err, s3err.NoSuchUpload) {
		return bad
	}
	switch {
	case bad != nil: // that there is no such upload comes first
		return err
	case err == nil:
		if err := cmp.Or(c.unlockUpload(up), matchesUpload(up, &in)); err != nil {
			return err
		}
	case !errors.Is(err, s3err.NoSuchUpload): // it may have been completed before: package repo knows
		return err
	}
	o, err := c.f.Repo.CompleteUpload(c.ctx, in)
	if err != nil {
		return err
	}
	c.showNewVersion(o)
	c.showExpiration(o)
	c.describeEncryption(&o.Encryption)
	b := append([]byte(nil), xmlHeader+`<CompleteMultipartUploadResult xmlns="`+namespace+`">`...)
	b = appendElement(b, "Location", c.location())
	b = appendElement(b, "Bucket", c.bucket)
	b = appendElement(b, "Key", c.key)
	b = appendElement(b, "ETag", quoted(o.ETag))
	b = appendChecksum(b, o.Checksum, o.PartCount)
	return c.document(http.StatusOK, append(b, "</CompleteMultipartUploadResult>"...))
}

// location is the object's URL as the client addressed it.
func (c *call) location() string {
	scheme := "http://"
	if c.r.TLS != nil {
		scheme = "https://"
	}
	return scheme + c.r.Host + basepath.Of(c.r) + c.r.URL.EscapedPath()
}

// finalChecksum is the whole object's checksum as the client expects it. That
// of a composite one may end in "-N". The header that covers this request's
// body has the same name; a body as long as this one has no use for it.
func (c *call) finalChecksum() (sum catalog.Checksum, err error) {
	for i := range algorithms {
		a := &algorithms[i]
		v, ok := c.r.Header[a.header]
		if !ok {
			continue
		}
		if sum.Algorithm != "" {
			return sum, errManyChecksums
		}
		sum.Algorithm, sum.Value = a.name, v[0]
	}
	sum.Type = catalog.ChecksumType(c.r.Header.Get("X-Amz-Checksum-Type"))
	switch sum.Type {
	case "", catalog.Composite, catalog.FullObject:
	default:
		return sum, errHeaderValue("x-amz-checksum-type")
	}
	if sum.Algorithm == "" {
		return sum, nil
	}
	value, count, composite := strings.Cut(sum.Value, "-")
	if _, ok := digits(count); (composite && !ok) || !checksum.Valid(sum.Algorithm, value) {
		return sum, errHeaderValue(checksum.HeaderName(sum.Algorithm))
	}
	sum.Value = value
	return sum, nil
}

// finalSize reads x-amz-mp-object-size.
func finalSize(h http.Header) (*int64, error) {
	v := h.Get("X-Amz-Mp-Object-Size")
	if v == "" {
		return nil, nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return nil, s3err.InvalidRequest.Say("Value for x-amz-mp-object-size header is invalid: '%s'", v)
	}
	if n < 0 {
		return nil, s3err.InvalidRequest.Say("Value for x-amz-mp-object-size header is less than zero: '%d'", n)
	}
	return &n, nil
}

// completedParts reads the body.
func (c *call) completedParts() ([]repo.CompletedPart, error) {
	body, err := c.readPlainBody(maxCompleteDoc)
	if err != nil {
		return nil, err
	}
	var doc completeXML
	if err := parseXML(body, &doc); err != nil {
		return nil, s3err.MalformedXML.With(err)
	}
	if len(doc.Parts) == 0 || len(doc.Parts) > repo.MaxPartNumber {
		return nil, s3err.MalformedXML
	}
	parts := make([]repo.CompletedPart, len(doc.Parts))
	for i := range doc.Parts {
		if parts[i], err = doc.Parts[i].part(); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// part checks one line.
func (p *completePartXML) part() (part repo.CompletedPart, err error) {
	if p.PartNumber == nil || p.ETag == "" {
		return part, s3err.MalformedXML
	}
	if *p.PartNumber < 1 {
		return part, badArgument("PartNumber", strconv.Itoa(*p.PartNumber), "PartNumber must be >= 1")
	}
	part.Number, part.ETag = *p.PartNumber, unquoted(p.ETag)
	all, found, bad := "", 0, ""
	for _, sum := range p.Checksums {
		a := algorithmOfElement(sum.XMLName.Local)
		if a == nil {
			continue
		}
		found++
		all += a.name + ":" + sum.Value + ";"
		if !checksum.Valid(a.name, sum.Value) {
			bad = sum.Value
		}
		part.Checksum = catalog.Checksum{Algorithm: a.name, Value: sum.Value}
	}
	const message = "Invalid Base64 or multiple checksums present in request"
	switch {
	case found > 1:
		return part, badArgument("Checksum", all, message)
	case bad != "":
		return part, badArgument("Checksum", bad, message)
	}
	return part, nil
}

// algorithmOfElement finds the algorithm of a document's element.
func algorithmOfElement(name string) *algorithm {
	for i := range algorithms {
		if algorithms[i].element == name {
			return &algorithms[i]
		}
	}
	return nil
}

// matchesUpload checks what the client says of checksums against what it asked
// for when it began the upload.
func matchesUpload(up *catalog.Upload, in *repo.CompleteUploadInput) error {
	want := up.Object.Checksum
	if in.Checksum.Type != "" && up.ChecksumAsked && in.Checksum.Type != want.Type {
		return s3err.InvalidRequest.Say("The upload was created using the %s checksum mode. The complete request must use the same checksum mode.", want.Type)
	}
	if !up.ChecksumAsked {
		dropOtherChecksums(in, want.Algorithm)
		return nil
	}
	for i := range in.Parts {
		p := &in.Parts[i]
		switch {
		case p.Checksum.Algorithm == "" && want.Type == catalog.Composite:
			return s3err.InvalidRequest.Say("The upload was created using a %s checksum. The complete request must include the checksum for each part. It was missing for part %d in the request.", lower(want.Algorithm), p.Number)
		case p.Checksum.Algorithm != "" && p.Checksum.Algorithm != want.Algorithm:
			return s3err.BadDigest.Say("The %s you specified for part %d did not match what we received.", lower(p.Checksum.Algorithm), p.Number)
		}
	}
	return nil
}

// dropOtherChecksums forgets checksums of parts in algorithms that the upload
// did not keep: each was verified when its part arrived.
func dropOtherChecksums(in *repo.CompleteUploadInput, kept string) {
	for i := range in.Parts {
		if in.Parts[i].Checksum.Algorithm != kept {
			in.Parts[i].Checksum = catalog.Checksum{}
		}
	}
}
