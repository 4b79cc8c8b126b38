// Package argon2 hashes passwords with argon2id, for accounts.Service. A hash
// is written in the usual form, "$argon2id$v=19$m=…,t=…,p=…$salt$hash", so it
// tells its own parameters, and stronger ones can follow.
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

const (
	saltSize = 16
	hashSize = 32
	// maxMemory and maxTime bound what a stored hash may ask for.
	maxMemory = 1 << 20 // KiB
	maxTime   = 64
)

// Params are how much work a hash is.
type Params struct {
	Memory  uint32 // KiB
	Time    uint32 // passes
	Threads uint8
}

// Hasher makes and compares hashes. The zero value is not valid; see New.
type Hasher struct {
	params Params
	turns  chan struct{}
}

// New makes a hasher. Each hash takes 64 MiB for a few tenths of a second, on
// one core; at most four are made at once, and others wait: so many clients at
// once cannot use up the memory. RFC 9106 recommends more passes or memory
// (section 4) where there is room; OWASP's minimum is 19 MiB.
func New() *Hasher {
	return NewWith(Params{Memory: 64 << 10, Time: 3, Threads: 1}, 4)
}

// NewWith makes a hasher of other parameters, of which so many hashes are made at once.
func NewWith(p Params, atOnce int) *Hasher {
	return &Hasher{params: p, turns: make(chan struct{}, atOnce)}
}

// Hash implements accounts.Hasher.
func (h *Hasher) Hash(password string) (string, error) {
	var salt [saltSize]byte
	rand.Read(salt[:])
	b64 := base64.RawStdEncoding.EncodeToString
	p := h.params
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.Memory, p.Time, p.Threads,
		b64(salt[:]), b64(h.derive(password, salt[:], p, hashSize))), nil
}

func (h *Hasher) derive(password string, salt []byte, p Params, size uint32) []byte {
	h.turns <- struct{}{}
	defer func() { <-h.turns }()
	return argon2.IDKey([]byte(password), salt, p.Time, p.Memory, p.Threads, size)
}

var errHash = errors.New("stored password hash is malformed")

// Verify implements accounts.Hasher.
func (h *Hasher) Verify(hash, password string) (ok, stale bool, err error) {
	p, salt, want, err := parse(hash)
	if err != nil {
		return false, false, err
	}
	got := h.derive(password, salt, p, uint32(len(want)))
	weaker := p.Memory < h.params.Memory || p.Time < h.params.Time
	return subtle.ConstantTimeCompare(got, want) == 1, weaker, nil
}

func parse(hash string) (p Params, salt, sum []byte, err error) {
	f := strings.Split(hash, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" || f[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, nil, nil, errHash
	}
	if n, err := fmt.Sscanf(f[3], "m=%d,t=%d,p=%d", &p.Memory, &p.Time, &p.Threads); n != 3 || err != nil {
		return p, nil, nil, errHash
	}
	if p.Memory < 8 || p.Memory > maxMemory || p.Time < 1 || p.Time > maxTime || p.Threads < 1 {
		return p, nil, nil, errHash
	}
	if salt, err = base64.RawStdEncoding.DecodeString(f[4]); err != nil || len(salt) < 8 {
		return p, nil, nil, errHash
	}
	if sum, err = base64.RawStdEncoding.DecodeString(f[5]); err != nil || len(sum) < 16 || len(sum) > 64 {
		return p, nil, nil, errHash
	}
	return p, salt, sum, nil
}
