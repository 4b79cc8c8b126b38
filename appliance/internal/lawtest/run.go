package lawtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
)

// Run runs the suite of one port in the child that cmd starts and reports each
// law. It returns how many failed; an error when nothing could be run at all.
func Run(ctx context.Context, child []string, port string, log io.Writer, report func(Result)) (failed int, err error) {
	if len(child) == 0 {
		return 0, errors.New("no child to run")
	}
	cmd := exec.CommandContext(ctx, child[0], child[1:]...)
	cmd.Stderr = log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGKILL) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	laws := 0
	readResults(out, port, func(r Result) {
		laws++
		if r.Result == Failed {
			failed++
		}
		report(r)
	})
	werr := cmd.Wait()
	if ctx.Err() != nil {
		return failed, ctx.Err()
	}
	if laws == 0 || werr != nil && failed == 0 {
		return failed, fmt.Errorf("the test process failed (%v) after %d laws", werr, laws)
	}
	return failed, nil
}
