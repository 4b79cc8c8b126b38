// Package autotls is where a server's certificate comes from: files of the
// site's own, a certificate authority of its own made at the first start, or an
// ACME directory such as Let's Encrypt. Whichever it is, certificates are
// renewed while the server runs.
package autotls

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/mucura/mucura/adapters/acme"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/seal"
	"github.com/mucura/mucura/core/serve"
)

// Open makes the source that the settings name; nil when TLS is off. The
// registry and the site key are used by the modes internal and acme.
func Open(ctx context.Context, c *config.Config, registry meta.Store, siteKey []byte, older [][]byte, log *slog.Logger) (serve.Source, error) {
	switch c.TLS {
	case "off":
		return nil, nil
	case "files":
		s, err := Files(c.TLSCert, c.TLSKey, log)
		if err != nil {
			return nil, fmt.Errorf("certificate: %w", err)
		}
		return s, nil
	}
	box, err := seal.New(siteKey, older...)
	if err != nil {
		return nil, err
	}
	if c.TLS == "internal" {
		return openInternal(ctx, c, registry, box, log)
	}
	return openACME(c, registry, box, log)
}

// acmeSource is an ACME manager as a source.
type acmeSource struct {
	*acme.Manager
	box *seal.Box
}

// SetSiteKeys puts other site keys in force.
func (s acmeSource) SetSiteKeys(key []byte, older ...[]byte) error { return s.box.Set(key, older...) }

func (acmeSource) Authority() []byte { return nil }

func openACME(c *config.Config, registry meta.Store, box *seal.Box, log *slog.Logger) (serve.Source, error) {
	o := acme.Options{
		Directory: c.ACMEDirectory, Email: c.ACMEEmail, EABKeyID: c.ACMEEABKeyID, Profile: c.ACMEProfile,
		NoHTTP: !slices.Contains(c.ACMEChallenges, "http-01"), NoTLSALPN: !slices.Contains(c.ACMEChallenges, "tls-alpn-01"),
		HTTPPort: port(c.HTTPListen), TLSPort: port(c.Listen), Log: log,
	}
	// Without a plain listener nobody answers HTTP-01.
	o.NoHTTP = o.NoHTTP || c.HTTPListen == ""
	if c.ACMEEABKeyFile != "" {
		key, err := os.ReadFile(c.ACMEEABKeyFile)
		if err != nil {
			return nil, fmt.Errorf("acme-eab-key-file: %w", err)
		}
		o.EABKey = strings.TrimSpace(string(key))
	}
	if c.ACMERootsFile != "" {
		pem, err := os.ReadFile(c.ACMERootsFile)
		if err != nil {
			return nil, fmt.Errorf("acme-roots-file: %w", err)
		}
		o.Roots = x509.NewCertPool()
		if !o.Roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("acme-roots-file: %s holds no certificate", c.ACMERootsFile)
		}
	}
	m, err := acme.New(registry, box, c.TLSNames, o)
	if err != nil {
		return nil, err
	}
	return acmeSource{m, box}, nil
}
