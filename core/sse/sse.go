// Package sse encrypts the bytes of objects on their way to the disk and back:
// server-side encryption with the site's keys (SSE-S3) and with keys that
// customers bring along with each request (SSE-C).
//
// Bytes are encrypted with AES-256 in counter mode (NIST SP 800-38A, 6.5),
// under a key of their own that HKDF (RFC 5869, SHA-256) derives from a master
// key and the name of the content. So what is stored is as long as what it
// stands for, any stretch of it can be read by itself, records that share a
// content share it encrypted, and no key is ever used for two contents. The
// bytes are not authenticated; docs/decisions/0001-server-side-encryption.md
// says why.
package sse

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// Algorithm is S3's name of the one algorithm there is.
const Algorithm = "AES256"

// KeySize is the length of a customer's key and of a site key, bytes.
const KeySize = 32

// SaltSize is the length of what NewSalt makes, bytes.
const SaltSize = 16

// ErrKeySize says that a key has not KeySize bytes.
var ErrKeySize = errors.New("a key must have 32 bytes")

// Key is a master key. It holds a secret: it lives as long as a request (a
// customer's) or in memory only (a site's), and is never printed or stored.
// It is safe for concurrent use.
type Key struct {
	secret [sha256.Size]byte // HKDF's pseudorandom key
	siteID string
}

// newKey extracts a master key from a secret that may not be uniform, apart
// from all others by what it is for.
func newKey(secret []byte, purpose string) (*Key, error) {
	if len(secret) != KeySize {
		return nil, fmt.Errorf("%w, not %d", ErrKeySize, len(secret))
	}
	prk, err := hkdf.Extract(sha256.New, secret, []byte(purpose))
	if err != nil {
		return nil, err
	}
	return &Key{secret: [sha256.Size]byte(prk)}, nil
}

// NewCustomerKey makes the master key of a customer's key. ErrKeySize unless
// it has KeySize bytes.
func NewCustomerKey(secret []byte) (*Key, error) { return newKey(secret, "mucura SSE-C v1") }

// SiteID names a site's key; "" for a customer's.
func (k *Key) SiteID() string { return k.siteID }

// Customer tells whether it is a customer's key.
func (k *Key) Customer() bool { return k.siteID == "" }

// String keeps the secret out of logs.
func (k *Key) String() string { return "sse.Key(" + k.siteID + ")" }

// GoString keeps the secret out of logs.
func (k *Key) GoString() string { return k.String() }

// mac is the keyed digest of data, apart from other uses of the key by label.
func (k *Key) mac(label string, data []byte) []byte {
	h := hmac.New(sha256.New, k.secret[:])
	h.Write([]byte(label))
	h.Write(data)
	return h.Sum(nil)
}

const checkLabel = "mucura check v1\x00"

// Check makes what a record keeps to recognise the key, and what tells nothing
// else about it: a random salt and the HMAC-SHA256 of the salt under the key.
func (k *Key) Check() []byte {
	salt := NewSalt()
	return append(salt, k.mac(checkLabel, salt)...)
}

// Matches tells, in constant time, whether Check of the same key made check.
func (k *Key) Matches(check []byte) bool {
	if len(check) != SaltSize+sha256.Size {
		return false
	}
	return hmac.Equal(k.mac(checkLabel, check[:SaltSize]), check[SaltSize:])
}

// NewSalt makes a fresh random name for bytes that have no content ID.
func NewSalt() []byte {
	salt := make([]byte, SaltSize)
	rand.Read(salt)
	return salt
}

// Stream gives the key stream of the content of that name, from an offset in
// bytes on. The name must never be used for other bytes: content IDs and fresh
// salts have that property, and cannot be taken for each other because their
// lengths differ.
func (k *Key) Stream(name string, offset int64) (cipher.Stream, error) {
	key, err := hkdf.Expand(sha256.New, k.secret[:], "mucura content v1\x00"+name, KeySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	var counter, skip [aes.BlockSize]byte
	binary.BigEndian.PutUint64(counter[8:], uint64(offset)/aes.BlockSize)
	s := cipher.NewCTR(block, counter[:])
	part := skip[:offset%aes.BlockSize]
	s.XORKeyStream(part, part)
	return s, nil
}
