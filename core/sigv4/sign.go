package sigv4

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// UnsignedPayload is the payload hash of a body that is not signed.
const UnsignedPayload = unsignedPayload

// EmptyPayload is the payload hash of an empty body.
const EmptyPayload = emptySHA256

// Credentials sign requests. SessionToken is "" for a long-lived key.
type Credentials struct {
	AccessKeyID, SecretAccessKey, SessionToken string
}

// Sign signs a request about to be sent in its Authorization header, with all
// headers it has so far. payloadHash is the SHA-256 of the body in
// hexadecimal, or UnsignedPayload. It sets X-Amz-Date, X-Amz-Content-Sha256
// and, where there is a token, X-Amz-Security-Token.
func Sign(r *http.Request, c Credentials, region, payloadHash string, at time.Time) {
	signHeader(r, c, region, payloadHash, at)
}

// SignFor is Sign for another service than S3: "sts".
func SignFor(service string, r *http.Request, c Credentials, region, payloadHash string, at time.Time) {
	signHeaderFor(service, r, c, region, payloadHash, at)
}

// signHeader is Sign; it gives what a chunked body's signatures build on.
func signHeader(r *http.Request, c Credentials, region, payloadHash string, at time.Time) *chunkSeed {
	return signHeaderFor(service, r, c, region, payloadHash, at)
}

func signHeaderFor(svc string, r *http.Request, c Credentials, region, payloadHash string, at time.Time) *chunkSeed {
	at = at.UTC()
	seed := newSeed(c, region, svc, at)
	r.Header.Set("X-Amz-Date", seed.stamp)
	r.Header.Set("X-Amz-Content-Sha256", payloadHash)
	if c.SessionToken != "" {
		r.Header.Set("X-Amz-Security-Token", c.SessionToken)
	}
	signedHeaders := headersToSign(r.Header)
	seed.signRequest(r, signedHeaders, payloadHash)
	r.Header.Set("Authorization", algorithm+" Credential="+c.AccessKeyID+"/"+seed.scope+
		",SignedHeaders="+signedHeaders+",Signature="+seed.signature)
	return seed
}

// Presign gives a URL under which the request can be sent until expires after
// at, without a body hash. All headers that r has so far are signed, so they
// must be sent with it. It changes nothing in r.
func Presign(r *http.Request, c Credentials, region string, expires time.Duration, at time.Time) string {
	at = at.UTC()
	seed := newSeed(c, region, service, at)
	signedHeaders := headersToSign(r.Header)
	u := *r.URL
	var b []byte
	if u.RawQuery != "" {
		b = append(append(b, u.RawQuery...), '&')
	}
	add := func(name, value string) {
		b = append(append(b, name...), '=')
		b = append(appendQueryValue(b, value), '&')
	}
	add("X-Amz-Algorithm", algorithm)
	add("X-Amz-Credential", c.AccessKeyID+"/"+seed.scope)
	add("X-Amz-Date", seed.stamp)
	add("X-Amz-Expires", strconv.FormatInt(int64(expires/time.Second), 10))
	if c.SessionToken != "" {
		add("X-Amz-Security-Token", c.SessionToken)
	}
	add("X-Amz-SignedHeaders", signedHeaders)
	u.RawQuery = strings.TrimSuffix(string(b), "&")
	signed := *r
	signed.URL = &u
	seed.signRequest(&signed, signedHeaders, unsignedPayload)
	u.RawQuery += "&X-Amz-Signature=" + seed.signature
	return u.String()
}

// SignPolicy gives the fields of a form that uploads under a policy: until
// expiration, with the conditions (["eq", "$key", "k"] or {"bucket": "b"} as
// Go slices and maps). Conditions on the fields it adds are added, too. The
// error is of a condition that JSON cannot say.
func SignPolicy(c Credentials, region string, expiration time.Time, conditions []any, at time.Time) (map[string]string, error) {
	at = at.UTC()
	seed := newSeed(c, region, service, at)
	fields := map[string]string{
		"x-amz-algorithm":  algorithm,
		"x-amz-credential": c.AccessKeyID + "/" + seed.scope,
		"x-amz-date":       seed.stamp,
	}
	if c.SessionToken != "" {
		fields["x-amz-security-token"] = c.SessionToken
	}
	conditions = slices.Clone(conditions)
	for name, value := range fields {
		conditions = append(conditions, map[string]string{name: value})
	}
	document, err := json.Marshal(map[string]any{"expiration": isoTime(expiration), "conditions": conditions})
	if err != nil {
		return nil, err
	}
	fields["policy"] = base64.StdEncoding.EncodeToString(document)
	var sig signature
	seed.key.sign(&sig, []byte(fields["policy"]))
	fields["x-amz-signature"] = string(sig[:])
	return fields, nil
}

func newSeed(c Credentials, region, svc string, at time.Time) *chunkSeed {
	day := at.Format(dayLayout)
	return &chunkSeed{
		key: newSigningKey(c.SecretAccessKey, day, region, svc), id: c.AccessKeyID,
		stamp: at.Format(stampLayout), scope: day + "/" + region + "/" + svc + "/" + terminal,
	}
}

// signRequest sets the seed's signature to that of the request.
func (s *chunkSeed) signRequest(r *http.Request, signedHeaders, payloadHash string) {
	var m scratch
	m.makeCanonicalS3(r, r.URL.EscapedPath(), signedHeaders, payloadHash)
	m.makeToSign(s.stamp, s.scope)
	s.key.sign(&m.mac, m.toSign)
	s.signature = string(m.mac[:])
}

// headersToSign lists host and all headers but those that the transport or a
// proxy may change.
func headersToSign(h http.Header) string {
	names := []string{"host"}
	for key := range h {
		switch key {
		case "Host", "Authorization", "User-Agent", "Expect", "Transfer-Encoding", "Connection", "Accept-Encoding", "X-Amzn-Trace-Id":
		default:
			names = append(names, strings.ToLower(key))
		}
	}
	slices.Sort(names)
	return strings.Join(names, ";")
}

// appendQueryValue appends a value encoded for the query.
func appendQueryValue(b []byte, value string) []byte {
	for i := range len(value) {
		b = appendByte(b, value[i])
	}
	return b
}
