package checksum

import (
	"encoding/binary"
	"math/bits"
)

// short hashes an input of at most 240 bytes. high is of use only for the
// 128-bit hash, whose lower half is another one than the 64-bit hash.
func (h *xxh3) short(p []byte) (low, high uint64) {
	wide := h.size == 16
	switch n := len(p); {
	case n > 16 && wide:
		return medium128(p)
	case n > 16:
		return medium64(p), 0
	case n > 8 && wide:
		return upTo16wide(p)
	case n > 8:
		return upTo16(p), 0
	case n > 3 && wide:
		return upTo8wide(p)
	case n > 3:
		return upTo8(p), 0
	case n > 0:
		return upTo3(p)
	case wide:
		return avalanche64(secret64(64) ^ secret64(72)), avalanche64(secret64(80) ^ secret64(88))
	}
	return avalanche64(secret64(56) ^ secret64(64)), 0
}

func upTo3(p []byte) (low, high uint64) {
	n := len(p)
	combined := uint32(p[n-1]) | uint32(n)<<8 | uint32(p[0])<<16 | uint32(p[n>>1])<<24
	swapped := bits.RotateLeft32(bits.ReverseBytes32(combined), 13)
	return avalanche64(secret32(0) ^ secret32(4) ^ uint64(combined)),
		avalanche64(secret32(8) ^ secret32(12) ^ uint64(swapped))
}

const primeMX2 = 0x9fb21c651e98df25

func upTo8(p []byte) uint64 {
	first, last := ends32(p)
	v := secret64(8) ^ secret64(16) ^ (last | first<<32)
	v ^= bits.RotateLeft64(v, 49) ^ bits.RotateLeft64(v, 24)
	v *= primeMX2
	v = (v ^ (v>>35 + uint64(len(p)))) * primeMX2
	return v ^ v>>28
}

func upTo8wide(p []byte) (low, high uint64) {
	first, last := ends32(p)
	v := secret64(16) ^ secret64(24) ^ (first | last<<32)
	high, low = bits.Mul64(v, prime64x1+uint64(len(p))<<2)
	high += low << 1
	low ^= high >> 3
	low = (low ^ low>>35) * primeMX2
	return low ^ low>>28, avalanche3(high)
}

func upTo16(p []byte) uint64 {
	first, last := ends64(p)
	low := secret64(24) ^ secret64(32) ^ first
	high := secret64(40) ^ secret64(48) ^ last
	return avalanche3(uint64(len(p)) + bits.ReverseBytes64(low) + high + fold(low, high))
}

func upTo16wide(p []byte) (low, high uint64) {
	first, last := ends64(p)
	a := secret64(32) ^ secret64(40) ^ first ^ last
	b := secret64(48) ^ secret64(56) ^ last
	high, low = bits.Mul64(a, prime64x1)
	low += uint64(len(p)-1) << 54
	high += b&^0xffffffff + b&0xffffffff*prime32x2
	low ^= bits.ReverseBytes64(high)
	top, low := bits.Mul64(low, prime64x2)
	return avalanche3(low), avalanche3(top + high*prime64x2)
}

func medium64(p []byte) uint64 {
	n := len(p)
	acc := uint64(n) * prime64x1
	if n <= 128 {
		for i := (n - 1) >> 5; i >= 0; i-- {
			acc += mix(p[16*i:], 32*i) + mix(p[n-16*i-16:], 32*i+16)
		}
		return avalanche3(acc)
	}
	for i := range 8 {
		acc += mix(p[16*i:], 16*i)
	}
	acc = avalanche3(acc)
	for i := 8; i < n>>4; i++ {
		acc += mix(p[16*i:], 16*(i-8)+3)
	}
	return avalanche3(acc + mix(p[n-16:], 119))
}

func medium128(p []byte) (low, high uint64) {
	n := len(p)
	a, b := uint64(n)*prime64x1, uint64(0)
	pair := func(p, q []byte, offset int) {
		a = (a + mix(p, offset)) ^ (word(q, 0) + word(q, 8))
		b = (b + mix(q, offset+16)) ^ (word(p, 0) + word(p, 8))
	}
	if n <= 128 {
		for i := (n - 1) >> 5; i >= 0; i-- {
			pair(p[16*i:], p[n-16*i-16:], 32*i)
		}
	} else {
		for i := range 4 {
			pair(p[32*i:], p[32*i+16:], 32*i)
		}
		a, b = avalanche3(a), avalanche3(b)
		for i := 4; i < n>>5; i++ {
			pair(p[32*i:], p[32*i+16:], 32*(i-4)+3)
		}
		pair(p[n-16:], p[n-32:], 103)
	}
	return avalanche3(a + b), -avalanche3(a*prime64x1 + b*prime64x4 + uint64(n)*prime64x2)
}

func mix(p []byte, offset int) uint64 {
	return fold(word(p, 0)^secret64(offset), word(p, 8)^secret64(offset+8))
}

func word(p []byte, i int) uint64 { return binary.LittleEndian.Uint64(p[i:]) }

func ends32(p []byte) (first, last uint64) {
	return uint64(binary.LittleEndian.Uint32(p)), uint64(binary.LittleEndian.Uint32(p[len(p)-4:]))
}

func ends64(p []byte) (first, last uint64) { return word(p, 0), word(p, len(p)-8) }
