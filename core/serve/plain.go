package serve

import (
	"net"
	"net/http"
	"strconv"
	"time"
)

// authorityPath is where the certificate of the site's own authority can be had.
const authorityPath = "/-/ca.pem"

// plain is the handler of the plain HTTP listener beside TLS: it answers the
// ACME authority, gives the certificate of the site's own authority away, and
// sends everybody else to HTTPS. Signed requests are not redirected: their
// signature would not hold there, and they had better learn that they went out
// in the clear.
func plain(s Source, httpsPort int) http.Handler {
	return s.HTTPHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case serveAuthority(s, w, r):
		case r.Method != http.MethodGet && r.Method != http.MethodHead, r.Header.Get("Authorization") != "":
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>InsecureTransport</Code><Message>Requests must use HTTPS.</Message></Error>"))
		default:
			host := r.Host
			if h, _, err := net.SplitHostPort(host); err == nil {
				host = h
			}
			if httpsPort != 443 {
				host = net.JoinHostPort(host, strconv.Itoa(httpsPort))
			}
			http.Redirect(w, r, "https://"+host+r.URL.RequestURI(), http.StatusMovedPermanently)
		}
	}))
}

// serveAuthority answers a request for the authority's certificate.
func serveAuthority(s Source, w http.ResponseWriter, r *http.Request) bool {
	pem := s.Authority()
	if pem == nil || r.URL.Path != authorityPath || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
		return false
	}
	w.Header().Set("Content-Type", "application/x-pem-file")
	w.Header().Set("Content-Disposition", `attachment; filename="mucura-ca.pem"`)
	_, _ = w.Write(pem)
	return true
}

// secure wraps the handler behind TLS: it gives the authority's certificate
// away, and has browsers come back by HTTPS only for as long as hsts says
// (RFC 6797); 0 says nothing.
func secure(s Source, hsts time.Duration, next http.Handler) http.Handler {
	header := "max-age=" + strconv.FormatInt(int64(hsts/time.Second), 10)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hsts > 0 {
			w.Header()["Strict-Transport-Security"] = []string{header}
		}
		if !serveAuthority(s, w, r) {
			next.ServeHTTP(w, r)
		}
	})
}
