package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strings"
	"sync"
)

const (
	terminal = "aws4_request"
	service  = "s3"

	// maxSigningKeys bounds the cache: a key is wanted for a day, and a site has
	// few principals active on one.
	maxSigningKeys = 4096
)

// signingKey makes signatures for one access key, day and region. Its MACs are
// kept keyed, so a signature costs no allocation and no key schedule.
type signingKey struct {
	macs sync.Pool
}

type mac struct {
	hash hash.Hash
	sum  [sha256.Size]byte
}

// signature is the lower-case hexadecimal form of an HMAC-SHA256.
type signature [2 * sha256.Size]byte

func newSigningKey(secret, day, region, service string) *signingKey {
	var buf [64]byte
	key := hmacSHA256(append(append(buf[:0], "AWS4"...), secret...), day)
	for _, part := range [...]string{region, service, terminal} {
		key = hmacSHA256(key, part)
	}
	k := new(signingKey)
	k.macs.New = func() any { return &mac{hash: hmac.New(sha256.New, key)} }
	return k
}

func hmacSHA256(key []byte, data string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(data))
	return h.Sum(nil)
}

// sign writes the signature of a string to sign to dst.
func (k *signingKey) sign(dst *signature, toSign []byte) {
	m := k.mac()
	m.sign(dst, toSign)
	k.macs.Put(m)
}

// mac gives a MAC that is the caller's to keep or to put back.
func (k *signingKey) mac() *mac { return k.macs.Get().(*mac) }

func (m *mac) sign(dst *signature, toSign []byte) {
	m.hash.Reset()
	m.hash.Write(toSign)
	hex.Encode(dst[:], m.hash.Sum(m.sum[:0]))
}

// is says whether a signature is the given one, in a time that does not depend
// on where they differ.
func (s *signature) is(given string) bool {
	if len(given) != len(s) {
		return false
	}
	var g signature
	copy(g[:], given)
	return hmac.Equal(s[:], g[:])
}

// keyScope is everything a signing key follows from. The secret is part of it,
// so a changed secret finds no old key.
type keyScope struct{ id, secret, day, region, service string }

// keyCache remembers signing keys. Its zero value is empty and ready.
type keyCache struct {
	mu   sync.RWMutex
	keys map[keyScope]*signingKey
}

// get gives the key for a scope, and whether it was in the cache.
func (c *keyCache) get(s keyScope) (*signingKey, bool) {
	c.mu.RLock()
	key := c.keys[s]
	c.mu.RUnlock()
	if key != nil {
		return key, true
	}
	return newSigningKey(s.secret, s.day, s.region, s.service), false
}

// put remembers a key that has proved right; only those, so that nobody without
// a secret fills the cache with regions and days of his own.
func (c *keyCache) put(s keyScope, key *signingKey) {
	// The strings are pieces of the request: keep no request for their sake.
	s = keyScope{strings.Clone(s.id), strings.Clone(s.secret), strings.Clone(s.day), strings.Clone(s.region), s.service}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys == nil {
		c.keys = make(map[keyScope]*signingKey)
	}
	if len(c.keys) >= maxSigningKeys {
		clear(c.keys)
	}
	c.keys[s] = key
}
