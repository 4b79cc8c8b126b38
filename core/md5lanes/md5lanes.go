// Package md5lanes computes the MD5s of several streams at once.
//
// An S3 server needs the MD5 of every body for its ETag, and that is most of what
// an upload costs: each step of MD5 (RFC 1321) waits for the one before, which
// leaves most of a processor idle. Vector registers hold the state of eight
// streams side by side, each in a lane, and a step of all of them takes hardly
// longer than one of one. But streams seldom have bytes in the same moment. So one
// that has waits a little for others that are under way; one that is alone does
// not wait.
//
// Small pieces, and all where the processor has no such registers, are left to
// crypto/md5.
package md5lanes

import (
	"crypto/md5"
	"encoding"
	"encoding/binary"
	"hash"
)

// least is the smallest piece, in bytes, that is worth company.
const least = 64 << 10

// digest is an MD5 whose large pieces are computed beside others'. Between pieces
// its state is with crypto/md5.
type digest struct {
	hash.Hash
	g      *Group
	stream stream
}

// New makes an MD5 like crypto/md5's, to be used by one goroutine at a time. A
// Write of 64 KiB or more may wait for those of other streams of g, for at most 4 ms, or
// 16 while the process is short of processors. A stream counts as under way for as
// long after New and after such a Write, or until Sum.
func (g *Group) New() hash.Hash {
	if g.digester() == nil {
		return md5.New()
	}
	d := &digest{Hash: md5.New(), g: g}
	d.stream.done = make(chan struct{}, 1)
	g.touch(&d.stream)
	return d
}

// Write adds p to the running hash. It never fails.
func (d *digest) Write(p []byte) (int, error) {
	n := len(p)
	if n < least {
		return d.Hash.Write(p)
	}
	s := &d.stream
	odd := d.export()
	if odd > 0 {
		odd = md5.BlockSize - odd
		d.Hash.Write(p[:odd]) //nolint:errcheck // a hash never fails
		d.export()
	}
	p = p[odd:]
	whole := len(p) &^ (md5.BlockSize - 1)
	s.rest = p[:whole]
	d.g.pass(s)
	if done := whole - len(s.rest); done > 0 {
		d.inform(done)
		p = p[done:]
	}
	s.rest = nil    // the caller's
	d.Hash.Write(p) //nolint:errcheck // as above
	d.g.touch(s)
	return n, nil
}

// Sum appends the MD5 of what was written.
func (d *digest) Sum(b []byte) []byte {
	d.g.leave(&d.stream)
	return d.Hash.Sum(b)
}

// marshaled is the state of a crypto/md5 as its AppendBinary gives it, big-endian:
// a magic number, four words, the bytes of a block begun, the length of all.
const (
	magic     = "md5\x01"
	lengthAt  = len(magic) + 4*4 + md5.BlockSize
	marshaled = lengthAt + 8
)

// export takes the state out of crypto/md5, and tells how many bytes of a block
// have been begun.
func (d *digest) export() (begun int) {
	s := &d.stream
	b, _ := d.Hash.(encoding.BinaryAppender).AppendBinary(s.marshaled[:0])
	for i := range s.state {
		s.state[i] = binary.BigEndian.Uint32(b[len(magic)+4*i:])
	}
	return int(binary.BigEndian.Uint64(b[lengthAt:]) % md5.BlockSize)
}

// inform puts the state, which n bytes more have changed, back.
func (d *digest) inform(n int) {
	s := &d.stream
	b := s.marshaled[:]
	for i, word := range s.state {
		binary.BigEndian.PutUint32(b[len(magic)+4*i:], word)
	}
	binary.BigEndian.PutUint64(b[lengthAt:], binary.BigEndian.Uint64(b[lengthAt:])+uint64(n))
	_ = d.Hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(b)
}

// understood tells whether crypto/md5 still writes its state as above, which its
// documentation does not promise.
func understood() bool {
	var block [md5.BlockSize + 1]byte
	d := digest{Hash: md5.New()}
	if d.export() != 0 || d.stream.state != [4]uint32{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476} {
		return false
	}
	start := digest{Hash: md5.New()}
	start.export()
	d.Hash.Write(block[:]) //nolint:errcheck // a hash never fails
	if d.export() != 1 {
		return false
	}
	// What was started elsewhere goes on as if it had been there from the start.
	d.Hash.Reset()
	d.Hash.Write(block[:md5.BlockSize]) //nolint:errcheck // as above
	d.export()
	start.stream.state = d.stream.state
	start.inform(md5.BlockSize)
	start.Hash.Write(block[:1]) //nolint:errcheck // as above
	return [md5.Size]byte(start.Hash.Sum(nil)) == md5.Sum(block[:])
}
