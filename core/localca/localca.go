// Package localca is the certificate authority of a site that has no other: it
// is made at the first start, kept sealed in the registry so that all processes
// share it, and signs short-lived certificates for the names and addresses the
// server is reached by. People trust it once, by installing its certificate.
package localca

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/seal"
)

const (
	authorityLife = 20 * 365 * 24 * time.Hour
	// LeafLife is how long a server certificate is valid. No client accepts
	// more than 825 days, and short lives need no revocation.
	LeafLife = 30 * 24 * time.Hour
	// skew allows for clients whose clocks are behind.
	skew = time.Hour
)

// recordKey is where the authority lies in catalog.TLSAuthority.
const recordKey = "ca"

// Authority signs server certificates.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// stored is the sealed record.
type stored struct {
	Certificate []byte `json:"certificate"` // DER
	Key         []byte `json:"key"`         // PKCS #8
}

// Open reads the site's authority, or makes it. When several processes start at
// once all get the same.
func Open(ctx context.Context, registry meta.Store, box *seal.Box, site string, now time.Time) (*Authority, error) {
	a, err := load(ctx, registry, box)
	if !errors.Is(err, meta.ErrNotFound) {
		return a, err
	}
	made, err := create(site, now)
	if err != nil {
		return nil, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(made.key)
	if err != nil {
		return nil, err
	}
	value, err := json.Marshal(stored{made.cert.Raw, key})
	if err != nil {
		return nil, err
	}
	sealed := box.Seal(value, additional())
	_, err = registry.Put(ctx, catalog.TLSAuthority, recordKey, meta.Record{Value: sealed}, meta.IfAbsent)
	if err != nil && !errors.Is(err, meta.ErrConflict) && !errors.Is(err, meta.ErrOutcomeUnknown) {
		return nil, fmt.Errorf("keep the certificate authority: %w", err)
	}
	// What is there counts: another process may have been first.
	return load(ctx, registry, box)
}

// additional binds the sealed record to its place.
func additional() []byte { return []byte(string(catalog.TLSAuthority) + "/" + recordKey) }

func load(ctx context.Context, registry meta.Store, box *seal.Box) (*Authority, error) {
	rec, err := registry.Get(ctx, catalog.TLSAuthority, recordKey, false)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	value, err := box.Open(rec.Value, additional())
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	var s stored
	if err := json.Unmarshal(value, &s); err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	cert, err := x509.ParseCertificate(s.Certificate)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(s.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("certificate authority: key of type %T", parsed)
	}
	return &Authority{cert, key}, nil
}

// Reseal seals the authority anew when it is sealed under an older site key, and
// tells whether it was. Without an authority there is nothing to do.
func Reseal(ctx context.Context, registry meta.Store, box *seal.Box) (bool, error) {
	rec, err := registry.Get(ctx, catalog.TLSAuthority, recordKey, false)
	if errors.Is(err, meta.ErrNotFound) {
		return false, nil
	}
	if err != nil || box.Current(rec.Value) {
		return false, err
	}
	value, err := box.Open(rec.Value, additional())
	if err != nil {
		return false, fmt.Errorf("certificate authority: %w", err)
	}
	_, err = registry.Put(ctx, catalog.TLSAuthority, recordKey, meta.Record{Value: box.Seal(value, additional())}, meta.IfMatch(rec.Version))
	if err != nil {
		return false, fmt.Errorf("certificate authority: %w", err)
	}
	return true, nil
}

func create(site string, now time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		// The number tells apart the authorities of sites with one name.
		Subject:               pkix.Name{Organization: []string{"Mucura"}, CommonName: fmt.Sprintf("%s authority %x", site, serial.Bytes()[:4])},
		NotBefore:             now.Add(-skew),
		NotAfter:              now.Add(authorityLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &Authority{cert, key}, err
}

// newSerial is 127 random bits, as the CA/Browser Forum asks for at least 64.
func newSerial() (*big.Int, error) {
	low := new(big.Int).Lsh(big.NewInt(1), 126)
	n, err := rand.Int(rand.Reader, low)
	if err != nil {
		return nil, err
	}
	return n.Add(n, low), nil // never shorter, so that its first bytes are there
}

// PEM is the certificate people install.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// Fingerprint is the SHA-256 of the certificate, as browsers and openssl show it.
func (a *Authority) Fingerprint() string { return Fingerprint(a.cert.Raw) }

// Fingerprint is the SHA-256 of a certificate, as browsers and openssl show it.
func Fingerprint(der []byte) string {
	var b strings.Builder
	for i, c := range sha256.Sum256(der) {
		if i > 0 {
			b.WriteByte(':')
		}
		fmt.Fprintf(&b, "%02X", c)
	}
	return b.String()
}

// Issue makes a server certificate for names: host names and IP addresses.
func (a *Authority) Issue(names []string, now time.Time) (*tls.Certificate, error) {
	if len(names) == 0 {
		return nil, errors.New("no name to issue a certificate for")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: names[0]},
		NotBefore:    now.Add(-skew),
		NotAfter:     now.Add(LeafLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key, Leaf: leaf}, nil
}
