// Package checksum makes the checksums S3 knows for objects and parts
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html):
// the CRCs, the SHAs, MD5 and the XXHash family, and what a multipart upload
// makes of its parts' checksums.
//
// Algorithms are named as S3 names them, in capitals: "CRC32", "CRC32C",
// "CRC64NVME", "SHA1", "SHA256", "SHA512", "MD5", "XXHASH64", "XXHASH3",
// "XXHASH128".
package checksum

import (
	"encoding/base64"
	"hash"
)

// New makes a hash for an algorithm named as S3 does ("CRC32C"); nil for an
// unknown one. Its Sum is big-endian, as S3 sends it before base64.
func New(algorithm string) hash.Hash { return newHash(algorithm) }

// Size is the length of an algorithm's checksum in bytes, 0 for an unknown one.
func Size(algorithm string) int {
	if a := lookup(algorithm); a != nil {
		return a.size
	}
	return 0
}

// Known says whether S3 has an algorithm of this name.
func Known(algorithm string) bool { return lookup(algorithm) != nil }

// HeaderName is the header that carries an algorithm's checksum, in lower case
// ("x-amz-checksum-crc32"), "" for an unknown algorithm.
func HeaderName(algorithm string) string {
	if a := lookup(algorithm); a != nil {
		return a.header
	}
	return ""
}

// FromHeader is the algorithm whose checksum a header carries, "" if none. The
// name may be written in any case.
func FromHeader(name string) string {
	for i := range algorithms {
		if equalFold(name, algorithms[i].header) {
			return algorithms[i].name
		}
	}
	return ""
}

// Algorithms lists the names of all algorithms, in S3's order.
func Algorithms() []string {
	names := make([]string, len(algorithms))
	for i := range algorithms {
		names[i] = algorithms[i].name
	}
	return names
}

// Types says which kinds of checksum a multipart upload may have in this
// algorithm. The whole object's (FULL_OBJECT) is for the CRCs, where it follows
// from the parts' checksums and lengths; that of the parts' checksums
// (COMPOSITE) is for all but CRC64NVME.
func Types(algorithm string) (composite, fullObject bool) {
	a := lookup(algorithm)
	if a == nil {
		return false, false
	}
	return a.crc.bits != nvme, a.crc.width != 0
}

// Valid says whether value is the standard base64 of a checksum of the
// algorithm's size, in its canonical form.
func Valid(algorithm, value string) bool {
	_, ok := Decode(algorithm, value)
	return ok
}

// Decode gives the bytes of a checksum in base64; false when value is not the
// canonical base64 of a checksum of the algorithm's size.
func Decode(algorithm, value string) ([]byte, bool) {
	a := lookup(algorithm)
	if a == nil || len(value) != base64.StdEncoding.EncodedLen(a.size) {
		return nil, false
	}
	sum, err := base64.StdEncoding.Strict().DecodeString(value)
	if err != nil || len(sum) != a.size {
		return nil, false
	}
	return sum, true
}

// Encode is a checksum as S3 writes it in headers and documents.
func Encode(sum []byte) string { return base64.StdEncoding.EncodeToString(sum) }

// Composite is the checksum of a multipart upload of type COMPOSITE: the
// algorithm's hash of the parts' checksums, one after the other. S3 writes it
// with "-" and the number of parts behind. Nil for an unknown algorithm.
func Composite(algorithm string, sums [][]byte) []byte {
	h := newHash(algorithm)
	if h == nil {
		return nil
	}
	for _, sum := range sums {
		h.Write(sum)
	}
	return h.Sum(nil)
}

// equalFold compares a header name in any case with one in lower-case ASCII.
func equalFold(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
