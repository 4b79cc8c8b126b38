package x509sig

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mucura/mucura/core/basepath"
)

// Limits of what a request may bring.
const (
	maxCertificates = 16
	maxChainBytes   = 64 << 10 // DER
	maxRSABits      = 8192
	maxSigned       = 64
)

// Verify checks that the request was signed within [Skew] of now by the key of
// its leaf certificate, that the signature covers the host, which is one of
// hosts, the date and the certificates, and the body received. It returns the
// chain, leaf first, for gridproxy.Verify to judge. A host without port stands
// for all ports. The error is an [Error].
func Verify(r *http.Request, body []byte, now time.Time, hosts []string) ([][]byte, error) {
	auth, err := parseAuthorization(r.Header.Values("Authorization"))
	if err != nil {
		return nil, err
	}
	if err := auth.checkCoverage(r); err != nil {
		return nil, err
	}
	if err := auth.checkDate(r, now); err != nil {
		return nil, err
	}
	if !isOurs(r.Host, hosts) {
		return nil, Error("the signed host is not ours")
	}
	chain, err := chainOf(r, body)
	if err != nil {
		return nil, err
	}
	leaf, parseErr := x509.ParseCertificate(chain[0])
	if parseErr != nil {
		return nil, Error("malformed certificate in " + HeaderLeaf)
	}
	if auth.serial != leaf.SerialNumber.String() {
		return nil, Error("the credential is not the certificate's serial number")
	}
	err = auth.check(r, "", body, leaf)
	if base := basepath.Of(r); err != nil && base != "" {
		err = auth.check(r, base, body, leaf)
	}
	if err != nil {
		return nil, err
	}
	return chain, nil
}

// check verifies the signature over the request, with base before its path.
func (a *authorization) check(r *http.Request, base string, body []byte, leaf *x509.Certificate) error {
	request, err := canonical(r, base, body, a.signed)
	if err != nil {
		return err
	}
	return a.checkSignature(leaf.PublicKey, request)
}

// authorization is a parsed Authorization header.
type authorization struct {
	algorithm, serial, day, region string
	signed                         []string
	signature                      []byte
	date                           string // as signed
}

func parseAuthorization(values []string) (a authorization, err error) {
	const malformed = Error("malformed Authorization header")
	if len(values) != 1 {
		return a, Error("want one Authorization header")
	}
	algorithm, rest, ok := strings.Cut(values[0], " ")
	if !ok || algorithm != AlgorithmRSA && algorithm != AlgorithmECDSA {
		return a, Error("unknown signature algorithm")
	}
	a.algorithm = algorithm
	fields := strings.Split(rest, ",")
	if len(fields) != 3 {
		return a, malformed
	}
	seen := map[string]string{}
	for _, f := range fields {
		name, value, ok := strings.Cut(strings.TrimSpace(f), "=")
		if _, twice := seen[name]; !ok || twice {
			return a, malformed
		}
		seen[name] = value
	}
	credential := strings.Split(seen["Credential"], "/")
	if len(credential) != 5 || credential[3] != service || credential[4] != termination || !isRegion(credential[2]) {
		return a, Error("malformed credential scope")
	}
	a.serial, a.day, a.region = credential[0], credential[1], credential[2]
	a.signed = strings.Split(seen["SignedHeaders"], ";")
	if a.signature, err = hex.DecodeString(seen["Signature"]); err != nil || len(a.signature) == 0 {
		return a, malformed
	}
	return a, nil
}

func isRegion(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// checkCoverage wants the signed headers in order, and those that matter among
// them. Of these the request must have one value.
func (a authorization) checkCoverage(r *http.Request) error {
	if len(a.signed) > maxSigned {
		return Error("too many signed headers")
	}
	for i, name := range a.signed {
		if name == "" || name != strings.ToLower(name) || i > 0 && a.signed[i-1] >= name {
			return Error("the signed headers are not sorted, lower case and different")
		}
	}
	for _, name := range []string{"Host", HeaderDate, HeaderLeaf, HeaderChain} {
		values := len(r.Header.Values(name))
		if values > 1 {
			return Error("more than one " + name + " header")
		}
		optional := name == HeaderChain && values == 0
		if !optional && !slices.Contains(a.signed, strings.ToLower(name)) {
			return Error("the signature does not cover " + name)
		}
	}
	return nil
}

// checkDate wants the signed time near now, and on the day of the scope.
func (a *authorization) checkDate(r *http.Request, now time.Time) error {
	a.date = r.Header.Get(HeaderDate)
	date, err := time.Parse(dateLayout, a.date)
	if err != nil || date.Format(dateLayout) != a.date {
		return Error("malformed " + HeaderDate)
	}
	if date.Sub(now).Abs() > Skew {
		return Error("the request is signed for another time; the server has " + now.UTC().Format(dateLayout))
	}
	if a.day != a.date[:8] {
		return Error("the date of the credential scope is not that of " + HeaderDate)
	}
	return nil
}

// checkSignature verifies the signature with the leaf's key.
func (a authorization) checkSignature(public any, request string) error {
	const refused = Error("the signature does not match")
	algorithm, err := algorithmOf(public)
	if err != nil || algorithm != a.algorithm {
		return Error("the signature algorithm is not that of the certificate's key")
	}
	sum := sha256.Sum256(stringToSign(a.algorithm, a.date, scopeOf(a.day, a.region), request))
	switch key := public.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() > maxRSABits {
			return Error("the certificate's key is too long")
		}
		if rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], a.signature) == nil {
			return nil
		}
	case *ecdsa.PublicKey:
		if ecdsa.VerifyASN1(key, sum[:], a.signature) {
			return nil
		}
	}
	return refused
}

// isOurs tells whether a Host header is one of ours.
func isOurs(host string, hosts []string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	return slices.ContainsFunc(hosts, func(ours string) bool {
		return ours != "" && (strings.EqualFold(ours, host) || strings.EqualFold(ours, name))
	})
}

// chainOf reads leaf and chain, the latter from its header or, when there is
// none, from the body.
func chainOf(r *http.Request, body []byte) ([][]byte, error) {
	leaf, err := decode(r.Header.Get(HeaderLeaf))
	if err != nil {
		return nil, Error("malformed " + HeaderLeaf)
	}
	chain, size := [][]byte{leaf}, len(leaf)
	above, err := above(r, body)
	if err != nil {
		return nil, err
	}
	for _, c := range above {
		size += len(c)
	}
	if len(above) >= maxCertificates || size > maxChainBytes {
		return nil, Error("too many certificates")
	}
	return append(chain, above...), nil
}

func above(r *http.Request, body []byte) (chain [][]byte, err error) {
	header := r.Header.Values(HeaderChain)
	if len(header) == 0 {
		var in struct {
			Chain [][]byte `json:"chain"`
		}
		if len(body) > 0 && json.Unmarshal(body, &in) != nil {
			return nil, Error("malformed body")
		}
		return in.Chain, nil
	}
	parts := strings.SplitN(header[0], ",", maxCertificates+1)
	for _, part := range parts {
		c, err := decode(strings.TrimSpace(part))
		if err != nil {
			return nil, Error("malformed " + HeaderChain)
		}
		chain = append(chain, c)
	}
	return chain, nil
}

func decode(text string) ([]byte, error) {
	if text == "" || len(text) > 2*maxChainBytes {
		return nil, Error("empty or too long")
	}
	return base64.StdEncoding.Strict().DecodeString(text)
}
