package swift

import (
	"net"
	"syscall"
)

// receiveLowWater sets how many bytes make a connection readable. The end of the
// stream, an error and a full buffer do so, too.
func receiveLowWater(c *net.TCPConn, bytes int) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var serr error
	err = raw.Control(func(fd uintptr) {
		serr = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, bytes)
	})
	return err == nil && serr == nil
}
