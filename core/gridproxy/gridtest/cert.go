package gridtest

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"sync/atomic"
	"time"
)

// Good material is valid from NotBefore to NotAfter.
var (
	NotBefore = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	NotAfter  = time.Date(2045, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Cert is what a certificate is made of. The functions that make one fill in
// what is usual, and hand it to their options to change.
type Cert struct {
	Version             int // as people count: 3
	Subject, Issuer     []byte
	Serial              *big.Int
	NotBefore, NotAfter time.Time
	Validity            []byte        // instead of both, the whole SEQUENCE
	Key                 crypto.Signer // whose certificate it is
	SignKey             crypto.Signer // who signs it
	Scheme              Scheme
	Extensions          [][]byte
	Trailing            []byte              // after the last field
	Mangle              func([]byte) []byte // changes the signed part after signing
	BadSignature        bool
	name                Name
}

// Option changes a certificate before it is signed.
type Option func(*Cert)

// Entity is a certificate with its key and what is above it in a chain.
type Entity struct {
	Name   Name
	Key    crypto.Signer
	DER    []byte
	Serial *big.Int
	Above  [][]byte
	issuer Name
}

// Chain is the certificate and what is above it, as a client sends it.
func (e *Entity) Chain() [][]byte { return append([][]byte{e.DER}, e.Above...) }

// Certificate is the parsed certificate.
func (e *Entity) Certificate() *x509.Certificate { return must(x509.ParseCertificate(e.DER)) }

// PEM is a proxy file: certificate, key, rest of the chain.
func (e *Entity) PEM() []byte {
	out := append(CertPEM(e.DER), KeyPEM(e.Key)...)
	for _, c := range e.Above {
		out = append(out, CertPEM(c)...)
	}
	return out
}

// CertPEM is one certificate as PEM.
func CertPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// KeyPEM is a key as PEM (PKCS #8).
func KeyPEM(key crypto.Signer) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(key))})
}

// serials hands out serial numbers that differ within the process.
var serials atomic.Int64

func nextSerial() *big.Int { return big.NewInt(0x1000 + serials.Add(1)) }

// Issue makes and signs a certificate below an issuer; nil: by itself.
func Issue(name Name, issuer *Entity, options ...Option) *Entity {
	c := &Cert{
		Version: 3, Subject: name.DER(), Serial: nextSerial(), NotBefore: NotBefore, NotAfter: NotAfter, name: name,
	}
	issuerName := name
	if issuer != nil {
		issuerName = issuer.Name
		c.SignKey = issuer.Key
	}
	c.Issuer = issuerName.DER()
	for _, o := range options {
		o(c)
	}
	if c.Key == nil {
		c.Key = ECKey()
	}
	if c.SignKey == nil {
		c.SignKey = c.Key
	}
	return &Entity{Name: c.name, Key: c.Key, DER: c.der(), Serial: c.Serial, issuer: issuerName}
}

func (c *Cert) der() []byte {
	algorithm := c.Scheme.algorithm(c.SignKey)
	var version, extensions []byte
	if c.Version > 1 {
		version = Tagged(0, Int(int64(c.Version-1)))
	}
	if len(c.Extensions) > 0 {
		extensions = Tagged(3, Seq(c.Extensions...))
	}
	validity := c.Validity
	if validity == nil {
		validity = Seq(UTCTime(c.NotBefore), UTCTime(c.NotAfter))
	}
	tbs := Seq(version, BigInt(c.Serial), algorithm, c.Issuer, validity,
		c.Subject, spki(c.Key), extensions, c.Trailing)
	signature := c.Scheme.sign(c.SignKey, tbs)
	if c.Mangle != nil {
		tbs = c.Mangle(tbs)
	}
	if c.BadSignature {
		signature[len(signature)-1] ^= 1
	}
	return Seq(tbs, algorithm, Bits(signature))
}
