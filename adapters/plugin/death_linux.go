package plugin

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// attributes let the kernel kill the plug-in when this process dies, however it
// dies. Its own process group keeps a terminal's interrupt away from it.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// exited waits until a child has ended and leaves it a zombie, so that its
// number, which is that of its group, is nobody else's yet.
func exited(pid int) {
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
}
