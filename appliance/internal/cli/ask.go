package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// ask reads a line from the terminal, hidden if it is secret, or from standard
// input if that is none, without the blanks around it.
func (a *app) ask(prompt string, secret bool) (string, error) {
	line, err := a.askLine(prompt, secret)
	return strings.TrimSpace(line), err
}

// askPassword asks for a password, of which blanks are a part.
func (a *app) askPassword(prompt string) (string, error) {
	line, err := a.askLine(prompt, true)
	return strings.TrimRight(line, "\r\n"), err
}

func (a *app) askLine(prompt string, secret bool) (string, error) {
	if a.asksTerminal() {
		if secret {
			return askHidden(a.stdin.(*os.File), a.stderr, prompt)
		}
		fmt.Fprint(a.stderr, prompt)
	}
	if a.lines == nil {
		a.lines = bufio.NewReader(io.LimitReader(a.stdin, 64<<10))
	}
	line, err := a.lines.ReadString('\n')
	if err == io.EOF {
		err = nil // no answer is an empty one, which callers refuse
	}
	return line, err
}

// askHidden asks for a line that is not shown. The echo is off before the prompt
// is there, for whoever types at once, as programs do.
func askHidden(f *os.File, w io.Writer, prompt string) (string, error) {
	old, err := term.MakeRaw(int(f.Fd()))
	if err != nil {
		return "", err
	}
	defer func() { _ = term.Restore(int(f.Fd()), old) }()
	line, err := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{f, w}, "").ReadPassword(prompt)
	if err == io.EOF { // ^C and ^D come as bytes
		err = context.Canceled
	}
	return line, err
}

// asksTerminal: there is a person at standard input.
func (a *app) asksTerminal() bool {
	f, ok := a.stdin.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// newPassword asks for a password, on a terminal twice.
func (a *app) newPassword() (string, error) {
	password, err := a.askPassword("New password: ")
	if err != nil {
		return "", err
	}
	if password == "" {
		return "", usagef("a password is wanted, on the terminal or standard input")
	}
	if a.asksTerminal() {
		again, err := a.askPassword("Once more: ")
		if err != nil {
			return "", err
		}
		if again != password {
			return "", usagef("the passwords are not the same")
		}
	}
	return password, nil
}
