// Package seal encrypts short secrets at rest under a site key, with
// AES-256-GCM. A sealed secret names the key it was made with, so that a site
// can change its key: the old one still opens while the new one seals.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync/atomic"
)

// KeySize is the length of a site key, bytes.
const KeySize = 32

// A sealed secret is: format(1) keyID(4) nonce(12) ciphertext tag(16).
const (
	format    = 1
	idSize    = 4
	nonceSize = 12
	overhead  = 1 + idSize + nonceSize + 16
)

// The errors Open returns.
var (
	// ErrUnknownKey: the secret was sealed under a site key that is not given.
	ErrUnknownKey = errors.New("sealed under a site key that is not configured")
	// ErrDamaged: the sealed bytes, or the additional data, are not those of Seal.
	ErrDamaged = errors.New("sealed secret is damaged")
)

// Box seals under its first key and opens under any. It is safe for concurrent use.
type Box struct {
	keys atomic.Pointer[[]boxKey]
}

type boxKey struct {
	id   [idSize]byte
	aead cipher.AEAD
}

// New makes a box from a key and older keys that still open. Each must have KeySize bytes.
func New(key []byte, older ...[]byte) (*Box, error) {
	b := &Box{}
	if err := b.Set(key, older...); err != nil {
		return nil, err
	}
	return b, nil
}

// Set puts other keys in force, or with an error leaves those there are.
func (b *Box) Set(key []byte, older ...[]byte) error {
	var keys []boxKey
	for _, k := range append([][]byte{key}, older...) {
		if len(k) != KeySize {
			return fmt.Errorf("site key of %d bytes; it must have %d", len(k), KeySize)
		}
		block, err := aes.NewCipher(k)
		if err != nil {
			return err
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return err
		}
		keys = append(keys, boxKey{keyID(k), aead})
	}
	b.keys.Store(&keys)
	return nil
}

// keyID names a key without telling anything useful about it.
func keyID(key []byte) (id [idSize]byte) {
	sum := sha256.Sum256(append([]byte("mucura site key ID\x00"), key...))
	copy(id[:], sum[:])
	return id
}

// Seal encrypts secret and binds it to the additional data ad (the ID of what
// it belongs to), so that a sealed secret moved to another record does not open.
func (b *Box) Seal(secret, ad []byte) []byte {
	k := (*b.keys.Load())[0]
	out := make([]byte, 1+idSize+nonceSize, overhead+len(secret))
	out[0] = format
	copy(out[1:], k.id[:])
	nonce := out[1+idSize:]
	rand.Read(nonce)
	return k.aead.Seal(out, nonce, secret, ad)
}

// Open is the inverse of Seal: ErrUnknownKey or ErrDamaged when it cannot be.
func (b *Box) Open(sealed, ad []byte) ([]byte, error) {
	if len(sealed) < overhead || sealed[0] != format {
		return nil, ErrDamaged
	}
	id, nonce := [idSize]byte(sealed[1:]), sealed[1+idSize:1+idSize+nonceSize]
	known := false
	for _, k := range *b.keys.Load() {
		if k.id != id {
			continue
		}
		known = true
		if secret, err := k.aead.Open(nil, nonce, sealed[1+idSize+nonceSize:], ad); err == nil {
			return secret, nil
		}
	}
	if !known {
		return nil, ErrUnknownKey
	}
	return nil, ErrDamaged
}

// Current tells whether a secret was sealed under the first key, so that a
// site that changes its key knows what to seal anew.
func (b *Box) Current(sealed []byte) bool {
	return len(sealed) >= overhead && sealed[0] == format && [idSize]byte(sealed[1:]) == (*b.keys.Load())[0].id
}
