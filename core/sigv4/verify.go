package sigv4

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mucura/mucura/core/basepath"
	"github.com/mucura/mucura/core/s3err"
)

const (
	authHeader = "REST-HEADER"
	authQuery  = "REST-QUERY-STRING"
	authPost   = "POST"
)

func (v *Verifier) now() time.Time {
	if v.Now != nil {
		return v.Now()
	}
	return time.Now()
}

func (v *Verifier) verify(r *http.Request) (*Request, error) {
	authorization := first(r.Header, "Authorization")
	q := parseQueryAuth(r.URL.RawQuery)
	var c claim
	var err error
	switch {
	case authorization != "" && (q.v4 || q.v2):
		return nil, invalidArgument("Authorization", authorization, "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified")
	case authorization != "":
		c, err = v.headerClaim(r, authorization, v.now())
	case q.v4:
		c, err = v.queryClaim(&q, v.now())
	case q.v2:
		return v.verifyV2Query(r, &q)
	default:
		return anonymous(r)
	}
	if err != nil {
		return nil, err
	}
	return v.check(r, &c)
}

// check holds a well-formed claim against the request and the secret.
func (v *Verifier) check(r *http.Request, c *claim) (*Request, error) {
	if err := requireSigned(r.Header, c); err != nil {
		return nil, err
	}
	if c.token == "" { // a presigned request may have it as a signed header
		c.token = first(r.Header, "X-Amz-Security-Token")
	}
	if c.payload == "" { // presigned; in a header it is required
		c.payload = first(r.Header, "X-Amz-Content-Sha256")
	}
	switch {
	case v.service() != service: // which sign the hash of the body, and need not say it
		hash, err := hashBody(r)
		if err != nil {
			return nil, err
		}
		if c.payload != "" && !strings.EqualFold(c.payload, hash) {
			return nil, hashMismatch(c.payload, hash)
		}
		c.payload = hash
	case c.payload == "":
		c.payload = unsignedPayload
	}
	kind, err := payloadKind(c.payload)
	if err != nil {
		return nil, err
	}
	key, err := v.key(r.Context(), c.id, c.token)
	if err != nil {
		return nil, err
	}
	signing, err := v.checkSignature(r, c, key.Secret)
	if err != nil {
		return nil, err
	}
	req := &Request{
		Key: key, Presigned: c.presigned, Time: c.time, Region: c.region,
		AuthType: authHeader, SignatureVersion: algorithm, ContentSHA256: c.payload,
	}
	if c.presigned {
		req.AuthType = authQuery
	}
	return req, openBody(req, r, kind, chunkSeed{signing, c.id, c.stamp, c.scope, c.signature})
}

func (v *Verifier) service() string {
	if v.Service != "" {
		return v.Service
	}
	return service
}

// maxHashed bounds a body that is read to be hashed, bytes.
const maxHashed = 128 << 10

// hashBody reads the body of a request to another service than S3, and puts it
// back.
func hashBody(r *http.Request) (string, error) {
	if r.Body == nil {
		return emptySHA256, nil
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, maxHashed+1))
	if err != nil {
		return "", readError(err)
	}
	if len(b) > maxHashed {
		return "", s3err.MaxMessageLengthExceeded
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// checkSignature gives the key the request is signed with. A client that
// signed its path exactly as it sent it, in another encoding than S3's, is
// right as well: either form has one meaning only.
func (v *Verifier) checkSignature(r *http.Request, c *claim, secret string) (*signingKey, error) {
	scope := keyScope{c.id, secret, c.day, c.region, v.service()}
	key, cached := v.signingKeys.get(scope)
	s := v.scratch.get()
	defer v.scratch.put(s)
	rawPath := r.URL.EscapedPath()
	s.makeCanonicalS3(r, rawPath, c.signedHeaders, c.payload)
	s.makeToSign(c.stamp, c.scope)
	key.sign(&s.mac, s.toSign)
	if !s.mac.is(c.signature) {
		mismatch := signatureMismatch(c.id, c.signature, s.toSign, s.canonical)
		if !s.isOtherwise(r, c, key) {
			return nil, mismatch
		}
	}
	if !cached {
		v.signingKeys.put(scope, key)
	}
	return key, nil
}

// isOtherwise tells whether the signature is over another spelling of the path:
// the one that was sent, and both below the base path.
func (s *scratch) isOtherwise(r *http.Request, c *claim, key *signingKey) bool {
	rawPath, base := r.URL.EscapedPath(), basepath.Of(r)
	try := func(make func(*http.Request, string, string, string), path string) bool {
		make(r, path, c.signedHeaders, c.payload)
		s.makeToSign(c.stamp, c.scope)
		key.sign(&s.mac, s.toSign)
		return s.mac.is(c.signature)
	}
	if try(s.makeCanonical, rawPath) {
		return true
	}
	return base != "" && (try(s.makeCanonicalS3, base+rawPath) || try(s.makeCanonical, base+rawPath) ||
		rawPath == "/" && try(s.makeCanonical, base))
}

// key asks the source for a key, and completes the error as S3 does.
func (v *Verifier) key(ctx context.Context, id, token string) (Key, error) {
	key, err := v.Keys.Key(ctx, id, token)
	if err == nil {
		return key, nil
	}
	if e := s3err.From(err); errors.Is(err, s3err.InvalidAccessKeyID) && len(e.Fields) == 0 {
		return Key{}, (&s3err.Error{Code: e.Code, Text: e.Text, Cause: e.Cause}).Field("AWSAccessKeyId", id)
	}
	return Key{}, err
}

// requireSigned refuses a request with headers that ought to be signed and are
// not: the host and everything of Amazon's. A proxy in between, or a thief of
// a presigned URL, cannot add any. What a presigned URL says by itself, that the
// payload is not signed, may be said again, as Go's client does.
func requireSigned(h http.Header, c *claim) error {
	signedHeaders := c.signedHeaders
	if !distinct(signedHeaders) {
		return s3err.AccessDenied.Say("The signed headers are too many, or not different")
	}
	signed := func(name string) bool { return contains(signedHeaders, name) }
	if len(signedHeaders) > longList {
		set := map[string]bool{}
		for name := range strings.SplitSeq(strings.ToLower(signedHeaders), ";") {
			set[name] = true
		}
		signed = func(name string) bool { return set[strings.ToLower(name)] }
	}
	var missing []string
	if !signed("host") {
		missing = append(missing, "host")
	}
	for key := range h {
		if key == "X-Amz-Content-Sha256" && c.presigned && repeatsUnsigned(c.payload, first(h, key)) {
			continue
		}
		if strings.HasPrefix(key, "X-Amz-") && !signed(key) {
			missing = append(missing, strings.ToLower(key))
		}
	}
	if missing == nil {
		return nil
	}
	slices.Sort(missing)
	return s3err.AccessDenied.Say("There were headers present in the request which were not signed").
		Field("HeadersNotSigned", strings.Join(missing, ", "))
}

// repeatsUnsigned says whether a header says of a payload no more than the query
// of a presigned request: that it is not signed.
func repeatsUnsigned(query, header string) bool {
	return header == unsignedPayload && (query == "" || query == unsignedPayload)
}

// longList is from which length on a list of headers is not searched anew for each
// header, bytes.
const longList = 1024

// maxSigned bounds how many headers a signature names. Clients sign a dozen, and
// one for each of a few user metadata.
const maxSigned = 1024

// distinct says whether a list of signed headers names each once, whatever its
// case, and not too many: what is signed is as long as the request then. A header of
// 16 KB that is named 8,000 times would be 128 MB.
func distinct(list string) bool {
	if strings.Count(list, ";") >= maxSigned {
		return false
	}
	last, sorted := "", true
	for name := range strings.SplitSeq(list, ";") {
		if sorted = last < name && !hasUpper(name); !sorted {
			break
		}
		last = name
	}
	if sorted {
		return true
	}
	names := strings.Split(strings.ToLower(list), ";")
	slices.Sort(names)
	for i := range names[1:] {
		if names[i] == names[i+1] {
			return false
		}
	}
	return true
}

func hasUpper(s string) bool {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			return true
		}
	}
	return false
}

// contains says whether a header is in a list like "host;x-amz-date".
func contains(list, name string) bool {
	for list != "" {
		var item string
		item, list, _ = strings.Cut(list, ";")
		if strings.EqualFold(item, name) {
			return true
		}
	}
	return false
}

// maxEchoed bounds what a mismatch tells the client of its own request.
const maxEchoed = 16 << 10

// signatureMismatch tells the client what the server signed, so that it can be
// compared with what the client did. All of it came from the request, but for
// the encoding; the secret is not in it.
func signatureMismatch(id, given string, toSign, canonical []byte) error {
	e := s3err.SignatureDoesNotMatch.
		Field("AWSAccessKeyId", id).
		Field("StringToSign", string(toSign)).
		Field("SignatureProvided", given).
		Field("StringToSignBytes", hexBytes(toSign))
	if len(canonical) > 0 && len(canonical) <= maxEchoed {
		e = e.Field("CanonicalRequest", string(canonical)).Field("CanonicalRequestBytes", hexBytes(canonical))
	}
	return e
}

// hexBytes writes bytes as "41 57 53".
func hexBytes(p []byte) string {
	b := make([]byte, 0, 3*len(p))
	for i, c := range p {
		if i > 0 {
			b = append(b, ' ')
		}
		b = hex.AppendEncode(b, []byte{c})
	}
	return string(b)
}
