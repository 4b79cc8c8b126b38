package gridproxy

import "errors"

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
