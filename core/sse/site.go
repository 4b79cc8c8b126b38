package sse

import (
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
)

// ErrUnknownKey says that bytes were encrypted under a site key that is not
// configured.
var ErrUnknownKey = errors.New("encrypted under a site key that is not configured")

// Site holds the master keys of SSE-S3. Its fields are set before the first
// use and not changed. It is safe for concurrent use.
type Site struct {
	// Key is the site key, KeySize bytes. Others keep secrets of their own
	// under it (package seal); the keys derived here are apart from theirs.
	Key []byte
	// Older site keys still read what was encrypted under them.
	Older [][]byte

	once sync.Once
	keys []*Key
	err  error
}

// siteIDSize is how much of a digest names a site key, bytes.
const siteIDSize = 8

func (s *Site) load() {
	for _, secret := range append([][]byte{s.Key}, s.Older...) {
		k, err := newKey(secret, "mucura SSE-S3 v1")
		if err != nil {
			s.err = fmt.Errorf("site key: %w", err)
			return
		}
		k.siteID = hex.EncodeToString(k.mac("mucura site key ID v1\x00", nil)[:siteIDSize])
		s.keys = append(s.keys, k)
	}
}

// Current is the key new contents are encrypted under.
func (s *Site) Current() (*Key, error) {
	s.once.Do(s.load)
	if s.err != nil {
		return nil, s.err
	}
	return s.keys[0], nil
}

// Named is the key of a SiteID; ErrUnknownKey when it is not configured.
func (s *Site) Named(id string) (*Key, error) {
	s.once.Do(s.load)
	if s.err != nil {
		return nil, s.err
	}
	for _, k := range s.keys {
		if k.siteID == id {
			return k, nil
		}
	}
	return nil, fmt.Errorf("site key %q: %w", id, ErrUnknownKey)
}
