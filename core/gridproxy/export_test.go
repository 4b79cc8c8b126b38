package gridproxy

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
