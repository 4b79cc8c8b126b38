package torture

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPairOfFailedStart: a start that made the administrator's key pair and then
// found its port taken has shown the pair, because no later start will.
func TestPairOfFailedStart(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	data := t.TempDir()
	code, out, _ := command(t, nil, "serve", "--data", data, "--listen", l.Addr().String(), "--admin-listen", "off", "--web-listen", "off")
	pair := regexp.MustCompile(`Access key  (\S+)\n  Secret key  (\S{20,})\n`)
	m := pair.FindStringSubmatch(out)
	if code != 1 || m == nil {
		t.Fatalf("exit status %d, no key pair in %q", code, out)
	}
	if shown := banner(t, data, "--show-root-key"); !strings.Contains(shown, m[0]) {
		t.Errorf("shown was %q, and the pair is that of\n%s", m[0], shown)
	}
}

// TestNoRepositoryThere: a command that looks at a repository makes none where there
// is none; one that prepares a repository says that it was made.
func TestNoRepositoryThere(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"account", "ls"}, {"account", "set", "ada", "--quota", "1"}, {"account", "rm", "ada"}, {"account", "close", "ada"},
		{"account", "password", "ada"}, {"request", "ls"}, {"request", "approve", "x"}, {"key", "add", "ada"}, {"key", "ls", "ada"},
		{"key", "rm", "x"}, {"key", "reseal"}, {"bucket", "ls"}, {"bucket", "chown", "b", "ada"}, {"tls", "ls"}, {"tls", "rm", "x"},
		{"fsck"}, {"damaged"}, {"sweep"}, {"job", "sweep"}, {"backup", t.TempDir()}, {"maintenance", "status"},
	} {
		data := filepath.Join(t.TempDir(), "data")
		code, _, stderr := command(t, nil, append(args, "--data", data)...)
		if _, err := os.Stat(data); code != 1 || err == nil || !strings.Contains(stderr, "there is no repository in "+data) {
			t.Errorf("%q: exit status %d, %s", args, code, stderr)
		}
	}
	data := t.TempDir()
	if code, _, stderr := command(t, nil, "account", "add", "ada", "--data", data); code != 0 {
		t.Fatal(stderr)
	}
	typo := filepath.Join(t.TempDir(), "meta.db")
	code, _, stderr := command(t, nil, "migrate", "--data", data, "--from-metadata", "sqlite://"+typo,
		"--to-metadata", "sqlite://"+filepath.Join(t.TempDir(), "to.db"), "--to-content", "file://"+t.TempDir())
	if _, err := os.Stat(typo); code != 1 || err == nil || !strings.Contains(stderr, "from: there is no repository in ") {
		t.Errorf("migrate: exit status %d, %s", code, stderr)
	}
	for _, args := range [][]string{{"account", "add", "ada"}, {"invite"}, {"tls", "add", "s3.lab.example"}} {
		data := filepath.Join(t.TempDir(), "data")
		for _, made := range []bool{true, false} {
			if args[0] == "account" {
				args = []string{"account", "add", map[bool]string{true: "ada", false: "ben"}[made]}
			}
			code, _, stderr := command(t, nil, append(args, "--data", data)...)
			if code != 0 || strings.Contains(stderr, "a new one has been made") != made {
				t.Errorf("%q: exit status %d, %s", args, code, stderr)
			}
		}
	}
}

// TestCommandHelp: help of a command says how it is written and has its own flags,
// and not every setting of the server among them. Who writes it otherwise is told.
func TestCommandHelp(t *testing.T) {
	t.Parallel()
	code, out, _ := command(t, nil, "key", "add", "--help")
	if code != 0 || !strings.HasPrefix(out, "usage: mucurad key add NAME [flags]\n") || !strings.Contains(out, "\n  --expires-in DURATION\n") || strings.Contains(out, "--smtp-server") {
		t.Errorf("exit status %d, %s", code, out)
	}
	if _, out, _ = command(t, nil, "serve", "--help"); !strings.Contains(out, "\n  --listen VALUE\n") || !strings.Contains(out, "(default 127.0.0.1:9000)") {
		t.Errorf("serve: %s", out)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"account", "add"}, "usage: mucurad account add NAME [flags]"},
		{[]string{"--data", "x", "account", "ls"}, "flags come after the command: mucurad account ls [flags]"},
		{[]string{"account"}, `unknown command "account"`},
	} {
		if code, _, stderr := command(t, nil, c.args...); code != 1 || !strings.Contains(stderr, c.want) {
			t.Errorf("%q: exit status %d, %s", c.args, code, stderr)
		}
	}
	for _, bin := range []string{"--version", "version"} {
		if code, out, _ := command(t, nil, bin); code != 0 || !strings.HasPrefix(out, "mucurad ") {
			t.Errorf("%s: exit status %d, %s", bin, code, out)
		}
	}
}

// TestPeopleByCommand: an account made by command has no home bucket unless that is
// asked for, and gets a password, with which it signs in.
func TestPeopleByCommand(t *testing.T) {
	t.Parallel()
	s := start(t)
	if out := on(t, s, "account", "add", "eve"); strings.Contains(out, "home") {
		t.Error(out)
	}
	if out := on(t, s, "account", "set", "eve", "--home"); !strings.Contains(out, "home bucket    eve\n") {
		t.Error(out)
	}
	if out := on(t, s, "account", "add", "Bob", "--home"); !strings.Contains(out, "home bucket    bob\n") {
		t.Error(out)
	}
	set := func(password string, args ...string) error {
		cmd := exec.Command(binary, append([]string{"account", "password", "eve", "--data", s.Data}, args...)...)
		cmd.Stdin = strings.NewReader(password)
		return cmd.Run()
	}
	login := func(password string) int {
		resp, err := http.Post(s.Endpoint+"/-/api/v1/login", "application/json", strings.NewReader(`{"name":"eve","password":"`+password+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	if err := set("too short\n"); err == nil {
		t.Error("a short password is taken")
	}
	if err := set("what eve chose\n"); err != nil {
		t.Fatal(err)
	}
	if status := login("what eve chose"); status != 200 {
		t.Errorf("login: %d", status)
	}
	if err := set("", "--remove"); err != nil {
		t.Fatal(err)
	}
	if status := login("what eve chose"); status == 200 {
		t.Error("a password that was removed is taken")
	}
	for _, c := range [][]string{{"account", "password", "nobody"}, {"key", "ls", "nobody"}, {"account", "rm", "nobody"}, {"bucket", "chown", "eve", "nobody"}} {
		if _, _, stderr := command(t, nil, append(c, "--data", s.Data)...); !strings.Contains(stderr, `there is no account "nobody"`) {
			t.Errorf("%q: %s", c, stderr)
		}
	}
}

// TestSiteKeyLost: where the site key of a repository is missing no other is made in
// its place, and the right one, put back, serves.
func TestSiteKeyLost(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	banner(t, data)
	key := filepath.Join(data, "site.key")
	away := filepath.Join(t.TempDir(), "site.key")
	if err := os.Rename(key, away); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"serve", "--listen", "127.0.0.1:0"}, {"check"}, {"account", "add", "ada"}, {"fsck"}} {
		code, _, stderr := command(t, nil, append(args, "--data", data)...)
		if _, err := os.Stat(key); code != 1 || err == nil || !strings.Contains(stderr, "site.key is missing") {
			t.Errorf("%q: exit status %d, %s", args, code, stderr)
		}
	}
	if err := os.Rename(away, key); err != nil {
		t.Fatal(err)
	}
	banner(t, data)
}

// TestLastOperatorByCommand: the last operator is not demoted, suspended or removed,
// at the server either.
func TestLastOperatorByCommand(t *testing.T) {
	t.Parallel()
	s := start(t)
	refused := func(args ...string) {
		t.Helper()
		if code, _, stderr := command(t, nil, append(args, "--data", s.Data)...); code != 1 || !strings.Contains(stderr, "root is the last operator") {
			t.Errorf("%q: exit status %d, %s", args, code, stderr)
		}
	}
	refused("account", "set", "root", "--role", "member")
	refused("account", "set", "root", "--state", "suspended", "--email", "root@lab.example")
	refused("account", "rm", "root")
	on(t, s, "account", "add", "ada", "--role", "operator")
	on(t, s, "account", "set", "ada", "--state", "suspended")
	refused("account", "set", "root", "--role", "member")
	on(t, s, "account", "set", "ada", "--state", "active")
	on(t, s, "account", "set", "root", "--role", "member")
	on(t, s, "account", "rm", "root")
}
