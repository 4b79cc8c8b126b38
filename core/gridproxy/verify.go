package gridproxy

import "time"

// Verify judges a chain, leaf first, DER, in the order received. It depends on
// nothing but its arguments and takes bounded time and memory. The error is a
// *[Refusal].
func Verify(chain [][]byte, at time.Time, trust *Trust, o Options) (*Result, error) {
	if err := checkLimits(chain); err != nil {
		return nil, err
	}
	if trust == nil || trust.rootCount == 0 {
		return nil, &Refusal{Code: CodeNoTrust, Detail: "no trust anchors"}
	}
	certs := make([]*certificate, len(chain))
	for i, raw := range chain {
		c, err := parseCertificate(raw)
		if err != nil {
			return nil, err
		}
		certs[i] = c
	}
	proxies, eec, above, err := split(certs, o)
	if err != nil {
		return nil, err
	}
	if err := checkEEC(eec, len(proxies) > 0, o); err != nil {
		return nil, err
	}
	path, err := trust.verifyPath(eec, above, at, o)
	if err != nil {
		return nil, err
	}
	r := &Result{
		Identity: eec.subject.String(), IdentitySlash: eec.subject.Slash(),
		EEC: eec.Certificate, Leaf: certs[0].Certificate, LeafSubject: certs[0].subject.String(),
		Type: TypeEEC, Depth: len(proxies), NotAfter: path.notAfter, Warnings: path.warnings,
	}
	issuer, nameErr := ParseName(eec.RawIssuer)
	if nameErr != nil {
		return nil, eec.refuse(CodeMalformed, "issuer: %v", nameErr)
	}
	r.Issuer = issuer.String()
	if err := walk(r, proxies, eec, at); err != nil {
		return nil, err
	}
	readVOMS(r, proxies, eec, at, trust, o)
	return r, nil
}

// split finds the proxies at the front, the owner's certificate, and what is
// above it; and judges what can be judged without any signature.
func split(certs []*certificate, o Options) (proxies []*certificate, eec *certificate, above []*certificate, err error) {
	for _, c := range certs {
		if c.kind == draftProxy {
			return nil, nil, nil, c.refuse(CodeDraftProxy, "it has the draft's extension")
		}
		if !goodKey(c.PublicKey) {
			return nil, nil, nil, c.refuse(CodeWeakKey, "%s key", c.PublicKeyAlgorithm)
		}
	}
	n := 0
	for n < len(certs) && certs[n].kind != notProxy {
		switch {
		case certs[n].kind == legacyProxy && !o.AllowLegacy:
			return nil, nil, nil, certs[n].refuse(CodeLegacyProxy, "legacy proxies are switched off")
		case certs[n].kind != certs[0].kind:
			return nil, nil, nil, certs[n].refuse(CodeMixedTypes, "the proxy below is of another type")
		}
		n++
	}
	if n == len(certs) {
		return nil, nil, nil, certs[n-1].refuse(CodeNoEEC, "it is a proxy, and the last certificate")
	}
	for _, c := range certs[n+1:] {
		if c.kind != notProxy {
			return nil, nil, nil, c.refuse(CodeProxyAboveEEC, "it is a proxy")
		}
	}
	return certs[:n], certs[n], certs[n+1:], nil
}

// checkEEC judges the owner's certificate by itself.
func checkEEC(c *certificate, hasProxy bool, o Options) error {
	if c.IsCA {
		return c.refuse(CodeEECIsCA, "the first certificate that is no proxy is a CA")
	}
	for _, cn := range c.subject.lastCNs() {
		if cn == cnProxy || cn == cnLimited {
			return c.refuse(CodeEECName, "a person is not called that")
		}
	}
	if len(c.subject.rdns) == 0 {
		return c.refuse(CodeEECName, "the subject is empty")
	}
	if c.isHost() && !o.AllowHostEEC {
		return c.refuse(CodeHostCertificate, "its only extended key usage is serverAuth")
	}
	if hasProxy && !c.maySign() {
		return c.refuse(CodeKeyUsage, "it signed a proxy without digitalSignature")
	}
	return nil
}
