//go:build !linux

package plugin

import "syscall"

// attributes keep a terminal's interrupt away from the plug-in, which on these
// systems looks itself whether its host is alive.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// exited does not wait here: the group is killed as soon as both outputs have
// ended, which for a plug-in means that it ends.
func exited(int) {}
