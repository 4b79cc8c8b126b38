package sts

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/mucura/mucura/core/gridproxy"
)

// Terminator is a kind of HTTPS terminator that passes client certificates on
// in a header. Whoever can reach the server past it can claim any certificate:
// so it must be configured, with the addresses it connects from, and the
// header is removed from all other requests.
type Terminator string

// The kinds of terminators.
const (
	// ALB is an AWS Application Load Balancer with mutual TLS in passthrough mode.
	// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html
	ALB Terminator = "alb"
	// Envoy is a proxy that sanitizes and sets x-forwarded-client-cert, with its Chain.
	// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers
	Envoy Terminator = "envoy"
)

const (
	albHeader   = "X-Amzn-Mtls-Clientcert"
	envoyHeader = "X-Forwarded-Client-Cert"
)

// Strip removes the headers by which a terminator names client certificates,
// unless the request comes from the terminator that is configured. It is called
// for every request, before anything looks at it. Headers of the form the
// terminator does not use are removed always.
func (s *Server) Strip(r *http.Request) {
	trusted := s != nil && s.fromTrusted(r)
	if !trusted || s.Terminator != ALB {
		for name := range r.Header {
			if strings.HasPrefix(name, albHeader) { // there are -Subject, -Leaf, … too
				delete(r.Header, name)
			}
		}
	}
	if !trusted || s.Terminator != Envoy {
		delete(r.Header, envoyHeader)
	}
}

type peerKey struct{}

// Forwarded is the request as from the address of a client that a proxy has named.
// Terminators are still known by the address that has connected.
func Forwarded(r *http.Request, client netip.Addr) *http.Request {
	f := r.WithContext(context.WithValue(r.Context(), peerKey{}, r.RemoteAddr))
	f.RemoteAddr = netip.AddrPortFrom(client, 0).String()
	return f
}

// fromTrusted tells whether the connection comes from the terminator.
func (s *Server) fromTrusted(r *http.Request) bool {
	if s.Terminator == "" {
		return false
	}
	peer, ok := r.Context().Value(peerKey{}).(string)
	if !ok {
		peer = r.RemoteAddr
	}
	addr, err := netip.ParseAddrPort(peer)
	if err != nil {
		return false
	}
	for _, p := range s.From {
		if p.Contains(addr.Addr().Unmap()) {
			return true
		}
	}
	return false
}

var errHeader = &gridproxy.Refusal{Code: gridproxy.CodeMalformed, Detail: "the terminator's header does not parse"}

// fromTerminator gives the chain of the terminator's header; nil when there is none.
func (s *Server) fromTerminator(r *http.Request) ([][]byte, error) {
	if !s.fromTrusted(r) {
		return nil, nil
	}
	name := albHeader
	if s.Terminator == Envoy {
		name = envoyHeader
	}
	values := r.Header[name]
	switch {
	case len(values) == 0:
		return nil, nil
	case len(values) > 1:
		return nil, errHeader
	}
	text := values[0]
	if s.Terminator == Envoy {
		var err error
		if text, err = envoyChain(text); err != nil || text == "" {
			return nil, err
		}
	}
	// '+' stands for itself, as '=' and '/' do.
	pem, err := url.PathUnescape(text)
	if err != nil {
		return nil, errHeader
	}
	return gridproxy.ParsePEM([]byte(pem))
}

// envoyChain takes the value of Chain from a header such as
// `Hash=…;Cert="…";Chain="…"`. Elements of several proxies are separated by
// commas: then nobody can tell whose client is meant, and it is refused.
func envoyChain(header string) (string, error) {
	chain := ""
	for header != "" {
		name, rest, ok := strings.Cut(header, "=")
		if !ok {
			return "", errHeader
		}
		var value string
		var err error
		if value, header, err = envoyValue(rest); err != nil {
			return "", err
		}
		if strings.EqualFold(name, "Chain") {
			if chain != "" {
				return "", errHeader
			}
			chain = value
		}
	}
	return chain, nil
}

// envoyValue takes one value off, quoted or not, with the semicolon behind it.
func envoyValue(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, ";")
		if strings.ContainsRune(value, ',') {
			return "", "", errHeader
		}
		return value, rest, nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i++; i == len(s) {
				return "", "", errHeader
			}
			b.WriteByte(s[i])
		case '"':
			switch rest = s[i+1:]; {
			case rest == "":
				return b.String(), "", nil
			case rest[0] == ';':
				return b.String(), rest[1:], nil
			}
			return "", "", errHeader
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", errHeader
}

// CheckTerminator tells what is wrong with the settings of a terminator.
func CheckTerminator(kind Terminator, from []netip.Prefix) error {
	switch kind {
	case "":
		return nil
	case ALB, Envoy:
	default:
		return errors.New("there are alb and envoy")
	}
	if len(from) == 0 {
		return errors.New("give the addresses the terminator connects from")
	}
	for _, p := range from {
		if p.Bits() == 0 {
			return errors.New("the terminator cannot be everybody")
		}
	}
	return nil
}
