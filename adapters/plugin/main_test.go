package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/mucura/mucura/adapters/localfs"
	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/adapters/plugin/internal/wire"
	"github.com/mucura/mucura/adapters/plugin/sdk"
	"github.com/mucura/mucura/adapters/sqlite"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/weak"
)

// modeVariable makes the test plug-in misbehave before the handshake.
const modeVariable = "PLUGIN_TEST_MODE"

// hostVariable makes the test binary a host of the plug-in that it names.
const hostVariable = "PLUGIN_TEST_HOST"

// raceVariable configures the race detector. A program under it sleeps for a second
// before it exits, and hundreds of plug-ins are started here; and a race in a plug-in
// must end it, because nobody reads what it prints.
const (
	raceVariable = "GORACE"
	raceOptions  = "atexit_sleep_ms=0 halt_on_error=1"
)

// beHost opens a plug-in, prints its process ID, and waits to be killed.
func beHost(url string) {
	s, err := OpenMeta(context.Background(), url, Options{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	p, _ := s.(owner).self().current()
	fmt.Println(p.program.pid())
	select {}
}

// TestMain is the plug-in, too: started with the cookie, the test binary serves
// stores instead of running tests.
func TestMain(m *testing.M) {
	if url := os.Getenv(hostVariable); url != "" {
		beHost(url)
	}
	if os.Getenv(wire.CookieKey) == "" {
		os.Setenv(raceVariable, raceOptions+" "+os.Getenv(raceVariable))
		os.Exit(m.Run())
	}
	switch os.Getenv(modeVariable) {
	case "garbage":
		fmt.Println("hello, I am a program that likes to talk")
		time.Sleep(time.Minute)
	case "ends":
		fmt.Fprintln(os.Stderr, "no such library")
		os.Exit(127)
	case "version":
		fmt.Println("1|7|unix|/nowhere|grpc|")
		time.Sleep(time.Minute)
	case "core":
		fmt.Println("9|1|unix|/nowhere|grpc|")
		time.Sleep(time.Minute)
	case "only meta":
		sdk.Serve(sdk.Plugin{Name: "test", Meta: openTestMeta})
	default:
		sdk.Serve(sdk.Plugin{Name: "test", Meta: openTestMeta, Content: openTestContent})
	}
}

func openTestMeta(ctx context.Context, c sdk.Config) (meta.Store, error) {
	c.Log.Info("opening", "kind", c.Get("kind", "mem"))
	fmt.Println("printed by the plug-in")
	var s meta.Store
	var err error
	switch c.Get("kind", "mem") {
	case "sqlite":
		s, err = sqlite.Open(filepath.Join(c.Get("dir", ""), "meta.db"), sqlite.Options{})
	case "mem":
		s = mem.NewMeta()
	case "plain":
		s = mem.NewMetaWith(meta.Capabilities{Name: "plain", CAS: meta.None, MaxValue: meta.MinValue})
	case "lagging": // scans show the past, as long as it declares
		const lag = 200 * time.Millisecond
		caps := meta.Capabilities{Name: "lagging", CAS: meta.WhenHealthy, ScanLag: lag, MaxValue: meta.MinValue}
		s = weak.Grade{Caps: caps, Lag: lag}.Over(mem.NewMeta())
	case "late": // declares what no host would wait for
		s = mem.NewMetaWith(meta.Capabilities{Name: "late", ScanLag: 2 * maxScanLag})
	case "family": // leaves a child behind that holds its outputs
		s = mem.NewMeta()
		child := exec.Command("/bin/sleep", "3600") // there is no PATH
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		if err := child.Start(); err != nil {
			return nil, err
		}
		hooks{c.Get("hooks", "")}.note("child", child.Process.Pid)
	case "changing": // says another name of itself each time it is opened
		s = mem.NewMetaWith(meta.Capabilities{Name: fmt.Sprint("changing", os.Getpid())})
	default:
		return nil, fmt.Errorf("no such kind; the password is %q", c.Get("password", ""))
	}
	if err != nil {
		return nil, err
	}
	h := hooks{c.Get("hooks", "")}
	if sp, ok := s.(content.Space); ok {
		return struct {
			meta.Store
			hasSpace
		}{&hookedMeta{s, h}, sp}, nil
	}
	return &hookedMeta{s, h}, nil
}

// Embedded under their own names, the fields would hide the methods.
type (
	hasStat  interface{ content.Stat }
	hasSpace interface{ content.Space }
)

func openTestContent(ctx context.Context, c sdk.Config) (content.Store, error) {
	h := hooks{c.Get("hooks", "")}
	switch c.Get("kind", "mem") {
	case "file":
		s, err := localfs.Open(afero.NewOsFs(), c.Get("dir", ""), localfs.Options{})
		if err != nil {
			return nil, err
		}
		return struct {
			content.Store
			hasStat
			content.Janitor
			hasSpace
		}{&hookedContent{s, h}, s, s, s}, nil
	case "plain": // no optional interface
		return struct{ content.Store }{mem.NewContent()}, nil
	case "sink":
		return sink{mem.NewContent()}, nil
	case "signing":
		return signing{mem.NewContent()}, nil
	case "lying":
		return lying{mem.NewContent()}, nil
	}
	return mem.NewContent(), nil
}

// hooks are files by which a test tells the plug-in what to do next.
type hooks struct{ dir string }

// pull tells whether the hook is set, and removes it.
func (h hooks) pull(name string) bool {
	return h.dir != "" && os.Remove(filepath.Join(h.dir, name)) == nil
}

func (h hooks) set(t testing.TB, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// hookedMeta dies before or after a write, and hangs in a read.
type hookedMeta struct {
	meta.Store
	h hooks
}

func (s *hookedMeta) Get(ctx context.Context, p meta.Partition, key string, withBody bool) (meta.Record, error) {
	if s.h.pull("hang") {
		time.Sleep(time.Hour) // not even the deadline ends it
	}
	if s.h.pull("wait") {
		<-ctx.Done()
	}
	if s.h.pull("panic") {
		panic("a bug of the plug-in")
	}
	return s.Store.Get(ctx, p, key, withBody)
}

func (s *hookedMeta) Put(ctx context.Context, p meta.Partition, key string, r meta.Record, cond meta.Cond) (meta.Version, error) {
	if s.h.pull("die-before") {
		os.Exit(1)
	}
	v, err := s.Store.Put(ctx, p, key, r, cond)
	if s.h.pull("die-after") {
		os.Exit(1)
	}
	return v, err
}

func (s *hookedMeta) Delete(ctx context.Context, p meta.Partition, key string, cond meta.Cond) error {
	if s.h.pull("die-before") {
		os.Exit(1)
	}
	err := s.Store.Delete(ctx, p, key, cond)
	if s.h.pull("die-after") {
		os.Exit(1)
	}
	return err
}

// hookedContent counts what is read and written in files, and hangs.
type hookedContent struct {
	content.Store
	h hooks
}

func (s *hookedContent) Create(ctx context.Context, id content.ID, size int64) (content.Writer, error) {
	w, err := s.Store.Create(ctx, id, size)
	if err != nil || s.h.dir == "" {
		return w, err
	}
	return &hookedWriter{Writer: w, h: s.h}, nil
}

func (s *hookedContent) Open(ctx context.Context, id content.ID, offset, length int64) (io.ReadCloser, error) {
	r, err := s.Store.Open(ctx, id, offset, length)
	if err != nil || s.h.dir == "" {
		return r, err
	}
	return &hookedReader{ReadCloser: r, h: s.h}, nil
}

type hookedWriter struct {
	content.Writer
	h hooks
	n int
}

func (w *hookedWriter) Write(p []byte) (int, error) {
	for w.h.dir != "" && exists(filepath.Join(w.h.dir, "stall")) {
		time.Sleep(10 * time.Millisecond)
	}
	n, err := w.Writer.Write(p)
	w.n += n
	w.h.note("written", w.n)
	return n, err
}

func (w *hookedWriter) Commit() error {
	if w.h.pull("full") {
		_ = w.Writer.Abort()
		return fmt.Errorf("commit: %w", content.ErrFull)
	}
	return w.Writer.Commit()
}

func (w *hookedWriter) Abort() error {
	err := w.Writer.Abort()
	w.h.note("aborted", 1)
	return err
}

type hookedReader struct {
	io.ReadCloser
	h hooks
	n int
}

func (r *hookedReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.n += n
	r.h.note("read", r.n)
	return n, err
}

func (r *hookedReader) Close() error {
	r.h.note("closed", 1)
	return r.ReadCloser.Close()
}

// note leaves a number for the test.
func (h hooks) note(name string, n int) {
	path := filepath.Join(h.dir, name)
	_ = os.WriteFile(path+".new", []byte(fmt.Sprint(n)), 0o600)
	_ = os.Rename(path+".new", path)
}

func (h hooks) noted(name string) (n int) {
	text, err := os.ReadFile(filepath.Join(h.dir, name))
	if err == nil {
		_, _ = fmt.Sscan(string(text), &n)
	}
	return n
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// lying shows contents out of order and more bytes than it was asked for.
type lying struct{ content.Store }

func (lying) Walk(_ context.Context, _ content.ID, fn func(content.Info) error) error {
	now := time.Now()
	return errors.Join(fn(content.Info{ID: content.NewID(now)}), fn(content.Info{ID: content.NewID(now.Add(-time.Hour))}))
}

func (s lying) Open(ctx context.Context, id content.ID, offset, _ int64) (io.ReadCloser, error) {
	return s.Store.Open(ctx, id, offset, -1)
}

// signing signs URLs, and does nothing else besides.
type signing struct{ content.Store }

func (signing) SignedURL(_ context.Context, _ content.ID, method string, ttl time.Duration) (string, error) {
	if method != "GET" {
		return "", errors.ErrUnsupported
	}
	return fmt.Sprintf("https://store.example/?%s&%v", method, ttl), nil
}

// sink drops what is written and reads zeros: what is left is the way.
type sink struct{ content.Store }

type sinkWriter struct{}

func (sinkWriter) Write(p []byte) (int, error) { return len(p), nil }
func (sinkWriter) Commit() error               { return nil }
func (sinkWriter) Abort() error                { return nil }

func (sink) Create(context.Context, content.ID, int64) (content.Writer, error) {
	return sinkWriter{}, nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func (sink) Open(_ context.Context, _ content.ID, _, length int64) (io.ReadCloser, error) {
	return io.NopCloser(io.LimitReader(zeros{}, length)), nil
}

// pluginURL names the test binary as a plug-in.
func pluginURL(t testing.TB, settings ...string) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	q := url.Values{"env": {raceVariable}}
	for i := 0; i < len(settings); i += 2 {
		if settings[i] == "env" {
			settings[i+1] += "," + raceVariable
		}
		q.Set(settings[i], settings[i+1])
	}
	return "plugin://" + path + "?" + q.Encode()
}

// logs gathers what is logged.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func quick(l *logs) Options {
	return Options{Log: slog.New(slog.NewTextHandler(l, nil)), RestartDelay: 20 * time.Millisecond}
}

func mustMeta(t testing.TB, o Options, settings ...string) meta.Store {
	t.Helper()
	s, err := OpenMeta(t.Context(), pluginURL(t, settings...), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mustContent(t testing.TB, o Options, settings ...string) content.Store {
	t.Helper()
	s, err := OpenContent(t.Context(), pluginURL(t, settings...), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// pidOf is the process behind a store.
func pidOf(t testing.TB, s any) int {
	t.Helper()
	p, err := supervisorOf(t, s).current()
	if err != nil {
		t.Fatal(err)
	}
	return p.program.pid()
}

// owner is what both kinds of store embed.
type owner interface{ self() *supervisor }

func (s *supervisor) self() *supervisor { return s }

func supervisorOf(t testing.TB, s any) *supervisor {
	t.Helper()
	o, ok := s.(owner)
	if !ok {
		t.Fatalf("%T is no store of a plug-in", s)
	}
	return o.self()
}

// eventually waits for what must come; only a hung test runs into its limit.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come about", what)
		}
	}
}
