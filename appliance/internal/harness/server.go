// Package harness runs the real mucurad binary for tests and benchmarks: it
// starts it on loopback, kills it, starts it again, and speaks S3 to it.
package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mucura/mucura/core/loopback"
)

// The administrator's key pair of every server the harness starts.
const (
	RootKey    = "MUCURATESTROOT"
	RootSecret = "harness-root-secret-0123456789"
	Region     = "mucura"
)

// Build compiles mucurad into dir and returns the binary's path. With race it
// is built with the race detector.
func Build(dir string, race bool) (string, error) {
	bin := filepath.Join(dir, "mucurad")
	args := []string{"build", "-o", bin}
	if race {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "github.com/mucura/mucura/appliance/cmd/mucurad")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return bin, nil
}

// Server is one mucurad process on a data directory.
type Server struct {
	Bin  string
	Data string   // data directory
	Args []string // further flags
	Env  []string // further environment
	Log  io.Writer

	Endpoint string // http://127.0.0.1:port
	Admin    string

	cmd  *exec.Cmd
	done chan struct{}
	tail *tailBuffer
}

// reserved are the ports that FreePort has given.
var reserved struct {
	sync.Mutex
	ports []*loopback.Port
}

// FreePort gives a loopback port nobody listens on, and until this process ends
// nobody else is given it.
func FreePort() (int, error) {
	p, err := loopback.Reserve()
	if err != nil {
		return 0, err
	}
	reserved.Lock()
	defer reserved.Unlock()
	reserved.ports = append(reserved.ports, p)
	return p.Number, nil
}

// Start starts the process and waits until it is ready. The ports are chosen
// at the first start and kept over restarts.
func (s *Server) Start() error {
	if s.Endpoint == "" {
		ports := [2]int{}
		for i := range ports {
			p, err := FreePort()
			if err != nil {
				return err
			}
			ports[i] = p
		}
		s.Endpoint = fmt.Sprintf("http://127.0.0.1:%d", ports[0])
		s.Admin = fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	}
	if s.tail == nil {
		s.tail = &tailBuffer{}
	}
	s.cmd = exec.Command(s.Bin, append([]string{"serve",
		"--listen", strings.TrimPrefix(s.Endpoint, "http://"),
		"--admin-listen", strings.TrimPrefix(s.Admin, "http://"),
		"--data", s.Data}, s.Args...)...)
	s.cmd.Env = append(os.Environ(),
		"MUCURA_ROOT_ACCESS_KEY_ID="+RootKey, "MUCURA_ROOT_SECRET_ACCESS_KEY="+RootSecret)
	s.cmd.Env = append(s.cmd.Env, s.Env...)
	out := io.Writer(s.tail)
	if s.Log != nil {
		out = io.MultiWriter(s.tail, s.Log)
	}
	s.cmd.Stderr = out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) { _ = cmd.Wait(); close(done) }(s.cmd, s.done)
	return s.waitReady()
}

// waitReady polls /-/ready. A process that ends first is an error with the end
// of its log.
func (s *Server) waitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for {
		req, _ := http.NewRequestWithContext(ctx, "GET", s.Admin+"/-/ready", nil)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.done:
			return fmt.Errorf("mucurad ended before it was ready:\n%s", s.tail)
		case <-ctx.Done():
			return fmt.Errorf("mucurad is not ready:\n%s", s.tail)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// Kill sends SIGKILL and waits for the end.
func (s *Server) Kill() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Kill()
		<-s.done
	}
}

// Stop sends SIGTERM, waits, and reports an exit status other than 0.
func (s *Server) Stop() error {
	if s.cmd == nil || s.cmd.Process == nil {
		return nil
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.done
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("mucurad exited with %d:\n%s", code, s.tail)
	}
	return nil
}

// Terminate sends SIGTERM and does not wait; Wait does.
func (s *Server) Terminate() error { return s.cmd.Process.Signal(syscall.SIGTERM) }

// Wait waits for the end of the process and gives its exit status.
func (s *Server) Wait() int {
	<-s.done
	return s.cmd.ProcessState.ExitCode()
}

// Pid is the running process's ID.
func (s *Server) Pid() int { return s.cmd.Process.Pid }

// Tail is the end of the server's log.
func (s *Server) Tail() string { return s.tail.String() }

// Run runs another mucurad command on the same data directory and returns what
// it printed on standard output.
func (s *Server) Run(args ...string) (string, error) {
	cmd := exec.Command(s.Bin, append(args, "--data", s.Data)...)
	cmd.Env = append(os.Environ(), s.Env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("mucurad %s: %w\n%s%s", strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String(), nil
}

// tailBuffer keeps the last part of what is written to it.
type tailBuffer struct {
	mu sync.Mutex
	b  []byte
}

func (t *tailBuffer) Write(p []byte) (int, error) {
	const keep = 16 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if len(t.b) > 2*keep {
		t.b = append(t.b[:0], t.b[len(t.b)-keep:]...)
	}
	return len(p), nil
}

func (t *tailBuffer) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}
