package serve

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
)

// The PROXY protocol, version 2: a balancer that passes TCP through says in a
// header before the connection's own bytes who its client is.
// https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt section 2.2

// proxySignature begins a header of version 2.
const proxySignature = "\r\n\r\n\x00\r\nQUIT\n"

// maxProxyHeader bounds what may follow the first 16 bytes. Addresses are 36
// bytes at most; the rest are extensions, which are not used. Octavia and
// HAProxy send a few dozen bytes, AWS below a hundred.
const maxProxyHeader = 2048

var (
	errNoProxyHeader = errors.New("connection without a PROXY protocol header of version 2")
	errProxyHeader   = errors.New("malformed PROXY protocol header")
)

// readProxyHeader reads the header and not a byte more. It gives the address of
// the client, the zero one where the balancer speaks for itself (LOCAL, as its
// health checks do). A client that did not come over TCP and IP is refused: its
// address would be unknown to all that decides by addresses.
func readProxyHeader(r io.Reader) (client netip.AddrPort, err error) {
	var head [16]byte
	// What is wrong shows as early as possible: who sends something else must not
	// be waited for.
	for have := 0; have < len(head); {
		n, err := r.Read(head[have:])
		have += n
		seen := min(have, len(proxySignature))
		if string(head[:seen]) != proxySignature[:seen] {
			return client, errNoProxyHeader
		}
		if err != nil && have < len(head) {
			return client, fmt.Errorf("PROXY protocol header: %w", err)
		}
	}
	length := int(binary.BigEndian.Uint16(head[14:]))
	if head[12]>>4 != 2 || length > maxProxyHeader {
		return client, errProxyHeader
	}
	rest := make([]byte, length)
	if _, err := io.ReadFull(r, rest); err != nil {
		return client, fmt.Errorf("PROXY protocol header: %w", err)
	}
	switch head[12] & 0xf {
	case 0: // LOCAL: what follows is to be ignored
		return client, nil
	case 1: // PROXY
		return proxiedClient(head[13], rest)
	}
	return client, errProxyHeader
}

// proxiedClient is the source address of a header of the given family and
// protocol.
func proxiedClient(family byte, b []byte) (client netip.AddrPort, err error) {
	size := 0
	switch family {
	case 0x11: // TCP over IPv4
		size = net.IPv4len
	case 0x21: // TCP over IPv6
		size = net.IPv6len
	default:
		return client, fmt.Errorf("%w: family and protocol %#x", errProxyHeader, family)
	}
	if len(b) < 2*size+4 {
		return client, errProxyHeader
	}
	addr, _ := netip.AddrFromSlice(b[:size])
	return netip.AddrPortFrom(addr.Unmap(), binary.BigEndian.Uint16(b[2*size:])), nil
}
