package serve

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/mucura/mucura/core/sts"
)

// forwarded gives requests that HTTPS proxies pass on the address of the client, and
// has those that came to them by TLS count as such. From anybody else the headers mean
// nothing.
func forwarded(from []netip.Prefix, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && within(from, peer.Addr()) {
			secure := r.TLS == nil && strings.EqualFold(lastOf(r.Header["X-Forwarded-Proto"]), "https")
			r = sts.Forwarded(r, client(r, from, peer.Addr()))
			if secure {
				// Which version it was is not known.
				r.TLS = &tls.ConnectionState{HandshakeComplete: true, ServerName: sts.Hostname(r.Host)}
			}
		}
		h.ServeHTTP(w, r)
	})
}

// client reads X-Forwarded-For from its end: each proxy has appended the address that
// connected to it, so what stands before the last that is no proxy's anybody may have
// written.
func client(r *http.Request, from []netip.Prefix, peer netip.Addr) netip.Addr {
	found := peer.Unmap()
	list := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for _, text := range slices.Backward(list) {
		a, err := address(strings.TrimSpace(text))
		if err != nil {
			break // who connected to that proxy is not known
		}
		if found = a; !within(from, a) {
			break
		}
	}
	return found
}

// address reads an address, of which some proxies tell the port, too.
func address(text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	if err != nil {
		p, perr := netip.ParseAddrPort(text)
		if perr != nil {
			return a, err
		}
		a = p.Addr()
	}
	return a.Unmap().WithZone(""), nil
}

func within(networks []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(a) })
}

// lastOf is the last element of a header that is a list.
func lastOf(values []string) string {
	if len(values) == 0 {
		return ""
	}
	last := values[len(values)-1]
	return strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
}
