// Package sigv4 is AWS Signature Version 4 for S3: verifying requests signed
// in the header, in the query or in a POST policy, decoding and verifying
// their bodies, and signing
// (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html).
// It knows nothing of accounts: a KeySource gives it secrets.
package sigv4

import (
	"context"
	"io"
	"net/http"
	"time"
)

// Key is what a KeySource knows of an access key.
type Key struct {
	ID     string
	Secret string
	// Owner is whatever the KeySource wants to hand to the request's handler
	// (a *catalog.Principal in Mucura).
	Owner any
}

// KeySource finds the secret of an access key. sessionToken is what the request
// carried, "" if none. Errors are s3err rows: InvalidAccessKeyID, InvalidToken,
// ExpiredToken, ….
type KeySource interface {
	Key(ctx context.Context, accessKeyID, sessionToken string) (Key, error)
}

// Verifier checks requests. Its fields are set before the first use.
type Verifier struct {
	Keys KeySource
	Now  func() time.Time // nil: time.Now
	// AllowV2Query accepts GET and HEAD presigned with Signature Version 2.
	AllowV2Query bool
	// Region, when set, is the only region accepted in a credential's scope; ""
	// accepts any, for there are clients that name one of their own.
	Region string
	// HostBucket gives the bucket that a Host header names, "" for none. Only
	// Signature Version 2 signs the bucket apart from the host. Nil: none.
	HostBucket func(host string) string
	// Service is the service the requests are for; "" is S3. Those to another
	// one ("sts") sign their body always, which is read for it.
	Service string

	signingKeys keyCache
	scratch     scratchPool
}

// Request is a verified request, or an anonymous one (Key.ID == "").
type Request struct {
	Key       Key
	Anonymous bool
	// Presigned: the signature was in the query.
	Presigned bool
	// Time is when it was signed; Region is that of its scope.
	Time   time.Time
	Region string
	// AuthType and SignatureVersion are for policy conditions: REST-HEADER or
	// REST-QUERY-STRING or POST; AWS4-HMAC-SHA256, or AWS for Version 2. Both are
	// "" for an anonymous request.
	AuthType, SignatureVersion string
	// ContentSHA256 is the x-amz-content-sha256 value in force.
	ContentSHA256 string
	// Length is the length of Body in bytes after decoding, -1 if unknown.
	Length int64
	// Body is the decoded payload. It returns an s3err error at the read that
	// finds a wrong hash, chunk signature, trailer or length (IncompleteBody),
	// before io.EOF, so a reader that saw io.EOF has the very bytes that were
	// signed. Never nil.
	Body io.ReadCloser
	// TrailerName is the announced x-amz-trailer (lower case, as
	// "x-amz-checksum-crc32"), "" if none; Trailer returns its value once Body
	// has returned io.EOF.
	TrailerName string
	Trailer     func() string
}

// Verify authenticates r without reading its body. It returns s3err errors. A
// request with no credentials at all is anonymous, which is no error.
func (v *Verifier) Verify(r *http.Request) (*Request, error) { return v.verify(r) }
