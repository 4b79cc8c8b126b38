package gridproxy

// proxyInfo is a proxyCertInfo extension.
type proxyInfo struct {
	pathLen  int // -1 when there is none; larger than any chain is just that
	language string
	policy   bool // a policy is present, even an empty one
}

// The policy languages and extensions of proxies.
const (
	oidProxyCertInfo      = "1.3.6.1.5.5.7.1.14"
	oidDraftProxyCertInfo = "1.3.6.1.4.1.3536.1.222"
	oidInheritAll         = "1.3.6.1.5.5.7.21.1"
	oidIndependent        = "1.3.6.1.5.5.7.21.2"
	oidLimited            = "1.3.6.1.4.1.3536.1.1.1.9"
)

// parseProxyInfo reads SEQUENCE { pCPathLenConstraint INTEGER (0..MAX)
// OPTIONAL, SEQUENCE { policyLanguage OID, policy OCTET STRING OPTIONAL } },
// and nothing after anything.
func parseProxyInfo(value []byte) (p proxyInfo, err error) {
	p.pathLen = -1
	d, err := der(value).only(tagSequence)
	if err != nil {
		return p, err
	}
	if d.is(tagInteger) {
		n, err := d.integer()
		if err != nil || n[0]&0x80 != 0 {
			return p, errDER
		}
		p.pathLen = 0
		for _, c := range n {
			p.pathLen = min(p.pathLen<<8|int(c), 1<<20)
		}
	}
	policy, err := d.only(tagSequence)
	if err != nil {
		return p, err
	}
	language, err := policy.oid()
	if err != nil {
		return p, err
	}
	p.language = dotted(language)
	if len(policy) > 0 {
		p.policy = true
		if _, err = policy.only(tagOctetString); err != nil {
			return p, err
		}
	}
	return p, nil
}
