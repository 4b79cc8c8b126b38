package gridproxy

import (
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf8"
)

// keyword is the name of an attribute type in RFC 2253 text here; all others
// go by OID, so that the text cannot change with a table.
func keyword(oid string) string {
	switch oid {
	case "2.5.4.3":
		return "CN"
	case "2.5.4.6":
		return "C"
	case "2.5.4.8":
		return "ST"
	case "2.5.4.7":
		return "L"
	case "2.5.4.10":
		return "O"
	case "2.5.4.11":
		return "OU"
	case "2.5.4.5":
		return "serialNumber"
	case "0.9.2342.19200300.100.1.25":
		return "DC"
	case "0.9.2342.19200300.100.1.1":
		return "UID"
	case "1.2.840.113549.1.9.1":
		return "emailAddress"
	}
	return ""
}

// String is the name as RFC 2253 text: the key of a person. The last RDN comes
// first; the members of a multi-valued RDN are sorted; CN, C, ST, L, O, OU, DC,
// UID, serialNumber and emailAddress go by name and their value by its
// characters, whatever the string type. Another type goes by its OID, and its
// value, as one that is no string, by the hex of its DER. Control characters
// are \HH. Different names never share a text, but for their string types.
func (n Name) String() string {
	parts := make([]string, 0, len(n.rdns))
	for _, r := range slices.Backward(n.rdns) {
		members := make([]string, 0, len(r.attrs))
		for _, a := range r.attrs {
			members = append(members, a.rfc2253())
		}
		slices.Sort(members)
		parts = append(parts, strings.Join(members, "+"))
	}
	return strings.Join(parts, ",")
}

func (a attribute) rfc2253() string {
	key := keyword(a.oid)
	if key == "" {
		return a.oid + "=#" + hex.EncodeToString(a.value)
	}
	if !a.plain {
		return key + "=#" + hex.EncodeToString(a.value)
	}
	return key + "=" + escape2253(a.text)
}

// escape2253 escapes what RFC 2253 section 2.4 says, and control characters.
func escape2253(text string) string {
	var out strings.Builder
	for i, c := range text {
		switch {
		case c < 0x20 || c == 0x7f:
			out.WriteString(`\` + strings.ToUpper(hex.EncodeToString([]byte{byte(c)})))
			continue
		case strings.ContainsRune(`,+"\<>;`, c),
			i == 0 && (c == ' ' || c == '#'),
			c == ' ' && i == len(text)-1:
			out.WriteByte('\\')
		}
		out.WriteRune(c)
	}
	return out.String()
}

// Slash is the name in the form of policy files and logs:
// /DC=org/DC=example/CN=Alice. It is not injective.
func (n Name) Slash() string {
	var out strings.Builder
	for _, r := range n.rdns {
		for i, a := range r.attrs {
			if i == 0 {
				out.WriteByte('/')
			} else {
				out.WriteByte('+')
			}
			out.WriteString(a.slash())
		}
	}
	return out.String()
}

func (a attribute) slash() string {
	key := keyword(a.oid)
	if key == "" {
		key = slashKeyword(a.oid)
	}
	if !a.plain {
		return key + "=#" + hex.EncodeToString(a.value)
	}
	return key + "=" + strings.Map(func(c rune) rune {
		if c < 0x20 || c == 0x7f {
			return utf8.RuneError // as long as one character, and matches no literal
		}
		return c
	}, a.text)
}

// slashKeyword names the further types that occur in policy files.
func slashKeyword(oid string) string {
	switch oid {
	case "2.5.4.4":
		return "SN"
	case "2.5.4.9":
		return "street"
	case "2.5.4.12":
		return "title"
	case "2.5.4.17":
		return "postalCode"
	case "2.5.4.42":
		return "GN"
	case "2.5.4.97":
		return "organizationIdentifier"
	}
	return oid
}
