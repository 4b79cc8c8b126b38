package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
)

// chunkSeed is what the signatures of chunks build on: the request's own.
type chunkSeed struct {
	key                         *signingKey
	id, stamp, scope, signature string
}

// chunkSigner makes or checks the signatures of chunks, each over the one
// before it. It allocates nothing per chunk.
type chunkSigner struct {
	seed     chunkSeed
	mac      *mac
	hash     hash.Hash // of the current chunk
	sum      [sha256.Size]byte
	previous signature
	given    signature // the current chunk's, as sent
	toSign   []byte
}

func newChunkSigner(seed chunkSeed) *chunkSigner {
	s := &chunkSigner{seed: seed, mac: seed.key.mac(), hash: sha256.New(), toSign: make([]byte, 0, 384)}
	copy(s.previous[:], seed.signature)
	return s
}

// release gives the MAC back; nothing can be signed any more.
func (s *chunkSigner) release() {
	s.seed.key.macs.Put(s.mac)
	s.mac = nil
}

// checkChunk checks the given signature against the data hashed so far.
func (s *chunkSigner) checkChunk() error {
	s.signChunk()
	return s.check()
}

// signChunk makes s.previous the signature of the data hashed so far.
func (s *chunkSigner) signChunk() {
	b := s.begin("AWS4-HMAC-SHA256-PAYLOAD")
	b = append(b, emptySHA256...) // S3 hashes an empty set of headers here
	b = append(b, '\n')
	s.end(hex.AppendEncode(b, s.hash.Sum(s.sum[:0])))
	s.hash.Reset()
}

// checkTrailer checks the given signature against the trailer.
func (s *chunkSigner) checkTrailer(name, value string, present bool) error {
	s.signTrailer(name, value, present)
	return s.check()
}

// signTrailer makes s.previous the signature of the trailer
// (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html).
func (s *chunkSigner) signTrailer(name, value string, present bool) {
	s.hash.Reset()
	if present {
		s.hash.Write([]byte(name + ":" + value + "\n"))
	}
	b := s.begin("AWS4-HMAC-SHA256-TRAILER")
	s.end(hex.AppendEncode(b, s.hash.Sum(s.sum[:0])))
	s.hash.Reset()
}

func (s *chunkSigner) begin(algorithm string) []byte {
	b := appendToSign(s.toSign[:0], algorithm, s.seed.stamp, s.seed.scope)
	b = append(b, s.previous[:]...)
	return append(b, '\n')
}

func (s *chunkSigner) end(toSign []byte) {
	s.toSign = toSign
	s.mac.sign(&s.previous, toSign)
}

func (s *chunkSigner) check() error {
	if !hmac.Equal(s.previous[:], s.given[:]) {
		return signatureMismatch(s.seed.id, string(s.given[:]), s.toSign, nil)
	}
	return nil
}
