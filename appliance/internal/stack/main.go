// Stack runs the stores of a large site on loopback, from Debian's packages,
// for trials: what it prints are the settings of mucurad to use them. It runs
// until it gets SIGTERM or SIGINT, and takes everything with it.
//
//	stack redis [-sentinel | -cluster] [-dir DIR]
//	stack swift [-keystone] [-dir DIR]
//	stack with swift+redis COMMAND [arguments]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "stack:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("usage: stack redis|swift [flags], or stack with STORE+STORE COMMAND")
	}
	if args[0] == "with" && len(args) > 1 {
		return with(ctx, args[1], args[2:])
	}
	fs := flag.NewFlagSet(args[0], flag.ContinueOnError)
	switch args[0] {
	case "redis":
		return redis(ctx, fs, args[1:])
	case "swift":
		return swift(ctx, fs, args[1:])
	default:
		return fmt.Errorf("no such store: %q", args[0])
	}
}
