package gridproxy

import "slices"

// What tests outside the package, which have certificates, try directly.
var (
	ParseProxyInfo     = parseProxyInfo
	ParseSigningPolicy = parseSigningPolicy
	ParseNamespaces    = parseNamespaces
	ParseLSC           = parseLSC
	ParseCRL           = parseCRL
	Glob               = glob
	NormalizeFQAN      = normalizeFQAN
	SplitACs           = splitACs
	MaxPattern         = maxPattern
)

// ParseAC parses one attribute certificate, and tells whether that worked.
func ParseAC(raw []byte) error {
	_, err := parseAC(raw)
	return err
}

// NextDER splits off the first element, as encoding/asn1 would.
func NextDER(b []byte) (tag byte, content, rest []byte, err error) {
	d := der(b)
	tag, content, _, err = d.next()
	return tag, content, d, err
}

// Permits asks a signing policy as a verification does.
func (p signingPolicy) Permits(ca, subject string) bool {
	permitted, _ := p.permits(ca, subject)
	return permitted && !p.bad
}

// Permits asks a namespaces file as a verification does.
func (n namespaces) Permits(ca, subject string) bool { return n.permits(ca, subject) }

// SameName tells whether two names are the same but for their string types and
// the order within their RDNs.
func SameName(a, b Name) bool {
	if len(a.rdns) != len(b.rdns) {
		return false
	}
	for i, r := range a.rdns {
		left, right := attributeSet(r), attributeSet(b.rdns[i])
		if !slices.Equal(left, right) {
			return false
		}
	}
	return true
}

func attributeSet(r rdn) []string {
	var out []string
	for _, a := range r.attrs {
		value := "text " + a.text
		if !a.plain || keyword(a.oid) == "" {
			value = "raw " + string(a.value)
		}
		out = append(out, a.oid+" "+value)
	}
	slices.Sort(out)
	return out
}
