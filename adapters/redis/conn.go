package redis

import (
	"net"
	"syscall"
)

// watch wraps a connection so that errors of writing can be told from errors of
// reading: a command whose last byte the kernel did not take cannot have been
// run, one whose answer did not come may have been.
func watch(c net.Conn) net.Conn {
	if sys, ok := c.(syscall.Conn); ok {
		return &rawConn{watchedConn{c}, sys}
	}
	return &watchedConn{c} // TLS
}

type watchedConn struct{ net.Conn }

func (c *watchedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err != nil {
		err = &cutShort{err}
	}
	return n, err
}

// rawConn lets the pool see that the server has closed a connection, before it
// gives it out.
type rawConn struct {
	watchedConn
	syscall.Conn
}
