package loopback

import (
	"errors"
	"net"
	"syscall"
	"testing"
)

// TestReserved: the port is for whoever asks for it by its number, again and again,
// and for nobody else.
func TestReserved(t *testing.T) {
	p, err := Reserve()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for range 3 {
		if c, err := net.Dial("tcp", p.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("a port on which nobody listens: %v, %v", c, err)
		}
		l, err := net.Listen("tcp", p.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if second, err := net.Listen("tcp", p.Addr()); err == nil {
			second.Close()
			t.Error("two listen")
		}
		c, err := net.Dial("tcp", p.Addr())
		if err != nil {
			t.Fatal(err)
		}
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		s.Close() // the server's end waits then (TIME_WAIT)
		c.Close()
		l.Close()
	}
	// Bound to any port but this.
	for range 300 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if l.Addr().String() == p.Addr() {
			t.Fatal("given to somebody else")
		}
	}
}
