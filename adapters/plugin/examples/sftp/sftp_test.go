package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/plugin"
	"github.com/mucura/mucura/adapters/plugin/sdk"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/content/contenttest"
)

// TestMain is the plug-in when a host starts it.
func TestMain(m *testing.M) {
	if os.Getenv("MUCURA_STORE_PLUGIN") != "" {
		main()
		return
	}
	// Under the race detector a program sleeps for a second before it exits, and
	// what it prints of a race nobody reads here.
	os.Setenv("GORACE", "atexit_sleep_ms=0 halt_on_error=1 "+os.Getenv("GORACE"))
	os.Exit(m.Run())
}

// quiet is for what a test does not read.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (s *server) open(t testing.TB, more ...string) (content.Store, error) {
	return open(t.Context(), sdk.Config{Settings: s.settings(more...), Log: quiet()})
}

func (s *server) mustOpen(t testing.TB, more ...string) content.Store {
	t.Helper()
	c, err := s.open(t, more...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// suite runs the conformance suite, each store in a directory of its own.
func suite(t *testing.T, open func(t *testing.T, dir string) content.Store) {
	var mu sync.Mutex
	dirs := map[content.Store]string{}
	remember := func(s content.Store, dir string) content.Store {
		mu.Lock()
		defer mu.Unlock()
		dirs[s] = dir
		return s
	}
	contenttest.Run(t, contenttest.Options{
		Open: func(t *testing.T) content.Store {
			dir := filepath.Join(t.TempDir(), "c")
			return remember(open(t, dir), dir)
		},
		Reopen: func(t *testing.T, s content.Store) content.Store {
			mu.Lock()
			dir := dirs[s]
			mu.Unlock()
			return remember(open(t, dir), dir)
		},
		Buffered: plugin.Buffered,
	})
}

func TestConformance(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	suite(t, func(t *testing.T, dir string) content.Store { return s.mustOpen(t, "dir", dir) })
}

// asPlugin opens the store as a server does: in a process, pinned.
func (s *server) asPlugin(t testing.TB, more ...string) content.Store {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(binary)
	q := url.Values{"sha256": {hex.EncodeToString(sum[:])}, "env": {"GORACE"}}
	for name, v := range s.settings(more...) {
		q.Set(name, v)
	}
	c, err := plugin.OpenContent(t.Context(), "plugin://"+path+"?"+q.Encode(), plugin.Options{Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestConformanceAsPlugin(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	suite(t, func(t *testing.T, dir string) content.Store { return s.asPlugin(t, "dir", dir) })
}

// TestReconnect cuts the connection between calls, during a download and
// during an upload.
func TestReconnect(t *testing.T) {
	srv := startServer(t)
	s := srv.mustOpen(t)
	data := contenttest.Bytes(1, 8<<20)
	id := contenttest.Write(t, s, data, 1<<20)
	srv.cut()
	if got, err := contenttest.Read(s, id, 0, 100); err != nil || string(got) != string(data[:100]) {
		t.Errorf("after a cut: %d bytes, %v", len(got), err)
	}
	r, err := s.Open(t.Context(), id, 0, int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	head := make([]byte, 1<<20)
	if _, err := io.ReadFull(r, head); err != nil {
		t.Fatal(err)
	}
	srv.cut()
	rest, err := io.ReadAll(r)
	if err != nil || string(head)+string(rest) != string(data) {
		t.Errorf("a download that was cut: %d bytes, %v", len(head)+len(rest), err)
	}

	cutID := content.NewID(time.Now())
	w, err := s.Create(t.Context(), cutID, -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	srv.cut()
	if err := w.Commit(); !errors.Is(err, content.ErrUnavailable) {
		t.Errorf("commit of an upload that was cut: %v", err)
	}
	if _, err := contenttest.Read(s, cutID, 0, -1); !errors.Is(err, content.ErrNotFound) {
		t.Errorf("it can be read: %v", err)
	}
	if files, size, err := s.(content.Janitor).Clean(t.Context(), time.Now().Add(time.Hour)); files != 1 || size != int64(len(data)) || err != nil {
		t.Errorf("its draft: %d files, %d bytes, %v", files, size, err)
	}
}

// TestSilentServer: a server that does not answer is given up, calls say
// unavailable, and when it is back they work.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	srv := startServer(t)
	s := srv.mustOpen(t, "timeout", "10s") // a busy one answers before
	id := contenttest.Write(t, s, []byte("x"), 1)
	srv.hold(true)
	if _, err := contenttest.Read(s, id, 0, -1); !errors.Is(err, content.ErrUnavailable) {
		t.Errorf("read from a silent server: %v", err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, content.ErrUnavailable) {
		t.Errorf("ping: %v", err)
	}
	srv.hold(false)
	srv.cut()
	for deadline := time.Now().Add(time.Minute); s.Ping(t.Context()) != nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come back")
		}
	}
	if got, err := contenttest.Read(s, id, 0, -1); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestHostKey: a host whose key is another, or not known, is not logged in to.
func TestHostKey(t *testing.T) {
	srv, other := startServer(t), startServer(t)
	known, err := os.ReadFile(other.knownHosts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := srv.open(t, "known-hosts", other.knownHosts); err == nil || !strings.Contains(err.Error(), "known-hosts has no key of") {
		t.Errorf("a host that is not known: %v", err)
	}
	_, otherKey, _ := strings.Cut(string(known), " ")
	own, err := os.ReadFile(srv.knownHosts)
	if err != nil {
		t.Fatal(err)
	}
	name, _, _ := strings.Cut(string(own), " ")
	write(t, srv.knownHosts, name+" "+otherKey)
	if _, err := srv.open(t); err == nil || !strings.Contains(err.Error(), "key mismatch") {
		t.Errorf("a host with another key: %v", err)
	}
}

func TestSettings(t *testing.T) {
	srv := startServer(t)
	stranger := filepath.Join(t.TempDir(), "key")
	makeKey(t, stranger)
	open644 := filepath.Join(t.TempDir(), "open")
	makeKey(t, open644)
	if err := os.Chmod(open644, 0o644); err != nil {
		t.Fatal(err)
	}
	for want, more := range map[string][]string{
		"setting user is missing":                {"user", ""},
		"unknown setting key-fiel":               {"key-fiel", "/x"},
		"neither key-file nor password":          {"key-file", ""},
		"open to others":                         {"key-file", open644},
		"unable to authenticate":                 {"key-file", stranger},
		"neither required nor best-effort":       {"fsync", "never"},
		"not a positive duration":                {"timeout", "soon"},
		srv.dir + "/no/such":                     {"dir", srv.dir + "/no/such"},
		"connection refused":                     {"addr", "127.0.0.1:1", "known-hosts", knownAs(t, srv, "[127.0.0.1]:1")},
		"known-hosts: open /no/such/known_hosts": {"known-hosts", "/no/such/known_hosts"},
	} {
		s, err := srv.open(t, more...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", more, err, want)
		}
		if err == nil {
			s.Close()
		}
	}
}

// knownAs is a known_hosts that has the server's key for another name.
func knownAs(t *testing.T, s *server, name string) string {
	t.Helper()
	own, err := os.ReadFile(s.knownHosts)
	if err != nil {
		t.Fatal(err)
	}
	_, key, _ := strings.Cut(string(own), " ")
	path := filepath.Join(t.TempDir(), "known_hosts")
	write(t, path, name+" "+key)
	return path
}

// TestVanished: a directory that is gone (a disk that is not mounted) does not
// look like contents that are.
func TestVanished(t *testing.T) {
	srv := startServer(t)
	s := srv.mustOpen(t)
	id := contenttest.Write(t, s, []byte("x"), 1)
	if err := os.Rename(srv.dir, srv.dir+"-away"); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	_, openErr := s.Open(ctx, id, 0, -1)
	_, statErr := s.(content.Stat).Stat(ctx, id)
	_, createErr := s.Create(ctx, content.NewID(time.Now()), 1)
	for what, err := range map[string]error{
		"open": openErr, "stat": statErr, "create": createErr, "delete": s.Delete(ctx, id), "ping": s.Ping(ctx),
		"walk": s.Walk(ctx, "", func(content.Info) error { return nil }),
	} {
		if !errors.Is(err, content.ErrUnavailable) || errors.Is(err, content.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestModes: the directory is its owner's only, and a draft becomes one file.
func TestModes(t *testing.T) {
	srv := startServer(t)
	s := srv.mustOpen(t)
	id := contenttest.Write(t, s, []byte("x"), 1)
	if info, err := os.Stat(srv.dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if text, err := os.ReadFile(filepath.Join(srv.dir, "data", string(id[:6]), string(id))); err != nil || string(text) != "x" {
		t.Errorf("%q, %v", text, err)
	}
	if drafts, err := os.ReadDir(filepath.Join(srv.dir, "tmp")); err != nil || len(drafts) != 0 {
		t.Errorf("%d drafts, %v", len(drafts), err)
	}
}

// TestWithoutSync: a server that cannot make a commit durable is used only when
// the operator accepts that.
func TestWithoutSync(t *testing.T) {
	srv := startServer(t, "ForceCommand internal-sftp -P fsync")
	if _, err := srv.open(t); err == nil || !strings.Contains(err.Error(), "fsync=best-effort accepts that") {
		t.Errorf("a server without fsync: %v", err)
	}
	s := srv.mustOpen(t, "fsync", "best-effort")
	id := contenttest.Write(t, s, []byte("x"), 1)
	if got, err := contenttest.Read(s, id, 0, -1); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
}
