// Package gridtest makes grid certificates for tests: CAs, people, proxies of
// every kind, right and wrong, VOMS attribute certificates, revocation lists,
// and trust directories in the layout of the IGTF. Everything is assembled
// from DER here, so that what no library would make can be made.
//
// Good material is valid from 2020 to 2045, so that it also serves tests which
// use the real clock.
package gridtest

import (
	"bytes"
	"encoding/asn1"
	"math/big"
	"time"
)

// TLV encodes one DER element.
func TLV(tag byte, parts ...[]byte) []byte {
	content := bytes.Join(parts, nil)
	head := []byte{tag}
	if n := len(content); n < 0x80 {
		head = append(head, byte(n))
	} else {
		size := big.NewInt(int64(n)).Bytes()
		head = append(append(head, 0x80|byte(len(size))), size...)
	}
	return append(head, content...)
}

// Seq and its companions encode the types that occur in certificates.
func Seq(parts ...[]byte) []byte { return TLV(0x30, parts...) }

// Set encodes a SET in the order given.
func Set(parts ...[]byte) []byte { return TLV(0x31, parts...) }

// Octets encodes an OCTET STRING.
func Octets(parts ...[]byte) []byte { return TLV(0x04, parts...) }

// Bits encodes a BIT STRING of whole bytes.
func Bits(b []byte) []byte { return TLV(0x03, []byte{0}, b) }

// Tagged encodes [n], constructed.
func Tagged(n byte, parts ...[]byte) []byte { return TLV(0xa0|n, parts...) }

// URI encodes a GeneralName of that kind.
func URI(s string) []byte { return TLV(0x86, []byte(s)) }

// Int encodes an INTEGER.
func Int(n int64) []byte { return must(asn1.Marshal(n)) }

// BigInt encodes an INTEGER.
func BigInt(n *big.Int) []byte { return must(asn1.Marshal(n)) }

// OID encodes an OBJECT IDENTIFIER given with dots.
func OID(s string) []byte {
	var id asn1.ObjectIdentifier
	n := 0
	for i := 0; i <= len(s); i++ {
		if i == len(s) || s[i] == '.' {
			id = append(id, n)
			n = 0
			continue
		}
		n = n*10 + int(s[i]-'0')
	}
	return must(asn1.Marshal(id))
}

// Null and True are the elements of those names.
func Null() []byte { return []byte{5, 0} }

// True encodes the BOOLEAN.
func True() []byte { return []byte{1, 1, 0xff} }

// UTCTime encodes the time as certificates do: GeneralizedTime from 2050 on.
func UTCTime(t time.Time) []byte {
	if t.Year() >= 2050 {
		return GeneralizedTime(t)
	}
	return TLV(0x17, []byte(t.UTC().Format("060102150405Z")))
}

// GeneralizedTime encodes the time.
func GeneralizedTime(t time.Time) []byte { return TLV(0x18, []byte(t.UTC().Format("20060102150405Z"))) }

// Ext encodes an extension.
func Ext(oid string, critical bool, value []byte) []byte {
	if critical {
		return Seq(OID(oid), True(), Octets(value))
	}
	return Seq(OID(oid), Octets(value))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
