package lambdahttp

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/mucura/mucura/core/s3err"
)

// request makes the request that the client sent. An error is for the client.
func (a *Adapter) request(ctx context.Context, e *event, d door) (*http.Request, error) {
	r := &http.Request{
		Method: e.Context.HTTP.Method, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: headers(e), RemoteAddr: withPort(e.Context.HTTP.SourceIP), Body: http.NoBody,
	}
	switch d {
	case loadBalancer:
		r.Method, r.RequestURI = e.HTTPMethod, repair(e.Path)
		if q := balancerQuery(e); q != "" {
			r.RequestURI += "?" + q
		}
		r.RemoteAddr = withPort(last(r.Header["X-Forwarded-For"]))
	case httpAPI:
		r.RequestURI = encode(e.RawPath)
	default:
		r.RequestURI = repair(e.RawPath)
	}
	if d != loadBalancer && e.RawQueryString != "" {
		r.RequestURI += "?" + e.RawQueryString
	}
	var err error
	if r.URL, err = url.ParseRequestURI(r.RequestURI); err != nil {
		return nil, s3err.InvalidURI.With(err)
	}
	// Where net/http would have put them.
	r.Host = r.Header.Get("Host")
	if r.Host == "" {
		r.Host = e.Context.DomainName
	}
	r.Header.Del("Host")
	if r.TLS, err = a.connection(r, d); err != nil {
		return nil, err
	}
	if err := takeBody(r, e, d); err != nil {
		return nil, err
	}
	return r.WithContext(ctx), nil
}

// headers gathers the headers of an event.
func headers(e *event) http.Header {
	h := make(http.Header, len(e.Headers)+len(e.MultiValueHeaders)+1)
	for name, values := range e.MultiValueHeaders {
		h[http.CanonicalHeaderKey(name)] = values
	}
	if !e.multi() {
		for name, value := range e.Headers {
			h[http.CanonicalHeaderKey(name)] = []string{value}
		}
	}
	if len(e.Cookies) > 0 {
		h["Cookie"] = []string{strings.Join(e.Cookies, "; ")}
	}
	return h
}

// balancerQuery writes the query again from its parameters, which a load
// balancer gives as they were sent, not decoded. A signature does not depend on
// the order of names. A parameter without value gets no "=", which means the same.
func balancerQuery(e *event) string {
	var b strings.Builder
	add := func(name, value string) {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(name)
		if value != "" {
			b.WriteByte('=')
			b.WriteString(value)
		}
	}
	for _, name := range names(e.MultiValueQuery) {
		for _, value := range e.MultiValueQuery[name] {
			add(name, value)
		}
	}
	if e.MultiValueQuery == nil {
		for _, name := range names(e.Query) {
			add(name, e.Query[name])
		}
	}
	return b.String()
}

func names[V any](m map[string]V) []string {
	all := make([]string, 0, len(m))
	for name := range m {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// last is the last element of a list in headers: what the load balancer added
// itself. All before it is what clients claim.
func last(values []string) string {
	if len(values) == 0 {
		return ""
	}
	list := values[len(values)-1]
	return strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:])
}

// withPort makes an address as net/http has it. The client's port is unknown,
// unless a load balancer is told to keep it.
func withPort(addr string) string {
	if ap, err := netip.ParseAddrPort(addr); err == nil {
		return ap.String()
	}
	ip, err := netip.ParseAddr(strings.Trim(addr, "[]"))
	if err != nil {
		return ""
	}
	return netip.AddrPortFrom(ip, 0).String()
}

// connection is how the client came, as far as the door tells; nil for plain
// HTTP. The version is the least that the door can have accepted.
func (a *Adapter) connection(r *http.Request, d door) (*tls.ConnectionState, error) {
	s := &tls.ConnectionState{HandshakeComplete: true, Version: tls.VersionTLS12, ServerName: hostname(r.Host)}
	chain, err := a.clientChain(r.Header, d)
	if err != nil {
		return nil, err
	}
	if d != loadBalancer { // the other doors have HTTPS only, TLS 1.2 and above
		return s, nil
	}
	// The load balancer replaces these headers if a client sends them.
	if !strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		return nil, nil
	}
	s.Version = tls.VersionTLS10
	switch r.Header.Get("X-Amzn-Tls-Version") {
	case "TLSv1.2":
		s.Version = tls.VersionTLS12
	case "TLSv1.3":
		s.Version = tls.VersionTLS13
	}
	s.PeerCertificates = chain
	return s, nil
}

func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return host
}

// takeBody puts the body into the request, once it is known to be what the
// client sent.
func takeBody(r *http.Request, e *event, d door) error {
	body, err := e.body()
	if err != nil {
		return s3err.IncompleteBody.With(err)
	}
	declared := r.Header.Get("Content-Length")
	r.Header.Del("Content-Length")
	r.Header.Del("Transfer-Encoding")
	if err := checkBody(r, body, declared, e.IsBase64Encoded, d); err != nil {
		return err
	}
	r.ContentLength = int64(len(body))
	if len(body) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return nil
}
