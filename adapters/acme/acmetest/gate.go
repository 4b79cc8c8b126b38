package acmetest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// gate passes connections on to a server, and hangs up on them when it is shut.
type gate struct {
	to   string
	mu   sync.Mutex
	shut bool
	open map[net.Conn]bool
}

func newGate(t testing.TB, from, to string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", from)
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	g := &gate{to: to, open: map[net.Conn]bool{}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go g.pass(c)
		}
	}()
	return g
}

// set shuts or opens the gate; shutting cuts what passes.
func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
	if shut {
		for c := range g.open {
			_ = c.Close()
		}
	}
}

func (g *gate) pass(c net.Conn) {
	defer c.Close()
	g.mu.Lock()
	shut := g.shut
	if !shut {
		g.open[c] = true
	}
	g.mu.Unlock()
	if shut {
		return
	}
	defer func() {
		g.mu.Lock()
		delete(g.open, c)
		g.mu.Unlock()
	}()
	server, err := net.Dial("tcp", g.to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(server, c)
		_ = server.Close()
	}()
	_, _ = io.Copy(c, server)
}
