package autotls

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/localca"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/seal"
	"github.com/mucura/mucura/core/serve"
)

// internal is the site's own authority as a source.
type internal struct {
	source *localca.Source
	log    *slog.Logger
	box    *seal.Box
}

// SetSiteKeys puts other site keys in force.
func (s *internal) SetSiteKeys(key []byte, older ...[]byte) error { return s.box.Set(key, older...) }

func openInternal(ctx context.Context, c *config.Config, registry meta.Store, box *seal.Box, log *slog.Logger) (serve.Source, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "mucura"
	}
	site := host
	if len(c.TLSNames) > 0 {
		site = c.TLSNames[0]
	}
	authority, err := localca.Open(ctx, registry, box, site, time.Now())
	if err != nil {
		return nil, err
	}
	fixed := append([]string{}, c.TLSNames...)
	if h, _, err := net.SplitHostPort(c.Listen); err == nil && h != "" && !isUnspecified(h) {
		fixed = append(fixed, h)
	}
	s := &internal{&localca.Source{Authority: authority, Now: time.Now, Names: func() []string { return reached(fixed, host) }}, log, box}
	_, err = s.source.Refresh()
	return s, err
}

func isUnspecified(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsUnspecified()
}

// reached is everything this machine may be reached by: the names it was
// given, its own name, and the addresses it has now, which DHCP may change.
func reached(fixed []string, host string) []string {
	names := append([]string{host, "localhost", "127.0.0.1", "::1"}, fixed...)
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return names
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
			names = append(names, n.IP.String())
		}
	}
	return names
}

func port(address string) int {
	_, p, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(p)
	return n
}

func (s *internal) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return s.source.GetCertificate(hello)
}

func (s *internal) Protocols() []string                        { return nil }
func (s *internal) HTTPHandler(next http.Handler) http.Handler { return next }
func (s *internal) Authority() []byte                          { return s.source.Authority.PEM() }

// Fingerprint is the SHA-256 of the authority's certificate.
func (s *internal) Fingerprint() string { return s.source.Authority.Fingerprint() }

func (s *internal) Expiries() map[string]time.Time {
	return map[string]time.Time{"internal": s.source.NotAfter()}
}

// Run has the certificate issued anew before it ends, and when the machine gets
// another address.
func (s *internal) Run(ctx context.Context) {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if renewed, err := s.source.Refresh(); err != nil {
				s.log.Warn("certificate not renewed", "error", err.Error())
			} else if renewed {
				s.log.Info("certificate renewed", "until", s.source.NotAfter())
			}
		}
	}
}
