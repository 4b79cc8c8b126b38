package swift

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/mucura/mucura/core/unpaced"
)

// conn is a connection to Swift. Without TLS it takes a request's body from the
// buffer it lies in: the transport would copy it in pieces of 32 KiB. And without
// TLS bytes of an answer can be taken from it past the transport, see splice.
type conn struct {
	*net.TCPConn
	// Where the last Read put how many bytes.
	into *byte
	n    int
	// passed are bytes of an answer that were taken past the transport, which has
	// yet to count them.
	passed int64
}

// copiesSaved counts bytes sent from their buffer, for the tests: which way the
// transport takes is not ours.
var copiesSaved atomic.Int64

// dial makes connections of type conn.
func dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, Control: unpaced.Control}
	c, err := d.DialContext(ctx, network, addr)
	if t, ok := c.(*net.TCPConn); ok {
		return &conn{TCPConn: t}, err
	}
	return c, err
}

// Read reads, and says so of bytes that were passed, without touching p.
func (c *conn) Read(p []byte) (int, error) {
	if c.passed > 0 {
		n := min(int64(len(p)), c.passed)
		c.passed -= n
		return int(n), nil
	}
	n, err := c.TCPConn.Read(p)
	if n > 0 {
		c.into, c.n = &p[0], n
	}
	return n, err
}

// pass makes body, an answer's that the transport reads from c, count n bytes
// that were taken from c. piece is overwritten.
func (c *conn) pass(body io.Reader, piece []byte, n int64) error {
	c.passed = n
	for n > 0 {
		m, err := body.Read(piece[:min(n, int64(len(piece)))])
		if n -= int64(m); err != nil && n > 0 {
			return err
		}
	}
	return nil
}

// ReadFrom sends what r gives. The transport limits bodies to their length.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	if l, ok := r.(*io.LimitedReader); ok {
		if b, ok := l.R.(*sentBody); ok {
			n, err := b.sendTo(c.TCPConn, l.N)
			l.N -= n
			copiesSaved.Add(n)
			return n, err
		}
	}
	return c.TCPConn.ReadFrom(r)
}
