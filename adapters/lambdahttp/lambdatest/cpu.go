package lambdatest

import (
	"time"

	"golang.org/x/sys/unix"
)

// Used is the CPU time that the process of the n-th environment has used.
func (f *Function) Used(n int) time.Duration {
	e := f.slots[n].run.Load()
	if e == nil {
		return 0
	}
	if e.ended() {
		return e.cmd.ProcessState.UserTime() + e.cmd.ProcessState.SystemTime()
	}
	return ProcessTime(e.cmd.Process.Pid)
}

// ProcessTime is the CPU time that a process has used, 0 when it is gone: what
// clock_getcpuclockid(3) leads to.
func ProcessTime(pid int) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|2), &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
