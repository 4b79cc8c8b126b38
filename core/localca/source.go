package localca

import (
	"crypto/tls"
	"slices"
	"sync"
	"time"
)

// Source hands one certificate to all TLS handshakes, and has it issued anew
// when it is near its end or the names have changed.
type Source struct {
	Authority *Authority
	// Names says what the server is reached by now: host names and addresses.
	Names func() []string
	Now   func() time.Time

	mu    sync.Mutex
	cert  *tls.Certificate
	names []string
}

// Refresh issues a certificate if a third or less of the old one's life is
// left, or the names are others. It tells whether it did.
func (s *Source) Refresh() (bool, error) {
	names := slices.Clone(s.Names())
	slices.Sort(names)
	names = slices.Compact(names)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Now()
	if s.cert != nil && slices.Equal(names, s.names) && s.cert.Leaf.NotAfter.Sub(now) > LeafLife/3 {
		return false, nil
	}
	cert, err := s.Authority.Issue(names, now)
	if err != nil {
		return false, err
	}
	s.cert, s.names = cert, names
	return true, nil
}

// GetCertificate is for tls.Config; Refresh has been called before.
func (s *Source) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cert, nil
}

// NotAfter is when the present certificate ends.
func (s *Source) NotAfter() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cert == nil {
		return time.Time{}
	}
	return s.cert.Leaf.NotAfter
}
