package unpaced

import (
	"os"
	"strings"
	"syscall"
)

const (
	reno          = "reno"
	tcpCongestion = 13 // linux/tcp.h
)

// system is the congestion control of new sockets.
func system() string {
	name, err := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(name))
}

// changeable tells whether a socket may be taken from pacing to Reno and back, which
// a system can restrict. It is tried on a socket of its own: no other must be left
// in between.
func changeable(pacing string) bool {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer syscall.Close(fd)
	for _, name := range []string{reno, pacing} {
		if syscall.SetsockoptString(fd, syscall.IPPROTO_TCP, tcpCongestion, name) != nil {
			return false
		}
	}
	return true
}

func setRaw(c syscall.RawConn, name string) error {
	var err error
	if cerr := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptString(int(fd), syscall.IPPROTO_TCP, tcpCongestion, name)
	}); cerr != nil {
		return cerr
	}
	return os.NewSyscallError("setsockopt", err)
}
