package swift

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// pipeSize is how much a pipe may hold, bytes.
const pipeSize = 1 << 20

const (
	setPipeSize    = 1031 // F_SETPIPE_SZ, linux/fcntl.h
	spliceMove     = 1    // SPLICE_F_MOVE, linux/splice.h
	spliceNonblock = 2    // SPLICE_F_NONBLOCK
)

// pipe moves bytes from connections to one connection.
type pipe struct {
	to        syscall.RawConn
	out, into int // file descriptors of the pipe's ends
}

// newPipe makes a pipe to a connection; nil when there cannot be one: w is none, or the kernel's limit of memory in pipes is reached
// (/proc/sys/fs/pipe-user-pages-soft, 64 pipes for a user without privileges).
func newPipe(w io.Writer) *pipe {
	to, ok := w.(syscall.Conn)
	if !ok {
		return nil
	}
	var p pipe
	var err error
	var fds [2]int
	if p.to, err = to.SyscallConn(); err != nil || syscall.Pipe2(fds[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK) != nil {
		return nil
	}
	p.out, p.into = fds[0], fds[1]
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(p.into), setPipeSize, pipeSize); errno != 0 {
		p.close()
		return nil
	}
	return &p
}

// fill takes up to n bytes from a connection into the empty pipe; 0 at its end.
func (p *pipe) fill(c *net.TCPConn, n int64) (moved int64, err error) {
	from, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var serr error
	err = from.Read(func(fd uintptr) bool {
		moved, serr = splice(int(fd), p.into, n)
		return serr != syscall.EAGAIN
	})
	return moved, errors.Join(err, os.NewSyscallError("splice", serr))
}

// drain sends the n bytes that are in the pipe.
func (p *pipe) drain(n int64) (sent int64, err error) {
	for sent < n && err == nil {
		var moved int64
		var serr error
		err = p.to.Write(func(fd uintptr) bool {
			moved, serr = splice(p.out, int(fd), n-sent)
			return serr != syscall.EAGAIN
		})
		err = errors.Join(err, os.NewSyscallError("splice", serr))
		if moved == 0 && err == nil {
			err = io.ErrUnexpectedEOF
		}
		sent += moved
	}
	return sent, err
}

func splice(from, to int, n int64) (int64, error) {
	for {
		moved, err := syscall.Splice(from, nil, to, nil, int(n), spliceMove|spliceNonblock)
		if err == syscall.EINTR {
			continue
		}
		return max(int64(moved), 0), err
	}
}

func (p *pipe) close() {
	if p != nil {
		syscall.Close(p.out)
		syscall.Close(p.into)
	}
}
