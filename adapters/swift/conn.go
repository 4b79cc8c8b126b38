package swift

import (
	"context"
	"io"
	"net"
	"time"
)

// conn is a connection to Swift. Without TLS it takes a request's body from the
// buffer it lies in: the transport would copy it in pieces of 32 KiB.
type conn struct{ *net.TCPConn }

// dial makes connections of type conn.
func dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	c, err := d.DialContext(ctx, network, addr)
	if t, ok := c.(*net.TCPConn); ok {
		return &conn{t}, err
	}
	return c, err
}

// ReadFrom sends what r gives. The transport limits bodies to their length.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	if l, ok := r.(*io.LimitedReader); ok {
		if b, ok := l.R.(*sentBody); ok {
			n, err := b.sendTo(c.TCPConn, l.N)
			l.N -= n
			return n, err
		}
	}
	return c.TCPConn.ReadFrom(r)
}
