package gridproxy

import (
	"bytes"
	"errors"
	"fmt"
)

// readExtensions reads the optional issuerUniqueID and the extensions.
func (ac *attributeCert) readExtensions(d *der) error {
	if d.is(tagBitString) {
		if _, err := d.take(tagBitString); err != nil {
			return err
		}
	}
	list, err := d.take(tagSequence)
	if err != nil {
		return errors.New("no extensions")
	}
	seen := map[string]bool{}
	for len(list) > 0 {
		ext, err := list.take(tagSequence)
		if err != nil {
			return err
		}
		rawOID, err := ext.oid()
		if err != nil {
			return err
		}
		critical := false
		if ext.is(tagBoolean) {
			b, err := ext.take(tagBoolean)
			if err != nil || !bytes.Equal(b, []byte{0xff}) {
				return errDER // FALSE is the default, which is not written
			}
			critical = true
		}
		value, err := ext.only(tagOctetString)
		if err != nil {
			return err
		}
		oid := dotted(rawOID)
		if seen[oid] {
			return fmt.Errorf("extension %s twice", oid)
		}
		seen[oid] = true
		if err := ac.readExtension(oid, critical, value); err != nil {
			return fmt.Errorf("extension %s: %w", oid, err)
		}
	}
	return nil
}

func (ac *attributeCert) readExtension(oid string, critical bool, value der) error {
	if critical && oid != oidTargets {
		return errors.New("critical")
	}
	switch oid {
	case oidNoRevAvail:
		null, err := value.only(tagNull)
		if err != nil || len(null) > 0 {
			return errDER
		}
		ac.hasNoRevAvail = true
	case oidAuthorityKey:
		return ac.readAuthorityKey(value)
	case oidTargets:
		ac.targeted = true
		return ac.readTargets(value, 0)
	case oidACCerts:
		return ac.readCerts(value)
	}
	return nil
}

// readCerts reads SEQUENCE { SEQUENCE OF Certificate }, one to four.
func (ac *attributeCert) readCerts(value der) error {
	outer, err := value.only(tagSequence)
	if err != nil {
		return err
	}
	list, err := outer.only(tagSequence)
	if err != nil {
		return err
	}
	for len(list) > 0 {
		c, err := list.raw(tagSequence)
		if err != nil {
			return err
		}
		if len(ac.certs) == maxACCerts {
			return errors.New("too many certificates")
		}
		ac.certs = append(ac.certs, c)
	}
	return nil
}

// readAuthorityKey reads SEQUENCE { [0] keyIdentifier, [1] issuer, [2] serial }.
func (ac *attributeCert) readAuthorityKey(value der) error {
	d, err := value.only(tagSequence)
	if err != nil {
		return err
	}
	ac.hasKeyID = true
	if d.is(0x80) {
		if ac.keyID, err = d.take(0x80); err != nil {
			return err
		}
	}
	if d.is(implicit(1)) {
		if _, err = d.take(implicit(1)); err != nil {
			return err
		}
	}
	if d.is(0x82) {
		if ac.keyIssuerSerial, err = d.take(0x82); err != nil {
			return err
		}
	}
	if len(d) > 0 {
		return errDER
	}
	return nil
}

// readTargets reads targetInformation: a SEQUENCE of targets, of Targets
// (RFC 5755), or of SEQUENCEs of one target each (VOMS), where a target with a
// name is [0] GeneralName. Groups and certificates are no names of a service.
func (ac *attributeCert) readTargets(value der, depth int) error {
	list, err := value.only(tagSequence)
	if err != nil {
		return err
	}
	for len(list) > 0 {
		tag, content, whole, err := list.next()
		switch {
		case err != nil:
			return err
		case tag == tagSequence && depth < 2:
			if err := ac.readTargets(whole, depth+1); err != nil {
				return err
			}
		case tag == implicit(0):
			nameTag, name, _, err := content.next()
			if err != nil || len(content) > 0 {
				return errDER
			}
			if nameTag == 0x86 {
				ac.targets = append(ac.targets, string(name))
			}
		case tag == implicit(1), tag == implicit(2):
		default:
			return errDER
		}
	}
	return nil
}
