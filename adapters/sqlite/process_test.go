package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/mucura/mucura/core/meta"
)

// A test runs part of its work in a second process by starting this test
// binary again with these set.
const (
	childRole = "MUCURA_TEST_CHILD"
	childPath = "MUCURA_TEST_PATH"
)

func TestMain(m *testing.M) {
	var err error
	switch path := os.Getenv(childPath); os.Getenv(childRole) {
	case "":
		os.Exit(m.Run())
	case "increment":
		err = childIncrement(path)
	case "limited":
		err = childLimited(path)
	case "count":
		err = childCount(path)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func child(t *testing.T, role, path string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childRole+"="+role, childPath+"="+path)
	return cmd
}

const increments = 150

// increment adds 1 to a counter, as often as told, against all others.
func increment(s *Store) error {
	ctx := context.Background()
	for range increments {
		for {
			r, err := s.Get(ctx, part, "counter", false)
			if err != nil && !errors.Is(err, meta.ErrNotFound) {
				return err
			}
			n, _ := strconv.Atoi(string(r.Value))
			_, err = s.Put(ctx, part, "counter", meta.Record{Value: []byte(strconv.Itoa(n + 1))}, meta.IfMatch(r.Version))
			if err == nil {
				break
			}
			if !errors.Is(err, meta.ErrConflict) {
				return err
			}
		}
	}
	return nil
}

func childIncrement(path string) error {
	s, err := Open(path, Options{})
	if err != nil {
		return err
	}
	return errors.Join(increment(s), s.Close())
}

// TestTwoProcesses counts up from two processes at once: the sum is exact.
func TestTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	s := openAt(t, path, Options{})
	cmd := child(t, "increment", path)
	var out strings.Builder
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := increment(s); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("other process: %v: %s", err, out.String())
	}
	wantValue(t, s, "counter", strconv.Itoa(2*increments))
}

// childCount counts up for ever, and tells each number once it is acknowledged.
func childCount(path string) error {
	s, err := Open(path, Options{})
	if err != nil {
		return err
	}
	ctx := context.Background()
	r, err := s.Get(ctx, part, "counter", false)
	if err != nil {
		return err
	}
	n, _ := strconv.Atoi(string(r.Value))
	for {
		n++
		if _, err := s.Put(ctx, part, "counter", meta.Record{Value: []byte(strconv.Itoa(n))}, meta.Always); err != nil {
			return err
		}
		if _, err := fmt.Println(n); err != nil {
			return err
		}
	}
}

// TestReadsWhatOthersWrote reads what another process has just written, while
// this one writes, too, and the other is killed now and then.
func TestReadsWhatOthersWrote(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	s := openAt(t, path, Options{})
	put(t, s, "counter", "0")
	var stop atomic.Bool
	var own sync.WaitGroup
	own.Go(func() {
		for i := 0; !stop.Load(); i++ {
			put(t, s, "own", strconv.Itoa(i))
			if r, err := s.Get(t.Context(), part, "own", false); err != nil || string(r.Value) != strconv.Itoa(i) {
				t.Errorf("read %s, %v after %d", r.Value, err, i)
				return
			}
		}
	})
	for range 5 {
		cmd := child(t, "count", path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for i := 0; i < 100 && lines.Scan(); i++ {
			told, _ := strconv.Atoi(lines.Text())
			for range 2 {
				r, err := s.Get(t.Context(), part, "counter", false)
				if n, _ := strconv.Atoi(string(r.Value)); err != nil || n < told {
					t.Fatalf("read %d, %v after %d was acknowledged", n, err, told)
				}
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	stop.Store(true)
	own.Wait()
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// childLimited meets real I/O errors: the kernel lets no file of this process
// grow beyond a size (setrlimit(2), RLIMIT_FSIZE).
func childLimited(path string) error {
	signal.Ignore(syscall.SIGXFSZ)
	s, err := Open(path, Options{})
	if err != nil {
		return err
	}
	ctx := context.Background()
	body := meta.Record{Body: make([]byte, 50<<10)}
	if _, err := s.Put(ctx, part, "before", body, meta.Always); err != nil {
		return err
	}
	var lim syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &lim); err != nil {
		return err
	}
	was := lim.Cur
	lim.Cur = 200 << 10
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &lim); err != nil {
		return err
	}
	acked := []string{"before"}
	failed := 0
	for i := 0; failed < 3; i++ {
		key := fmt.Sprint("k", i)
		_, err := s.Put(ctx, part, key, body, meta.IfAbsent)
		switch {
		case err == nil:
			acked = append(acked, key)
		case errors.Is(err, meta.ErrUnavailable) || errors.Is(err, meta.ErrOutcomeUnknown):
			failed++
			if _, err := s.Get(ctx, part, key, true); !errors.Is(err, meta.ErrNotFound) {
				return fmt.Errorf("a failed write is seen: %v", err)
			}
		default:
			return fmt.Errorf("put on a file that cannot grow: %w", err)
		}
		if i > 100 {
			return errors.New("the file grew beyond its limit")
		}
	}
	lim.Cur = was
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &lim); err != nil {
		return err
	}
	if _, err := s.Put(ctx, part, "after", body, meta.IfAbsent); err != nil {
		return fmt.Errorf("put when the file can grow again: %w", err)
	}
	for _, key := range append(acked, "after") {
		if r, err := s.Get(ctx, part, key, true); err != nil || len(r.Body) != len(body.Body) {
			return fmt.Errorf("%s: %d bytes, %v", key, len(r.Body), err)
		}
	}
	return errors.Join(s.Check(ctx), s.Close())
}

func TestIOErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	if out, err := child(t, "limited", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := openAt(t, path, Options{})
	if _, err := s.Get(t.Context(), part, "after", true); err != nil {
		t.Error(err)
	}
}
