package serve

import (
	"syscall"

	"github.com/mucura/mucura/core/config"
)

// dropStalled makes the kernel drop a connection whose peer takes no data for
// BodyIdle. A write deadline cannot do this for sendfile, which may be one
// call for gigabytes. Connections inherit the option from their listener.
func dropStalled(c *config.Config) func(string, string, syscall.RawConn) error {
	const tcpUserTimeout = 0x12 // linux/tcp.h
	return func(_, _ string, conn syscall.RawConn) error {
		var err error
		if cerr := conn.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(c.BodyIdle.Milliseconds()))
		}); cerr != nil {
			return cerr
		}
		return err
	}
}
