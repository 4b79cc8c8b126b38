package s3

import (
	"hash"
	"io"
	"net/http"
	"strings"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/checksum"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
)

// uploadPart stores a part
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html).
func (c *call) uploadPart() error {
	number, err := c.partNumber()
	if err != nil {
		return err
	}
	size, err := c.payloadSize()
	if err != nil {
		return err
	}
	key, err := c.givenPartKey()
	if err != nil {
		return err
	}
	up, err := c.f.Repo.Upload(c.ctx, c.b, c.key, c.uploadID())
	if err != nil {
		return err
	}
	in := repo.UploadPartInput{
		Bucket: c.b, Key: c.key, UploadID: up.ID, Number: number, Body: c.auth.Body, Size: size, Customer: key,
	}
	given, err := c.partDigest(&in, up)
	if err != nil {
		return err
	}
	part, err := c.f.Repo.UploadPart(c.ctx, in)
	if err != nil {
		return err
	}
	c.set("Etag", quoted(part.ETag))
	c.describeEncryption(&part.Encryption)
	switch {
	case given != nil:
		c.describeChecksum(catalog.Checksum{Algorithm: given.algorithm, Value: given.sum()}, 0)
	case up.ChecksumAsked:
		sum := part.Checksum
		sum.Type = ""
		c.describeChecksum(sum, 0)
	}
	return c.empty(http.StatusOK)
}

// partDigest tells which checksum the part gets: always the upload's. When the
// client named none at the start and sends another one with the part, that one
// is verified on the way and given back.
func (c *call) partDigest(in *repo.UploadPartInput, up *catalog.Upload) (given *verified, err error) {
	if in.Digest, err = c.digest(); err != nil {
		return nil, err
	}
	want, got := up.Object.Checksum.Algorithm, in.Digest.Algorithm
	switch {
	case got == want && want != "":
		return nil, nil
	case up.ChecksumAsked && got == "" && up.Object.Checksum.Type == catalog.Composite:
		return nil, errChecksumType(want, "null")
	case up.ChecksumAsked && got != "":
		return nil, errChecksumType(want, got)
	}
	if got != "" {
		given = &verified{r: in.Body, algorithm: got, hash: checksum.New(got), want: in.Digest.Want}
		in.Body = given
	}
	in.Digest.Algorithm, in.Digest.Want = want, nil
	return given, nil
}

func errChecksumType(expected, actual string) error {
	return s3err.InvalidRequest.Say("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s", expected, actual)
}

// errHeaderValue is what S3 says of a header whose value cannot be.
func errHeaderValue(name string) error {
	return s3err.InvalidRequest.Say("Value for %s header is invalid.", name)
}

// lower is an algorithm's name as S3's messages write it.
func lower(algorithm string) string { return strings.ToLower(algorithm) }

// verified reads a body and, before it gives io.EOF, compares its checksum.
type verified struct {
	r         io.Reader
	algorithm string
	hash      hash.Hash
	want      func() string
}

// Read implements io.Reader; BadDigest in place of io.EOF when the checksum is wrong.
func (v *verified) Read(p []byte) (int, error) {
	n, err := v.r.Read(p)
	v.hash.Write(p[:n])
	if err == io.EOF {
		if want := v.want(); want != v.sum() {
			return n, errChecksum(v.algorithm)
		}
	}
	return n, err
}

// sum is the checksum of what was read.
func (v *verified) sum() string { return checksum.Encode(v.hash.Sum(nil)) }

// uploadPartCopy makes a part of an object, or a stretch of one
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html).
func (c *call) uploadPartCopy() error {
	if c.principal.Anonymous() {
		return s3err.AccessDenied.Say("Anonymous users cannot copy objects. Please authenticate.")
	}
	number, err := c.partNumber()
	if err != nil {
		return err
	}
	src, err := parseCopySource(c.r.Header.Get("X-Amz-Copy-Source"))
	if err != nil {
		return err
	}
	key, err := c.givenPartKey()
	if err != nil {
		return err
	}
	up, err := c.f.Repo.Upload(c.ctx, c.b, c.key, c.uploadID())
	if err != nil {
		return err
	}
	h, err := c.openSource(src)
	if err != nil {
		return err
	}
	s, err := c.sourceRange(h.Size)
	if err != nil {
		return err
	}
	if s.length > repo.MaxPutSize {
		return s3err.InvalidRequest.Say("The specified copy source is larger than the maximum allowable size for a copy source: %d", int64(repo.MaxPutSize))
	}
	part, err := c.f.Repo.CopyPart(c.ctx, repo.CopyPartInput{
		Source: h, Offset: s.offset, Length: s.length,
		Bucket: c.b, Key: c.key, UploadID: up.ID, Number: number, Customer: key,
	})
	if err != nil {
		return err
	}
	c.describeEncryption(&part.Encryption)
	sum := part.Checksum
	if sum.Type = ""; !up.ChecksumAsked {
		sum = catalog.Checksum{}
	}
	return c.document(http.StatusOK, copyResult("CopyPartResult", part.ETag, formatTime(part.ModTime), sum, 0))
}
