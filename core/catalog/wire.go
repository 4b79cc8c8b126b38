package catalog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// A record is one byte, the format's version, and then fields, each a number
// and type as a varint and a value, as in protocol buffers
// (https://protobuf.dev/programming-guides/encoding/). A zero field is left
// out; a decoder skips fields it does not know, so an older process can read
// what a newer one wrote.
const wireFormat = 1

// The two wire types used.
const (
	wireVarint = 0
	wireBytes  = 2
)

// ErrRecord is wrapped by every error of a decoder: the bytes are no such record.
var ErrRecord = errors.New("malformed record")

// encoder appends fields to a record.
type encoder struct{ b []byte }

func newEncoder(size int) *encoder {
	return &encoder{append(make([]byte, 0, size), wireFormat)}
}

func (e *encoder) tag(field int, typ uint64) {
	e.b = binary.AppendUvarint(e.b, uint64(field)<<3|typ)
}

func (e *encoder) uint(field int, v uint64) {
	if v != 0 {
		e.tag(field, wireVarint)
		e.b = binary.AppendUvarint(e.b, v)
	}
}

func (e *encoder) bool(field int, v bool) {
	if v {
		e.uint(field, 1)
	}
}

func (e *encoder) string(field int, s string) {
	if s != "" {
		e.tag(field, wireBytes)
		e.b = binary.AppendUvarint(e.b, uint64(len(s)))
		e.b = append(e.b, s...)
	}
}

func (e *encoder) bytes(field int, b []byte) {
	if len(b) != 0 {
		e.tag(field, wireBytes)
		e.b = binary.AppendUvarint(e.b, uint64(len(b)))
		e.b = append(e.b, b...)
	}
}

// time writes t to the millisecond.
func (e *encoder) time(field int, t time.Time) {
	if !t.IsZero() {
		e.tag(field, wireVarint)
		ms := t.UnixMilli()
		e.b = binary.AppendUvarint(e.b, uint64(ms)<<1^uint64(ms>>63))
	}
}

func (e *encoder) ref(field int, v VersionRef) {
	if v != (VersionRef{}) {
		e.tag(field, wireBytes)
		e.b = append(e.b, 16)
		e.b = binary.BigEndian.AppendUint64(e.b, v.Seq)
		e.b = binary.BigEndian.AppendUint64(e.b, v.Rand)
	}
}

func (e *encoder) id16(field int, id [16]byte) {
	if id != ([16]byte{}) {
		e.bytes(field, id[:])
	}
}

// message writes what fill appends as one field, also when it is empty.
func (e *encoder) message(field int, fill func()) {
	e.tag(field, wireBytes)
	start := len(e.b)
	fill()
	var length [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(length[:], uint64(len(e.b)-start))
	e.b = append(e.b, length[:n]...)
	copy(e.b[start+n:], e.b[start:len(e.b)-n])
	copy(e.b[start:], length[:n])
}

// decoder walks over the fields of a record. It works on a string, so that
// the texts of a record share its one allocation.
type decoder struct {
	s   string
	err error

	field int    // the field next found
	num   uint64 // its value when it is a varint
	data  string // its value when it is bytes
}

// newDecoder checks the format byte.
func newDecoder(s string) decoder {
	if s == "" || s[0] != wireFormat {
		return decoder{err: fmt.Errorf("unknown format: %w", ErrRecord)}
	}
	return decoder{s: s[1:]}
}

// nested decodes a field that is a message.
func (d *decoder) nested() decoder { return decoder{s: d.data} }

func (d *decoder) fail(what string) bool {
	if d.err == nil {
		d.err = fmt.Errorf("%s: %w", what, ErrRecord)
	}
	return false
}

func (d *decoder) uvarint() (v uint64, ok bool) {
	for i := 0; i < len(d.s) && i < binary.MaxVarintLen64; i++ {
		c := d.s[i]
		if i == binary.MaxVarintLen64-1 && c > 1 {
			break
		}
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			d.s = d.s[i+1:]
			return v, true
		}
	}
	return 0, d.fail("number")
}

// next moves to the next field; false at the end or after an error.
func (d *decoder) next() bool {
	if d.err != nil || d.s == "" {
		return false
	}
	tag, ok := d.uvarint()
	if !ok {
		return false
	}
	if tag>>3 == 0 || tag>>3 > math.MaxInt32 {
		return d.fail("field number")
	}
	d.field = int(tag >> 3)
	d.num, d.data = 0, ""
	switch tag & 7 {
	case wireVarint:
		d.num, ok = d.uvarint()
		return ok
	case wireBytes:
		n, ok := d.uvarint()
		if !ok {
			return false
		}
		if n > uint64(len(d.s)) {
			return d.fail("truncated")
		}
		d.data, d.s = d.s[:n], d.s[n:]
		return true
	}
	return d.fail("field type")
}

func (d *decoder) int() int64 { return int64(d.num>>1) ^ -int64(d.num&1) }

// count is a number that is never negative and fits an int.
func (d *decoder) count() int {
	if d.num > math.MaxInt32 {
		d.fail("count")
		return 0
	}
	return int(d.num)
}

// size is a length in bytes, never negative.
func (d *decoder) size() int64 {
	if d.num > math.MaxInt64 {
		d.fail("size")
		return 0
	}
	return int64(d.num)
}

func (d *decoder) bool() bool { return d.num != 0 }

func (d *decoder) bytes() []byte {
	if d.data == "" {
		return nil
	}
	return []byte(d.data)
}

func (d *decoder) time() time.Time { return time.UnixMilli(d.int()).UTC() }

func (d *decoder) ref() (v VersionRef) {
	if len(d.data) != 16 {
		d.fail("version")
		return v
	}
	return VersionRef{be64(d.data), be64(d.data[8:])}
}

func (d *decoder) id16() (id [16]byte) {
	if len(d.data) != 16 {
		d.fail("write ID")
	}
	copy(id[:], d.data)
	return id
}

func be64(s string) (v uint64) {
	for i := range 8 {
		v = v<<8 | uint64(s[i])
	}
	return v
}
