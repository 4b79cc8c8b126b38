package gridproxy

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Name is a distinguished name read from its DER.
type Name struct{ rdns []rdn }

// rdn is one relative distinguished name and its attributes, in DER order.
type rdn struct {
	whole der
	attrs []attribute
}

// attribute is one attribute type and value.
type attribute struct {
	rawOID der    // its content
	oid    string // dotted
	value  der    // with tag and length
	text   string // the value, when it is of a string type
	plain  bool   // it is
}

var errName = errors.New("malformed name")

// ParseName reads the DER of a Name, such as Certificate.RawSubject. A string
// that is not well formed in its own type is an error.
func ParseName(raw []byte) (Name, error) {
	var n Name
	sets, err := der(raw).only(tagSequence)
	if err != nil {
		return n, errName
	}
	for len(sets) > 0 {
		var r rdn
		if r.whole, err = sets.raw(tagSet); err != nil {
			return n, errName
		}
		members, err := r.whole.only(tagSet)
		if err != nil || len(members) == 0 {
			return n, errName
		}
		for len(members) > 0 {
			a, err := parseAttribute(&members)
			if err != nil {
				return n, err
			}
			r.attrs = append(r.attrs, a)
		}
		n.rdns = append(n.rdns, r)
	}
	return n, nil
}

func parseAttribute(d *der) (a attribute, err error) {
	pair, err := d.take(tagSequence)
	if err != nil {
		return a, errName
	}
	oid, err := pair.oid()
	if err != nil {
		return a, errName
	}
	a.rawOID, a.oid = oid, dotted(oid)
	rest := pair
	tag, content, whole, err := rest.next()
	if err != nil || len(rest) > 0 {
		return a, errName
	}
	a.value = whole
	a.text, a.plain, err = stringValue(tag, content)
	return a, err
}

// stringValue decodes the string types of names. T61String is read as
// ISO 8859-1, as everybody does; BMPString has no surrogates.
func stringValue(tag byte, b []byte) (text string, plain bool, err error) {
	switch tag {
	case 0x0c: // UTF8String
		if !utf8.Valid(b) {
			return "", false, errName
		}
		return string(b), true, nil
	case 0x12, 0x13, 0x16, 0x1a: // Numeric-, Printable-, IA5-, VisibleString
		if slices.ContainsFunc(b, func(c byte) bool { return c >= 0x80 }) {
			return "", false, errName
		}
		return string(b), true, nil
	case 0x14: // T61String
		runes := make([]rune, len(b))
		for i, c := range b {
			runes[i] = rune(c)
		}
		return string(runes), true, nil
	case 0x1e, 0x1c: // BMPString, UniversalString
		return wideString(b, map[byte]int{0x1e: 2, 0x1c: 4}[tag])
	}
	return "", false, nil
}

// wideString decodes characters of width big-endian bytes.
func wideString(b []byte, width int) (string, bool, error) {
	if len(b)%width != 0 {
		return "", false, errName
	}
	var text strings.Builder
	for chunk := range slices.Chunk(b, width) {
		var v uint32
		for _, c := range chunk {
			v = v<<8 | uint32(c)
		}
		if v > utf8.MaxRune || utf16.IsSurrogate(rune(v)) {
			return "", false, errName
		}
		text.WriteRune(rune(v))
	}
	return text.String(), true, nil
}

// dotted spells a well-formed OID.
func dotted(oid der) string {
	var out strings.Builder
	var v uint64
	for i, c := range oid {
		if v > 1<<56 {
			return "0.0#" + hex.EncodeToString(oid) // no such arc exists; stays distinct
		}
		v = v<<7 | uint64(c&0x7f)
		if c&0x80 != 0 {
			continue
		}
		if out.Len() == 0 {
			first := min(v/40, 2)
			out.WriteString(strconv.FormatUint(first, 10))
			v -= first * 40
		}
		out.WriteByte('.')
		out.WriteString(strconv.FormatUint(v, 10))
		if i < len(oid)-1 {
			v = 0
		}
	}
	return out.String()
}

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

// extends tells whether n is base and one RDN more, holding exactly one CN.
func (n Name) extends(base Name) bool {
	last := len(base.rdns)
	if len(n.rdns) != last+1 {
		return false
	}
	for i, r := range base.rdns {
		if !bytes.Equal(n.rdns[i].whole, r.whole) {
			return false
		}
	}
	added := n.rdns[last].attrs
	return len(added) == 1 && added[0].oid == "2.5.4.3" && added[0].plain && added[0].text != ""
}

// lastRDN returns the CN that is the whole last RDN, or "".
func (n Name) lastRDN() string {
	if len(n.rdns) == 0 {
		return ""
	}
	attrs := n.rdns[len(n.rdns)-1].attrs
	if len(attrs) != 1 || attrs[0].oid != "2.5.4.3" {
		return ""
	}
	return attrs[0].text
}

// lastCNs returns the CNs of the last RDN that has any.
func (n Name) lastCNs() []string {
	for _, r := range slices.Backward(n.rdns) {
		var found []string
		for _, a := range r.attrs {
			if a.oid == "2.5.4.3" {
				found = append(found, a.text)
			}
		}
		if found != nil {
			return found
		}
	}
	return nil
}
