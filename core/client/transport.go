package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// NewHTTP makes an HTTP client for as many requests at once as parallel. roots
// are the certificate authorities to trust, nil for the system's; certificate
// is what the client shows when it is asked for one, nil for none. Proxies are
// those of the environment (HTTPS_PROXY, NO_PROXY).
func NewHTTP(parallel int, roots *x509.CertPool, certificate *tls.Certificate) *http.Client {
	dialer := &net.Dialer{Timeout: 20 * time.Second, KeepAlive: 15 * time.Second}
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		MaxIdleConns:          parallel + 4,
		MaxIdleConnsPerHost:   parallel + 4,
		IdleConnTimeout:       60 * time.Second,
		TLSHandshakeTimeout:   20 * time.Second,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true,
		WriteBufferSize:       64 << 10,
		ReadBufferSize:        64 << 10,
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}
	if certificate != nil {
		// Given whatever authorities the server names: it cannot name those of a
		// proxy certificate.
		t.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return certificate, nil
		}
	}
	return &http.Client{
		Transport:     finalErrors{t},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// finalErrors marks those failures that will be the same next time.
type finalErrors struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (f finalErrors) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := f.next.RoundTrip(r)
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verify *tls.CertificateVerificationError
	var dns *net.DNSError
	var header tls.RecordHeaderError
	switch {
	case errors.As(err, &header):
		err = fmt.Errorf("%s does not speak TLS: is it http:// there? (%w)", r.URL.Host, err)
	case errors.As(err, &unknown):
		err = fmt.Errorf("%w; --ca-file names authorities to trust besides the system's", err)
	}
	if errors.As(err, &unknown) || errors.As(err, &name) || errors.As(err, &invalid) || errors.As(err, &verify) ||
		errors.As(err, &header) || errors.As(err, &dns) && dns.IsNotFound {
		return nil, &NetError{Err: err, Final: true}
	}
	return resp, err
}
