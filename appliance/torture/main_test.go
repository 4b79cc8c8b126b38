// Package torture runs the real server and breaks it on purpose: it is killed
// while it writes, shared by two processes, and asked hostile questions.
package torture

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/mucura/mucura/appliance/internal/harness"
)

// binary is the server under test, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "mucura-torture-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = os.Getenv("MUCURA_TEST_BINARY")
	if binary == "" {
		binary, err = harness.Build(dir, false)
	} else {
		binary, err = exec.LookPath(binary)
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	if err := swiftNode.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// start starts a server on a data directory of its own.
func start(t *testing.T, args ...string) *harness.Server {
	t.Helper()
	return startOn(t, filepath.Join(t.TempDir(), "data"), args...)
}

func startOn(t *testing.T, data string, args ...string) *harness.Server {
	t.Helper()
	s := &harness.Server{Bin: binary, Data: data, Args: args}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s
}

// number is a count that the environment may raise.
func number(t *testing.T, env string, usual int) int {
	t.Helper()
	text := os.Getenv(env)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", env, err)
	}
	return n
}
