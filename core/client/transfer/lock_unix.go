//go:build unix

package transfer

import (
	"os"
	"syscall"
)

// lock takes the file for this process; the lock ends with the process.
func lock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
