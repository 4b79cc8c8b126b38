// Package world starts a whole site of functions on one machine: the stores
// from Debian's packages, the functions as the programs that are deployed, and
// what stands in front of them. Tests, the demonstration and the benchmark use
// it.
package world

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/mucura/mucura/adapters/lambdahttp/lambdatest"
	"github.com/mucura/mucura/adapters/redis/redistest"
	"github.com/mucura/mucura/adapters/swift/swifttest"
)

// The administrator's key pair of every world.
const (
	RootKey    = "MUCURAFUNCTIONS"
	RootSecret = "functions-root-secret-0123456789"
	Region     = "mucura"
)

// SiteKey is the key of every world that seals secrets, in hexadecimal digits.
const SiteKey = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"

// Stores are where a site's data are.
type Stores struct {
	Redis *redistest.Server
	Swift *swifttest.Node
}

// StartStores starts a Redis and a one-node Swift that lie below dir.
func StartStores(ctx context.Context, dir string) (*Stores, error) {
	s := &Stores{}
	var err error
	if err = os.MkdirAll(filepath.Join(dir, "redis"), 0o700); err != nil {
		return nil, err
	}
	if s.Redis, err = redistest.Start(ctx, redistest.Options{Dir: filepath.Join(dir, "redis")}); err != nil {
		return nil, err
	}
	if s.Swift, err = swifttest.Start(ctx, swifttest.Options{}); err != nil {
		s.Redis.Stop()
		return nil, err
	}
	return s, nil
}

// Stop stops them.
func (s *Stores) Stop() error {
	s.Redis.Stop()
	return s.Swift.Stop()
}

// World is a site.
type World struct {
	// Bin holds the programs, by the names of the functions.
	Bin string
	// Env is the environment of every function.
	Env []string
	// Log gets what they write.
	Log io.Writer
}

// New makes a site over the stores that the URLs name, with its programs in
// bin. What it needs besides lies in dir.
func New(dir, bin, metadata, content string, log io.Writer) (*World, error) {
	key := filepath.Join(dir, "site.key")
	if err := os.WriteFile(key, []byte(SiteKey+"\n"), 0o600); err != nil {
		return nil, err
	}
	return &World{Bin: bin, Log: log, Env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir,
		"MUCURA_METADATA=" + metadata, "MUCURA_CONTENT=" + content, "MUCURA_SITE_KEY_FILE=" + key,
		"MUCURA_ROOT_ACCESS_KEY_ID=" + RootKey, "MUCURA_ROOT_SECRET_ACCESS_KEY=" + RootSecret,
	}}, nil
}

// Build compiles the functions as they are deployed into dir.
func Build(ctx context.Context, dir string, flags ...string) error {
	args := append([]string{"build", "-tags", "grpcnotrace", "-ldflags", "-s -w", "-o", dir + "/"}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, "github.com/mucura/mucura/functions/cmd/...")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// Function makes a function of shape A with a number of environments; extra is
// added to their environment.
func (w *World) Function(name string, environments int, freeze bool, extra ...string) *lambdatest.Function {
	return lambdatest.New(lambdatest.Options{
		Command: []string{filepath.Join(w.Bin, name)}, Env: append(append([]string{}, w.Env...), extra...),
		Environments: environments, Freeze: freeze, Log: w.Log,
	})
}

// Front serves a door of a function on a port of its own, until closed.
func Front(d lambdatest.Door, f lambdatest.Invoker) (url string, stop func(), err error) {
	return Serve(&lambdatest.Front{Door: d, Function: f})
}

// Serve serves h on a port of its own on loopback, until closed.
func Serve(h http.Handler) (url string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	s := &http.Server{Handler: h}
	go func() { _ = s.Serve(l) }() // until Close
	return "http://" + l.Addr().String(), func() { _ = s.Close() }, nil
}

// Need skips a test where a program that Start needs is missing; with
// MUCURA_TEST_INSTALL=1 it fails instead.
func Need(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv("MUCURA_TEST_INSTALL") == "1":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}

// Install looks for the programs of the stores; with MUCURA_TEST_INSTALL=1 it
// installs them.
func Install(ctx context.Context) error {
	return errors.Join(redistest.Install(ctx), swifttest.Install(ctx, swifttest.Options{}))
}
