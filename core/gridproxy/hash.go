package gridproxy

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// SubjectHashes returns the names under which a trust directory files the CA
// with this subject: OpenSSL's hash since 1.0 (of the canonical form) and the
// older one (of the DER).
func SubjectHashes(rawSubject []byte) (hash, old string, err error) {
	name, err := ParseName(rawSubject)
	if err != nil {
		return "", "", err
	}
	newSum, oldSum := sha1.Sum(name.canonical()), md5.Sum(rawSubject)
	spell := func(sum []byte) string { return fmt.Sprintf("%08x", binary.LittleEndian.Uint32(sum)) }
	return spell(newSum[:]), spell(oldSum[:]), nil
}

// canonical is the form in which OpenSSL compares names: every string as
// UTF8String, in lower case, with single spaces, without the outer SEQUENCE.
func (n Name) canonical() []byte {
	var out []byte
	for _, r := range n.rdns {
		members := make([][]byte, 0, len(r.attrs))
		for _, a := range r.attrs {
			members = append(members, a.canonical())
		}
		slices.SortFunc(members, bytes.Compare)
		out = append(out, tlv(tagSet, bytes.Join(members, nil))...)
	}
	return out
}

func (a attribute) canonical() []byte {
	value := []byte(a.value)
	if a.plain && !a.value.is(0x12) {
		text := strings.Map(func(c rune) rune {
			if c >= 'A' && c <= 'Z' {
				return c + 'a' - 'A'
			}
			return c
		}, strings.Join(strings.FieldsFunc(a.text, isSpace), " "))
		value = tlv(0x0c, []byte(text))
	}
	return tlv(tagSequence, append(tlv(tagOID, a.rawOID), value...))
}

// isSpace is C's isspace for ASCII.
func isSpace(c rune) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// tlv encodes one DER element.
func tlv(tag byte, content []byte) []byte {
	out := []byte{tag}
	switch n := len(content); {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 0x100:
		out = append(out, 0x81, byte(n))
	case n < 0x10000:
		out = append(out, 0x82, byte(n>>8), byte(n))
	default:
		out = append(out, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	return append(out, content...)
}
