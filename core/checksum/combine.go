package checksum

import "encoding/binary"

// nvme is CRC-64/NVME's polynomial, reflected (NVM Express NVM Command Set
// Specification 1.0, 5.2.1.3.4).
const nvme = 0x9a6c9329ac4bc9b5

// polynomial is the generator of a reflected CRC whose initial and final
// values are all ones, as those of the three CRCs of S3 are.
type polynomial struct {
	width uint
	bits  uint64
}

// PartSum is the CRC of one part and the part's length in bytes.
type PartSum struct {
	Sum    []byte
	Length int64
}

// CombineCRC gives the CRC of parts laid one after the other, from their CRCs
// and lengths alone: CompleteMultipartUpload needs no byte of a FULL_OBJECT
// upload. False when the algorithm is no CRC, a sum has the wrong size or a
// length is negative. No parts at all have the CRC of nothing.
func CombineCRC(algorithm string, parts []PartSum) ([]byte, bool) {
	a := lookup(algorithm)
	if a == nil || a.crc.width == 0 {
		return nil, false
	}
	var crc, shift uint64
	last := int64(-1) // parts mostly have one length: compute its power once
	for _, part := range parts {
		if len(part.Sum) != a.size || part.Length < 0 {
			return nil, false
		}
		if part.Length != last {
			shift, last = a.crc.shift(part.Length), part.Length
		}
		crc = a.crc.multiply(shift, crc) ^ load(part.Sum)
	}
	return store(crc, a.size), true
}

// multiply is the product of two polynomials modulo the generator. The highest
// bit is the coefficient of x^0.
func (p polynomial) multiply(a, b uint64) uint64 {
	var product uint64
	for bit := uint64(1) << (p.width - 1); bit != 0 && a != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
			a &^= bit
		}
		carry := b & 1
		b >>= 1
		if carry != 0 {
			b ^= p.bits
		}
	}
	return product
}

// shift is x^(8n) modulo the generator: what appending n bytes multiplies by.
func (p polynomial) shift(n int64) uint64 {
	result := uint64(1) << (p.width - 1)    // x^0
	power := uint64(1) << (p.width - 1 - 8) // x^8
	for ; n != 0; n >>= 1 {
		if n&1 != 0 {
			result = p.multiply(power, result)
		}
		power = p.multiply(power, power)
	}
	return result
}

func load(sum []byte) uint64 {
	if len(sum) == 4 {
		return uint64(binary.BigEndian.Uint32(sum))
	}
	return binary.BigEndian.Uint64(sum)
}

func store(crc uint64, size int) []byte {
	if size == 4 {
		return binary.BigEndian.AppendUint32(nil, uint32(crc))
	}
	return binary.BigEndian.AppendUint64(nil, crc)
}
