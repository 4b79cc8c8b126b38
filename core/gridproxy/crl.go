package gridproxy

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"time"
)

// crl is a revocation list, its serial numbers as a set.
type crl struct {
	issuer   string    // canonical; the name itself would hold on to the list's bytes
	from, to time.Time // to is zero when the list does not say
	revoked  map[string]struct{}
	partial  string // why not being listed proves nothing, or ""
	users    bool   // the list is of certificates that are no CAs' only
	cas      bool   // the list is of CA certificates only

	// signedBy tells for the keys of known CAs whether they signed the list.
	signedBy map[[32]byte]bool
	// list is kept while no known CA has signed it, without its entries.
	list *x509.RevocationList
}

// parseCRL reads a revocation list, PEM or DER.
func parseCRL(text []byte) (*crl, error) {
	if bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("-----BEGIN")) || bytes.Contains(text, []byte("-----BEGIN X509 CRL-----")) {
		block, _ := pem.Decode(text)
		if block == nil || block.Type != "X509 CRL" {
			return nil, errors.New("no PEM revocation list")
		}
		text = block.Bytes
	}
	list, err := parseList(text)
	if err != nil {
		return nil, err
	}
	name, err := ParseName(list.RawIssuer)
	if err != nil {
		return nil, err
	}
	c := &crl{
		issuer: string(name.canonical()), from: list.ThisUpdate, to: list.NextUpdate, list: list,
		revoked: make(map[string]struct{}, len(list.RevokedCertificateEntries)), signedBy: map[[32]byte]bool{},
	}
	for _, e := range list.RevokedCertificateEntries {
		c.revoked[serialKey(e.SerialNumber)] = struct{}{}
		for _, x := range e.Extensions {
			if x.Critical && x.Id.String() != "2.5.29.21" {
				c.partial = "a critical entry extension " + x.Id.String()
			}
		}
	}
	for _, x := range list.Extensions {
		c.scope(x.Id.String(), x.Critical, x.Value)
	}
	//lint:ignore SA1019 the deprecated field holds memory too
	list.RevokedCertificateEntries, list.RevokedCertificates = nil, nil
	return c, nil
}

// parseList is x509.ParseRevocationList that reads version 1 as well, which is
// what `openssl ca -gencrl` makes of its stock configuration.
func parseList(text []byte) (*x509.RevocationList, error) {
	list, err := x509.ParseRevocationList(text)
	if err != nil {
		if first := parseFirstVersion(text); first != nil {
			return first, nil
		}
	}
	return list, err
}

// parseFirstVersion reads a list of version 1, which has no version and no
// extensions, as the one of version 2 that is the same otherwise; its signature
// stays the one over its own bytes. It returns nil for anything else.
func parseFirstVersion(text []byte) *x509.RevocationList {
	list, err := der(text).only(tagSequence)
	if err != nil {
		return nil
	}
	signed, err := list.raw(tagSequence)
	if err != nil {
		return nil
	}
	fields, err := signed.only(tagSequence)
	if err != nil || fields.is(tagInteger) {
		return nil
	}
	second := tlv(tagSequence, join(tlv(tagInteger, []byte{1}), fields))
	out, err := x509.ParseRevocationList(tlv(tagSequence, join(second, list)))
	if err != nil || len(out.Extensions) > 0 {
		return nil
	}
	if slices.ContainsFunc(out.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool { return len(e.Extensions) > 0 }) {
		return nil
	}
	out.Raw, out.RawTBSRevocationList = text, signed
	return out
}

// serialKey is a serial number as a map key.
func serialKey(n *big.Int) string {
	if n.Sign() < 0 {
		return "-" + string(n.Bytes())
	}
	return string(n.Bytes())
}

// scope notes what an extension says about what the list covers.
func (c *crl) scope(oid string, critical bool, value []byte) {
	switch oid {
	case "2.5.29.28": // issuingDistributionPoint
		c.partial = c.distributionPoint(value)
	case "2.5.29.27": // deltaCRLIndicator
		c.partial = "a delta list"
	case "2.5.29.35", "2.5.29.20": // authorityKeyIdentifier, cRLNumber
	default:
		if critical {
			c.partial = "a critical extension " + oid
		}
	}
}

// distributionPoint reads an issuingDistributionPoint. A name, and a
// restriction to user or to CA certificates, are fine; some reasons only,
// other issuers' certificates or attribute certificates are not.
func (c *crl) distributionPoint(value []byte) (partial string) {
	d, err := der(value).only(tagSequence)
	for err == nil && len(d) > 0 {
		var tag byte
		var content der
		tag, content, _, err = d.next()
		on := len(content) == 1 && content[0] != 0
		switch {
		case tag == implicit(0):
		case tag == 0x81:
			c.users = on
		case tag == 0x82:
			c.cas = on
		case (tag == 0x84 || tag == 0x85) && !on:
		default:
			return "a list of some certificates or reasons only"
		}
	}
	if err != nil {
		return "a malformed issuingDistributionPoint"
	}
	return c.partial
}

// verify remembers whether the CA signed the list.
func (c *crl) verify(ca *x509.Certificate) {
	key := sha256.Sum256(ca.RawSubjectPublicKeyInfo)
	c.signedBy[key] = c.signedBy[key] || c.signed(ca)
}

func (c *crl) signed(ca *x509.Certificate) bool {
	return c.list != nil && goodAlgorithm(c.list.SignatureAlgorithm) && c.list.CheckSignatureFrom(ca) == nil
}

// isFrom tells whether the CA signed the list.
func (c *crl) isFrom(ca *x509.Certificate) bool {
	ok, known := c.signedBy[sha256.Sum256(ca.RawSubjectPublicKeyInfo)]
	if known {
		return ok
	}
	return c.signed(ca)
}

// settle drops the list's bytes when a known CA has signed it.
func (c *crl) settle() {
	for _, ok := range c.signedBy {
		if ok {
			c.list = nil
		}
	}
}

// checkRevoked asks the CA's lists about a certificate. Any list signed by
// the CA's key revokes, however old; one that is current and complete must be
// there.
func (t *Trust) checkRevoked(child, ca *x509.Certificate, name Name, stems []string, at time.Time) *Refusal {
	found := false
	problem := &Refusal{Code: CodeCRLMissing, Detail: "no revocation list of " + name.Slash()}
	good := false
	for _, c := range t.crls[string(name.canonical())] {
		found = true
		if !c.isFrom(ca) {
			continue
		}
		if _, listed := c.revoked[serialKey(child.SerialNumber)]; listed {
			return &Refusal{Code: CodeRevoked, Detail: "listed by " + name.Slash()}
		}
		switch {
		case c.partial != "" || c.users && child.IsCA || c.cas && !child.IsCA:
			// it proves nothing
		case !at.Before(c.to) || at.Before(c.from.Add(-skew)):
			problem = &Refusal{Code: CodeCRLExpired, Detail: "the revocation list of " + name.Slash() + " is not current"}
		default:
			good = true
		}
	}
	for _, s := range stems {
		found = found || t.badCRLs[s]
	}
	switch {
	case good:
		return nil
	case problem.Code == CodeCRLMissing && found:
		return &Refusal{Code: CodeCRLSignature, Detail: "no usable revocation list signed by the key of " + name.Slash()}
	}
	return problem
}
