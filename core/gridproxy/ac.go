package gridproxy

import (
	"bytes"
	"errors"
	"time"
)

// attributeCert is what counts of an RFC 5755 attribute certificate as VOMS
// servers make them. Parsing it checks its form alone.
type attributeCert struct {
	signed          der // AttributeCertificateInfo, whole
	algorithm       der // AlgorithmIdentifier, the same inside and outside
	signature       der
	holder          Name // one directoryName: the owner's subject or issuer
	holderSerial    der  // INTEGER content
	issuer          Name
	notBefore       time.Time
	notAfter        time.Time
	authority       string   // policyAuthority URI
	values          []string // FQANs as sent
	certs           [][]byte // the AA certificate, then what helps to verify it
	targets         []string // URIs, when targeted
	targeted        bool
	keyID           der  // of the authorityKeyIdentifier, may be nil
	keyIssuerSerial der  // INTEGER content, when there is no keyID
	hasNoRevAvail   bool // noRevAvail and authorityKeyIdentifier are there
	hasKeyID        bool
}

// Extensions and attributes of attribute certificates.
const (
	oidVOMS         = "1.3.6.1.4.1.8005.100.100.5"
	oidFQANs        = "1.3.6.1.4.1.8005.100.100.4"
	oidACCerts      = "1.3.6.1.4.1.8005.100.100.10"
	oidTargets      = "2.5.29.55"
	oidNoRevAvail   = "2.5.29.56"
	oidAuthorityKey = "2.5.29.35"
)

const (
	maxACs     = 8 // in one proxy
	maxACCerts = 4 // in one attribute certificate
)

// splitACs reads SEQUENCE { SEQUENCE OF AttributeCertificate }.
func splitACs(value []byte) ([]der, error) {
	outer, err := der(value).only(tagSequence)
	if err != nil {
		return nil, err
	}
	list, err := outer.only(tagSequence)
	if err != nil {
		return nil, err
	}
	var acs []der
	for len(list) > 0 {
		ac, err := list.raw(tagSequence)
		if err != nil || len(acs) == maxACs {
			return nil, errDER
		}
		acs = append(acs, ac)
	}
	if len(acs) == 0 {
		return nil, errors.New("no attribute certificate")
	}
	return acs, nil
}

// parseAC reads one attribute certificate.
func parseAC(raw der) (*attributeCert, error) {
	ac := &attributeCert{}
	outer, err := raw.only(tagSequence)
	if err != nil {
		return nil, err
	}
	if ac.signed, err = outer.raw(tagSequence); err != nil {
		return nil, err
	}
	if ac.algorithm, err = outer.raw(tagSequence); err != nil {
		return nil, err
	}
	if ac.signature, err = outer.bits(); err != nil || len(outer) > 0 {
		return nil, errDER
	}
	info, err := ac.signed.only(tagSequence)
	if err != nil {
		return nil, err
	}
	for _, field := range []func(*der) error{
		version2, ac.readHolder, ac.readIssuer, ac.readAlgorithm, readSerial, ac.readValidity, ac.readAttributes, ac.readExtensions,
	} {
		if err := field(&info); err != nil {
			return nil, err
		}
	}
	if len(info) > 0 {
		return nil, errDER
	}
	return ac, nil
}

// version2 reads the version, INTEGER 1.
func version2(d *der) error {
	n, err := d.integer()
	if err == nil && !bytes.Equal(n, []byte{1}) {
		return errors.New("not a version 2 attribute certificate")
	}
	return err
}

func readSerial(d *der) error {
	_, err := d.integer()
	return err
}

// readHolder reads SEQUENCE { [0] { GeneralNames, serial INTEGER } } and takes
// no other form.
func (ac *attributeCert) readHolder(d *der) error {
	holder, err := d.take(tagSequence)
	if err != nil {
		return err
	}
	base, err := holder.only(implicit(0))
	if err != nil {
		return errors.New("the holder is not just a baseCertificateID")
	}
	names, err := base.take(tagSequence)
	if err != nil {
		return err
	}
	if ac.holder, err = directoryName(names); err != nil {
		return err
	}
	if ac.holderSerial, err = base.integer(); err != nil {
		return err
	}
	if len(base) > 0 {
		return errors.New("the holder has an issuerUID")
	}
	return nil
}

// directoryName reads GeneralNames that hold one directoryName.
func directoryName(names der) (Name, error) {
	name, err := names.only(implicit(4))
	if err != nil {
		return Name{}, errors.New("not just one directoryName")
	}
	return ParseName(name)
}

// readIssuer reads the v2Form, [0] { GeneralNames }.
func (ac *attributeCert) readIssuer(d *der) error {
	form, err := d.take(implicit(0))
	if err != nil {
		return errors.New("the issuer is not in v2Form")
	}
	names, err := form.only(tagSequence)
	if err != nil {
		return err
	}
	ac.issuer, err = directoryName(names)
	return err
}

func (ac *attributeCert) readAlgorithm(d *der) error {
	inner, err := d.raw(tagSequence)
	if err == nil && !bytes.Equal(inner, ac.algorithm) {
		return errors.New("inner and outer signature algorithm differ")
	}
	return err
}

func (ac *attributeCert) readValidity(d *der) error {
	validity, err := d.take(tagSequence)
	if err != nil {
		return err
	}
	for _, t := range []*time.Time{&ac.notBefore, &ac.notAfter} {
		text, err := validity.take(tagTime)
		if err != nil {
			return err
		}
		const layout = "20060102150405Z"
		if *t, err = time.Parse(layout, string(text)); err != nil || t.Format(layout) != string(text) {
			return errors.New("malformed GeneralizedTime")
		}
	}
	if len(validity) > 0 {
		return errDER
	}
	return nil
}

// readAttributes reads the attributes; one of them holds the FQANs.
func (ac *attributeCert) readAttributes(d *der) error {
	list, err := d.take(tagSequence)
	if err != nil {
		return err
	}
	for len(list) > 0 {
		attr, err := list.take(tagSequence)
		if err != nil {
			return err
		}
		oid, err := attr.oid()
		if err != nil {
			return err
		}
		set, err := attr.only(tagSet)
		if err != nil {
			return err
		}
		if dotted(oid) != oidFQANs {
			continue
		}
		if ac.values != nil {
			return errors.New("more than one VOMS attribute")
		}
		if err := ac.readFQANs(set); err != nil {
			return err
		}
	}
	if ac.values == nil {
		return errors.New("no VOMS attribute")
	}
	return nil
}

// readFQANs reads a SET of one IetfAttrSyntax:
// SEQUENCE { [0] GeneralNames, SEQUENCE OF OCTET STRING }.
func (ac *attributeCert) readFQANs(set der) error {
	syntax, err := set.only(tagSequence)
	if err != nil {
		return err
	}
	names, err := syntax.take(implicit(0))
	if err != nil {
		return errors.New("no policyAuthority")
	}
	uri, err := names.only(0x86)
	if err != nil {
		return errors.New("the policyAuthority is not just one URI")
	}
	ac.authority = string(uri)
	values, err := syntax.only(tagSequence)
	if err != nil {
		return err
	}
	for len(values) > 0 {
		v, err := values.take(tagOctetString)
		if err != nil {
			return err
		}
		ac.values = append(ac.values, string(v))
	}
	if len(ac.values) == 0 {
		return errors.New("no FQAN")
	}
	return nil
}
