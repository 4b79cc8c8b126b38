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
		Method: e.httpMethod, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: e.header(), RemoteAddr: withPort(e.sourceAddr), Body: http.NoBody,
	}
	switch d {
	case loadBalancer:
		r.Method, r.RequestURI = e.method, repair(e.path)
		if q := e.balancerQuery(); q != "" {
			r.RequestURI += "?" + q
		}
		r.RemoteAddr = withPort(last(r.Header["X-Forwarded-For"]))
	case httpAPI:
		r.RequestURI = encode(e.rawPath)
	default:
		r.RequestURI = repair(e.rawPath)
	}
	if d != loadBalancer && e.rawQuery != "" {
		r.RequestURI += "?" + e.rawQuery
	}
	var err error
	if r.URL, err = url.ParseRequestURI(r.RequestURI); err != nil {
		return nil, s3err.InvalidURI.With(err)
	}
	// Where net/http would have put them.
	r.Host = r.Header.Get("Host")
	if r.Host == "" {
		r.Host = e.domainName
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

// header gives the headers of an event.
func (e *event) header() http.Header {
	h := e.headers
	if e.multi() {
		h = e.multiValueHeaders
	}
	if h == nil {
		h = http.Header{}
	}
	if len(e.cookies) > 0 {
		h["Cookie"] = []string{strings.Join(e.cookies, "; ")}
	}
	return h
}

// balancerQuery writes the query again from its parameters, which a load
// balancer gives as they were sent, not decoded. A signature does not depend on
// the order of names. A parameter without value gets no "=", which means the same.
func (e *event) balancerQuery() string {
	all := e.query
	if e.multiValueQuery != nil {
		all = e.multiValueQuery
	}
	slices.SortStableFunc(all, func(a, b parameter) int { return strings.Compare(a.name, b.name) })
	var b strings.Builder
	for i, p := range all {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.name)
		if p.value != "" {
			b.WriteByte('=')
			b.WriteString(p.value)
		}
	}
	return b.String()
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
	body, err := e.content()
	if err != nil {
		return s3err.IncompleteBody.With(err)
	}
	declared := r.Header.Get("Content-Length")
	r.Header.Del("Content-Length")
	r.Header.Del("Transfer-Encoding")
	if err := checkBody(r, body, declared, e.base64, d); err != nil {
		return err
	}
	r.ContentLength = int64(len(body))
	if len(body) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return nil
}
