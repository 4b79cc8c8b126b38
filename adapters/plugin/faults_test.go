package plugin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/mucura/mucura/adapters/plugin/internal/wire"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/content/contenttest"
	"github.com/mucura/mucura/core/meta"
)

func kill(t testing.TB, pid int, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, sig); err != nil {
		t.Fatal(err)
	}
}

// running tells whether there is such a process that is no zombie.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// awaitOther waits until another process serves than the one that was killed, which
// may still answer a call for a moment.
func awaitOther(t testing.TB, s interface{ Ping(context.Context) error }, killed int) {
	t.Helper()
	eventually(t, "another process", func() bool {
		p, err := supervisorOf(t, s).current()
		return err == nil && p.program.pid() != killed && s.Ping(t.Context()) == nil
	})
}

// TestKilledDuringUpload kills the plug-in while it writes: the upload fails,
// nothing of it is visible, and the same host works on with the next process.
func TestKilledDuringUpload(t *testing.T) {
	dir := t.TempDir()
	s := mustContent(t, quick(&logs{}), "kind", "file", "dir", dir, "hooks", dir)
	kept := contenttest.Write(t, s, []byte("kept"), 4)
	pid := pidOf(t, s)
	id := content.NewID(time.Now())
	w, err := s.Create(t.Context(), id, -1)
	if err != nil {
		t.Fatal(err)
	}
	data := contenttest.Bytes(1, 3<<20)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	eventually(t, "bytes in the plug-in", func() bool { return hooks{dir}.noted("written") > 1<<20 })
	kill(t, pid, syscall.SIGKILL)
	for err == nil {
		_, err = w.Write(data)
	}
	if !errors.Is(err, content.ErrUnavailable) {
		t.Errorf("write to a killed plug-in: %v", err)
	}
	if err := w.Commit(); !errors.Is(err, content.ErrUnavailable) {
		t.Errorf("commit after it: %v", err)
	}
	awaitOther(t, s, pid)
	if _, err := contenttest.Read(s, id, 0, -1); !errors.Is(err, content.ErrNotFound) {
		t.Errorf("the cut upload can be opened: %v", err)
	}
	seen := 0
	if err := s.Walk(t.Context(), "", func(content.Info) error { seen++; return nil }); err != nil || seen != 1 {
		t.Errorf("walk shows %d contents: %v", seen, err)
	}
	if got, err := contenttest.Read(s, kept, 0, -1); err != nil || string(got) != "kept" {
		t.Errorf("%q, %v", got, err)
	}
	if files, _, err := s.(content.Janitor).Clean(t.Context(), time.Now().Add(time.Hour)); err != nil || files != 1 {
		t.Errorf("the cut upload left %d unfinished files: %v", files, err)
	}
}

// TestKilledDuringRead gives an error, not a short content.
func TestKilledDuringRead(t *testing.T) {
	dir := t.TempDir()
	s := mustContent(t, quick(&logs{}), "kind", "file", "dir", dir)
	id := contenttest.Write(t, s, contenttest.Bytes(2, 2*Buffered), 1<<20)
	r, err := s.Open(t.Context(), id, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	kill(t, pidOf(t, s), syscall.SIGKILL)
	if n, err := io.Copy(io.Discard, r); !errors.Is(err, content.ErrUnavailable) {
		t.Errorf("read %d bytes of a killed plug-in: %v", n, err)
	}
}

// TestCancelledUpload ends an upload by its context: the plug-in drops it.
func TestCancelledUpload(t *testing.T) {
	dir := t.TempDir()
	s := mustContent(t, quick(&logs{}), "kind", "file", "dir", dir, "hooks", dir)
	ctx, cancel := context.WithCancel(t.Context())
	w, err := s.Create(ctx, content.NewID(time.Now()), -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(contenttest.Bytes(1, 2<<20)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := w.Commit(); !errors.Is(err, context.Canceled) {
		t.Errorf("commit: %v", err)
	}
	eventually(t, "abort in the plug-in", func() bool { return hooks{dir}.noted("aborted") == 1 })
	if files, _, err := s.(content.Janitor).Clean(t.Context(), time.Now().Add(time.Hour)); files != 0 || err != nil {
		t.Errorf("%d unfinished files: %v", files, err)
	}
}

// TestHostKilled shows that a plug-in does not outlive its host.
func TestHostKilled(t *testing.T) {
	host := exec.Command(os.Args[0])
	host.Env = append(os.Environ(), hostVariable+"="+pluginURL(t))
	host.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || !running(pid) {
		host.Process.Kill()
		t.Fatalf("the host said %q: %v", line, err)
	}
	kill(t, host.Process.Pid, syscall.SIGKILL)
	_ = host.Wait()
	eventually(t, "end of the plug-in", func() bool { return !running(pid) })
}

// TestWriteOutcome: what a write that was running says depends on whether
// anybody can know; what comes after says unavailable, until it works again.
func TestWriteOutcome(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "conf")
	if err := os.WriteFile(conf, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := mustMeta(t, quick(&logs{}), "kind", "sqlite", "dir", dir, "hooks", dir, "config-file", conf)
	// Without its configuration the plug-in is not started again.
	if err := os.Rename(conf, conf+"-away"); err != nil {
		t.Fatal(err)
	}
	hooks{dir}.set(t, "die-after")
	if _, err := s.Put(t.Context(), "p", "k", meta.Record{Value: []byte("v")}, meta.Always); !errors.Is(err, meta.ErrOutcomeUnknown) {
		t.Errorf("cut put: %v", err)
	}
	eventually(t, "notice of the death", func() bool { _, err := supervisorOf(t, s).current(); return err != nil })
	if _, err := s.Put(t.Context(), "p", "k2", meta.Record{}, meta.Always); !errors.Is(err, meta.ErrUnavailable) || errors.Is(err, meta.ErrOutcomeUnknown) {
		t.Errorf("put while no plug-in runs: %v", err)
	}
	if _, err := s.Get(t.Context(), "p", "k", false); !errors.Is(err, meta.ErrUnavailable) {
		t.Errorf("get while no plug-in runs: %v", err)
	}
	if err := os.Rename(conf+"-away", conf); err != nil {
		t.Fatal(err)
	}
	eventually(t, "service", func() bool { return s.Ping(t.Context()) == nil })
	if r, err := s.Get(t.Context(), "p", "k", false); err != nil || string(r.Value) != "v" {
		t.Errorf("after the restart: %q, %v", r.Value, err)
	}
}

func TestPanic(t *testing.T) {
	dir := t.TempDir()
	l := &logs{}
	s := mustMeta(t, quick(l), "kind", "sqlite", "dir", dir, "hooks", dir)
	hooks{dir}.set(t, "panic")
	if _, err := s.Get(t.Context(), "p", "k", false); !errors.Is(err, meta.ErrUnavailable) {
		t.Errorf("get in which the plug-in panics: %v", err)
	}
	eventually(t, "service", func() bool { return s.Ping(t.Context()) == nil })
	eventually(t, "the panic in the log", func() bool { return strings.Contains(l.String(), "a bug of the plug-in") })
}

// TestHangs: a call that is not answered ends by the time calls may take or by
// the caller's deadline, whether the plug-in keeps to it or not.
func TestHangs(t *testing.T) {
	dir := t.TempDir()
	s := mustMeta(t, quick(&logs{}), "kind", "sqlite", "dir", dir, "hooks", dir, "call-timeout", "300ms")
	for _, how := range []string{"wait", "hang"} {
		hooks{dir}.set(t, how)
		if _, err := s.Get(t.Context(), "p", "k", false); !errors.Is(err, meta.ErrUnavailable) {
			t.Errorf("%s: %v", how, err)
		}
		hooks{dir}.set(t, how)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if _, err := s.Get(ctx, "p", "k", false); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s with a deadline: %v", how, err)
		}
		cancel()
	}
	eventually(t, "an answer to other calls", func() bool { return s.Ping(t.Context()) == nil })
}

// TestDeadlineSeenThere: the plug-in may see the time of a call end before we do.
// The caller, who has set no time, is not told that his has passed.
func TestDeadlineSeenThere(t *testing.T) {
	s := newSupervisor(&spec{}, quick(&logs{}), wire.Meta)
	for _, answer := range []error{
		wire.ToStatus(wire.Meta, context.DeadlineExceeded), status.Error(codes.Canceled, "stream reset"),
	} {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, errSlow)
		err := s.fail(ctx, "get", false, answer)
		if !errors.Is(err, meta.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			t.Errorf("%v became %v", answer, err)
		}
		cancel()
	}
}

// TestStopped: a process that does not run any more is killed and replaced. One that
// has to wait for a processor must not be taken for it.
func TestStopped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := quick(&logs{})
	o.HealthInterval = 2 * time.Second
	s := mustContent(t, o, "kind", "file", "dir", dir)
	id := contenttest.Write(t, s, []byte("x"), 1)
	w, err := s.Create(t.Context(), content.NewID(time.Now()), -1)
	if err != nil {
		t.Fatal(err)
	}
	pid := pidOf(t, s)
	kill(t, pid, syscall.SIGSTOP)
	if err := w.Commit(); !errors.Is(err, content.ErrUnavailable) {
		t.Errorf("commit in a stopped plug-in: %v", err)
	}
	awaitOther(t, s, pid)
	if running(pid) {
		t.Error("the stopped process is still there")
	}
	if got, err := contenttest.Read(s, id, 0, -1); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestSIGTERM: a service manager sends it to every process, while the server
// still finishes requests.
func TestSIGTERM(t *testing.T) {
	s := mustMeta(t, quick(&logs{}))
	pid := pidOf(t, s)
	kill(t, pid, syscall.SIGTERM)
	kill(t, pid, syscall.SIGINT)
	for range 20 {
		if err := s.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	if pidOf(t, s) != pid {
		t.Error("the plug-in was replaced")
	}
}

// TestClose leaves neither the process nor one that it started, even when that
// holds the plug-in's outputs.
func TestClose(t *testing.T) {
	dir := t.TempDir()
	s := mustMeta(t, quick(&logs{}), "kind", "family", "hooks", dir)
	pid, child := pidOf(t, s), hooks{dir}.noted("child")
	if !running(pid) || !running(child) {
		t.Fatalf("processes %d and %d do not run", pid, child)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if running(pid) {
		t.Error("the plug-in runs")
	}
	// The kernel ends a killed process in its own time, and only its parent
	// can wait for that.
	eventually(t, "end of the plug-in's child", func() bool { return !running(child) })
}

// TestChanging: a store that is another one after a restart is not used.
func TestChanging(t *testing.T) {
	l := &logs{}
	s := mustMeta(t, quick(l), "kind", "changing")
	kill(t, pidOf(t, s), syscall.SIGKILL)
	eventually(t, "refusal", func() bool { return strings.Contains(l.String(), "says other things of itself") })
	if err := s.Ping(t.Context()); !errors.Is(err, meta.ErrUnavailable) {
		t.Errorf("ping: %v", err)
	}
}

func TestTwoAtOnce(t *testing.T) {
	m, c := mustMeta(t, quick(&logs{})), mustContent(t, quick(&logs{}), "kind", "file", "dir", t.TempDir())
	if pidOf(t, m) == pidOf(t, c) {
		t.Fatal("one process serves both")
	}
	id := contenttest.Write(t, c, contenttest.Bytes(1, 100_000), 1<<20)
	if _, err := m.Put(t.Context(), "p", "k", meta.Record{Value: []byte(id)}, meta.IfAbsent); err != nil {
		t.Fatal(err)
	}
	pid := pidOf(t, m)
	kill(t, pid, syscall.SIGKILL)
	if got, err := contenttest.Read(c, id, 0, -1); err != nil || len(got) != 100_000 {
		t.Errorf("contents when the metadata's plug-in is dead: %d bytes, %v", len(got), err)
	}
	awaitOther(t, m, pid)
}

// TestFull: what the store says at the end of an upload reaches the caller.
func TestFull(t *testing.T) {
	dir := t.TempDir()
	s := mustContent(t, quick(&logs{}), "kind", "file", "dir", dir, "hooks", dir)
	hooks{dir}.set(t, "full")
	w, err := s.Create(t.Context(), content.NewID(time.Now()), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); !errors.Is(err, content.ErrFull) || errors.Is(err, content.ErrUnavailable) {
		t.Errorf("commit: %v", err)
	}
}

// TestSlowReader: a client that does not read holds the plug-in back; the host
// does not gather the content in memory.
func TestSlowReader(t *testing.T) {
	dir := t.TempDir()
	s := mustContent(t, quick(&logs{}), "kind", "file", "dir", dir, "hooks", dir)
	const size = 2 * Buffered
	id := contenttest.Write(t, s, contenttest.Bytes(3, size), 1<<20)
	r, err := s.Open(t.Context(), id, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	read := func() int { return hooks{dir}.noted("read") }
	last := -1
	eventually(t, "standstill", func() bool {
		was := last
		last = read()
		time.Sleep(200 * time.Millisecond)
		return last > 0 && was == last
	})
	if last > Buffered {
		t.Errorf("the plug-in read %d bytes ahead of a reader that read none", last)
	}
	// Others are not held up.
	other := contenttest.Write(t, s, []byte("other"), 5)
	if got, err := contenttest.Read(s, other, 0, -1); err != nil || string(got) != "other" {
		t.Errorf("%q, %v", got, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, "close in the plug-in", func() bool { return hooks{dir}.noted("closed") == 1 })
}

// TestSlowWriter: a plug-in that does not write holds the caller back.
func TestSlowWriter(t *testing.T) {
	dir := t.TempDir()
	s := mustContent(t, quick(&logs{}), "kind", "file", "dir", dir, "hooks", dir)
	hooks{dir}.set(t, "stall")
	const size = 2 * Buffered
	data := contenttest.Bytes(4, size)
	id := content.NewID(time.Now())
	w, err := s.Create(t.Context(), id, size)
	if err != nil {
		t.Fatal(err)
	}
	taken := make(chan int, size>>20)
	result := make(chan error, 1)
	go func() {
		for i := 0; i < size; i += 1 << 20 {
			if _, err := w.Write(data[i : i+1<<20]); err != nil {
				result <- err
				return
			}
			taken <- 1
		}
		result <- w.Commit()
	}()
	n := -1
	eventually(t, "standstill", func() bool {
		was := n
		n = len(taken)
		time.Sleep(200 * time.Millisecond)
		return n > 0 && was == n
	})
	if n > Buffered>>20 {
		t.Errorf("%d MiB were taken by a plug-in that writes none", n)
	}
	hooks{dir}.pull("stall")
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	if got, err := contenttest.Read(s, id, 0, -1); err != nil || string(got) != string(data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestLies: answers that would mislead the sweeper are refused.
func TestLies(t *testing.T) {
	s := mustContent(t, quick(&logs{}), "kind", "lying")
	if err := s.Walk(t.Context(), "", func(content.Info) error { return nil }); !errors.Is(err, content.ErrUnavailable) {
		t.Errorf("a walk out of order: %v", err)
	}
	id := contenttest.Write(t, s, []byte("0123456789"), 10)
	if got, err := contenttest.Read(s, id, 0, 4); !errors.Is(err, content.ErrUnavailable) || len(got) > 4 {
		t.Errorf("more bytes than asked for: %q, %v", got, err)
	}
}
