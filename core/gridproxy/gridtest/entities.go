package gridtest

import "strconv"

// NewCA makes a CA: a root when the issuer is nil.
func NewCA(slash string, issuer *Entity, options ...Option) *Entity {
	usual := func(c *Cert) {
		c.Extensions = append(c.Extensions, BasicConstraints(true, -1), KeyUsage(KeyCertSign|CRLSign))
	}
	return Issue(DN(slash), issuer, append(append([]Option{usual}, options...), keyed)...)
}

// NewEEC makes a person's certificate.
func NewEEC(slash string, ca *Entity, options ...Option) *Entity {
	return NewEECNamed(DN(slash), ca, options...)
}

// NewEECNamed is NewEEC for names that slash form cannot say.
func NewEECNamed(name Name, ca *Entity, options ...Option) *Entity {
	usual := func(c *Cert) {
		c.Extensions = append(c.Extensions, BasicConstraints(false, -1), KeyUsage(DigitalSignature|KeyEncipherment), ExtKeyUsage(ClientAuth))
	}
	return Issue(name, ca, append(append([]Option{usual}, options...), keyed)...)
}

// NewHost makes a host's certificate, for servers and clients.
func NewHost(slash string, ca *Entity, options ...Option) *Entity {
	usual := func(c *Cert) {
		c.Extensions = append(c.Extensions, BasicConstraints(false, -1), KeyUsage(DigitalSignature|KeyEncipherment),
			ExtKeyUsage(ServerAuth, ClientAuth))
	}
	return Issue(DN(slash), ca, append(append([]Option{usual}, options...), keyed)...)
}

// keyed adds the subjectKeyIdentifier, once the key is known.
func keyed(c *Cert) {
	if c.Key == nil {
		c.Key = ECKey()
	}
	c.Extensions = append(c.Extensions, SubjectKeyID(c.Key))
}

// NewProxy makes an RFC 3820 proxy below a certificate or another proxy:
// inheritAll, unless the options say otherwise.
func NewProxy(above *Entity, options ...Option) *Entity {
	return proxyOf(above, ProxyInfo(InheritAll, -1, nil), options)
}

// NewLimited makes a limited RFC 3820 proxy.
func NewLimited(above *Entity, options ...Option) *Entity {
	return proxyOf(above, ProxyInfo(Limited, -1, nil), options)
}

// NewProxyInfo makes a proxy with this value of its proxyCertInfo.
func NewProxyInfo(above *Entity, info []byte, options ...Option) *Entity {
	return proxyOf(above, info, options)
}

func proxyOf(above *Entity, info []byte, options []Option) *Entity {
	usual := func(c *Cert) {
		c.Extensions = append(c.Extensions, KeyUsage(DigitalSignature|KeyEncipherment), Ext(PCI, true, info))
	}
	name := above.Name.Plus(strconv.FormatInt(nextSerial().Int64()*7919, 10))
	p := Issue(name, above, append([]Option{usual}, options...)...)
	p.Above = above.Chain()
	return p
}

// NewLegacy makes a GT2 proxy, limited or not.
func NewLegacy(above *Entity, limited bool, options ...Option) *Entity {
	cn := "proxy"
	if limited {
		cn = "limited proxy"
	}
	p := Issue(above.Name.Plus(cn), above, append([]Option{Extensions(KeyUsage(DigitalSignature | KeyEncipherment))}, options...)...)
	p.Above = above.Chain()
	return p
}
