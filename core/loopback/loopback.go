// Package loopback reserves ports of 127.0.0.1 for servers that tests start, kill
// and start again at the same address.
//
// A port that was only looked for is anybody's again: the kernel gives it to the
// next listener on port 0, or to a connection that goes out, and while a server is
// down to be started again, too. Tests of other packages make many of both.
package loopback

import (
	"fmt"
	"os"
	"syscall"
)

// Port is reserved until it is closed, or no longer referred to.
type Port struct {
	Number int
	bound  *os.File
}

// Reserve finds a free port and keeps it. A server that sets SO_REUSEADDR, as nearly
// all do, can listen there; while none does, connections are refused.
func Reserve() (*Port, error) {
	// A socket that is bound and does not listen keeps the port from all that do not
	// ask for it by its number.
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	p := &Port{bound: os.NewFile(uintptr(fd), "reserved port")}
	if err := p.bind(fd); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Port) bind(fd int) error {
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	a, err := syscall.Getsockname(fd)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	p.Number = a.(*syscall.SockaddrInet4).Port
	return nil
}

// Addr is host and port.
func (p *Port) Addr() string { return fmt.Sprintf("127.0.0.1:%d", p.Number) }

// Close gives the port up. A server that listens on it is not disturbed.
func (p *Port) Close() { _ = p.bound.Close() }
