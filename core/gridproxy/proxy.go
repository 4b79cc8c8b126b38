package gridproxy

import (
	"bytes"
	"slices"
	"time"
)

// walk verifies the proxies from the one below the owner's certificate down to
// the leaf, and notes type, limitation and end of validity.
func walk(r *Result, proxies []*certificate, eec *certificate, at time.Time) error {
	issuer := eec
	remaining := -1 // proxies that may still follow; -1: any number
	for i, p := range slices.Backward(proxies) {
		if err := checkProxy(p, issuer, i > 0, at); err != nil {
			return err
		}
		if remaining == 0 {
			return p.refuse(CodePathLen, "a proxy above allows no further one")
		}
		if remaining > 0 {
			remaining--
		}
		limited, pathLen, err := rights(p)
		if err != nil {
			return err
		}
		if pathLen >= 0 && (remaining < 0 || pathLen < remaining) {
			remaining = pathLen
		}
		if r.Limited && !limited {
			return p.refuse(CodeLimitedThenFull, "the proxy above is limited")
		}
		r.Limited = limited
		if p.NotAfter.Before(r.NotAfter) {
			r.NotAfter = p.NotAfter
		}
		r.Type = TypeRFC
		if p.kind == legacyProxy {
			r.Type = TypeLegacy
		}
		issuer = p
	}
	return nil
}

// checkProxy is what holds for both types of proxies.
func checkProxy(p, issuer *certificate, signs bool, at time.Time) error {
	if !goodAlgorithm(p.SignatureAlgorithm) {
		return p.refuse(CodeWeakSignature, "%s", p.SignatureAlgorithm)
	}
	if err := issuer.CheckSignature(p.SignatureAlgorithm, p.RawTBSCertificate, p.Signature); err != nil {
		return p.refuse(CodeSignature, "%v", err)
	}
	switch {
	case at.Before(p.NotBefore.Add(-skew)):
		return p.refuse(CodeNotYetValid, "valid from %s", p.NotBefore.UTC().Format(time.RFC3339))
	case at.After(p.NotAfter):
		return p.refuse(CodeExpired, "valid until %s", p.NotAfter.UTC().Format(time.RFC3339))
	case !bytes.Equal(p.RawIssuer, issuer.RawSubject):
		return p.refuse(CodeIssuerName, "the certificate above is %s", issuer.subject)
	case !p.subject.extends(issuer.subject):
		return p.refuse(CodeSubjectName, "its issuer is %s", issuer.subject)
	case p.IsCA:
		return p.refuse(CodeProxyIsCA, "basicConstraints says cA")
	case extension(p.Certificate, oidSubjectAltName) != nil:
		return p.refuse(CodeProxyAltName, "it has a subjectAltName")
	case extension(p.Certificate, oidIssuerAltName) != nil:
		return p.refuse(CodeProxyAltName, "it has an issuerAltName")
	case signs && !p.maySign():
		return p.refuse(CodeKeyUsage, "it signed a proxy without digitalSignature")
	}
	for _, oid := range p.UnhandledCriticalExtensions {
		if oid.String() != oidProxyCertInfo {
			return p.refuse(CodeCriticalExtension, "extension %s", oid)
		}
	}
	return nil
}

// rights tells what a proxy says about itself: whether it is limited, and how
// many proxies may follow (-1: any number).
func rights(p *certificate) (limited bool, pathLen int, err error) {
	if p.kind == legacyProxy {
		return p.subject.lastRDN() == cnLimited, -1, nil
	}
	ext := extension(p.Certificate, oidProxyCertInfo)
	if !ext.Critical {
		return false, 0, p.refuse(CodePCINotCritical, "proxyCertInfo")
	}
	info, derErr := parseProxyInfo(ext.Value)
	switch {
	case derErr != nil:
		return false, 0, p.refuse(CodePCIMalformed, "proxyCertInfo: %v", derErr)
	case info.language == oidIndependent:
		return false, 0, p.refuse(CodeIndependent, "it inherits no rights")
	case info.language != oidInheritAll && info.language != oidLimited:
		return false, 0, p.refuse(CodePolicyLanguage, "language %s", info.language)
	case info.policy:
		return false, 0, p.refuse(CodePolicyPresent, "language %s", info.language)
	}
	return info.language == oidLimited, info.pathLen, nil
}
