package gridproxy

import (
	"bytes"
	"crypto/sha1"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// readVOMS finds the attribute certificates, in the proxy nearest to the leaf
// that has the extension, and notes what those that hold grant.
func readVOMS(r *Result, proxies []*certificate, eec *certificate, at time.Time, t *Trust, o Options) {
	r.VOMS = VOMSNone
	for _, p := range proxies {
		ext := extension(p.Certificate, oidVOMS)
		if ext == nil {
			continue
		}
		r.VOMS = VOMSInvalid
		acs, err := splitACs(ext.Value)
		if err != nil {
			r.VOMSError = err.Error()
			return
		}
		var problems []string
		for i, raw := range acs {
			if err := addAC(r, raw, eec, at, t, o); err != nil {
				problems = append(problems, fmt.Sprintf("attribute certificate %d: %v", i+1, err))
			}
		}
		r.VOMSError = strings.Join(problems, "; ")
		return
	}
}

// addAC verifies one attribute certificate and adds its FQANs.
func addAC(r *Result, raw der, eec *certificate, at time.Time, t *Trust, o Options) error {
	ac, err := parseAC(raw)
	if err != nil {
		return err
	}
	vo, fqans, err := t.verifyAC(ac, eec, at, o)
	if err != nil {
		return err
	}
	r.VOMS = VOMSValid
	if r.VO == "" {
		r.VO = vo
	}
	r.FQANs = append(r.FQANs, fqans...)
	if r.VOMSNotAfter.IsZero() || ac.notAfter.Before(r.VOMSNotAfter) {
		r.VOMSNotAfter = ac.notAfter
	}
	return nil
}

// verifyAC judges a parsed attribute certificate: cheap checks first, then
// names, then the certificates in it and the signature.
func (t *Trust) verifyAC(ac *attributeCert, eec *certificate, at time.Time, o Options) (vo string, fqans []string, err error) {
	algorithm, ok := signatureAlgorithm(ac.algorithm)
	switch {
	case !ok:
		return "", nil, errors.New("signature algorithm not on the allow list")
	case at.Before(ac.notBefore.Add(-skew)) || at.After(ac.notAfter.Add(skew)):
		return "", nil, errors.New("not within its validity")
	case !ac.hasNoRevAvail || !ac.hasKeyID:
		return "", nil, errors.New("noRevAvail or authorityKeyIdentifier is missing")
	case ac.targeted && !ac.isFor(o.ServiceNames):
		return "", nil, errors.New("it is meant for another service")
	}
	if err := ac.checkHolder(eec); err != nil {
		return "", nil, err
	}
	vo, host, err := splitAuthority(ac.authority)
	if err != nil {
		return "", nil, err
	}
	for _, v := range ac.values {
		fqan, err := normalizeFQAN(v, vo)
		if err != nil {
			return "", nil, err
		}
		fqans = append(fqans, fqan)
	}
	certs, err := t.checkAA(ac, at, o)
	if err != nil {
		return "", nil, err
	}
	if err := certs[0].CheckSignature(algorithm, ac.signed, ac.signature); err != nil {
		return "", nil, fmt.Errorf("signature: %w", err)
	}
	if !slices.ContainsFunc(t.lsc[vo][host], func(l lscChain) bool { return l.matches(certs) }) {
		return "", nil, fmt.Errorf("no LSC file of %s and %s lists its certificates", vo, host)
	}
	return vo, fqans, nil
}

// isFor tells whether one of the service's names is a target.
func (ac *attributeCert) isFor(names []string) bool {
	return slices.ContainsFunc(ac.targets, func(target string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return name != "" && strings.EqualFold(name, target) })
	})
}

// checkHolder wants the serial number of the owner's certificate, with its
// subject (as classic VOMS writes) or its issuer (as RFC 5755 says).
func (ac *attributeCert) checkHolder(eec *certificate) error {
	issuer, err := ParseName(eec.RawIssuer)
	if err != nil {
		return err
	}
	serial, err := asn1Integer(ac.holderSerial)
	if err != nil || serial.Cmp(eec.SerialNumber) != 0 {
		return errors.New("its holder has another serial number")
	}
	if holder := ac.holder.String(); holder != eec.subject.String() && holder != issuer.String() {
		return errors.New("its holder has another name")
	}
	return nil
}

func asn1Integer(content der) (*big.Int, error) {
	n := new(big.Int)
	_, err := asn1.Unmarshal(tlv(tagInteger, content), &n)
	return n, err
}

// checkAA parses the certificates in an attribute certificate and verifies the
// path of the first, which signed it.
func (t *Trust) checkAA(ac *attributeCert, at time.Time, o Options) ([]*certificate, error) {
	if len(ac.certs) == 0 {
		return nil, errors.New("it has no AA certificate")
	}
	var certs []*certificate
	for _, raw := range ac.certs {
		c, err := parseCertificate(raw)
		if err != nil {
			return nil, err
		}
		if !goodKey(c.PublicKey) {
			return nil, c.refuse(CodeWeakKey, "%s key", c.PublicKeyAlgorithm)
		}
		certs = append(certs, c)
	}
	aa := certs[0]
	switch {
	case aa.kind != notProxy:
		return nil, errors.New("the AA certificate is a proxy")
	case aa.IsCA:
		return nil, errors.New("the AA certificate is a CA")
	case aa.subject.String() != ac.issuer.String():
		return nil, errors.New("the AA certificate is not of the issuer")
	case !ac.isKeyOf(aa):
		return nil, errors.New("the authorityKeyIdentifier is of another key")
	}
	_, err := t.verifyPath(aa, certs[1:], at, o)
	return certs, err
}

// isKeyOf tells whether the authorityKeyIdentifier means the certificate.
func (ac *attributeCert) isKeyOf(aa *certificate) bool {
	if ac.keyID == nil {
		serial, err := asn1Integer(ac.keyIssuerSerial)
		return err == nil && serial.Cmp(aa.SerialNumber) == 0
	}
	return bytes.Equal(ac.keyID, aa.SubjectKeyId) || bytes.Equal(ac.keyID, keySum(aa.Certificate))
}

// keySum is the SHA-1 of the public key's bits, the usual key identifier.
func keySum(c *x509.Certificate) []byte {
	d, err := der(c.RawSubjectPublicKeyInfo).only(tagSequence)
	if err != nil {
		return nil
	}
	if _, err := d.take(tagSequence); err != nil {
		return nil
	}
	bits, err := d.bits()
	if err != nil {
		return nil
	}
	sum := sha1.Sum(bits)
	return sum[:]
}
