package checksum

import (
	"encoding/binary"
	"math/bits"
)

// The primes of XXHash
// (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md).
const (
	prime32x1 = 0x9e3779b1
	prime32x2 = 0x85ebca77
	prime32x3 = 0xc2b2ae3d
	prime64x1 = 0x9e3779b185ebca87
	prime64x2 = 0xc2b2ae3d27d4eb4f
	prime64x3 = 0x165667b19e3779f9
	prime64x4 = 0x85ebca77c2b2ae63
	prime64x5 = 0x27d4eb2f165667c5
)

// xxh64 is XXH64 with seed 0, as a hash.Hash with a big-endian sum.
type xxh64 struct {
	lanes  [4]uint64
	total  uint64
	buf    [32]byte
	filled int
}

func newXXH64() *xxh64 {
	h := new(xxh64)
	h.Reset()
	return h
}

func (h *xxh64) Size() int      { return 8 }
func (h *xxh64) BlockSize() int { return 32 }

func (h *xxh64) Reset() {
	p1, p2 := uint64(prime64x1), uint64(prime64x2)
	*h = xxh64{lanes: [4]uint64{p1 + p2, p2, 0, -p1}}
}

func (h *xxh64) Write(p []byte) (int, error) {
	n := len(p)
	h.total += uint64(n)
	if h.filled > 0 {
		c := copy(h.buf[h.filled:], p)
		h.filled += c
		p = p[c:]
		if h.filled < len(h.buf) {
			return n, nil
		}
		h.stripes(h.buf[:])
		h.filled = 0
	}
	whole := len(p) &^ 31
	h.stripes(p[:whole])
	h.filled = copy(h.buf[:], p[whole:])
	return n, nil
}

func (h *xxh64) stripes(p []byte) {
	a, b, c, d := h.lanes[0], h.lanes[1], h.lanes[2], h.lanes[3]
	for ; len(p) >= 32; p = p[32:] {
		a = round64(a, binary.LittleEndian.Uint64(p))
		b = round64(b, binary.LittleEndian.Uint64(p[8:]))
		c = round64(c, binary.LittleEndian.Uint64(p[16:]))
		d = round64(d, binary.LittleEndian.Uint64(p[24:]))
	}
	h.lanes = [4]uint64{a, b, c, d}
}

func (h *xxh64) Sum(b []byte) []byte {
	acc := uint64(prime64x5)
	if h.total >= 32 {
		l := h.lanes
		acc = bits.RotateLeft64(l[0], 1) + bits.RotateLeft64(l[1], 7) +
			bits.RotateLeft64(l[2], 12) + bits.RotateLeft64(l[3], 18)
		for _, lane := range l {
			acc = (acc^round64(0, lane))*prime64x1 + prime64x4
		}
	}
	acc += h.total
	p := h.buf[:h.filled]
	for ; len(p) >= 8; p = p[8:] {
		acc ^= round64(0, binary.LittleEndian.Uint64(p))
		acc = bits.RotateLeft64(acc, 27)*prime64x1 + prime64x4
	}
	if len(p) >= 4 {
		acc ^= uint64(binary.LittleEndian.Uint32(p)) * prime64x1
		acc = bits.RotateLeft64(acc, 23)*prime64x2 + prime64x3
		p = p[4:]
	}
	for _, c := range p {
		acc ^= uint64(c) * prime64x5
		acc = bits.RotateLeft64(acc, 11) * prime64x1
	}
	return binary.BigEndian.AppendUint64(b, avalanche64(acc))
}

func round64(acc, lane uint64) uint64 {
	return bits.RotateLeft64(acc+lane*prime64x2, 31) * prime64x1
}

// avalanche64 is the last mixing of XXH64, which XXH3 uses for short inputs.
func avalanche64(h uint64) uint64 {
	h = (h ^ h>>33) * prime64x2
	h = (h ^ h>>29) * prime64x3
	return h ^ h>>32
}
