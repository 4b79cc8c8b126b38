package cli_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mucura/mucura/appliance/internal/harness"
)

// The real command and the real server, built once.
var (
	command string
	daemon  string
	server  *harness.Server // most tests share it, each with buckets of its own
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "mucura-cli-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := 1
	if err = build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
		server.Kill()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func build(dir string) (err error) {
	if daemon, err = harness.Build(dir, false); err != nil {
		return err
	}
	command = filepath.Join(dir, "mucura")
	args, cgo := []string{"build", "-o", command}, "CGO_ENABLED=0"
	if withRace() {
		args, cgo = append(args, "-race"), "CGO_ENABLED=1"
	}
	cmd := exec.Command("go", append(args, "github.com/mucura/mucura/appliance/cmd/mucura")...)
	cmd.Env = append(os.Environ(), cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	server = &harness.Server{Bin: daemon, Data: filepath.Join(dir, "data")}
	return server.Start()
}

// withRace: the command under test has the race detector, which makes each run
// of it slower by far.
func withRace() bool { return os.Getenv("MUCURA_TEST_RACE") != "" }

// person is somebody who runs the command: a home directory and an environment.
type person struct {
	*testing.T
	home string
	env  []string
}

// newPerson is the administrator of the shared server, with a home of her own.
func newPerson(t *testing.T) *person { return personOn(t, server.Endpoint) }

func personOn(t *testing.T, endpoint string) *person {
	home := t.TempDir()
	return &person{t, home, []string{"HOME=" + home, "PATH=" + filepath.Dir(command) + ":/usr/bin:/bin", "TZ=UTC",
		"MUCURA_SERVER=" + endpoint, "AWS_ACCESS_KEY_ID=" + harness.RootKey, "AWS_SECRET_ACCESS_KEY=" + harness.RootSecret}}
}

// with changes the environment; a later value of a name wins.
func (p *person) with(env ...string) *person {
	return &person{p.T, p.home, append(append([]string(nil), p.env...), env...)}
}

type outcome struct {
	status         int
	stdout, stderr string
}

func (p *person) cmd(args ...string) *exec.Cmd {
	cmd := exec.Command(command, args...)
	cmd.Dir, cmd.Env = p.home, p.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

func (p *person) finish(cmd *exec.Cmd) outcome {
	p.Helper()
	var stdout, stderr bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &stdout
	}
	cmd.Stderr = &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.Fatal(err)
	}
	o := outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	if strings.Contains(o.stdout+o.stderr, harness.RootSecret) {
		p.Errorf("mucura %v printed the secret", cmd.Args)
	}
	return o
}

func (p *person) run(args ...string) outcome { p.Helper(); return p.finish(p.cmd(args...)) }

// want runs the command and wants an exit status; it gives standard output.
func (p *person) want(status int, args ...string) string {
	p.Helper()
	o := p.run(args...)
	if o.status != status {
		p.Fatalf("mucura %v: exit status %d, want %d\n%s%s", args, o.status, status, o.stdout, o.stderr)
	}
	return o.stdout
}

// feed is want with standard input.
func (p *person) feed(input []byte, status int, args ...string) string {
	p.Helper()
	cmd := p.cmd(args...)
	cmd.Stdin = bytes.NewReader(input)
	o := p.finish(cmd)
	if o.status != status {
		p.Fatalf("mucura %v: exit status %d, want %d\n%s%s", args, o.status, status, o.stdout, o.stderr)
	}
	return o.stdout
}

// bucket makes a bucket that no other test has.
func (p *person) bucket() string {
	p.Helper()
	var b [6]byte
	rand.Read(b[:])
	name := "cli-" + hex.EncodeToString(b[:])
	p.want(0, "mkdir", "s3://"+name)
	return name
}

func (p *person) path(name string) string { return filepath.Join(p.home, filepath.FromSlash(name)) }

func (p *person) write(name string, content []byte) string {
	p.Helper()
	path := p.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		p.Fatal(err)
	}
	return path
}

func (p *person) wantFile(name string, content []byte) {
	p.Helper()
	got, err := os.ReadFile(p.path(name))
	if err != nil {
		p.Fatal(err)
	}
	if !bytes.Equal(got, content) {
		p.Errorf("%s has %d bytes, not the %d that were expected", name, len(got), len(content))
	}
}

func (p *person) wantNoFile(name string) {
	p.Helper()
	if _, err := os.Lstat(p.path(name)); !os.IsNotExist(err) {
		p.Errorf("%s is there: %v", name, err)
	}
}

// random is content that no compression or accident makes.
func random(size int) []byte {
	b := make([]byte, size)
	rand.Read(b)
	return b
}
