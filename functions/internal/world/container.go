package world

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/mucura/mucura/adapters/lambdahttp/lambdatest"
	"github.com/mucura/mucura/core/loopback"
)

// Container is a process of shape B, or of shape C. Its address stays over restarts.
type Container struct {
	URL string
	// Address is where a process of shape C serves by TLS; URL is its admin
	// listener then.
	Address string

	w     *World
	cmd   *exec.Cmd
	name  string
	env   []string
	ports []*loopback.Port // nobody else gets them while the process starts again
	done  chan struct{}
}

// Container starts a function of shape B and waits until it answers.
func (w *World) Container(ctx context.Context, name string, extra ...string) (*Container, error) {
	p, err := loopback.Reserve()
	if err != nil {
		return nil, err
	}
	c := w.container(&Container{URL: "http://" + p.Addr(), name: name, ports: []*loopback.Port{p}}, append([]string{fmt.Sprint("PORT=", p.Number)}, extra...))
	if err := c.Launch(); err != nil {
		return nil, err
	}
	return c, c.Ready(ctx)
}

// Daemon makes a function of shape C. What stands before it may start first:
// Launch starts it, and Ready waits until its stores answer.
func (w *World) Daemon(name string, extra ...string) (*Container, error) {
	p, err := loopback.Reserve()
	if err != nil {
		return nil, err
	}
	admin, err := loopback.Reserve()
	if err != nil {
		return nil, err
	}
	c := &Container{URL: "http://" + admin.Addr(), Address: p.Addr(), name: name, ports: []*loopback.Port{p, admin}}
	return w.container(c, append([]string{"MUCURA_LISTEN=" + p.Addr(), "MUCURA_ADMIN_LISTEN=" + admin.Addr()}, extra...)), nil
}

func (w *World) container(c *Container, extra []string) *Container {
	c.w, c.env = w, append(append([]string{}, w.Env...), extra...)
	return c
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
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+c.probe(), nil)
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

func (c *Container) probe() string {
	if c.Address != "" {
		return "/-/ready"
	}
	return "/healthz"
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
