package gridtest

import (
	"bytes"
	"slices"
	"strings"
)

// Name is a list of RDNs.
type Name []RDN

// RDN is a list of attributes; more than one makes it multi-valued.
type RDN []AVA

// AVA is an attribute type, by keyword or OID, and its value. Tag 0 chooses the
// usual string type.
type AVA struct {
	Type, Value string
	Tag         byte
}

// DN reads a slash form: every /TYPE=value is an RDN.
func DN(slash string) Name {
	var n Name
	for _, part := range strings.Split(slash, "/")[1:] {
		t, v, _ := strings.Cut(part, "=")
		n = append(n, RDN{{Type: t, Value: v}})
	}
	return n
}

// Plus returns the name with one RDN more, of one CN.
func (n Name) Plus(cn string) Name { return n.Add(RDN{{Type: "CN", Value: cn, Tag: 0x13}}) }

// Add returns the name with RDNs more.
func (n Name) Add(r ...RDN) Name { return append(slices.Clone(n), r...) }

// DER encodes the name, with the members of RDNs sorted.
func (n Name) DER() []byte {
	var rdns [][]byte
	for _, r := range n {
		var members [][]byte
		for _, a := range r {
			members = append(members, a.der())
		}
		slices.SortFunc(members, bytes.Compare)
		rdns = append(rdns, Set(members...))
	}
	return Seq(rdns...)
}

// Slash is the name in slash form, for names whose RDNs have one attribute.
func (n Name) Slash() string {
	var out strings.Builder
	for _, r := range n {
		out.WriteString("/" + r[0].Type + "=" + r[0].Value)
	}
	return out.String()
}

func (a AVA) der() []byte {
	oid, tag := a.Type, a.Tag
	known, ok := map[string]string{
		"CN": "2.5.4.3", "C": "2.5.4.6", "ST": "2.5.4.8", "L": "2.5.4.7", "O": "2.5.4.10", "OU": "2.5.4.11",
		"DC": "0.9.2342.19200300.100.1.25", "UID": "0.9.2342.19200300.100.1.1", "serialNumber": "2.5.4.5",
		"emailAddress": "1.2.840.113549.1.9.1",
	}[a.Type]
	if ok {
		oid = known
	}
	if tag == 0 {
		tag = 0x0c
		switch a.Type {
		case "DC", "emailAddress":
			tag = 0x16
		case "C":
			tag = 0x13
		}
	}
	return Seq(OID(oid), TLV(tag, []byte(a.Value)))
}
