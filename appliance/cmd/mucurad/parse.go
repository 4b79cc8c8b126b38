package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/mucura/mucura/core/config"
)

// parse reads a command's settings and checks that it got want arguments
// besides flags.
func parse(name string, args []string, extra func(*flag.FlagSet), want int) (*config.Config, error) {
	c, _, err := parseArgs(name, args, extra, want)
	return c, err
}

func parseArgs(name string, args []string, extra func(*flag.FlagSet), want int) (*config.Config, []string, error) {
	c, rest, err := config.Parse(name, args, os.Environ(), extra)
	if err != nil {
		return nil, nil, err
	}
	if len(rest) != want {
		return nil, nil, fmt.Errorf("%s: want %d arguments, got %d: %q", name, want, len(rest), rest)
	}
	return c, rest, nil
}
