package gridtest

import (
	"crypto"
	"math/big"
	"time"
)

// The OIDs that tests ask for.
const (
	PCI        = "1.3.6.1.5.5.7.1.14"
	DraftPCI   = "1.3.6.1.4.1.3536.1.222"
	AnyPolicy  = "1.3.6.1.5.5.7.21.0"
	InheritAll = "1.3.6.1.5.5.7.21.1"
	NoRights   = "1.3.6.1.5.5.7.21.2" // independent
	Limited    = "1.3.6.1.4.1.3536.1.1.1.9"
	ServerAuth = "1.3.6.1.5.5.7.3.1"
	ClientAuth = "1.3.6.1.5.5.7.3.2"
)

// Bits of a key usage.
const (
	DigitalSignature = 0x80
	NonRepudiation   = 0x40
	KeyEncipherment  = 0x20
	KeyCertSign      = 0x04
	CRLSign          = 0x02
)

// KeyUsage is the extension, critical.
func KeyUsage(bits byte) []byte {
	unused := byte(0)
	for unused < 7 && bits>>unused&1 == 0 {
		unused++
	}
	return Ext("2.5.29.15", true, TLV(3, []byte{unused, bits}))
}

// ExtKeyUsage is the extension, not critical.
func ExtKeyUsage(oids ...string) []byte {
	var list [][]byte
	for _, o := range oids {
		list = append(list, OID(o))
	}
	return Ext("2.5.29.37", false, Seq(list...))
}

// BasicConstraints is the extension, critical; pathLen below 0 is none.
func BasicConstraints(ca bool, pathLen int64) []byte {
	var parts [][]byte
	if ca {
		parts = append(parts, True())
	}
	if pathLen >= 0 {
		parts = append(parts, Int(pathLen))
	}
	return Ext("2.5.29.19", true, Seq(parts...))
}

// SubjectKeyID is the extension for the key.
func SubjectKeyID(key crypto.Signer) []byte { return Ext("2.5.29.14", false, Octets(KeyID(key))) }

// AuthorityKeyID is the extension for the key.
func AuthorityKeyID(key crypto.Signer) []byte {
	return Ext("2.5.29.35", false, Seq(TLV(0x80, KeyID(key))))
}

// ProxyInfo is the value of a proxyCertInfo; pathLen below 0 is none, a nil
// policy too.
func ProxyInfo(language string, pathLen int64, policy []byte) []byte {
	var parts [][]byte
	if pathLen >= 0 {
		parts = append(parts, Int(pathLen))
	}
	inner := [][]byte{OID(language)}
	if policy != nil {
		inner = append(inner, Octets(policy))
	}
	return Seq(append(parts, Seq(inner...))...)
}

// With is any change.
func With(change func(*Cert)) Option { return change }

// Keyed makes the certificate for a key.
func Keyed(key crypto.Signer) Option { return func(c *Cert) { c.Key = key } }

// Signed signs it as the scheme says.
func Signed(s Scheme) Option { return func(c *Cert) { c.Scheme = s } }

// Valid sets its validity.
func Valid(from, to time.Time) Option {
	return func(c *Cert) { c.NotBefore, c.NotAfter = from, to }
}

// Serial sets its serial number.
func Serial(n int64) Option { return func(c *Cert) { c.Serial = big.NewInt(n) } }

// Extensions replaces its extensions.
func Extensions(list ...[]byte) Option { return func(c *Cert) { c.Extensions = list } }

// Also adds extensions.
func Also(list ...[]byte) Option {
	return func(c *Cert) { c.Extensions = append(c.Extensions, list...) }
}

// Subject replaces its subject.
func Subject(n Name) Option {
	return func(c *Cert) { c.Subject, c.name = n.DER(), n }
}

// IssuedBy replaces the issuer that it names.
func IssuedBy(n Name) Option { return func(c *Cert) { c.Issuer = n.DER() } }
