package world

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/mucura/mucura/adapters/lambdahttp/lambdatest"
)

// Container is a process of shape B. Its address stays over restarts.
type Container struct {
	URL  string
	w    *World
	cmd  *exec.Cmd
	name string
	env  []string
	done chan struct{}
}

// Container starts a function of shape B and waits until it answers.
func (w *World) Container(ctx context.Context, name string, extra ...string) (*Container, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return nil, err
	}
	c := &Container{
		URL: fmt.Sprintf("http://127.0.0.1:%d", port), w: w, name: name,
		env: append(append(append([]string{}, w.Env...), fmt.Sprintf("PORT=%d", port)), extra...),
	}
	if err := c.Launch(); err != nil {
		return nil, err
	}
	return c, c.Ready(ctx)
}

// Launch starts the process, again after an end, and does not wait.
func (c *Container) Launch() error {
	c.cmd = exec.Command(filepath.Join(c.w.Bin, c.name))
	c.cmd.Env, c.cmd.Stderr, c.cmd.Stdout = c.env, c.w.Log, c.w.Log
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	c.done = done
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait() // the status stays in cmd
		close(done)
	}(c.cmd)
	return nil
}

// Ready waits until it answers.
func (c *Container) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/healthz", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-c.done:
			return fmt.Errorf("%s ended: %s", c.name, c.cmd.ProcessState)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Kill ends the process at once.
func (c *Container) Kill() {
	_ = c.cmd.Process.Kill() // it may have ended
	<-c.done
}

// Freeze stops the process, or lets it go on.
func (c *Container) Freeze(frozen bool) {
	s := syscall.SIGCONT
	if frozen {
		s = syscall.SIGSTOP
	}
	_ = c.cmd.Process.Signal(s) // it may have ended
}

// Stop ends the process orderly; an error tells that it did not.
func (c *Container) Stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-c.done
	if code := c.cmd.ProcessState.ExitCode(); code != 0 {
		return errors.New("it ended with " + c.cmd.ProcessState.String())
	}
	return nil
}

// Process is the process now.
func (c *Container) Process() int { return c.cmd.Process.Pid }

// Used is the CPU time the process has used.
func (c *Container) Used() time.Duration { return lambdatest.ProcessTime(c.cmd.Process.Pid) }
