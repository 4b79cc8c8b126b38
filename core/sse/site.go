package sse

import (
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
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

	mu   sync.Mutex // held while keys are made
	keys atomic.Pointer[[]*Key]
}

// siteIDSize is how much of a digest names a site key, bytes.
const siteIDSize = 8

// ring is the keys in force, the current one first.
func (s *Site) ring() ([]*Key, error) {
	if keys := s.keys.Load(); keys != nil {
		return *keys, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if keys := s.keys.Load(); keys != nil {
		return *keys, nil
	}
	keys, err := makeKeys(s.Key, s.Older)
	if err == nil {
		s.keys.Store(&keys)
	}
	return keys, err
}

// Set puts other site keys in force while requests are served; the fields keep
// what was there at the start. Keys that contents were encrypted under must be
// among the older ones.
func (s *Site) Set(key []byte, older ...[]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys, err := makeKeys(key, older)
	if err == nil {
		s.keys.Store(&keys)
	}
	return err
}

func makeKeys(key []byte, older [][]byte) (keys []*Key, err error) {
	for _, secret := range append([][]byte{key}, older...) {
		k, err := newKey(secret, "mucura SSE-S3 v1")
		if err != nil {
			return nil, fmt.Errorf("site key: %w", err)
		}
		k.siteID = hex.EncodeToString(k.mac("mucura site key ID v1\x00", nil)[:siteIDSize])
		keys = append(keys, k)
	}
	return keys, nil
}

// Current is the key new contents are encrypted under.
func (s *Site) Current() (*Key, error) {
	keys, err := s.ring()
	if err != nil {
		return nil, err
	}
	return keys[0], nil
}

// Named is the key of a SiteID; ErrUnknownKey when it is not configured.
func (s *Site) Named(id string) (*Key, error) {
	keys, err := s.ring()
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if k.siteID == id {
			return k, nil
		}
	}
	return nil, fmt.Errorf("site key %q: %w", id, ErrUnknownKey)
}
