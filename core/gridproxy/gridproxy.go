// Package gridproxy verifies grid certificate chains: a person's own
// certificate, or RFC 3820 proxies (and, if allowed, legacy GT2 ones) below it,
// against a trust directory in the layout of the IGTF, and reads the VOMS
// attributes in it.
//
// [Verify] is a pure function of the chain, the time and an immutable snapshot
// of the trust directory ([Trust]); [Loader] reads and renews the snapshot.
// crypto/x509 parses, builds the path from the person's certificate to a root
// and checks signatures. It cannot verify proxies (their issuer is no CA, and
// proxyCertInfo is critical), nor does it know signing policies, namespaces,
// CRLs of a directory or attribute certificates: that is here.
package gridproxy

import (
	"crypto/x509"
	"time"
)

// Limits of a chain, checked before anything is parsed.
const (
	MaxCertificates = 16
	MaxChainBytes   = 64 << 10  // DER
	MaxPEMBytes     = 256 << 10 // a file with its key, and what openssl -text says of each certificate
)

// skew is by how much the clocks of the machines that sign proxies and
// attribute certificates may be ahead of ours.
const skew = 5 * time.Minute

// Type tells how a chain's leaf speaks for its owner.
type Type string

// The types of an accepted chain.
const (
	TypeEEC    Type = "eec"     // the person's own certificate, no proxy
	TypeRFC    Type = "rfc3820" // one or more RFC 3820 proxies
	TypeLegacy Type = "legacy"  // one or more GT2 proxies, only with Options.AllowLegacy
)

// VOMSState tells what became of a chain's VOMS attributes.
type VOMSState string

// The states of VOMS attributes. They never change whether a chain is accepted.
const (
	VOMSNone    VOMSState = "none"    // no proxy carries any
	VOMSValid   VOMSState = "valid"   // at least one attribute certificate counts
	VOMSInvalid VOMSState = "invalid" // there are some, and none counts
)

// Options are what an operator may choose. The zero value is the strictest.
type Options struct {
	// AllowLegacy accepts GT2 proxies, which are told by their name alone.
	AllowLegacy bool
	// AllowMissingCRL accepts a CA without CRL, with a warning. An expired or
	// badly signed CRL, or a listed certificate, still refuses.
	AllowMissingCRL bool
	// AllowMissingSigningPolicy accepts a CA without signing_policy file, with
	// a warning. A policy that is there must still permit.
	AllowMissingSigningPolicy bool
	// AllowHostEEC accepts certificates whose only extended key usage is
	// serverAuth: those of hosts.
	AllowHostEEC bool
	// ServiceNames are this service's own names, as URIs in the targets of an
	// attribute certificate may spell them. Case is ignored.
	ServiceNames []string
}

// Result is an accepted chain.
type Result struct {
	// Identity is the subject of the person's certificate as RFC 2253 text
	// (see [Name.String]): the key of a person, compared exactly.
	Identity string
	// IdentitySlash is the same in slash form, for people and policy files.
	// Different subjects may share one slash form: never compare it.
	IdentitySlash string
	// Issuer is the CA that issued the person's certificate, as RFC 2253 text.
	Issuer string
	// EEC is the person's certificate, Leaf the first one of the chain. They
	// are the same when there is no proxy.
	EEC, Leaf *x509.Certificate
	// LeafSubject is the subject of Leaf, as RFC 2253 text: for logs only.
	LeafSubject string
	Type        Type
	// Limited tells that a proxy may be used for data but must not register a
	// person or change her keys and settings.
	Limited bool
	// Depth is the number of proxies.
	Depth int
	// NotAfter is the earliest end of validity of the person's certificate,
	// the proxies and the CA certificates used. Nothing issued for this chain
	// may live longer.
	NotAfter time.Time

	VOMS VOMSState
	// VOMSError says why attribute certificates do not count, also when others
	// do; for logs.
	VOMSError string
	// FQANs are the attributes granted, normalised, in the order of the
	// attribute certificates: the first is the primary one.
	FQANs []string
	// VO is the virtual organisation of the first FQAN.
	VO string
	// VOMSNotAfter is the earliest end of the attribute certificates that
	// count; zero when none does. It does not shorten NotAfter.
	VOMSNotAfter time.Time

	// Warnings are what Options relaxed, for logs.
	Warnings []string
}
