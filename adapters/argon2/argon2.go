// Package argon2 hashes passwords with argon2id (RFC 9106) and keeps the
// parameters in the hash, in the form other programs know, too:
// $argon2id$v=19$m=KiB,t=passes,p=lanes$salt$hash.
package argon2

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Hasher makes hashes with these parameters; it implements accounts.Hasher.
type Hasher struct {
	Memory uint32 // KiB
	Passes uint32
	// At bounds how many are computed at once, so that people who sign in cannot
	// use up the memory.
	at chan struct{}
}

// The parameters of today (OWASP's recommendation of 2024: 19 MiB, 2 passes).
const (
	memory = 19 << 10
	passes = 2
	lanes  = 1
	length = 32
	atOnce = 2
)

// New makes a hasher with today's parameters.
func New() *Hasher {
	return &Hasher{Memory: memory, Passes: passes, at: make(chan struct{}, atOnce)}
}

var errForm = errors.New("malformed password hash")

// Hash hashes a password with a fresh salt.
func (h *Hasher) Hash(password string) (string, error) {
	salt := make([]byte, 16)
	rand.Read(salt)
	sum := h.compute(password, salt, h.Memory, h.Passes, lanes, length)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.Memory, h.Passes, lanes, b64(salt), b64(sum)), nil
}

func (h *Hasher) compute(password string, salt []byte, memory, passes uint32, lanes uint8, size uint32) []byte {
	h.at <- struct{}{}
	defer func() { <-h.at }()
	return argon2.IDKey([]byte(password), salt, passes, memory, lanes, size)
}

// Verify compares a password with a hash in constant time. stale: the hash was
// made with weaker parameters than today's.
func (h *Hasher) Verify(hash, password string) (ok, stale bool, err error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return false, false, errForm
	}
	var m, t uint32
	var p uint8
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &m, &t, &p); err != nil || m < 8 || m > 1<<20 || t < 1 || t > 100 || p < 1 {
		return false, false, errForm
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	want, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(salt) < 8 || len(want) < 16 || len(want) > 64 {
		return false, false, errForm
	}
	got := h.compute(password, salt, m, t, p, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, m < h.Memory || t < h.Passes, nil
}
