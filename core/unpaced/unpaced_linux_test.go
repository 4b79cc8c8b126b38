package unpaced

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// congestion is that of a connection.
func congestion(t *testing.T, c syscall.Conn) string {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var name [16]byte
	size := uint32(len(name))
	var errno syscall.Errno
	if err := raw.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.IPPROTO_TCP, tcpCongestion,
			uintptr(unsafe.Pointer(&name)), uintptr(unsafe.Pointer(&size)), 0)
	}); err != nil || errno != 0 {
		t.Fatalf("getsockopt: %v, %v", err, errno)
	}
	return strings.TrimRight(string(name[:size]), "\x00")
}

// accepted connects from and to addresses of this machine, and gives what l accepts.
func accepted(t *testing.T, l net.Listener) *net.TCPConn {
	t.Helper()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

func listenLoopback(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// TestAccepted has connections of this machine not paced, and others as the system
// says, which the test takes for one that paces.
func TestAccepted(t *testing.T) {
	l := listen(listenLoopback(t), system(), here)
	if got := congestion(t, accepted(t, l)); got != reno {
		t.Errorf("from this machine: %s, want %s", got, reno)
	}
	elsewhere := func(local, remote net.Addr) bool { return false }
	l = listen(listenLoopback(t), system(), elsewhere)
	if _, ok := l.(*listener); !ok {
		t.Fatal("the listener was left as it is")
	}
	if got := congestion(t, accepted(t, l)); got != system() {
		t.Errorf("from elsewhere: %s, want %s", got, system())
	}
}

// TestRestricted leaves a listener alone whose connections could not be given back
// what they had.
func TestRestricted(t *testing.T) {
	plain := listenLoopback(t)
	if l := listen(plain, "no-such", here); l != plain {
		t.Errorf("got %T", l)
	}
	if got := congestion(t, accepted(t, plain)); got != system() {
		t.Errorf("%s, want %s", got, system())
	}
}

func TestDialed(t *testing.T) {
	l := listenLoopback(t)
	for address, want := range map[string]string{l.Addr().String(): reno, "192.0.2.1:1": system(), "[::1]:1": reno} {
		d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
			control(address, c)
			return nil
		}}
		c, err := d.DialContext(context.Background(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if got := congestion(t, c.(*net.TCPConn)); got != want {
			t.Errorf("to %s: %s, want %s", address, got, want)
		}
		c.Close()
	}
}

func TestHere(t *testing.T) {
	for _, c := range []struct {
		local, remote string
		want          bool
	}{
		{"127.0.0.1:1", "127.0.0.1:2", true},
		{"127.0.0.1:1", "127.3.0.1:2", true},
		{"[::1]:1", "[::1]:2", true},
		{"[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:2", true},
		{"192.0.2.1:1", "192.0.2.1:2", true},
		{"192.0.2.1:1", "192.0.2.2:2", false},
		{"[2001:db8::1]:1", "[2001:db8::2]:2", false},
	} {
		local, remote := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.local)), net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.remote))
		if got := here(local, remote); got != c.want {
			t.Errorf("%s from %s: %v", c.local, c.remote, got)
		}
	}
}

// TestPaces is about what the system says, as far as it is known.
func TestPaces(t *testing.T) {
	for name, want := range map[string]bool{"bbr": true, "bbr3": true, "cubic": false, "reno": false, "": false} {
		if paces(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
	l := listenLoopback(t)
	if _, changed := Listen(l).(*listener); changed != paces(system()) {
		t.Errorf("with %s: changed %v", system(), changed)
	}
}
