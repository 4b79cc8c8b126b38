package serve

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

const (
	// proxyTimeout is how long a balancer may take to send its header. It sends
	// it with the first packet.
	proxyTimeout = 5 * time.Second
	// maxProxyPending bounds the connections whose header is awaited.
	maxProxyPending = 1024
)

// proxyListener gives connections by the address of the client that a trusted
// balancer names. A connection from anywhere else, or without a header, is
// closed unanswered: a header that anybody could send, or leave out, would let
// anybody choose his address.
type proxyListener struct {
	net.Listener
	from []netip.Prefix
	log  *slog.Logger

	ready   chan net.Conn
	failed  chan error
	pending chan struct{} // one for each header awaited
	done    chan struct{}
	close   sync.Once
}

func listenProxied(l net.Listener, from []netip.Prefix, log *slog.Logger) *proxyListener {
	p := &proxyListener{
		Listener: l, from: from, log: log, ready: make(chan net.Conn), failed: make(chan error, 1),
		pending: make(chan struct{}, maxProxyPending), done: make(chan struct{}),
	}
	go p.accept()
	return p
}

// accept takes connections in, and has the headers of many awaited at once: one
// that does not come must keep no other client waiting.
func (p *proxyListener) accept() {
	var pause time.Duration
	for {
		c, err := p.Listener.Accept()
		if temporary(err) { // as net/http does
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			select {
			case <-time.After(pause):
				continue
			case <-p.done:
				return
			}
		}
		if err != nil {
			p.failed <- err
			return
		}
		pause = 0
		if !p.trusted(c.RemoteAddr()) {
			p.log.Debug("connection refused", "remote", c.RemoteAddr().String(), "error", "not from proxy-protocol-from")
			_ = c.Close()
			continue
		}
		select {
		case p.pending <- struct{}{}:
			go p.await(c)
		case <-p.done:
			_ = c.Close()
			return
		}
	}
}

// temporary tells whether accepting goes on after an error: the process is out of
// descriptors, say, or the client has left already.
func temporary(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (p *proxyListener) trusted(a net.Addr) bool {
	addr, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return false
	}
	return within(p.from, addr.Addr())
}

func (p *proxyListener) await(c net.Conn) {
	defer func() { <-p.pending }()
	_ = c.SetDeadline(time.Now().Add(proxyTimeout))
	client, err := readProxyHeader(c)
	if err != nil {
		p.log.Debug("connection refused", "remote", c.RemoteAddr().String(), "error", err.Error())
		_ = c.Close()
		return
	}
	_ = c.SetDeadline(time.Time{})
	if client.IsValid() {
		c = named(c, client)
	}
	select {
	case p.ready <- c:
	case <-p.done:
		_ = c.Close()
	}
}

// Accept gives the next connection whose header has come.
func (p *proxyListener) Accept() (net.Conn, error) {
	select {
	case c := <-p.ready:
		return c, nil
	case err := <-p.failed:
		p.failed <- err // for who asks again
		return nil, err
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// Close stops listening; connections whose header is still awaited are given up.
func (p *proxyListener) Close() error {
	p.close.Do(func() { close(p.done) })
	return p.Listener.Close()
}

// proxied is a connection that a balancer passes through. Over TCP it keeps what
// net/http uses of a *net.TCPConn, such as ReadFrom (sendfile).
type proxied struct {
	*net.TCPConn
	client net.Addr
}

func (c *proxied) RemoteAddr() net.Addr { return c.client }

// renamed is the same over another kind of connection.
type renamed struct {
	net.Conn
	client net.Addr
}

func (c *renamed) RemoteAddr() net.Addr { return c.client }

func named(c net.Conn, client netip.AddrPort) net.Conn {
	addr := net.TCPAddrFromAddrPort(client)
	if tcp, ok := c.(*net.TCPConn); ok {
		return &proxied{tcp, addr}
	}
	return &renamed{c, addr}
}
