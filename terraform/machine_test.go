package terraform_test

import (
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// userData writes the files of a daemon's user data below a directory, and gives
// it: units, environment file, installer.
func userData(t *testing.T, release string) string {
	t.Helper()
	w := terraform(t)
	inputs := strings.Replace(shapes["daemon, most"], "https://releases.example.org/mucurad", release, 1)
	_, files := environments(t, w, inputs)
	root := t.TempDir()
	for _, f := range files {
		path := filepath.Join(root, f.Path)
		mode := os.FileMode(0o644)
		if f.Permissions == "0755" {
			mode = 0o755
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(f.Content), mode); err != nil {
			t.Fatal(err)
		}
	}
	if len(files) < 8 {
		t.Fatalf("user data write %d files only", len(files))
	}
	return root
}

// TestUnits has systemd read the units that user data write, and the times of
// the timers.
func TestUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not on PATH: units are not read")
	}
	root := userData(t, "https://releases.example.org/mucurad")
	units, err := filepath.Glob(filepath.Join(root, "etc/systemd/system/*"))
	if err != nil || len(units) < 6 {
		t.Fatalf("%d units: %v", len(units), err)
	}
	for _, unit := range units {
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		// The binary is not on this machine.
		if err := os.WriteFile(unit, []byte(strings.ReplaceAll(string(text), "/usr/local/bin/mucurad", "/bin/true")), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, when, ok := strings.Cut(string(text), "OnCalendar="); ok {
			when, _, _ = strings.Cut(when, "\n")
			if out, err := exec.Command(analyze, "calendar", when).CombinedOutput(); err != nil {
				t.Errorf("%s: %s: %v\n%s", filepath.Base(unit), when, err, out)
			}
		}
	}
	out, err := exec.Command(analyze, append([]string{"verify", "--man=no"}, units...)...).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "mucura") {
			t.Errorf("systemd: %s", line)
		}
	}
}

// TestEnvironmentFile has a shell read the file: what it quotes is what systemd
// quotes, as far as these values go.
func TestEnvironmentFile(t *testing.T) {
	root := userData(t, "https://releases.example.org/mucurad")
	script := `. "$1"; printf '%s' "$MUCURA_RAISE_HINT"`
	out, err := exec.Command("sh", "-c", script, "sh", filepath.Join(root, "etc/mucura/mucura.env")).Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := `Say "please" and \o/.`; string(out) != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

// TestInstaller runs the script that installs a release: the right binary is
// installed, and one that is not what its sum says never is.
func TestInstaller(t *testing.T) {
	for _, tool := range []string{"curl", "sha256sum", "install"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not on PATH", tool)
		}
	}
	binary := []byte("#!/bin/sh\necho it is me\n")
	var served atomic.Pointer[[]byte]
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/mucurad" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(*served.Load())
	}))
	defer s.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pemOf(s), 0o644); err != nil {
		t.Fatal(err)
	}
	root := userData(t, s.URL+"/mucurad")
	text, err := os.ReadFile(filepath.Join(root, "usr/local/sbin/mucura-install"))
	if err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(root, "installed")
	script := strings.NewReplacer(
		"/usr/local/bin/mucurad", target,
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", fmt.Sprintf("%x", sha256.Sum256(binary)),
	).Replace(string(text))
	path := filepath.Join(root, "install.sh")
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	run := func() ([]byte, error) {
		c := exec.Command(path)
		c.Env = append(os.Environ(), "CURL_CA_BUNDLE="+ca, "NO_PROXY=127.0.0.1")
		return c.CombinedOutput()
	}
	evil := append([]byte("#!/bin/sh\necho evil\n"), binary...)
	served.Store(&evil)
	if out, err := run(); err == nil {
		t.Errorf("another binary was installed: %s", out)
	}
	if _, err := os.Stat(target); !os.IsNotExist(err) {
		t.Errorf("something was installed: %v", err)
	}
	served.Store(&binary)
	if out, err := run(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := exec.Command(target).Output(); err != nil || string(out) != "it is me\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

// pemOf is the certificate of a test's server.
func pemOf(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

// TestRiakSettings runs the script that starts a node of Riak, with stand-ins for
// what needs a machine, and sees that the site's settings replace the package's.
func TestRiakSettings(t *testing.T) {
	text, err := os.ReadFile("modules/riak/files/begin.sh")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for name, content := range map[string]string{
		"etc/riak/riak.conf":  "## Where it listens.\nlistener.http.internal = 127.0.0.1:8098\nlistener.http.extra = 127.0.0.1:1\ndistributed_cookie = riak\nlog.console = file\n",
		"etc/riak/site.conf":  "# Settings of this site; they replace those of the package.\nnodename = riak@10.0.1.11\nlistener.http.internal = 10.0.1.11:8098\n",
		"etc/riak/cookie":     "Elderberry\n",
		"var/lib/riak/.empty": "",
		"bin/mountpoint":      "#!/bin/sh\n",
		"bin/chown":           "#!/bin/sh\n",
		"bin/systemctl":       "#!/bin/sh\necho \"$@\" >>" + root + "/started\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	script := strings.NewReplacer("/etc/riak", root+"/etc/riak", "/var/lib/riak", root+"/var/lib/riak").Replace(string(text))
	want := "## Where it listens.\nlistener.http.extra = 127.0.0.1:1\nlog.console = file\n" +
		"# Settings of this site; they replace those of the package.\nnodename = riak@10.0.1.11\nlistener.http.internal = 10.0.1.11:8098\ndistributed_cookie = Elderberry\n"
	for range 2 { // the second time changes nothing
		c := exec.Command("sh", "-c", script)
		c.Env = append(os.Environ(), "PATH="+filepath.Join(root, "bin")+":"+os.Getenv("PATH"))
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		got, err := os.ReadFile(filepath.Join(root, "etc/riak/riak.conf"))
		if err != nil || string(got) != want {
			t.Fatalf("%v, got\n%s\nwant\n%s", err, got, want)
		}
	}
	info, err := os.Stat(filepath.Join(root, "etc/riak/riak.conf"))
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the cookie is in a file of mode %v, %v", info.Mode(), err)
	}
	if started, _ := os.ReadFile(filepath.Join(root, "started")); string(started) != "start riak\nstart riak\n" {
		t.Errorf("systemctl was asked: %q", started)
	}
}
