package torture

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestAccountsAndKeys(t *testing.T) {
	t.Parallel()
	s := start(t)
	out := on(t, s, "account", "add", "zoe", "--access-key-id", "ZOEZOEZOEZOEZOEZOE01", "--secret-access-key", "zoe-secret-0123456789", "--quota", "1GiB", "--email", "zoe@example.org", "--display-name", "Zoe Z")
	if !strings.Contains(out, "ZOEZOEZOEZOEZOEZOE01") {
		t.Error(out)
	}
	for _, name := range []string{"mia", "ada"} {
		on(t, s, "account", "add", name)
	}
	for _, args := range [][]string{
		{"account", "add", "zoe"}, {"account", "add", "eve", "--email", "ZOE@example.org"}, {"account", "add", "eve", "--role", "king"},
		{"account", "add", "eve", "--access-key-id", "ZOEZOEZOEZOEZOEZOE01", "--secret-access-key", "x-0123456789"},
		{"account", "add", "eve", "--access-key-id", "ALONEALONEALONE00001"}, {"account", "add"}, {"account", "rm", "nobody"},
		{"key", "add", "nobody"}, {"key", "ls", "nobody"}, {"key", "rm", "NOSUCHKEY"}, {"account"}, {"fly"},
	} {
		if out, err := s.Run(args...); err == nil {
			t.Errorf("%q succeeded: %s", args, out)
		}
	}
	var names []string
	for line := range strings.Lines(on(t, s, "account", "ls")) {
		names = append(names, strings.Fields(line)[0])
	}
	if got := strings.Join(names, " "); got != "NAME ada mia root zoe" {
		t.Errorf("listed %s", got)
	}

	zoe := s.NewClient().As("ZOEZOEZOEZOEZOEZOE01", "zoe-secret-0123456789")
	newBucket(t, zoe)
	id, secret := keyPair(t, on(t, s, "key", "add", "zoe", "--label", "laptop", "--expires-in", "1h"))
	laptop := s.NewClient().As(id, secret)
	put(t, laptop, "k", []byte("from the laptop"))
	if list := on(t, s, "key", "ls", "zoe"); !strings.Contains(list, id) || !strings.Contains(list, "laptop") || strings.Contains(list, secret) {
		t.Errorf("keys:\n%s", list)
	}
	if _, err := s.Run("account", "rm", "zoe"); err == nil || !strings.Contains(err.Error(), "bucket") {
		t.Errorf("an account that owns a bucket: %v", err)
	}
	on(t, s, "key", "rm", id)
	a, err := laptop.Do(ctx, "GET", bucket, "k", "", nil)
	wantAnswer(t, "removed key", a, err, 403, "InvalidAccessKeyId")
	wantObject(t, zoe, "k", []byte("from the laptop"))

	for _, key := range []string{"k", ""} {
		if _, err := zoe.Must(ctx, "DELETE", bucket, key, "", nil, 204); err != nil {
			t.Fatal(err)
		}
	}
	on(t, s, "account", "rm", "zoe")
	a, err = zoe.Do(ctx, "GET", "", "", "", nil)
	wantAnswer(t, "removed account", a, err, 403, "InvalidAccessKeyId")
}

// keyPair finds a key pair in what a command printed.
func keyPair(t *testing.T, out string) (id, secret string) {
	t.Helper()
	m := regexp.MustCompile(`access key ID +(\S+)\nsecret +(\S+)`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no key pair in %q", out)
	}
	return m[1], m[2]
}

func TestCheckSaysAllThatIsWrong(t *testing.T) {
	t.Parallel()
	const secret = "hush-hush-0123456789"
	file := filepath.Join(t.TempDir(), "mucura.conf")
	if err := os.WriteFile(file, []byte("colour = blue\nmax-requests = many\nnonsense\nroot-secret-access-key = "+secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := command(t, []string{"MUCURA_LEEWAY=soon", "MUCURA_LISTN=x", "MUCURA_TLS_KEY=/k"},
		"check", "--config", file, "--data", t.TempDir(), "--log-level", "loud")
	for _, want := range []string{"colour", "max-requests", `:3: not "name = value"`, "leeway", "MUCURA_LISTN", "tls-cert", "root-access-key-id", "log-level"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q is not in\n%s", want, stderr)
		}
	}
	if code != 1 || strings.Contains(stdout+stderr, secret) {
		t.Errorf("exit status %d, printed\n%s%s", code, stdout, stderr)
	}
	for name, args := range map[string][]string{
		"certificate":    {"--tls-cert", "/none", "--tls-key", "/none"},
		"metadata store": {"--metadata", "ponies://here"},
		"content store":  {"--content", "file:///proc/none"},
	} {
		if code, _, stderr := command(t, nil, append([]string{"check", "--data", t.TempDir()}, args...)...); code != 1 || !strings.Contains(stderr, name) {
			t.Errorf("%s: exit status %d, %s", name, code, stderr)
		}
	}
	for _, args := range [][]string{{"check", "--no-such-flag"}, {"check", "stray"}, {"nonsense"}} {
		if code, _, stderr := command(t, nil, args...); code != 1 || stderr == "" {
			t.Errorf("%q: exit status %d, %s", args, code, stderr)
		}
	}
	for _, args := range [][]string{{"help"}, {"--help"}, {"serve", "--help"}, {"version"}} {
		if code, stdout, _ := command(t, nil, args...); code != 0 || stdout == "" {
			t.Errorf("%q: exit status %d", args, code)
		}
	}
}

// TestPrecedence: a flag wins over the environment, that over the file, that
// over the default; secrets are not shown.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "mucura.conf")
	text := "region = from-file\nmax-requests = 11\nlisten = 127.0.0.1:1111\nroot-access-key-id = FILEFILEFILEFILE0000\nroot-secret-access-key = file-secret-0123\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, stderr := command(t, []string{"MUCURA_CONFIG=" + file, "MUCURA_MAX_REQUESTS=22", "MUCURA_LISTEN=127.0.0.1:2222", "MUCURA_DATA=" + t.TempDir()},
		"check", "--listen", "127.0.0.1:3333")
	for _, want := range []string{"region = from-file\n", "max-requests = 22\n", "listen = 127.0.0.1:3333\n", "idle-timeout = 2m0s\n", "root-secret-access-key = (set)\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if code != 0 || strings.Contains(out+stderr, "file-secret-0123") {
		t.Errorf("exit status %d, %s", code, stderr)
	}
}

func TestBusyPort(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, flag := range []string{"--listen", "--admin-listen"} {
		args := []string{"serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", flag, l.Addr().String()}
		if code, _, stderr := command(t, nil, args...); code != 1 || !strings.Contains(stderr, "address already in use") || !strings.Contains(stderr, l.Addr().String()) {
			t.Errorf("%s: exit status %d, %s", flag, code, stderr)
		}
	}
}

// TestRootKeyIsShownOnce: the first start makes the administrator's key pair
// and prints it; later ones only when asked to.
func TestRootKeyIsShownOnce(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	secrets := regexp.MustCompile(`Secret key  (\S{20,})`)
	first := banner(t, data)
	m := secrets.FindStringSubmatch(first)
	if m == nil {
		t.Fatalf("no secret in\n%s", first)
	}
	if n := strings.Count(first, m[1]); n != 4 { // and in the settings of three clients
		t.Errorf("the secret stands %d times in\n%s", n, first)
	}
	if again := banner(t, data); strings.Contains(again, m[1]) || secrets.MatchString(again) {
		t.Errorf("the second start shows a secret:\n%s", again)
	}
	if shown := banner(t, data, "--show-root-key"); !strings.Contains(shown, m[1]) {
		t.Errorf("not shown:\n%s", shown)
	}
	if given := banner(t, t.TempDir(), "--root-access-key-id", "GIVENGIVENGIVEN00000", "--root-secret-access-key", "given-secret-0123456789"); strings.Contains(given, "given-secret") {
		t.Errorf("a secret that was given is shown:\n%s", given)
	}
	for _, path := range files(t, data) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), m[1]) {
			t.Errorf("%s holds the secret as it is", path)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 && filepath.Base(path) == "site.key" {
			t.Errorf("%s: %v", path, fmt.Sprint(info.Mode(), err))
		}
	}
}
