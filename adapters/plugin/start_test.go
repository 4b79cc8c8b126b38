package plugin

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	pb "github.com/mucura/mucura/adapters/plugin/storepb"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

func sumOf(t testing.TB, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// TestPinned: the sum is checked at each start, not only at the first.
func TestPinned(t *testing.T) {
	wrong := strings.Repeat("0", 64)
	if _, err := OpenMeta(t.Context(), pluginURL(t, "sha256", wrong), quick(&logs{})); !errors.Is(err, ErrUntrusted) {
		t.Errorf("wrong sum: %v", err)
	}
	s := mustMeta(t, quick(&logs{}), "sha256", sumOf(t, os.Args[0]))
	for range 2 {
		pid := pidOf(t, s)
		kill(t, pid, syscall.SIGKILL)
		awaitOther(t, s, pid)
	}
}

// TestReplaced: a binary that was exchanged while it ran is not started again.
func TestReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	copyBinary(t, path)
	l := &logs{}
	s, err := OpenMeta(t.Context(), "plugin://"+path+"?sha256="+sumOf(t, path), quick(l))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\nsleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	kill(t, pidOf(t, s), syscall.SIGKILL)
	eventually(t, "refusal", func() bool { return strings.Contains(l.String(), "SHA-256 is not the pinned one") })
	if err := s.Ping(t.Context()); !errors.Is(err, meta.ErrUnavailable) {
		t.Errorf("ping: %v", err)
	}
}

func copyBinary(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o700); err != nil {
		t.Fatal(err)
	}
}

// TestUntrusted: what others could replace is not started.
func TestUntrusted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "store")
	copyBinary(t, path)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name      string
		file, dir os.FileMode
		ok        bool
	}{
		{"private", 0o700, 0o700, true},
		{"readable", 0o755, 0o755, true},
		{"group writes the file", 0o775, 0o755, false},
		{"others write the file", 0o757, 0o755, false},
		{"group writes the directory", 0o755, 0o775, false},
		{"others write the directory", 0o755, 0o757, false},
		{"sticky directory", 0o755, 0o777 | os.ModeSticky, true},
		{"not executable", 0o600, 0o755, false},
	} {
		if err := errors.Join(os.Chmod(path, c.file), os.Chmod(dir, c.dir)); err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{path, link} {
			if err := checkBinary(p); (err == nil) != c.ok {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
	if os.Geteuid() == 0 {
		if err := errors.Join(os.Chmod(path, 0o755), os.Chmod(dir, 0o755), os.Chown(path, 65534, 65534)); err != nil {
			t.Fatal(err)
		}
		if err := checkBinary(path); !errors.Is(err, ErrUntrusted) {
			t.Errorf("another user's file: %v", err)
		}
	}
}

// TestMessages: what is wrong at the start is said in words an operator can use.
func TestMessages(t *testing.T) {
	for mode, want := range map[string]string{
		"garbage": `plug-in printed something else than a plug-in's first line (it must print nothing before): "hello, I am a program that likes to talk"`,
		"ends":    "plug-in ended before it said how to reach it",
		"version": "plug-in speaks version 7 of the store protocol, this server speaks 1: use a plug-in built for this server",
		"core":    "incompatible core API version",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Setenv(modeVariable, mode)
			l := &logs{}
			_, err := OpenContent(t.Context(), pluginURL(t, "env", modeVariable), quick(l))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
			if mode == "ends" && !strings.Contains(l.String(), "no such library") {
				t.Errorf("the log does not say why: %s", l)
			}
		})
	}
	_, err := OpenMeta(t.Context(), pluginURL(t, "kind", "none", "password", "hunter2"), quick(&logs{}))
	if err == nil || !strings.Contains(err.Error(), "no such kind") {
		t.Errorf("a store that does not open: %v", err)
	}
	if _, err := OpenMeta(t.Context(), "plugin:///no/such/program", quick(&logs{})); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such program: %v", err)
	}
}

func TestOtherPort(t *testing.T) {
	t.Setenv(modeVariable, "only meta")
	if _, err := OpenContent(t.Context(), pluginURL(t, "env", modeVariable), quick(&logs{})); !errors.Is(err, ErrNoSuchPort) {
		t.Errorf("content of a plug-in that has only metadata: %v", err)
	}
	mustMeta(t, quick(&logs{}), "env", modeVariable)
}

// TestEnvironment: the plug-in sees neither the host's environment nor any
// setting in its own, nor in its arguments.
func TestEnvironment(t *testing.T) {
	t.Setenv("MUCURA_ROOT_SECRET_ACCESS_KEY", "topsecret1")
	t.Setenv("NAMED_FOR_PLUGIN", "named value")
	conf := filepath.Join(t.TempDir(), "conf")
	if err := os.WriteFile(conf, []byte("# a secret\npassword = topsecret2\nkind=mem\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := mustMeta(t, quick(&logs{}), "config-file", conf, "env", "NAMED_FOR_PLUGIN,NOT_SET", "query", "topsecret3")
	for _, name := range []string{"environ", "cmdline"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pidOf(t, s), name))
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"topsecret", "MUCURA_ROOT", "PATH=", "HOME="} {
			if strings.Contains(string(text), secret) {
				t.Errorf("%s shows %s", name, secret)
			}
		}
		if name == "environ" && !strings.Contains(string(text), "NAMED_FOR_PLUGIN=named value\x00") {
			t.Error("the named variable is missing")
		}
	}
	if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pidOf(t, s))); err != nil || cwd != "/" {
		t.Errorf("works in %s: %v", cwd, err)
	}
	// Nothing but its three pipes and what it opened itself.
	if in, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/0", pidOf(t, s))); err != nil || in != "/dev/null" {
		t.Errorf("standard input is %s: %v", in, err)
	}
}

func TestConfigFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conf")
	for _, c := range []struct {
		text string
		mode os.FileMode
		want string // of the error
	}{
		{"a = 1\n\n # c\nb= x = y \n", 0o600, ""},
		{"a = 1", 0o640, ""},
		{"a = 1", 0o644, "open to others"},
		{"a = 1", 0o620, "open to others"},
		{"secretvalue", 0o600, `:1: not "name = value"`},
		{"given = secretvalue", 0o600, `setting "given" is given twice`},
		{"sha256 = 00", 0o600, "belongs into the store URL"},
	} {
		if err := errors.Join(os.WriteFile(path, []byte(c.text), 0o600), os.Chmod(path, c.mode)); err != nil {
			t.Fatal(err)
		}
		s := &spec{configFile: path, settings: map[string]string{"given": "x"}}
		all, err := s.allSettings()
		if c.want == "" && (err != nil || all["a"] != "1" || all["given"] != "x") {
			t.Errorf("%q: %v, %v", c.text, all, err)
		}
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secretvalue")) {
			t.Errorf("%q: %v", c.text, err)
		}
	}
}

func TestURL(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	s, err := parseURL("plugin:///usr/lib/my%20store?sha256=" + sum + "&env=A,B&config=x%26y&call-timeout=5s")
	if err != nil || s.path != "/usr/lib/my store" || len(s.sum) != 32 || len(s.env) != 2 || s.settings["config"] != "x&y" || len(s.settings) != 1 || s.calls.String() != "5s" {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []string{
		"plugin://relative/path", "plugin://", "plugin:///x?sha256=secret", "plugin:///x?a=secret&a=secret", "plugin:///x#secret",
		"plugin://user:secret@/x", "plugin:///x?a=%zzsecret", "plugin:///x?config-file=secret", "plugin:///x?call-timeout=secret", "file:///secret",
		"plugin:///x?stream-timeout=-1s", "plugin:///%zzsecret",
	} {
		if _, err := parseURL(bad); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestOptional: the host claims an optional interface exactly when the plug-in
// has it.
func TestOptional(t *testing.T) {
	all := []pb.Feature{pb.Feature_STAT, pb.Feature_JANITOR, pb.Feature_SPACE, pb.Feature_SIGNED_URL}
	for i := range 1 << len(all) {
		var has []pb.Feature
		var want [4]bool
		for j, f := range all {
			if want[j] = i>>j&1 != 0; want[j] {
				has = append(has, f)
			}
		}
		s := (&contentStore{}).with(append(has, 99)) // 99: of a later protocol
		var got [4]bool
		_, got[0] = s.(content.Stat)
		_, got[1] = s.(content.Janitor)
		_, got[2] = s.(content.Space)
		_, got[3] = s.(content.Signer)
		if got != want {
			t.Errorf("%v became %v", has, got)
		}
	}
	if _, ok := mustContent(t, quick(&logs{}), "kind", "plain").(content.Space); ok {
		t.Error("a plain store claims Space")
	}
	if _, ok := mustMeta(t, quick(&logs{}), "kind", "mem").(content.Space); ok {
		t.Error("a metadata store in memory claims Space")
	}
	sg, ok := mustContent(t, quick(&logs{}), "kind", "signing").(content.Signer)
	if !ok {
		t.Fatal("a store that signs does not")
	}
	if u, err := sg.SignedURL(t.Context(), content.NewID(time.Now()), "GET", time.Minute); err != nil || u != "https://store.example/?GET&1m0s" {
		t.Errorf("%q, %v", u, err)
	}
	if _, err := sg.SignedURL(t.Context(), content.NewID(time.Now()), "PUT", time.Minute); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("PUT: %v", err)
	}
	s := mustMeta(t, quick(&logs{}), "kind", "sqlite", "dir", t.TempDir())
	if sp, ok := s.(content.Space); !ok {
		t.Error("SQLite's Space is lost")
	} else if free, total, err := sp.Space(t.Context()); err != nil || free <= 0 || total < free {
		t.Errorf("%d of %d: %v", free, total, err)
	}
}
