package serve

import (
	"context"
	"crypto/tls"
	"net/http"
	"time"
)

// Source gives certificates to handshakes. Package autotls makes them.
type Source interface {
	// GetCertificate is for tls.Config.
	GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error)
	// Protocols are application protocols to offer besides the server's own.
	Protocols() []string
	// HTTPHandler answers on plain HTTP what the source has to answer there,
	// and hands everything else to next.
	HTTPHandler(next http.Handler) http.Handler
	// Expiries tells until when each certificate is valid; the zero time when
	// it has not been obtained yet.
	Expiries() map[string]time.Time
	// Authority is the certificate people have to trust, PEM; nil when they
	// trust the issuer already.
	Authority() []byte
	// Run renews certificates until ctx is done.
	Run(ctx context.Context)
}

// tlsConfig is TLS as it is done today: 1.2 and above, and HTTP/1.1 only, since
// an early answer over HTTP/2 resets curl's uploads.
func tlsConfig(s Source) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: append([]string{"http/1.1"}, s.Protocols()...),
		// Small first records help pages, not files.
		DynamicRecordSizingDisabled: true,
		GetCertificate:              s.GetCertificate,
	}
}

// spare sees to it that an ACME authority that validates a name is not asked
// for a certificate, whatever c says for that name.
func spare(s Source, c *tls.Config) *tls.Config {
	plain, next := tlsConfig(s), c.GetConfigForClient
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if isChallenge(hello) {
			return plain, nil
		}
		if next != nil {
			return next(hello)
		}
		return nil, nil
	}
	return c
}

// isChallenge tells whether a handshake is an ACME authority's validation
// (RFC 8737): nobody else offers this protocol, and offers nothing else.
func isChallenge(hello *tls.ClientHelloInfo) bool {
	return len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == "acme-tls/1"
}

// sealedSource is a Source whose keys are kept sealed under the site key.
type sealedSource interface {
	// SetSiteKeys puts other site keys in force.
	SetSiteKeys(key []byte, older ...[]byte) error
}
