package servetest

import (
	"fmt"
	"os"
	"syscall"
)

// Port is a port of 127.0.0.1 that is kept for a server: nobody who asks for any
// free port gets it, neither before the server listens nor while it starts again.
// It is kept as long as the Port is in use.
type Port struct {
	Addr   string // host:port
	Number int

	socket *os.File
}

// KeepPort takes a free port. Its socket is bound and does not listen: with
// SO_REUSEADDR, which net.Listen sets, a server can listen there all the same.
func KeepPort() (*Port, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	p := &Port{socket: os.NewFile(uintptr(fd), "kept port")} // closed with the last use of p
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return nil, os.NewSyscallError("setsockopt", err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	a, err := syscall.Getsockname(fd)
	if err != nil {
		return nil, os.NewSyscallError("getsockname", err)
	}
	p.Number = a.(*syscall.SockaddrInet4).Port
	p.Addr = fmt.Sprint("127.0.0.1:", p.Number)
	return p, nil
}

// Close gives the port back.
func (p *Port) Close() error { return p.socket.Close() }
