// Package session makes and opens the credentials of a session: an access key
// ID, a secret access key and a session token, that any process with the site
// key can check without looking anything up.
//
// The token is a sealed catalog.Session: whoever holds it cannot read or alter
// it. The secret is derived from the access key ID by HMAC. Both keys come from
// the site key by HKDF, each for its purpose, so nothing sealed under the site
// key elsewhere can pass for a token.
package session

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/seal"
)

// Prefix begins the access key IDs of sessions, and of nothing else.
const Prefix = "MUS"

// An access key ID is: Prefix, tag(4), random(17), in letters and digits. The
// tag tells under which site key the session was issued.
const (
	tagSize    = 4
	randomSize = 17 // 85 bits
	idSize     = len(Prefix) + tagSize + randomSize
)

// MaxToken bounds a token, bytes; it must pass in a header.
const MaxToken = 8 << 10

// The errors of Open.
var (
	// ErrUnknownKey: the access key ID is of a site key that is not configured,
	// or is no session's.
	ErrUnknownKey = errors.New("session of a site key that is not configured")
	// ErrToken: the token is not one that was issued with the access key ID.
	ErrToken = errors.New("session token is not genuine")
)

// Credentials are what a client gets. The secret is nowhere else.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	Expiration      time.Time
}

// Codec issues sessions under its first site key and opens those of any. It
// is safe for concurrent use.
type Codec struct {
	keys []codecKey
}

type codecKey struct {
	tag    string
	box    *seal.Box
	secret []byte
}

// New makes a codec from the site key and older ones, each of seal.KeySize bytes.
func New(key []byte, older ...[]byte) (*Codec, error) {
	c := &Codec{}
	for _, site := range append([][]byte{key}, older...) {
		k, err := newKey(site)
		if err != nil {
			return nil, err
		}
		c.keys = append(c.keys, k)
	}
	return c, nil
}

func newKey(site []byte) (k codecKey, err error) {
	if len(site) != seal.KeySize {
		return k, fmt.Errorf("site key of %d bytes; it must have %d", len(site), seal.KeySize)
	}
	sealing, err := hkdf.Key(sha256.New, site, nil, "mucura session token v1", seal.KeySize)
	if err != nil {
		return k, err
	}
	if k.secret, err = hkdf.Key(sha256.New, site, nil, "mucura session secret v1", sha256.Size); err != nil {
		return k, err
	}
	if k.box, err = seal.New(sealing); err != nil {
		return k, err
	}
	k.tag = base32.StdEncoding.EncodeToString(k.mac("tag"))[:tagSize]
	return k, nil
}

func (k *codecKey) mac(text string) []byte {
	h := hmac.New(sha256.New, k.secret)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// secretOf is the secret access key of an access key ID: 40 characters, 240 bits.
func (k *codecKey) secretOf(id string) string {
	return base64.RawURLEncoding.EncodeToString(k.mac("id\x00" + id)[:30])
}

// Issue makes the credentials of a session, whose ID it sets. The error says
// that the token would be too long.
func (c *Codec) Issue(s *catalog.Session) (Credentials, error) {
	k := &c.keys[0]
	var random [11]byte
	rand.Read(random[:])
	s.ID = Prefix + k.tag + base32.StdEncoding.EncodeToString(random[:])[:randomSize]
	token := base64.RawURLEncoding.EncodeToString(k.box.Seal(catalog.EncodeSession(s), []byte(s.ID)))
	if len(token) > MaxToken {
		return Credentials{}, fmt.Errorf("session token of %d bytes; at most %d pass in a header", len(token), MaxToken)
	}
	return Credentials{s.ID, k.secretOf(s.ID), token, s.Expires}, nil
}

// Is tells whether an access key ID has the form of a session's.
func Is(accessKeyID string) bool {
	return len(accessKeyID) == idSize && strings.HasPrefix(accessKeyID, Prefix)
}

// Open is the inverse of Issue: what the token says, and the secret access key.
// It does not look whether the session has expired. Errors: ErrUnknownKey, ErrToken.
func (c *Codec) Open(accessKeyID, token string) (*catalog.Session, string, error) {
	if !Is(accessKeyID) {
		return nil, "", ErrUnknownKey
	}
	tag := accessKeyID[len(Prefix):][:tagSize]
	err := ErrUnknownKey
	for i := range c.keys {
		k := &c.keys[i]
		if k.tag != tag {
			continue
		}
		var s *catalog.Session
		if s, err = k.open(accessKeyID, token); err == nil {
			return s, k.secretOf(accessKeyID), nil
		}
	}
	return nil, "", err
}

func (k *codecKey) open(accessKeyID, token string) (*catalog.Session, error) {
	if len(token) > MaxToken || strings.ContainsAny(token, "\r\n") { // the decoder skips line ends
		return nil, ErrToken
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return nil, ErrToken
	}
	plain, err := k.box.Open(sealed, []byte(accessKeyID))
	if err != nil {
		return nil, ErrToken
	}
	s, err := catalog.DecodeSession(plain)
	if err != nil || s.ID != accessKeyID || s.Account == "" {
		return nil, ErrToken
	}
	return s, nil
}
