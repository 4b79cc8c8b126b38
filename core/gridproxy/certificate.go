package gridproxy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"slices"
)

// certificate is one of a chain, with what is asked of it more than once.
type certificate struct {
	*x509.Certificate
	subject Name
	kind    kind
}

// kind is what a certificate is by itself.
type kind int

const (
	notProxy kind = iota
	rfcProxy
	legacyProxy
	draftProxy
)

const (
	cnProxy   = "proxy"
	cnLimited = "limited proxy"
)

// Extensions asked about by OID.
const (
	oidKeyUsage       = "2.5.29.15"
	oidSubjectAltName = "2.5.29.17"
	oidIssuerAltName  = "2.5.29.18"
)

// parseCertificate reads one certificate strictly.
func parseCertificate(raw []byte) (*certificate, error) {
	c, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, &Refusal{Code: CodeMalformed, Detail: err.Error()}
	}
	if err := wellFormed(c); err != nil {
		return nil, &Refusal{Code: CodeMalformed, Detail: err.Error()}
	}
	out := &certificate{Certificate: c}
	if out.subject, err = ParseName(c.RawSubject); err != nil {
		return nil, &Refusal{Code: CodeMalformed, Detail: "subject: " + err.Error()}
	}
	if _, err = ParseName(c.RawIssuer); err != nil {
		return nil, &Refusal{Code: CodeMalformed, Detail: "issuer: " + err.Error()}
	}
	out.kind = kindOf(out)
	return out, nil
}

func kindOf(c *certificate) kind {
	last := c.subject.lastRDN()
	switch {
	case extension(c.Certificate, oidDraftProxyCertInfo) != nil:
		return draftProxy
	case extension(c.Certificate, oidProxyCertInfo) != nil:
		return rfcProxy
	case last == cnProxy || last == cnLimited:
		return legacyProxy
	}
	return notProxy
}

// wellFormed finds what crypto/x509 lets pass: fields after the last one,
// extensions in a certificate of a version that has none, which it ignores, and
// times with an offset.
func wellFormed(c *x509.Certificate) error {
	tbs, err := der(c.RawTBSCertificate).only(tagSequence)
	if err != nil {
		return err
	}
	if tbs.is(implicit(0)) {
		if _, err := tbs.take(implicit(0)); err != nil || c.Version == 1 {
			return errDER // version 1 is the default, which is not written
		}
	}
	if _, err := tbs.integer(); err != nil {
		return err
	}
	for i := range 5 { // signature, issuer, validity, subject, key
		field, err := tbs.take(tagSequence)
		if err != nil {
			return err
		}
		if i == 2 && !fullTimes(field) {
			return errors.New("a time of the validity is not in full, in UTC")
		}
	}
	for _, optional := range []struct {
		tag     byte
		version int
	}{{0x81, 2}, {0x82, 2}, {implicit(3), 3}} {
		if !tbs.is(optional.tag) {
			continue
		}
		if _, err := tbs.take(optional.tag); err != nil {
			return err
		}
		if c.Version < optional.version {
			return fmt.Errorf("a version %d certificate has a field of version %d", c.Version, optional.version)
		}
	}
	if len(tbs) > 0 {
		return errDER
	}
	return nil
}

// fullTimes tells whether both times of a validity have seconds and end in Z,
// as RFC 5280 wants it; crypto/x509 also reads offsets and shorter ones.
func fullTimes(d der) bool {
	for range 2 {
		tag, text, _, err := d.next()
		want := len("060102150405Z")
		if tag == tagTime {
			want += 2
		}
		if err != nil || len(text) != want || text[want-1] != 'Z' {
			return false
		}
	}
	return true
}

// extension finds an extension by its dotted OID.
func extension(c *x509.Certificate, oid string) *pkix.Extension {
	for i, e := range c.Extensions {
		if e.Id.String() == oid {
			return &c.Extensions[i]
		}
	}
	return nil
}

// refuse makes a refusal that names the certificate.
func (c *certificate) refuse(code Code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Subject: c.subject.String(), Detail: fmt.Sprintf(format, args...)}
}

// maySign tells whether a key usage, if there is one, allows signatures.
func (c *certificate) maySign() bool {
	return extension(c.Certificate, oidKeyUsage) == nil || c.KeyUsage&x509.KeyUsageDigitalSignature != 0
}

// isHost tells whether serverAuth is the only extended key usage.
func (c *certificate) isHost() bool {
	return len(c.ExtKeyUsage) == 1 && c.ExtKeyUsage[0] == x509.ExtKeyUsageServerAuth && len(c.UnknownExtKeyUsage) == 0
}

// goodKey tells whether a public key is one we accept.
func goodKey(public any) bool {
	switch key := public.(type) {
	case *rsa.PublicKey:
		bits := key.N.BitLen()
		return bits >= 2048 && bits <= 8192 && key.E >= 3 && key.E%2 == 1
	case *ecdsa.PublicKey:
		return key.Curve == elliptic.P256() || key.Curve == elliptic.P384() || key.Curve == elliptic.P521()
	}
	return false
}

// goodAlgorithm tells whether a signature algorithm is on the allow list.
func goodAlgorithm(a x509.SignatureAlgorithm) bool {
	return slices.Contains([]x509.SignatureAlgorithm{
		x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
		x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS,
		x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512,
	}, a)
}
