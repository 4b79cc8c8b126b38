package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/mucura/mucura/adapters/awssecrets"
	"github.com/mucura/mucura/core/config"
)

// parse reads a command's settings and checks that it got want arguments
// besides flags.
func parse(name string, args []string, extra func(*flag.FlagSet), want int) (*config.Config, error) {
	c, _, err := parseArgs(name, args, extra, want)
	return c, err
}

// parseAny is parse for a command that counts its arguments itself.
func parseAny(name string, args []string, extra func(*flag.FlagSet)) (*config.Config, []string, error) {
	c, rest, err := config.Parse(name, args, os.Environ(), extra)
	if err == nil {
		err = awssecrets.Resolve(context.Background(), c)
	}
	if err != nil {
		return nil, nil, err
	}
	return c, rest, nil
}

func parseArgs(name string, args []string, extra func(*flag.FlagSet), want int) (*config.Config, []string, error) {
	c, rest, err := parseAny(name, args, extra)
	if err != nil {
		return nil, nil, err
	}
	if len(rest) != want {
		return nil, nil, wrongArguments(name, rest)
	}
	return c, rest, nil
}

// wrongArguments says how a command is written that was written otherwise.
func wrongArguments(name string, rest []string) error {
	if c, _, ok := commandOf(rest); ok && name == "serve" {
		return fmt.Errorf("flags come after the command: %s", c.usage())
	}
	c, _, _ := commandOf(strings.Fields(name))
	if len(rest) == 0 {
		return fmt.Errorf("usage: %s", c.usage())
	}
	return fmt.Errorf("%q: usage: %s", rest, c.usage())
}
