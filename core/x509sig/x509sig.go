// Package x509sig signs and verifies HTTP requests with the private key of an
// X.509 certificate or grid proxy, in the manner of AWS IAM Roles Anywhere
// (AWS4-X509-RSA-SHA256 and AWS4-X509-ECDSA-SHA256): for servers behind an
// HTTPS terminator, which cannot ask for client certificates.
//
// [Verify] proves that the sender has the leaf's private key, and no more:
// whether the chain is to be trusted is for package gridproxy. Both functions
// are pure: the time is an argument.
package x509sig

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The headers of a signed request.
const (
	HeaderDate  = "X-Amz-Date"       // YYYYMMDDTHHMMSSZ
	HeaderLeaf  = "X-Amz-X509"       // base64 of the leaf's DER
	HeaderChain = "X-Amz-X509-Chain" // the same of what is above it, comma separated, leaf side first
)

// The algorithms, by the leaf's key.
const (
	AlgorithmRSA   = "AWS4-X509-RSA-SHA256"
	AlgorithmECDSA = "AWS4-X509-ECDSA-SHA256"
)

// Skew is by how much the clocks of client and server may differ.
const Skew = 5 * time.Minute

const (
	dateLayout  = "20060102T150405Z"
	service     = "rolesanywhere"
	termination = "aws4_request"
)

// Error is a request that is refused. Its text may be shown to the client.
type Error string

// Error implements error.
func (e Error) Error() string { return string(e) }

// Body is the request body that asks for credentials of this lifetime. With a
// chain it carries what is above the leaf, for gateways that limit the length
// of headers; sign then with the leaf alone. Zero seconds leave the lifetime
// to the server.
func Body(seconds int, above [][]byte) ([]byte, error) {
	return json.Marshal(struct {
		Seconds int      `json:"durationSeconds,omitempty"`
		Chain   [][]byte `json:"chain,omitempty"` // encoding/json writes base64
	}{seconds, above})
}

// canonical is the part of the request that is signed; base goes before its path.
func canonical(r *http.Request, base string, body []byte, signed []string) (string, error) {
	query, err := canonicalQuery(r.URL.RawQuery)
	if err != nil {
		return "", err
	}
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	path = base + path
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n%s\n%s\n", r.Method, path, query)
	for _, name := range signed {
		value, ok := headerValue(r, name)
		if !ok {
			return "", Error("the signed header " + strconv.Quote(name) + " is missing")
		}
		fmt.Fprintf(&out, "%s:%s\n", name, value)
	}
	sum := sha256.Sum256(body)
	fmt.Fprintf(&out, "\n%s\n%s", strings.Join(signed, ";"), hex.EncodeToString(sum[:]))
	return out.String(), nil
}

// canonicalQuery sorts the parameters, with %20 for space.
func canonicalQuery(raw string) (string, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return "", Error("malformed query")
	}
	for _, v := range values {
		slices.Sort(v)
	}
	return strings.ReplaceAll(values.Encode(), "+", "%20"), nil
}

// headerValue is a header as it is signed: values joined, blanks collapsed.
func headerValue(r *http.Request, name string) (string, bool) {
	switch values := r.Header.Values(name); {
	case name == "host":
		return r.Host, r.Host != ""
	case len(values) > 0:
		tidy := make([]string, len(values))
		for i, v := range values {
			tidy[i] = strings.Join(strings.FieldsFunc(v, func(c rune) bool { return c == ' ' }), " ")
		}
		return strings.Join(tidy, ","), true
	case name == "content-length" && r.ContentLength >= 0:
		return strconv.FormatInt(r.ContentLength, 10), true
	}
	return "", false
}

// stringToSign binds the canonical request to algorithm, time and scope.
func stringToSign(algorithm, date, scope, canonicalRequest string) []byte {
	sum := sha256.Sum256([]byte(canonicalRequest))
	return fmt.Appendf(nil, "%s\n%s\n%s\n%s", algorithm, date, scope, hex.EncodeToString(sum[:]))
}

// scopeOf is the credential scope of a day and region.
func scopeOf(day, region string) string {
	return strings.Join([]string{day, region, service, termination}, "/")
}

var errKey = errors.New("a key that is neither RSA nor ECDSA")
