package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mucura/mucura/adapters/redis/redistest"
	"github.com/mucura/mucura/adapters/riak/riaktest"
	"github.com/mucura/mucura/adapters/swift/swifttest"
)

// with runs a command on stores: "swift+redis", "riak+swift", … The command
// finds them in its environment; when it ends they are stopped, and what they
// held is gone.
func with(ctx context.Context, names string, command []string) (err error) {
	if len(command) == 0 {
		return errors.New("usage: stack with STORE+STORE COMMAND [arguments]")
	}
	dir, err := os.MkdirTemp("", "mucura-stack-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	env := os.Environ()
	for name := range strings.SplitSeq(names, "+") {
		more, stop, serr := startNamed(ctx, name, dir)
		if serr != nil {
			return fmt.Errorf("%s: %w", name, serr)
		}
		defer func() { err = errors.Join(err, stop()) }()
		env = append(env, more...)
	}
	// A data directory of its own: what is there belongs to other stores.
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(env, "MUCURA_DATA="+dir+"/data")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	defer stop()
	return cmd.Wait()
}

// startNamed starts a store and gives the settings that name it.
func startNamed(ctx context.Context, name, dir string) (env []string, stop func() error, err error) {
	nothing := func(f func()) func() error { return func() error { f(); return nil } }
	switch name {
	case "redis":
		if err := redistest.Install(ctx); err != nil {
			return nil, nil, err
		}
		if err := os.Mkdir(filepath.Join(dir, "redis"), 0o700); err != nil {
			return nil, nil, err
		}
		s, err := redistest.Start(ctx, redistest.Options{Dir: filepath.Join(dir, "redis")})
		if err != nil {
			return nil, nil, err
		}
		return []string{"MUCURA_METADATA=" + s.URL()}, nothing(s.Stop), nil
	case "swift":
		if err := swifttest.Install(ctx, swifttest.Options{}); err != nil {
			return nil, nil, err
		}
		n, err := swifttest.Start(ctx, swifttest.Options{})
		if err != nil {
			return nil, nil, err
		}
		return []string{"MUCURA_CONTENT=" + n.URL()}, n.Stop, nil
	case "riak": // the stand-in: Riak is in no distribution
		c, err := riaktest.Start(riaktest.Config{Mode: riaktest.PreferToken, Types: map[string]riaktest.Props{"mucura": {AllowMult: true}}})
		if err != nil {
			return nil, nil, err
		}
		url := "riak://" + strings.Join(c.Hosts(), ",") + "/?type=mucura"
		return []string{"MUCURA_METADATA=" + url, "MUCURA_REGISTRY_WHEN_HEALTHY=true"}, nothing(c.Close), nil
	}
	return nil, nil, errors.New("no such store: redis, swift, riak (its stand-in)")
}
