package lambdatest

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// Used is the CPU time that the process of the n-th environment has used: of one
// that has ended exactly, of a running one in steps of 10 ms.
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

// ProcessTime is the CPU time that a process has used, in steps of 10 ms; 0 when
// it is gone.
func ProcessTime(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var user, system int64
	if _, err := fmt.Sscan(fields[11], &user); err != nil {
		return 0
	}
	if _, err := fmt.Sscan(fields[12], &system); err != nil {
		return 0
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}
