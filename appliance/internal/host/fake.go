package host

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Fake is a Runner for tests: it records what would be run and answers from a
// table of rules.
type Fake struct {
	mu    sync.Mutex
	Calls []Call
	rules []rule
}

// Call is one recorded run.
type Call struct {
	Line  string // the arguments, separated by spaces
	Env   []string
	Stdin string
	User  string
}

type rule struct {
	prefix string
	answer func(Command) ([]byte, error)
}

// NewFake makes a machine whose tree is root, where programs do nothing, and
// the recorder of its programs.
func NewFake(root string, now time.Time) (*Host, *Fake) {
	f := &Fake{}
	return &Host{Root: root, Run: f, Now: func() time.Time { return now }}, f
}

// On answers command lines that begin with prefix; later rules win.
func (f *Fake) On(prefix, out string, err error) {
	f.OnFunc(prefix, func(Command) ([]byte, error) { return []byte(out), err })
}

// OnFunc is On with a function.
func (f *Fake) OnFunc(prefix string, answer func(Command) ([]byte, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = append(f.rules, rule{prefix, answer})
}

// Fail is the error of a program that exits with 1.
func Fail(message string) error { return &ExitError{[]string{"program"}, 1, message} }

// Run implements Runner.
func (f *Fake) Run(ctx context.Context, c Command) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	call := Call{Line: strings.Join(c.Args, " "), Env: c.Env, User: c.User}
	if c.Stdin != nil {
		b, err := io.ReadAll(c.Stdin)
		if err != nil {
			return nil, fmt.Errorf("input of %s: %w", c.Args[0], err)
		}
		call.Stdin = string(b)
	}
	f.mu.Lock()
	f.Calls = append(f.Calls, call)
	var answer func(Command) ([]byte, error)
	for _, r := range f.rules {
		if strings.HasPrefix(call.Line, r.prefix) {
			answer = r.answer
		}
	}
	f.mu.Unlock()
	if answer == nil {
		return nil, nil
	}
	return answer(c)
}

// Ran gives the recorded command lines that begin with prefix.
func (f *Fake) Ran(prefix string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []string
	for _, c := range f.Calls {
		if strings.HasPrefix(c.Line, prefix) {
			lines = append(lines, c.Line)
		}
	}
	return lines
}
