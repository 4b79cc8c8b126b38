// Package acme obtains and renews certificates from an ACME directory (RFC
// 8555) with certmagic. Everything certmagic keeps lies in the registry, sealed
// under the site key, so several processes share one certificate, answer one
// another's challenges, and order each certificate once.
//
// What it cannot promise: on a registry whose compare-and-set is exact only
// "when healthy", two processes may order the same certificate twice.
package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
	"go.uber.org/zap"

	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/seal"
)

// LetsEncrypt is the directory used when none is given.
const LetsEncrypt = certmagic.LetsEncryptProductionCA

// Options say where certificates come from.
type Options struct {
	Directory string // URL of the ACME directory; "" is Let's Encrypt
	Email     string // where the authority writes to; may be empty
	// EABKeyID and EABKey bind the account to one at the authority (RFC 8555
	// section 7.3.4); the key is base64url.
	EABKeyID, EABKey string
	// Roots are trusted for connections to the directory; nil: the system's.
	Roots *x509.CertPool
	// Profile asks for a kind of certificate the authority offers, such as
	// "shortlived"; "" is its default.
	Profile string
	// NoHTTP and NoTLSALPN switch off a kind of challenge.
	NoHTTP, NoTLSALPN bool
	// HTTPPort and TLSPort are the ports on which this process serves what the
	// authority asks for on 80 and 443; 0: those.
	HTTPPort, TLSPort int
	Log               *slog.Logger
	// Interval is how often names that other processes have added are looked
	// for; 0 is half a minute.
	Interval time.Duration

	renewCheck time.Duration // for tests: renew at each check, this often
}

// Manager keeps certificates for names and hands them to TLS handshakes.
type Manager struct {
	store    meta.Store
	opts     Options
	cache    *certmagic.Cache
	config   *certmagic.Config
	issuer   *certmagic.ACMEIssuer
	fallback *tls.Certificate

	mu    sync.Mutex
	fixed []string // from the settings
	names []string // all that are managed
}

// New makes a manager for names, and those added at run time. It asks nobody
// anything yet; Run does.
func New(registry meta.Store, box *seal.Box, names []string, o Options) (*Manager, error) {
	if o.Directory == "" {
		o.Directory = LetsEncrypt
	}
	if o.Interval == 0 {
		o.Interval = 30 * time.Second
	}
	if o.NoHTTP && o.NoTLSALPN {
		return nil, fmt.Errorf("no kind of challenge is left: HTTP-01 and TLS-ALPN-01 are both off")
	}
	fallback, err := selfSigned(time.Now())
	if err != nil {
		return nil, err
	}
	m := &Manager{store: registry, opts: o, fallback: fallback}
	for _, name := range names {
		clean, err := CheckName(name)
		if err != nil {
			return nil, err
		}
		m.fixed = append(m.fixed, clean)
	}
	m.names = slices.Clone(m.fixed)
	log := zap.New(&slogCore{log: o.Log})
	template := certmagic.Config{
		Storage: &storage{store: registry, box: box, now: time.Now, locks: newLocks(registry)},
		Logger:  log,
	}
	if o.renewCheck > 0 {
		template.RenewalWindowRatio, template.DisableARI = 1, true
	}
	// The cache asks for the configuration of a certificate it renews.
	m.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert:   func(certmagic.Certificate) (*certmagic.Config, error) { return m.config, nil },
		RenewCheckInterval: o.renewCheck, // 0: certmagic's default
		Logger:             log,
	})
	m.config = certmagic.New(m.cache, template)
	if len(m.fixed) > 0 {
		m.config.DefaultServerName = m.fixed[0]
	}
	issuer := certmagic.ACMEIssuer{
		CA: o.Directory, Email: o.Email, Agreed: true, Profile: o.Profile,
		DisableHTTPChallenge: o.NoHTTP, DisableTLSALPNChallenge: o.NoTLSALPN,
		AltHTTPPort: o.HTTPPort, AltTLSALPNPort: o.TLSPort,
		TrustedRoots: o.Roots, Logger: log,
	}
	if o.EABKeyID != "" {
		issuer.ExternalAccount = &acme.EAB{KeyID: o.EABKeyID, MACKey: o.EABKey}
	}
	m.issuer = certmagic.NewACMEIssuer(m.config, issuer)
	// Only the directory that was given: certmagic would else fall back to another.
	m.config.Issuers = []certmagic.Issuer{m.issuer}
	return m, nil
}

// dnsName is a host name (RFC 1123) of at least two labels, or "localhost".
var dnsName = regexp.MustCompile(`^(localhost|([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)$`)

// CheckName tells whether an authority could certify name, and returns it in
// lower case. Wildcards need a DNS challenge, which is not offered.
func CheckName(name string) (string, error) {
	name = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), "."))
	if strings.Contains(name, "*") {
		return "", fmt.Errorf("%q: a wildcard needs a DNS challenge, which is not offered", name)
	}
	if !certmagic.SubjectQualifiesForCert(name) || (net.ParseIP(name) == nil && !dnsName.MatchString(name)) {
		return "", fmt.Errorf("%q is no name for a certificate", name)
	}
	return name, nil
}

// Run obtains and renews certificates until ctx is done. A directory that
// cannot be reached is tried again and again; meanwhile the old certificate
// serves, or where there is none one signed by itself.
func (m *Manager) Run(ctx context.Context) {
	defer m.cache.Stop()
	m.manage(ctx)
	ticker := time.NewTicker(m.opts.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			m.manage(ctx)
		}
	}
}

// manage begins to manage names that are new, and ends with those removed.
func (m *Manager) manage(ctx context.Context) {
	added, err := Names(ctx, m.store)
	if err != nil {
		if ctx.Err() == nil {
			m.opts.Log.Warn("names for certificates not read", "error", err.Error())
		}
		added = m.current() // those known go on
	}
	names := slices.Clone(m.fixed)
	for _, n := range added {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	m.mu.Lock()
	old := m.names
	m.names = names
	m.mu.Unlock()
	var gone []string
	for _, n := range old {
		if !slices.Contains(names, n) {
			gone = append(gone, n)
		}
	}
	if len(gone) > 0 {
		m.cache.RemoveManaged(subjects(gone))
	}
	// Names that are managed already cost nothing here.
	if err := m.config.ManageAsync(ctx, names); err != nil && ctx.Err() == nil {
		m.opts.Log.Warn("certificates", "error", err.Error())
	}
}

func subjects(names []string) []certmagic.SubjectIssuer {
	all := make([]certmagic.SubjectIssuer, len(names))
	for i, n := range names {
		all[i].Subject = n
	}
	return all
}

func (m *Manager) current() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.names)
}

// challengeProtocol is offered only by an authority that validates TLS-ALPN-01
// (RFC 8737).
const challengeProtocol = "acme-tls/1"

// IsChallenge tells whether a handshake is an authority's validation: it must
// not be asked for a client certificate.
func IsChallenge(hello *tls.ClientHelloInfo) bool {
	return len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == challengeProtocol
}

// Protocols are what the TLS configuration must offer beside its own.
func (m *Manager) Protocols() []string { return []string{challengeProtocol} }

// GetCertificate is for tls.Config. For a name that is managed but has no
// certificate yet, and where there is none for handshakes without a name, it
// gives one that is signed by itself; other names are refused.
func (m *Manager) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if IsChallenge(hello) {
		return m.config.GetCertificate(hello)
	}
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	if name != "" && !slices.Contains(m.current(), name) {
		return nil, fmt.Errorf("no certificate for %q", name)
	}
	if cert, err := m.config.GetCertificate(hello); err == nil {
		return cert, nil
	}
	return m.fallback, nil
}

// HTTPHandler answers HTTP-01 challenges, also those that another process
// began, and hands everything else to next.
func (m *Manager) HTTPHandler(next http.Handler) http.Handler {
	if m.opts.NoHTTP {
		return next
	}
	return m.issuer.HTTPChallengeHandler(next)
}

// Expiries tells for each managed name until when its certificate is valid; the
// zero time when there is none yet.
func (m *Manager) Expiries() map[string]time.Time {
	all := map[string]time.Time{}
	for _, name := range m.current() {
		all[name] = time.Time{}
		for _, c := range m.cache.AllMatchingCertificates(name) {
			if c.Leaf != nil && c.Leaf.NotAfter.After(all[name]) {
				all[name] = c.Leaf.NotAfter
			}
		}
	}
	return all
}
