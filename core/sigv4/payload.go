package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/mucura/mucura/core/s3err"
)

// Values of x-amz-content-sha256 that are no hash.
const (
	unsignedPayload   = "UNSIGNED-PAYLOAD"
	signedChunks      = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	signedTrailer     = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	unsignedTrailer   = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	ecdsaChunks       = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"
	ecdsaTrailer      = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"
	emptySHA256       = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	checksumHeaders   = "x-amz-checksum-"
	bodyTerminated    = "The request body terminated unexpectedly"
	contentSHA256Name = "x-amz-content-sha256"
)

// payload is how a body is sent and verified.
type payload int

const (
	plain payload = iota // as it is, unverified
	hashed
	chunked         // aws-chunked, chunks signed
	chunkedTrailer  // aws-chunked, chunks and trailer signed
	unsignedChunked // aws-chunked with a trailer, nothing signed
)

func payloadKind(value string) (payload, error) {
	switch value {
	case unsignedPayload:
		return plain, nil
	case signedChunks:
		return chunked, nil
	case signedTrailer:
		return chunkedTrailer, nil
	case unsignedTrailer:
		return unsignedChunked, nil
	case ecdsaChunks, ecdsaTrailer:
		return 0, s3err.NotImplemented.Field("Header", contentSHA256Name)
	}
	if len(value) != 2*sha256.Size || !isHex(value) {
		return 0, invalidArgument(contentSHA256Name, value, "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.")
	}
	return hashed, nil
}

func isHex(s string) bool {
	for i := range len(s) {
		if _, ok := fromHex(s[i]); !ok {
			return false
		}
	}
	return true
}

// anonymous takes a request without credentials. Its body may be hashed or
// chunked all the same; what is no hash at all is a wrong one, as in S3.
func anonymous(r *http.Request) (*Request, error) {
	req := &Request{Anonymous: true, ContentSHA256: first(r.Header, "X-Amz-Content-Sha256")}
	kind := hashed
	switch value := req.ContentSHA256; {
	case value == "" || value == unsignedPayload:
		kind = plain
	case value == unsignedTrailer:
		kind = unsignedChunked
	case strings.HasPrefix(value, "STREAMING-"):
		return nil, s3err.InvalidRequest.Say("Anonymous requests don't support this x-amz-content-sha256 value. Please use UNSIGNED-PAYLOAD or STREAMING-UNSIGNED-PAYLOAD-TRAILER.")
	}
	return req, openBody(req, r, kind, chunkSeed{})
}

func noTrailer() string { return "" }

// openBody sets the request's Body, Length and trailer. seed is what the first
// chunk's signature builds on.
func openBody(req *Request, r *http.Request, kind payload, seed chunkSeed) error {
	req.Length, req.Trailer = r.ContentLength, noTrailer
	if r.Body == nil { // only where the request did not come through net/http
		r.Body = http.NoBody
	}
	switch kind {
	case plain:
		if r.ContentLength == 0 {
			req.Body = http.NoBody
			return nil
		}
		req.Body = &plainBody{body: r.Body, left: r.ContentLength}
		return nil
	case hashed:
		return openHashed(req, r)
	}
	length, err := strconv.ParseUint(first(r.Header, "X-Amz-Decoded-Content-Length"), 10, 63)
	if err != nil {
		return s3err.MissingContentLength.With(err)
	}
	b := &chunkedBody{body: r.Body, left: int64(length), kind: kind}
	if kind != chunked {
		b.trailerName = strings.ToLower(strings.TrimSpace(strings.Join(r.Header["X-Amz-Trailer"], ",")))
		if b.trailerName != "" && !strings.HasPrefix(b.trailerName, checksumHeaders) {
			return s3err.InvalidRequest.Say("The value specified in the x-amz-trailer header is not supported")
		}
	}
	if kind != unsignedChunked {
		b.signer = newChunkSigner(seed)
	}
	req.Length, req.Body = int64(length), b
	req.TrailerName, req.Trailer = b.trailerName, b.trailer
	return nil
}

func openHashed(req *Request, r *http.Request) error {
	if r.ContentLength != 0 {
		req.Body = &plainBody{body: r.Body, left: r.ContentLength, hash: sha256.New(), want: req.ContentSHA256}
		return nil
	}
	if !strings.EqualFold(req.ContentSHA256, emptySHA256) {
		return hashMismatch(req.ContentSHA256, emptySHA256)
	}
	req.Body = http.NoBody
	return nil
}

func hashMismatch(want, got string) error {
	return s3err.XAmzContentSHA256Mismatch.
		Field("ClientComputedContentSHA256", want).
		Field("S3ComputedContentSHA256", got)
}

// plainBody is a body sent as it is. It checks the length and, if there is
// one, the hash, before it lets io.EOF through.
type plainBody struct {
	body io.ReadCloser
	left int64 // bytes still to come; negative when nobody said how many
	hash hash.Hash
	want string
	err  error
}

func (b *plainBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.body.Read(p)
	if b.hash != nil {
		b.hash.Write(p[:n])
	}
	if b.left >= 0 {
		if int64(n) > b.left {
			b.err = s3err.IncompleteBody
			return 0, b.err
		}
		b.left -= int64(n)
	}
	if err != nil {
		b.err = b.finish(err)
	}
	return n, b.err
}

func (b *plainBody) finish(err error) error {
	if err != io.EOF {
		return readError(err)
	}
	if b.left > 0 {
		return s3err.IncompleteBody
	}
	if b.hash != nil {
		if got := hex.EncodeToString(b.hash.Sum(nil)); !strings.EqualFold(got, b.want) {
			return hashMismatch(b.want, got)
		}
	}
	return io.EOF
}

func (b *plainBody) Close() error { return b.body.Close() }

// readError is the client's error for a body that broke off: it was too slow,
// or it went away.
func readError(err error) error {
	var tooLarge *http.MaxBytesError
	var network net.Error
	switch {
	case errors.As(err, &tooLarge):
		return s3err.EntityTooLarge.With(err)
	case errors.As(err, &network) && network.Timeout():
		return s3err.RequestTimeout.With(err)
	}
	return s3err.IncompleteBody.With(err)
}
