package gridproxy

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// trustPath is the judged way from a certificate up to a root.
type trustPath struct {
	notAfter time.Time // earliest end of all certificates in it
	warnings []string
}

// verifyPath finds a path from a certificate that is no proxy to a root, every
// link of which holds. Certificates of above may serve as intermediates. Of
// several paths that hold the one that lasts longest counts. crypto/x509
// spends at most 100 signature checks on it.
func (t *Trust) verifyPath(c *certificate, above []*certificate, at time.Time, o Options) (*trustPath, error) {
	if err := checkAlone(c, at); err != nil {
		return nil, err
	}
	intermediates := t.intermediates
	if len(above) > 0 {
		intermediates = intermediates.Clone()
		for _, a := range above {
			admitConstraints(a.Certificate)
			intermediates.AddCert(a.Certificate)
		}
	}
	chains, err := c.Certificate.Verify(x509.VerifyOptions{
		Roots: t.roots, Intermediates: intermediates, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, c.noPath(err, at)
	}
	var best *trustPath
	var first error
	for _, chain := range chains {
		p, err := t.judge(chain, at, o)
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		if best == nil || p.notAfter.After(best.notAfter) {
			best = p
		}
	}
	if best == nil && first == nil {
		first = c.refuse(CodeUntrusted, "no path")
	}
	if best == nil {
		return nil, first
	}
	return best, nil
}

// noPath says why crypto/x509 found no path, and of which certificate it is.
func (c *certificate) noPath(err error, at time.Time) *Refusal {
	var invalid x509.CertificateInvalidError
	if !errors.As(err, &invalid) || invalid.Cert == nil || invalid.Reason != x509.Expired {
		return c.refuse(CodeUntrusted, "%v", err)
	}
	if at.Before(invalid.Cert.NotBefore) {
		return about(invalid.Cert, CodeNotYetValid, "valid from %s", invalid.Cert.NotBefore.UTC().Format(time.RFC3339))
	}
	return about(invalid.Cert, CodeExpired, "valid until %s", invalid.Cert.NotAfter.UTC().Format(time.RFC3339))
}

// checkAlone is what a certificate that is no proxy must hold by itself, said
// with a better code than crypto/x509's errors give.
func checkAlone(c *certificate, at time.Time) error {
	switch {
	case !goodAlgorithm(c.SignatureAlgorithm):
		return c.refuse(CodeWeakSignature, "%s", c.SignatureAlgorithm)
	case at.Before(c.NotBefore):
		return c.refuse(CodeNotYetValid, "valid from %s", c.NotBefore.UTC().Format(time.RFC3339))
	case at.After(c.NotAfter):
		return c.refuse(CodeExpired, "valid until %s", c.NotAfter.UTC().Format(time.RFC3339))
	case len(c.UnhandledCriticalExtensions) > 0:
		return c.refuse(CodeCriticalExtension, "extension %s", c.UnhandledCriticalExtensions[0])
	}
	return nil
}

// judge looks at one path: keys, algorithms, and every link.
func (t *Trust) judge(chain []*x509.Certificate, at time.Time, o Options) (*trustPath, error) {
	p := &trustPath{notAfter: chain[0].NotAfter}
	if len(chain) < 2 {
		return nil, about(chain[0], CodeUntrusted, "the certificate is itself an anchor")
	}
	for i, c := range chain {
		if c.NotAfter.Before(p.notAfter) {
			p.notAfter = c.NotAfter
		}
		if !goodKey(c.PublicKey) {
			return nil, about(c, CodeWeakKey, "%s key", c.PublicKeyAlgorithm)
		}
		if i > 0 {
			if err := checkIssuer(c, chain[:i]); err != nil {
				return nil, err
			}
		}
		if i == len(chain)-1 {
			break // nobody checks a root's own signature
		}
		if !goodAlgorithm(c.SignatureAlgorithm) {
			return nil, about(c, CodeWeakSignature, "%s", c.SignatureAlgorithm)
		}
		warnings, err := t.checkLink(c, chain[i+1], at, o)
		if err != nil {
			return nil, err
		}
		p.warnings = append(p.warnings, warnings...)
	}
	return p, nil
}

// checkIssuer judges a CA of a path by what crypto/x509 does not look at: a key
// usage without any bit, and names.
func checkIssuer(ca *x509.Certificate, below []*x509.Certificate) error {
	if extension(ca, oidKeyUsage) != nil && ca.KeyUsage&x509.KeyUsageCertSign == 0 {
		return about(ca, CodeUntrusted, "the CA's key usage does not allow it to sign certificates")
	}
	if err := checkConstraints(below, ca); err != nil {
		return err
	}
	return nil
}

// about makes a refusal that names a certificate.
func about(c *x509.Certificate, code Code, format string, args ...any) *Refusal {
	subject := ""
	if name, err := ParseName(c.RawSubject); err == nil {
		subject = name.String()
	}
	return &Refusal{Code: code, Subject: subject, Detail: fmt.Sprintf(format, args...)}
}

// checkLink asks the CA's signing policy, namespaces and revocation lists
// about a certificate that it issued.
func (t *Trust) checkLink(child, ca *x509.Certificate, at time.Time, o Options) (warnings []string, err error) {
	subject, err1 := ParseName(child.RawSubject)
	caName, err2 := ParseName(ca.RawSubject)
	hash, old, err3 := SubjectHashes(ca.RawSubject)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, about(child, CodeMalformed, "%v", err)
	}
	stems := t.stemsOf(ca, hash, old)
	if err := t.checkPolicies(stems, caName.Slash(), subject.Slash()); err != nil {
		if err.Code != CodeSigningPolicyMissing || !o.AllowMissingSigningPolicy {
			err.Subject = subject.String()
			return nil, err
		}
		warnings = append(warnings, err.Detail)
	}
	if err := t.checkNamespaces(stems, caName.Slash(), subject.Slash()); err != nil {
		err.Subject = subject.String()
		return nil, err
	}
	if err := t.checkRevoked(child, ca, caName, stems, at); err != nil {
		if err.Code != CodeCRLMissing || !o.AllowMissingCRL {
			err.Subject = subject.String()
			return nil, err
		}
		warnings = append(warnings, err.Detail)
	}
	return warnings, nil
}

// stemsOf returns the hashes under which the directory may file things about
// the CA: where its certificate was found, and where it should be.
func (t *Trust) stemsOf(ca *x509.Certificate, hash, old string) []string {
	stems := t.stems[sha256.Sum256(ca.Raw)]
	for _, s := range []string{hash, old} {
		if !slices.Contains(stems, s) {
			stems = append(stems[:len(stems):len(stems)], s)
		}
	}
	return stems
}

// checkPolicies wants at least one signing policy about the CA, and every one
// there is to permit the subject.
func (t *Trust) checkPolicies(stems []string, ca, subject string) *Refusal {
	found, permitted := false, false
	for _, stem := range stems {
		for _, p := range t.policies[stem] {
			found = true
			ok, about := p.permits(ca, subject)
			if p.bad || about && !ok {
				return &Refusal{Code: CodeSigningPolicy, Detail: "not permitted by the signing policy of " + ca}
			}
			permitted = permitted || ok
		}
	}
	switch {
	case permitted:
		return nil
	case found:
		return &Refusal{Code: CodeSigningPolicy, Detail: "no signing policy is about " + ca}
	}
	return &Refusal{Code: CodeSigningPolicyMissing, Detail: "no signing policy for " + ca}
}

// checkNamespaces wants every namespaces file of the CA to permit the subject.
func (t *Trust) checkNamespaces(stems []string, ca, subject string) *Refusal {
	for _, stem := range stems {
		for _, n := range t.namespaces[stem] {
			if !n.permits(ca, subject) {
				return &Refusal{Code: CodeNamespaces, Detail: "not permitted by the namespaces of " + ca}
			}
		}
	}
	return nil
}
