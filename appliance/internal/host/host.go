// Package host is the machine as the appliance's code sees it: a tree of files
// under a root directory, and programs that are run. Tests put a directory and
// a recorder in their place.
package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Host is the machine.
type Host struct {
	// Root is put before every path; "" for the real machine.
	Root string
	Run  Runner
	Now  func() time.Time
}

// Runner runs programs.
type Runner interface {
	// Run runs a program to its end and gives its standard output, at most
	// MaxOutput bytes. An error is a *ExitError when the program ran and failed.
	Run(ctx context.Context, c Command) ([]byte, error)
}

// Command is one program to run. Secrets go into Env or Stdin, never into Args,
// which everybody on the machine can read.
type Command struct {
	Args  []string // the program first
	Env   []string // added to a minimal environment
	Stdin io.Reader
	User  string // run as this user; "" is the present one
}

// ExitError is a program that failed.
type ExitError struct {
	Args   []string
	Code   int
	Stderr string
}

func (e *ExitError) Error() string {
	msg := strings.TrimSpace(e.Stderr)
	if msg == "" {
		msg = fmt.Sprintf("exit status %d", e.Code)
	}
	return e.Args[0] + ": " + msg
}

// MaxOutput is how much output of a program is kept.
const MaxOutput = 16 << 20

// New is the real machine.
func New() *Host { return &Host{Run: Exec{}, Now: time.Now} }

// Path is where a path of the machine lies.
func (h *Host) Path(elem ...string) string {
	return filepath.Join(append([]string{h.Root}, elem...)...)
}

// Do runs a program with arguments.
func (h *Host) Do(ctx context.Context, args ...string) ([]byte, error) {
	return h.Run.Run(ctx, Command{Args: args})
}

// Exec runs programs of the real machine.
type Exec struct{}

// path is where programs are looked for: systemd's units have a PATH, and tests
// and root shells differ.
const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Run implements Runner.
func (Exec) Run(ctx context.Context, c Command) ([]byte, error) {
	program, err := find(c.Args[0])
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, c.Args[1:]...)
	cmd.Env = append([]string{"PATH=" + path, "LC_ALL=C", "HOME=/"}, c.Env...)
	cmd.Stdin = c.Stdin
	if c.User != "" {
		if cmd.SysProcAttr, err = as(c.User); err != nil {
			return nil, err
		}
	}
	var out, errOut bounded
	out.max, errOut.max = MaxOutput, 64<<10
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return out.Bytes(), fmt.Errorf("%s: %w", c.Args[0], ctx.Err())
	case errors.As(err, &exit):
		return out.Bytes(), &ExitError{c.Args, exit.ExitCode(), errOut.String()}
	case err != nil:
		return out.Bytes(), fmt.Errorf("%s: %w", c.Args[0], err)
	}
	return out.Bytes(), nil
}

func find(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for dir := range strings.SplitSeq(path, ":") {
		p := filepath.Join(dir, name)
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return p, nil
		}
	}
	return "", fmt.Errorf("%s: %w", name, exec.ErrNotFound)
}

// as gives the credentials of a user, without further groups.
func as(name string) (*syscall.SysProcAttr, error) {
	uid, gid, err := IDs(name)
	if err != nil {
		return nil, err
	}
	if uid == os.Getuid() {
		return nil, nil
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), Groups: []uint32{}}}, nil
}

// IDs looks a user's numbers up.
func IDs(name string) (uid, gid int, err error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, 0, err
	}
	uid, err = strconv.Atoi(u.Uid)
	if err != nil {
		return 0, 0, err
	}
	gid, err = strconv.Atoi(u.Gid)
	return uid, gid, err
}

// bounded keeps the beginning of what is written to it.
type bounded struct {
	bytes.Buffer
	max int
}

func (b *bounded) Write(p []byte) (int, error) {
	if room := b.max - b.Len(); room < len(p) {
		b.Buffer.Write(p[:max(room, 0)])
		return len(p), nil
	}
	return b.Buffer.Write(p)
}
