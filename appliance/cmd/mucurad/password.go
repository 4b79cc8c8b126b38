package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/app"
)

// accountPassword gives an account a password, for the pages and "mucura login
// --password", or takes it away. Either ends the account's sessions.
func accountPassword(ctx context.Context, name string, args []string) error {
	var remove bool
	c, rest, err := parseArgs(name, args, func(fs *flag.FlagSet) {
		fs.BoolVar(&remove, "remove", false, "take the password away")
	}, 1)
	if err != nil {
		return err
	}
	return withApp(ctx, c, func(a *app.App) error {
		acct, err := accountNamed(ctx, a, rest[0])
		if err != nil || remove {
			if err == nil {
				err = a.Accounts.SetPassword(ctx, acct.ID, "")
			}
			return err
		}
		password, err := newPassword(os.Stdin)
		if err != nil {
			return err
		}
		return a.Accounts.SetPassword(ctx, acct.ID, password)
	})
}

// newPassword reads a password: a line of standard input, or twice and unseen from
// a terminal.
func newPassword(in *os.File) (string, error) {
	fd := int(in.Fd())
	if !term.IsTerminal(fd) {
		line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
		if err != nil && err != io.EOF {
			return "", err
		}
		password := strings.TrimRight(line, "\r\n")
		return password, accounts.CheckPassword(password)
	}
	fmt.Fprint(os.Stderr, "New password: ")
	first, err := term.ReadPassword(fd)
	fmt.Fprintln(os.Stderr)
	if err == nil {
		err = accounts.CheckPassword(string(first))
	}
	if err != nil {
		return "", err
	}
	fmt.Fprint(os.Stderr, "Once more: ")
	again, err := term.ReadPassword(fd)
	fmt.Fprintln(os.Stderr)
	if err == nil && string(again) != string(first) {
		err = errors.New("the two passwords differ")
	}
	return string(first), err
}
