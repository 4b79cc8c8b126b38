package plugin

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin/runner"
)

// program runs the plug-in's process for go-plugin. go-plugin's own runner
// would hand our standard input on and could not kill what the plug-in started
// in turn.
type program struct {
	spec           *spec
	cmd            *exec.Cmd
	stdout, stderr io.ReadCloser
	gone           chan struct{} // closed when the process was waited for
	once           sync.Once
}

// newProgram prepares the process; protocol is the environment go-plugin adds.
func newProgram(s *spec, protocol []string) (*program, error) {
	cmd := exec.Command(s.path)
	cmd.Env = append(s.environment(), protocol...)
	cmd.Dir = "/"
	cmd.SysProcAttr = attributes()
	p := &program{spec: s, cmd: cmd, gone: make(chan struct{})}
	var err error
	if p.stdout, err = cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	p.stderr, err = cmd.StderrPipe()
	return p, err
}

// runnerFunc is how go-plugin asks for a process. made gets each one.
func runnerFunc(s *spec, made func(*program)) func(hclog.Logger, *exec.Cmd, string) (runner.Runner, error) {
	return func(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) {
		p, err := newProgram(s, cmd.Env)
		if err != nil {
			return nil, err
		}
		made(p)
		return p, nil
	}
}

// Start checks the binary and starts it. Linux kills the child when the thread
// that started it ends, so that thread is kept until the child is gone.
func (p *program) Start(context.Context) error {
	if err := errors.Join(checkBinary(p.spec.path), checkSum(p.spec.path, p.spec.sum)); err != nil {
		return err
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			<-p.gone
		}
	}()
	return <-started
}

// Wait waits for the end of the process. go-plugin calls it once, when both
// outputs have ended. What the plug-in itself started ends with it.
func (p *program) Wait(ctx context.Context) error {
	defer p.once.Do(func() { close(p.gone) })
	exited(p.pid())
	_ = p.Kill(ctx)
	return p.cmd.Wait()
}

// Kill ends the process and what it started. Its group exists until Wait.
func (p *program) Kill(context.Context) error {
	select {
	case <-p.gone:
		return nil
	default:
	}
	if p.cmd.Process == nil {
		return nil
	}
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// Diagnose adds nothing: start says what is wrong in its own words.
func (p *program) Diagnose(context.Context) string { return "" }

func (p *program) Stdout() io.ReadCloser { return p.stdout }
func (p *program) Stderr() io.ReadCloser { return p.stderr }
func (p *program) Name() string          { return p.spec.path }
func (p *program) ID() string            { return strconv.Itoa(p.pid()) }

func (p *program) pid() int {
	if p.cmd.Process == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// PluginToHost and HostToPlugin: both live on one machine.
func (p *program) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin is the other direction.
func (p *program) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
