//go:build unix

package md5lanes

import (
	"syscall"
	"time"
)

// cpuTime is what this process has used, 0 when that cannot be told.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
