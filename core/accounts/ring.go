package accounts

import (
	"sync"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/seal"
	"github.com/mucura/mucura/core/session"
)

// keyRing is what follows from a set of site keys.
type keyRing struct {
	box   *seal.Box
	codec *session.Codec
	// sessions are tokens already opened. What a token says never changes, so
	// they hold as long as the ring.
	sessions tokens
}

func newRing(key []byte, older [][]byte) (*keyRing, error) {
	box, err := seal.New(key, older...)
	if err != nil {
		return nil, err
	}
	codec, err := session.New(key, older...)
	if err != nil {
		return nil, err
	}
	return &keyRing{box: box, codec: codec}, nil
}

// ring is that of the site keys in force.
func (s *Service) ring() (*keyRing, error) {
	if r := s.state.ring.Load(); r != nil {
		return r, nil
	}
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	if r := s.state.ring.Load(); r != nil {
		return r, nil
	}
	r, err := newRing(s.SiteKey, s.OldSiteKeys)
	if err == nil {
		s.state.ring.Store(r)
	}
	return r, err
}

// SetSiteKeys puts other site keys in force while requests are served. The
// fields SiteKey and OldSiteKeys keep what was there at the start. To change
// the site key without refusing anybody, every process must open what any of
// them seals: make the new key known everywhere as an older one first, then
// let it seal.
func (s *Service) SetSiteKeys(key []byte, older ...[]byte) error {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	r, err := newRing(key, older)
	if err == nil {
		s.state.ring.Store(r)
	}
	return err
}

// tokens keeps opened tokens, by themselves. The zero value is empty and ready.
type tokens struct {
	mu   sync.RWMutex
	kept map[string]*opened
}

// opened is a genuine token. bound is the principal it gave with the account's
// record, and that of the access key it was made with, at these versions.
type opened struct {
	session *catalog.Session
	secret  string

	mu              sync.Mutex
	account, parent meta.Version
	principal       *catalog.Principal
}

// maxTokens bounds how many opened tokens are kept.
const maxTokens = 4096

func (t *tokens) get(token string) *opened {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.kept[token]
}

// put keeps a token; a full cache drops an arbitrary one, which costs its next
// user an opening.
func (t *tokens) put(token string, o *opened) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept == nil {
		t.kept = map[string]*opened{}
	}
	if len(t.kept) >= maxTokens {
		for other := range t.kept {
			delete(t.kept, other)
			break
		}
	}
	t.kept[token] = o
}
