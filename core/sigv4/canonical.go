package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
)

const algorithm = "AWS4-HMAC-SHA256"

// scratch is the memory one verification needs, kept for the next.
type scratch struct {
	canonical []byte // canonical request
	toSign    []byte // string to sign
	query     []byte // encoded parameters, unsorted
	pairs     []pair
	mac       signature
}

// maxScratch is how large a scratch may have grown to be kept.
const maxScratch = 64 << 10

type scratchPool struct{ pool sync.Pool }

func (p *scratchPool) get() *scratch {
	if s, ok := p.pool.Get().(*scratch); ok {
		return s
	}
	return &scratch{canonical: make([]byte, 0, 1024), toSign: make([]byte, 0, 256)}
}

func (p *scratchPool) put(s *scratch) {
	if cap(s.canonical)+cap(s.query) <= maxScratch {
		p.pool.Put(s)
	}
}

// makeCanonical writes the canonical request
// (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html#canonical-request).
// path is encoded already; the parameter X-Amz-Signature is left out.
func (s *scratch) makeCanonical(r *http.Request, path, signedHeaders, payload string) {
	b := append(s.canonical[:0], r.Method...)
	b = append(b, '\n')
	b = append(b, path...)
	s.canonical = append(b, '\n')
	s.finishCanonical(r, signedHeaders, payload)
}

// makeCanonicalS3 is makeCanonical with the path encoded as S3 says.
func (s *scratch) makeCanonicalS3(r *http.Request, rawPath, signedHeaders, payload string) {
	b := append(s.canonical[:0], r.Method...)
	b = append(b, '\n')
	b = appendPath(b, rawPath)
	s.canonical = append(b, '\n')
	s.finishCanonical(r, signedHeaders, payload)
}

func (s *scratch) finishCanonical(r *http.Request, signedHeaders, payload string) {
	b := s.appendQuery(s.canonical, r.URL.RawQuery)
	b = append(b, '\n')
	for name := range strings.SplitSeq(signedHeaders, ";") {
		b = appendLower(b, name)
		b = append(b, ':')
		b = appendHeader(b, r, name)
		b = append(b, '\n')
	}
	b = append(b, '\n')
	b = appendLower(b, signedHeaders)
	b = append(b, '\n')
	s.canonical = append(b, payload...)
}

// makeToSign writes the string to sign for the canonical request. stamp is the
// request's time as 20060102T150405Z.
func (s *scratch) makeToSign(stamp, scope string) {
	b := appendToSign(s.toSign[:0], algorithm, stamp, scope)
	sum := sha256.Sum256(s.canonical)
	s.toSign = hex.AppendEncode(b, sum[:])
}

// appendToSign appends what all strings to sign begin with.
func appendToSign(b []byte, algorithm, stamp, scope string) []byte {
	for _, line := range [...]string{algorithm, stamp, scope} {
		b = append(b, line...)
		b = append(b, '\n')
	}
	return b
}

// appendHeader appends a header's canonical value, nothing if it is absent.
// net/http keeps three headers elsewhere than in Header.
func appendHeader(b []byte, r *http.Request, name string) []byte {
	if strings.EqualFold(name, "host") {
		return appendTrimmed(b, requestHost(r))
	}
	values := r.Header[canonicalKey(name)]
	switch {
	case len(values) > 0:
	case strings.EqualFold(name, "content-length") && r.ContentLength >= 0:
		return strconv.AppendInt(b, r.ContentLength, 10)
	case strings.EqualFold(name, "transfer-encoding"):
		values = r.TransferEncoding
	}
	for i, value := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendTrimmed(b, value)
	}
	return b
}

// requestHost is the Host header of a request received or about to be sent.
func requestHost(r *http.Request) string {
	if r.Host != "" {
		return r.Host
	}
	return r.URL.Host
}

// canonicalKey is the key of http.Header for a header's name. It spares
// textproto's allocation for the names that signed requests mostly have.
func canonicalKey(name string) string {
	switch name {
	case "x-amz-date":
		return "X-Amz-Date"
	case "x-amz-content-sha256":
		return "X-Amz-Content-Sha256"
	case "x-amz-security-token":
		return "X-Amz-Security-Token"
	case "x-amz-decoded-content-length":
		return "X-Amz-Decoded-Content-Length"
	case "x-amz-trailer":
		return "X-Amz-Trailer"
	case "x-amz-sdk-checksum-algorithm":
		return "X-Amz-Sdk-Checksum-Algorithm"
	case "x-amz-checksum-mode":
		return "X-Amz-Checksum-Mode"
	case "amz-sdk-invocation-id":
		return "Amz-Sdk-Invocation-Id"
	case "amz-sdk-request":
		return "Amz-Sdk-Request"
	}
	return textproto.CanonicalMIMEHeaderKey(name)
}

// appendTrimmed appends a value without spaces around it and with one for
// each run of spaces in it.
func appendTrimmed(b []byte, value string) []byte {
	value = strings.Trim(value, " \t")
	if !strings.Contains(value, "  ") {
		return append(b, value...)
	}
	for i := range len(value) {
		if value[i] == ' ' && value[i-1] == ' ' { // the first byte is no space
			continue
		}
		b = append(b, value[i])
	}
	return b
}

func appendLower(b []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}
