package checksum

import (
	"encoding/binary"
	"math/bits"
)

const (
	xxh3Block  = 1024 // bytes between two scramblings
	xxh3Stripe = 64   // bytes taken in at a time
	xxh3Short  = 240  // inputs up to this length are hashed in one go
)

// xxh3Secret is the secret XXH3 uses when none is given.
const xxh3Secret = "\xb8\xfe\x6c\x39\x23\xa4\x4b\xbe\x7c\x01\x81\x2c\xf7\x21\xad\x1c" +
	"\xde\xd4\x6d\xe9\x83\x90\x97\xdb\x72\x40\xa4\xa4\xb7\xb3\x67\x1f" +
	"\xcb\x79\xe6\x4e\xcc\xc0\xe5\x78\x82\x5a\xd0\x7d\xcc\xff\x72\x21" +
	"\xb8\x08\x46\x74\xf7\x43\x24\x8e\xe0\x35\x90\xe6\x81\x3a\x26\x4c" +
	"\x3c\x28\x52\xbb\x91\xc3\x00\xcb\x88\xd0\x65\x8b\x1b\x53\x2e\xa3" +
	"\x71\x64\x48\x97\xa2\x0d\xf9\x4e\x38\x19\xef\x46\xa9\xde\xac\xd8" +
	"\xa8\xfa\x76\x3f\xe3\x9c\x34\x3f\xf9\xdc\xbb\xc7\xc7\x0b\x4f\x1d" +
	"\x8a\x51\xe0\x4b\xcd\xb4\x59\x31\xc8\x9f\x7e\xc9\xd9\x78\x73\x64" +
	"\xea\xc5\xac\x83\x34\xd3\xeb\xc3\xc5\x81\xa0\xff\xfa\x13\x63\xeb" +
	"\x17\x0d\xdd\x51\xb7\xf0\xda\x49\xd3\x16\x55\x26\x29\xd4\x68\x9e" +
	"\x2b\x16\xbe\x58\x7d\x47\xa1\xfc\x8f\xf8\xb8\xd1\x7a\xd0\x31\xce" +
	"\x45\xcb\x3a\x8f\x95\x16\x04\x28\xaf\xd7\xfb\xca\xbb\x4b\x40\x7e"

// xxh3 is XXH3 with seed 0 and the default secret, of 64 or 128 bits, as a
// hash.Hash with a big-endian sum. The last block, even a full one, waits in
// buf: what becomes of it depends on whether more follows.
type xxh3 struct {
	size   int // 8 or 16
	acc    [8]uint64
	total  uint64
	buf    [xxh3Block]byte
	filled int
	tail   [xxh3Stripe]byte // the end of the block before buf
}

func newXXH3(size int) *xxh3 {
	h := &xxh3{size: size}
	h.Reset()
	return h
}

func (h *xxh3) Size() int      { return h.size }
func (h *xxh3) BlockSize() int { return xxh3Stripe }

func (h *xxh3) Reset() {
	h.acc = [8]uint64{prime32x3, prime64x1, prime64x2, prime64x3, prime64x4, prime32x2, prime64x5, prime32x1}
	h.total, h.filled = 0, 0
}

func (h *xxh3) Write(p []byte) (int, error) {
	n := len(p)
	h.total += uint64(n)
	for len(p) > 0 {
		if h.filled == xxh3Block {
			h.block(h.buf[:])
			h.filled = 0
		}
		for h.filled == 0 && len(p) > xxh3Block {
			h.block(p[:xxh3Block])
			p = p[xxh3Block:]
		}
		c := copy(h.buf[h.filled:], p)
		h.filled += c
		p = p[c:]
	}
	return n, nil
}

// block takes in a whole block that is not the last one.
func (h *xxh3) block(p []byte) {
	for i := range xxh3Block / xxh3Stripe {
		accumulate(&h.acc, p[i*xxh3Stripe:], i*8)
	}
	for i := range h.acc {
		a := h.acc[i]
		h.acc[i] = (a ^ a>>47 ^ secret64(128+8*i)) * prime32x1
	}
	copy(h.tail[:], p[xxh3Block-xxh3Stripe:])
}

func (h *xxh3) Sum(b []byte) []byte {
	var low, high uint64
	if h.total <= xxh3Short {
		low, high = h.short(h.buf[:h.total])
	} else {
		low, high = h.long()
	}
	if h.size == 16 {
		b = binary.BigEndian.AppendUint64(b, high)
	}
	return binary.BigEndian.AppendUint64(b, low)
}

// long finishes an input of more than 240 bytes.
func (h *xxh3) long() (low, high uint64) {
	acc := h.acc
	for i := range (h.filled - 1) / xxh3Stripe {
		accumulate(&acc, h.buf[i*xxh3Stripe:], i*8)
	}
	var last [xxh3Stripe]byte
	if h.filled >= xxh3Stripe {
		copy(last[:], h.buf[h.filled-xxh3Stripe:h.filled])
	} else {
		c := copy(last[:], h.tail[h.filled:])
		copy(last[c:], h.buf[:h.filled])
	}
	accumulate(&acc, last[:], len(xxh3Secret)-71)
	low = merge(&acc, h.total*prime64x1, 11)
	if h.size == 16 {
		high = merge(&acc, ^(h.total * prime64x2), len(xxh3Secret)-75)
	}
	return low, high
}

// accumulate takes in one stripe.
func accumulate(acc *[8]uint64, stripe []byte, offset int) {
	stripe = stripe[:xxh3Stripe]
	secret := xxh3Secret[offset : offset+xxh3Stripe]
	for i := range acc {
		data := binary.LittleEndian.Uint64(stripe[8*i:])
		value := data ^ le64(secret[8*i:])
		acc[i^1] += data
		acc[i] += value & 0xffffffff * (value >> 32)
	}
}

func merge(acc *[8]uint64, result uint64, offset int) uint64 {
	for i := 0; i < 8; i += 2 {
		result += fold(acc[i]^secret64(offset+8*i), acc[i+1]^secret64(offset+8*i+8))
	}
	return avalanche3(result)
}

// fold is the exclusive or of the halves of a 128-bit product.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

func avalanche3(h uint64) uint64 {
	h = (h ^ h>>37) * 0x165667919e3779f9
	return h ^ h>>32
}

func secret64(offset int) uint64 { return le64(xxh3Secret[offset : offset+8]) }
func secret32(offset int) uint64 { return secret64(offset) & 0xffffffff }

// le64 reads a little-endian number; the compiler makes one load of it.
func le64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
