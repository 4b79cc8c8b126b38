package gridproxy

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
	"strings"
)

// The constraints that a CA puts on the names below it (RFC 5280, 4.2.1.10).
// crypto/x509 holds DNS names, addresses and mailboxes of a subjectAltName
// against them; it does not know directory names, which are the ones that
// matter here, nor the mailboxes within a subject.
const (
	oidNameConstraints = "2.5.29.30"
	oidEmailAddress    = "1.2.840.113549.1.9.1"
)

// Forms of a GeneralName, by their tag.
const (
	tagMailbox = 0x81
	tagDNSName = 0x82
	tagURIName = 0x86
	tagAddress = 0x87
	tagDirName = 0xa4
)

// subtrees are the directory names of an extension.
type subtrees struct {
	permitted, excluded [][]byte // canonical
	foreign             bool     // it holds a form of name that nobody here understands
}

var errConstraints = errors.New("malformed nameConstraints")

// parseConstraints reads the directory names of a nameConstraints extension.
func parseConstraints(value []byte) (s subtrees, err error) {
	d, err := der(value).only(tagSequence)
	if err != nil {
		return s, errConstraints
	}
	for n, list := range []*[][]byte{&s.permitted, &s.excluded} {
		tag := implicit(byte(n))
		if !d.is(tag) {
			continue
		}
		trees, err := d.take(tag)
		if err != nil {
			return s, errConstraints
		}
		for len(trees) > 0 {
			if err := s.readSubtree(&trees, list); err != nil {
				return s, err
			}
		}
	}
	if len(d) > 0 {
		return s, errConstraints
	}
	return s, nil
}

func (s *subtrees) readSubtree(d *der, list *[][]byte) error {
	tree, err := d.take(tagSequence)
	if err != nil {
		return errConstraints
	}
	form, content, _, err := tree.next()
	switch {
	case err != nil:
		return errConstraints
	case len(tree) > 0: // a minimum or maximum, which RFC 5280 does not use
		s.foreign = true
	case form == tagDirName:
		name, err := ParseName(content)
		if err != nil {
			return err
		}
		*list = append(*list, name.canonical())
	case !slices.Contains([]byte{tagMailbox, tagDNSName, tagURIName, tagAddress}, form):
		s.foreign = true
	}
	return nil
}

// admitConstraints tells crypto/x509 that a CA's critical name constraints are
// understood, when they are: [checkConstraints] holds what it does not.
func admitConstraints(c *x509.Certificate) {
	ext := extension(c, oidNameConstraints)
	if ext == nil || !c.IsCA {
		return
	}
	if s, err := parseConstraints(ext.Value); err != nil || s.foreign {
		return
	}
	c.UnhandledCriticalExtensions = slices.DeleteFunc(slices.Clone(c.UnhandledCriticalExtensions),
		func(oid asn1.ObjectIdentifier) bool { return oid.String() == oidNameConstraints })
}

// checkConstraints holds the names of the certificates below a CA, the first
// of which is the owner's, against the CA's constraints. Certificates that a CA
// issued to itself are exempt, as in RFC 5280; the owner's never is.
func checkConstraints(below []*x509.Certificate, ca *x509.Certificate) *Refusal {
	ext := extension(ca, oidNameConstraints)
	if ext == nil {
		return nil
	}
	s, err := parseConstraints(ext.Value)
	if err != nil {
		return about(ca, CodeUntrusted, "%v", err)
	}
	for i, c := range below {
		if i > 0 && bytes.Equal(c.RawSubject, c.RawIssuer) {
			continue
		}
		subject, err := ParseName(c.RawSubject)
		if err != nil {
			return about(c, CodeMalformed, "subject: %v", err)
		}
		names := []Name{subject}
		if alt := extension(c, oidSubjectAltName); alt != nil {
			more, err := directoryNames(alt.Value)
			if err != nil {
				return about(c, CodeMalformed, "subjectAltName: %v", err)
			}
			names = append(names, more...)
		}
		for _, n := range names {
			if !s.permit(n) {
				return about(c, CodeUntrusted, "the name constraints of a CA do not permit %s", n.Slash())
			}
		}
		for _, mailbox := range subject.values(oidEmailAddress) {
			if !permitMailbox(mailbox, ca.PermittedEmailAddresses, ca.ExcludedEmailAddresses) {
				return about(c, CodeUntrusted, "the name constraints of a CA do not permit the mailbox %s", mailbox)
			}
		}
	}
	return nil
}

// permit tells whether a name is in none of the excluded subtrees, and in one
// of the permitted, if there are any. An empty subject has no name to judge.
func (s subtrees) permit(n Name) bool {
	if len(n.rdns) == 0 {
		return true
	}
	text := n.canonical()
	under := func(base []byte) bool { return bytes.HasPrefix(text, base) }
	return !slices.ContainsFunc(s.excluded, under) && (len(s.permitted) == 0 || slices.ContainsFunc(s.permitted, under))
}

// directoryNames returns those of a subjectAltName.
func directoryNames(value []byte) (names []Name, err error) {
	d, err := der(value).only(tagSequence)
	for err == nil && len(d) > 0 {
		var tag byte
		var content der
		if tag, content, _, err = d.next(); err != nil || tag != tagDirName {
			continue
		}
		var n Name
		if n, err = ParseName(content); err == nil {
			names = append(names, n)
		}
	}
	return names, err
}

// permitMailbox judges a mailbox of a subject: constraints are a mailbox, a
// host, or a domain with a dot in front.
func permitMailbox(mailbox string, permitted, excluded []string) bool {
	_, host, _ := strings.Cut(mailbox, "@")
	under := func(constraint string) bool {
		switch {
		case strings.Contains(constraint, "@"):
			return strings.EqualFold(constraint, mailbox)
		case strings.HasPrefix(constraint, "."):
			return strings.HasSuffix(strings.ToLower(host), strings.ToLower(constraint))
		}
		return strings.EqualFold(constraint, host)
	}
	return !slices.ContainsFunc(excluded, under) && (len(permitted) == 0 || slices.ContainsFunc(permitted, under))
}

// values returns the values of an attribute type in the name.
func (n Name) values(oid string) (out []string) {
	for _, r := range n.rdns {
		for _, a := range r.attrs {
			if a.oid == oid {
				out = append(out, a.text)
			}
		}
	}
	return out
}
