// Package unpaced takes pacing from TCP connections within one machine.
//
// A system whose congestion control paces (BBR) holds each packet back by a timer,
// for the sake of queues in the network. Between a server and a proxy, a store or a
// client of the same machine there is no network: the timers and the many small
// wake-ups are all that is left, and cost more than sending does. There Reno is
// used, which every Linux has and lets everybody have. Whoever comes from elsewhere
// is served as the system says. See decision 84.
package unpaced

import (
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// paces tells whether a congestion control, by its name, paces.
func paces(name string) bool { return strings.HasPrefix(name, "bbr") }

// Listen is l, whose connections from this machine are not paced. Where nothing is
// paced, or the system does not let it be changed, it is l itself.
func Listen(l net.Listener) net.Listener {
	if pacing := system(); paces(pacing) {
		return listen(l, pacing, here)
	}
	return l
}

func listen(l net.Listener, pacing string, here func(local, remote net.Addr) bool) net.Listener {
	t, ok := l.(*net.TCPListener)
	if !ok || !changeable(pacing) || set(t, reno) != nil {
		return l
	}
	return &listener{t, pacing, here}
}

// listener hands its own congestion control down, which does not pace: a connection
// that was paced once is so for good.
type listener struct {
	*net.TCPListener
	pacing string
	here   func(local, remote net.Addr) bool
}

// Accept gives a connection from elsewhere the system's congestion control back.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	if !l.here(c.LocalAddr(), c.RemoteAddr()) {
		_ = set(c, l.pacing) // Listen has tried it; the connection works either way
	}
	return c, nil
}

// here tells whether both ends of a connection are on this machine.
func here(local, remote net.Addr) bool {
	from, err := netip.ParseAddrPort(remote.String())
	if err != nil {
		return false
	}
	to, err := netip.ParseAddrPort(local.String())
	return err == nil && (from.Addr().Unmap().IsLoopback() || from.Addr() == to.Addr())
}

// Control is the Control of a net.Dialer whose connections to a loopback address
// are not paced.
func Control(_, address string, c syscall.RawConn) error {
	if paces(system()) {
		control(address, c)
	}
	return nil
}

func control(address string, c syscall.RawConn) {
	to, err := netip.ParseAddrPort(address)
	if err == nil && to.Addr().Unmap().IsLoopback() {
		_ = setRaw(c, reno) // paced it works as well
	}
}

func set(c syscall.Conn, name string) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return setRaw(raw, name)
}
