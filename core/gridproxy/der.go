package gridproxy

import "errors"

// der is a strict reader of DER: definite minimal lengths, low tag numbers.
// encoding/asn1 lets trailing fields of a SEQUENCE pass, which here must not.
type der []byte

var errDER = errors.New("malformed DER")

// The tags that occur in what is read here.
const (
	tagBoolean     = 0x01
	tagInteger     = 0x02
	tagBitString   = 0x03
	tagOctetString = 0x04
	tagNull        = 0x05
	tagOID         = 0x06
	tagTime        = 0x18 // GeneralizedTime
	tagSequence    = 0x30
	tagSet         = 0x31
)

// implicit is the tag of [n], constructed.
func implicit(n byte) byte { return 0xa0 | n }

// next splits the first element off: its tag, its content and the whole of it.
func (d *der) next() (tag byte, content, whole der, err error) {
	b := *d
	if len(b) < 2 || b[0]&0x1f == 0x1f {
		return 0, nil, nil, errDER
	}
	size, head := int(b[1]), 2
	if size >= 0x80 {
		n := size & 0x7f
		if n == 0 || n > 3 || len(b) < 2+n || b[2] == 0 {
			return 0, nil, nil, errDER
		}
		size, head = 0, 2+n
		for _, c := range b[2:head] {
			size = size<<8 | int(c)
		}
		if size < 0x80 {
			return 0, nil, nil, errDER
		}
	}
	if len(b)-head < size {
		return 0, nil, nil, errDER
	}
	*d = b[head+size:]
	return b[0], b[head : head+size], b[:head+size], nil
}

// take splits off the first element, which must have the tag.
func (d *der) take(tag byte) (der, error) {
	rest := *d
	got, content, _, err := rest.next()
	if err != nil || got != tag {
		return nil, errDER
	}
	*d = rest
	return content, nil
}

// raw is take, with the element's own tag and length left on.
func (d *der) raw(tag byte) (der, error) {
	rest := *d
	got, _, whole, err := rest.next()
	if err != nil || got != tag {
		return nil, errDER
	}
	*d = rest
	return whole, nil
}

// only is take of the one element there is.
func (d der) only(tag byte) (der, error) {
	content, err := d.take(tag)
	if err == nil && len(d) > 0 {
		err = errDER
	}
	return content, err
}

// is tells whether the first element has the tag.
func (d der) is(tag byte) bool { return len(d) > 0 && d[0] == tag }

// integer takes an INTEGER and returns its content: two's complement, minimal.
func (d *der) integer() (der, error) {
	content, err := d.take(tagInteger)
	if err != nil || len(content) == 0 {
		return nil, errDER
	}
	if len(content) > 1 && (content[0] == 0 && content[1] < 0x80 || content[0] == 0xff && content[1] >= 0x80) {
		return nil, errDER
	}
	return content, nil
}

// oid takes an OBJECT IDENTIFIER and returns its content, well formed.
func (d *der) oid() (der, error) {
	content, err := d.take(tagOID)
	if err != nil || len(content) == 0 || content[len(content)-1]&0x80 != 0 {
		return nil, errDER
	}
	for i, c := range content {
		if c == 0x80 && (i == 0 || content[i-1]&0x80 == 0) {
			return nil, errDER // an arc with a leading zero
		}
	}
	return content, nil
}

// bits takes a BIT STRING of whole bytes.
func (d *der) bits() (der, error) {
	content, err := d.take(tagBitString)
	if err != nil || len(content) < 1 || content[0] != 0 {
		return nil, errDER
	}
	return content[1:], nil
}
