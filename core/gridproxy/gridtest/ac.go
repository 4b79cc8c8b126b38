package gridtest

import (
	"crypto"
	"math/big"
	"time"
)

// AC is what a VOMS attribute certificate is made of. [NewAC] fills in what is
// usual.
type AC struct {
	Version             int64
	Holder              []byte // the whole SEQUENCE
	Issuer              []byte // [0] of it
	Scheme              Scheme
	Inner               []byte // signature algorithm inside; nil: as outside
	Serial              *big.Int
	NotBefore, NotAfter []byte
	URI                 string
	Attributes          []byte // nil: one with URI and FQANs
	FQANs               []string
	Certs               [][]byte
	Extensions          [][]byte
	NoExtensions        bool // leaves out even certificates, noRevAvail, authorityKeyIdentifier
	SignKey             crypto.Signer
	Mangle              func([]byte) []byte // changes the signed part after signing
}

// OIDs of VOMS.
const (
	VOMSExtension = "1.3.6.1.4.1.8005.100.100.5"
	VOMSFQANs     = "1.3.6.1.4.1.8005.100.100.4"
	VOMSCerts     = "1.3.6.1.4.1.8005.100.100.10"
	NoRevAvail    = "2.5.29.56"
	TargetInfo    = "2.5.29.55"
)

// DirectoryName is GeneralNames of one directoryName.
func DirectoryName(n Name) []byte { return Seq(Tagged(4, n.DER())) }

// HolderOf is the holder with that name and serial number.
func HolderOf(n Name, serial *big.Int) []byte {
	return Seq(Tagged(0, DirectoryName(n), BigInt(serial)))
}

// NewAC makes an attribute certificate for a person's certificate, in the
// classic form of VOMS, as DER.
func NewAC(holder, aa *Entity, vo, host string, fqans []string, changes ...func(*AC)) []byte {
	ac := &AC{
		Version: 1, Holder: HolderOf(holder.Name, holder.Serial), Issuer: Tagged(0, DirectoryName(aa.Name)), Serial: nextSerial(),
		NotBefore: GeneralizedTime(NotBefore), NotAfter: GeneralizedTime(NotAfter),
		URI: vo + "://" + host + ":15001", FQANs: fqans, Certs: [][]byte{aa.DER}, SignKey: aa.Key,
	}
	ac.Extensions = [][]byte{Ext(NoRevAvail, false, Null()), AuthorityKeyID(aa.Key)}
	for _, change := range changes {
		change(ac)
	}
	return ac.der()
}

// FQANAttribute is the attribute with one IetfAttrSyntax.
func FQANAttribute(uri string, fqans []string) []byte {
	var values [][]byte
	for _, f := range fqans {
		values = append(values, Octets([]byte(f)))
	}
	return Seq(OID(VOMSFQANs), Set(Seq(Tagged(0, URI(uri)), Seq(values...))))
}

// CertsExtension holds the AA certificate and what helps to verify it.
func CertsExtension(certs ...[]byte) []byte { return Ext(VOMSCerts, false, Seq(Seq(certs...))) }

func (ac *AC) der() []byte {
	outer := ac.Scheme.algorithm(ac.SignKey)
	inner := ac.Inner
	if inner == nil {
		inner = outer
	}
	attributes := ac.Attributes
	if attributes == nil {
		attributes = FQANAttribute(ac.URI, ac.FQANs)
	}
	extensions := ac.Extensions
	if ac.Certs != nil {
		extensions = append([][]byte{CertsExtension(ac.Certs...)}, extensions...)
	}
	var extensionList []byte
	if !ac.NoExtensions {
		extensionList = Seq(extensions...)
	}
	info := Seq(Int(ac.Version), ac.Holder, ac.Issuer, inner, BigInt(ac.Serial), Seq(ac.NotBefore, ac.NotAfter),
		Seq(attributes), extensionList)
	signature := ac.Scheme.sign(ac.SignKey, info)
	if ac.Mangle != nil {
		info = ac.Mangle(info)
	}
	return Seq(info, outer, Bits(signature))
}

// ACValid sets the validity.
func ACValid(from, to time.Time) func(*AC) {
	return func(ac *AC) { ac.NotBefore, ac.NotAfter = GeneralizedTime(from), GeneralizedTime(to) }
}

// VOMS is the extension of a proxy with attribute certificates.
func VOMS(acs ...[]byte) []byte { return Ext(VOMSExtension, false, Seq(Seq(acs...))) }
