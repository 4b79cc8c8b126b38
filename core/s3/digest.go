package s3

import (
	"crypto/md5"
	"encoding/base64"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/mucura/mucura/core/checksum"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
)

// algorithm is one additional checksum of
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
type algorithm struct {
	name    string // as in x-amz-sdk-checksum-algorithm
	header  string // canonical name of its header
	element string // of XML documents
}

// algorithms are those that package checksum computes; the list never changes.
var algorithms = makeAlgorithms(checksum.Algorithms())

func makeAlgorithms(names []string) []algorithm {
	list := make([]algorithm, len(names))
	for i, n := range names {
		list[i] = algorithm{n, http.CanonicalHeaderKey(checksum.HeaderName(n)), "Checksum" + n}
	}
	return list
}

// defaultAlgorithm is what S3 computes when the client names none.
const defaultAlgorithm = "CRC64NVME"

// algorithmNamed finds an algorithm by name, in any case of letters; nil when
// there is none.
func algorithmNamed(name string) *algorithm {
	for i := range algorithms {
		if strings.EqualFold(algorithms[i].name, name) {
			return &algorithms[i]
		}
	}
	return nil
}

// digest gathers what the client says of the payload: Content-MD5, a checksum
// header or trailer. Algorithm is "" when it names none. InvalidDigest and
// InvalidRequest for what cannot be.
func (c *call) digest() (d repo.Digest, err error) {
	h := c.r.Header
	if d.MD5, err = contentMD5(h); err != nil {
		return d, err
	}
	a, value, err := checksumHeader(h)
	if err != nil {
		return d, err
	}
	if name := c.auth.TrailerName; strings.HasPrefix(name, checksumPrefix) {
		if a != nil {
			return d, errManyChecksums
		}
		if a = algorithmOfHeader(name); a == nil {
			return d, s3err.InvalidRequest.Say("The value specified in the x-amz-trailer header is not supported")
		}
		d.Want = c.auth.Trailer
		c.auth.Body = &trailed{ReadCloser: c.auth.Body, a: a, trailer: c.auth.Trailer}
	} else if a != nil {
		d.Want = func() string { return value }
	}
	if asked := h.Get("X-Amz-Sdk-Checksum-Algorithm"); asked != "" {
		want := algorithmNamed(asked)
		if want == nil || (a != nil && a != want) {
			return d, s3err.InvalidRequest.Say("Value for x-amz-sdk-checksum-algorithm header is invalid.")
		}
		if a == nil {
			return d, s3err.InvalidRequest.Say("x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.")
		}
	}
	if a != nil {
		d.Algorithm = a.name
	}
	return d, nil
}

const checksumPrefix = "x-amz-checksum-"

var errManyChecksums = s3err.InvalidRequest.Say("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")

// contentMD5 decodes Content-MD5; nil when there is none.
func contentMD5(h http.Header) ([]byte, error) {
	v, ok := h["Content-Md5"]
	if !ok {
		return nil, nil
	}
	b, err := base64.StdEncoding.DecodeString(v[0])
	if err != nil || len(b) != md5.Size {
		return nil, s3err.InvalidDigest
	}
	return b, nil
}

// checksumHeader finds the one x-amz-checksum-ALGORITHM header; nil when there is none.
func checksumHeader(h http.Header) (found *algorithm, value string, err error) {
	for i := range algorithms {
		a := &algorithms[i]
		v, ok := h[a.header]
		if !ok {
			continue
		}
		if found != nil {
			return nil, "", errManyChecksums
		}
		found, value = a, v[0]
	}
	if found != nil && !checksum.Valid(found.name, value) {
		return nil, "", s3err.InvalidRequest.Say("Value for %s header is invalid.", strings.ToLower(found.header))
	}
	return found, value, nil
}

// algorithmOfHeader finds the algorithm of a checksum header or trailer name.
func algorithmOfHeader(name string) *algorithm {
	for i := range algorithms {
		if strings.EqualFold(algorithms[i].header, name) {
			return &algorithms[i]
		}
	}
	return nil
}

// requireDigest is for operations whose body S3 wants protected: InvalidRequest
// when there is neither Content-MD5 nor a checksum.
func (c *call) requireDigest() error {
	h := c.r.Header
	if h["Content-Md5"] != nil || c.auth.TrailerName != "" {
		return nil
	}
	for i := range algorithms {
		if h[algorithms[i].header] != nil {
			return nil
		}
	}
	return s3err.InvalidRequest.Say("Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
}

// algorithmList names all algorithms, for messages.
func algorithmList() string {
	names := slices.Sorted(slices.Values(checksum.Algorithms()))
	return "[" + strings.Join(names, ", ") + "]"
}

// trailed reads a body and, before it gives io.EOF, looks whether the checksum
// in its trailer can be one.
type trailed struct {
	io.ReadCloser
	a       *algorithm
	trailer func() string
}

// Read implements io.Reader; InvalidRequest in place of io.EOF for a malformed
// trailer.
func (t *trailed) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	if err == io.EOF && !checksum.Valid(t.a.name, t.trailer()) {
		err = s3err.InvalidRequest.Say("Value for %s trailing header is invalid.", strings.ToLower(t.a.header))
	}
	return n, err
}
