package servetest

import (
	"fmt"
	"net"
	"testing"
)

// A server can listen on a kept port, again and again, on all addresses too; who
// asks for any port gets another.
func TestKeepPort(t *testing.T) {
	p, err := KeepPort()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, address := range []string{p.Addr, p.Addr, fmt.Sprint(":", p.Number), p.Addr} {
		if c, err := net.Dial("tcp", p.Addr); err == nil {
			c.Close()
			t.Fatal("somebody listens on a port that is only kept")
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial("tcp", p.Addr)
		if err != nil {
			t.Fatal(err)
		}
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		s.Close() // the server ends first, as one that is killed
		c.Close()
		l.Close()
	}
	for range 200 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if l.Addr().String() == p.Addr {
			t.Fatal("the kept port was given to another")
		}
	}
}
