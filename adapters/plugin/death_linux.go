package plugin

import "syscall"

// attributes let the kernel kill the plug-in when this process dies, however it
// dies. Its own process group keeps a terminal's interrupt away from it.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
