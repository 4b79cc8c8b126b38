package cli_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/mucura/mucura/appliance/internal/harness"
	"github.com/mucura/mucura/core/gridproxy/gridtest"
)

// field gives a member of a JSON line.
func field(t *testing.T, line, name string) string {
	t.Helper()
	m := map[string]any{}
	if err := json.Unmarshal([]byte(strings.SplitN(line, "\n", 2)[0]), &m); err != nil {
		t.Fatalf("%v in %q", err, line)
	}
	s, _ := m[name].(string)
	return s
}

// A person's day: keys, quota, usage, who read her files.
func TestOwnAccount(t *testing.T) {
	g := newGrid(t)
	g.enrol("alice", g.world.Alice, "--quota", "10MiB", "--cap", "20MiB")
	p := g.person()
	p = p.with("X509_USER_PROXY=" + p.proxy(gridtest.NewProxy(g.world.Alice)))

	made := p.want(0, "keys", "new", "--json", "--label", "laptop", "--expires-in", "720h", "--scope", "s3://alice/docs/:rw")
	id, secret := field(t, made, "id"), field(t, made, "secret_access_key")
	if id == "" || secret == "" || field(t, made, "type") != "key" {
		t.Fatalf("made %s", made)
	}
	laptop := g.person().with("AWS_ACCESS_KEY_ID="+id, "AWS_SECRET_ACCESS_KEY="+secret)
	laptop.feed([]byte("text"), 0, "cp", "-", "s3://alice/docs/a")
	laptop.feed([]byte("text"), 5, "cp", "-", "s3://alice/other")
	if out := p.want(0, "keys", "ls"); !strings.Contains(out, id) || strings.Contains(out, secret) || !strings.Contains(out, "laptop") {
		t.Errorf("keys: %s", out)
	}
	rotated := p.want(0, "keys", "rotate", "--json", "--grace", "0s", id)
	laptop.want(3, "ls", "s3://alice/docs/")
	next := g.person().with("AWS_ACCESS_KEY_ID="+field(t, rotated, "id"), "AWS_SECRET_ACCESS_KEY="+field(t, rotated, "secret_access_key"))
	next.want(0, "ls", "s3://alice/docs/")
	p.want(0, "keys", "rm", field(t, rotated, "id"))
	next.want(3, "ls", "s3://alice/docs/")
	p.want(4, "keys", "rm", "NOSUCHKEY")

	// The quota is asked before anything is sent.
	p.write("big", random(12<<20))
	o := p.run("cp", "--preflight", "big", "me:")
	if o.status != 6 || !strings.Contains(o.stderr, "nothing was sent") {
		t.Errorf("preflight: %d %s", o.status, o.stderr)
	}
	p.want(6, "cp", "big", "me:")
	if out := p.want(0, "quota", "set", "16MiB"); !strings.Contains(out, "16 MiB") {
		t.Errorf("quota: %s", out)
	}
	p.want(0, "cp", "--preflight", "big", "me:")
	p.want(5, "quota", "set", "1GiB")
	p.want(2, "quota", "set", "lots")
	if o := p.run("quota", "request", "1GiB"); o.status != 1 || !strings.Contains(o.stderr, `(--reason "…")`) {
		t.Errorf("request without a reason: %d %s", o.status, o.stderr)
	}
	if out := p.want(0, "quota"); strings.Contains(out, "request") {
		t.Errorf("quota: %s", out)
	}
	if out := p.want(0, "quota", "request", "1GiB", "--reason", "a large run"); !strings.Contains(out, "pending") {
		t.Errorf("request: %s", out)
	}
	if out := p.want(0, "quota"); !strings.Contains(out, "for 1.0 GiB: pending") {
		t.Errorf("quota: %s", out)
	}
	if out := p.want(0, "usage"); !strings.Contains(out, "alice") || !strings.Contains(out, "12 MiB") {
		t.Errorf("usage: %s", out)
	}

	// The operator decides.
	op := g.operator()
	p.want(5, "admin", "requests")
	request := op.want(0, "admin", "requests", "--json")
	if field(t, request, "account") != "alice" || field(t, request, "reason") != "a large run" {
		t.Errorf("requests: %s", request)
	}
	op.want(0, "admin", "approve", field(t, request, "id"), "--answer", "good luck")
	if out := p.want(0, "quota"); !strings.Contains(out, "1.0 GiB") || !strings.Contains(out, "approved good luck") {
		t.Errorf("quota: %s", out)
	}
	if out := p.want(0, "access-log", "me:docs/"); !strings.Contains(out, "s3://alice/docs/a") {
		t.Errorf("access log: %s", out)
	}
}

func TestAdmin(t *testing.T) {
	g := newGrid(t)
	op := g.operator()
	made := op.want(0, "admin", "accounts", "add", "bob", "--email", "bob@example.org", "--quota", "1GiB", "--key", "--json")
	lines := strings.SplitN(made, "\n", 2)
	bob := g.person().with("AWS_ACCESS_KEY_ID="+field(t, lines[1], "id"), "AWS_SECRET_ACCESS_KEY="+field(t, lines[1], "secret_access_key"))
	bob.want(0, "mkdir", "-p", "s3://bobs-bucket")
	op.want(7, "admin", "accounts", "add", "bob")
	if out := op.want(0, "admin", "accounts", "ls"); !strings.Contains(out, "bob@example.org") {
		t.Errorf("accounts: %s", out)
	}
	op.want(0, "admin", "accounts", "quota", "bob", "2GiB", "--cap", "3GiB")
	if out := op.want(0, "admin", "accounts", "show", "bob"); !strings.Contains(out, "2.0 GiB") || !strings.Contains(out, "3.0 GiB") {
		t.Errorf("bob: %s", out)
	}
	op.want(0, "admin", "accounts", "suspend", "bob", "--why", "for a test")
	if o := bob.run("ls"); o.status != 5 && o.status != 3 {
		t.Errorf("suspended: %d %s", o.status, o.stderr)
	}
	op.want(0, "admin", "accounts", "resume", "bob")
	bob.want(0, "ls")
	bob.want(5, "admin", "accounts", "ls")
	op.want(4, "admin", "accounts", "show", "nobody")
	op.want(0, "admin", "accounts", "rm", "bob")
	if o := bob.run("ls"); o.status != 5 && o.status != 3 {
		t.Errorf("removed: %d %s", o.status, o.stderr)
	}
}

func TestInvitations(t *testing.T) {
	g := newGrid(t)
	op := g.operator()
	if code := op.want(0, "admin", "invite", "--label", "summer school", "--uses", "30", "--days", "3"); len(strings.TrimSpace(code)) < 26 {
		t.Errorf("code %q", code)
	}
	listed := op.want(0, "admin", "invitations", "--json")
	if !strings.Contains(listed, "summer school") || field(t, listed, "by") == "" {
		t.Errorf("listed: %s", listed)
	}
	id := field(t, listed, "id")
	for _, args := range [][]string{{"admin", "invite", "--uses", "10001"}, {"admin", "invite", "--days", "-1"}, {"admin", "invite", "--label", strings.Repeat("x", 201)}} {
		if o := op.run(args...); o.status == 0 || o.stderr == "" {
			t.Errorf("%q: %d %s", args, o.status, o.stderr)
		}
	}
	made := op.want(0, "admin", "accounts", "add", "bob", "--key", "--json")
	bob := strings.SplitN(made, "\n", 2)[1]
	p := g.person().with("AWS_ACCESS_KEY_ID="+field(t, bob, "id"), "AWS_SECRET_ACCESS_KEY="+field(t, bob, "secret_access_key"))
	p.want(5, "admin", "invite")
	p.want(5, "admin", "invitations")
	p.want(5, "admin", "withdraw", id)
	op.want(0, "admin", "withdraw", id)
	op.want(4, "admin", "withdraw", id)
	op.want(4, "admin", "withdraw", "nonsense")
	if left := op.want(0, "admin", "invitations"); left != "" {
		t.Errorf("left: %s", left)
	}
}

// What login keeps is for the owner alone, and used from then on.
func TestLogin(t *testing.T) {
	g := newGrid(t)
	g.enrol("alice", g.world.Alice)
	p := g.person()
	proxy := p.proxy(gridtest.NewProxy(g.world.Alice))
	p.write(".aws/credentials", []byte("# kept\n[other]\naws_access_key_id = OTHER\n"))
	p.want(0, "login", "--proxy", proxy, "--write-aws", "mucura")
	for _, name := range []string{".config/mucura/config", ".local/state/mucura/sessions/default.json", ".aws/credentials", ".aws/config"} {
		wantMode(t, p.path(name), 0o600)
	}
	config, _ := os.ReadFile(p.path(".config/mucura/config"))
	if strings.Contains(string(config), "secret") || strings.Contains(string(config), "token") {
		t.Errorf("the configuration has secrets: %s", config)
	}
	credentials, _ := os.ReadFile(p.path(".aws/credentials"))
	if !strings.HasPrefix(string(credentials), "# kept\n[other]\naws_access_key_id = OTHER\n") || !strings.Contains(string(credentials), "aws_session_token = ") {
		t.Errorf("credentials:\n%s", credentials)
	}
	// Neither servers nor proxy need to be named any more, only the authority.
	bare := p.with("MUCURA_SERVER=", "MUCURA_AUTH=")
	bare.want(0, "ls", "me:")
	bare.with("MUCURA_PROFILE=mucura").want(0, "ls", "s3://alice")
	session := decodeLine[processCredentials](t, bare.want(0, "credential-process"))
	bare.want(0, "logout")
	bare.want(3, "ls", "me:")
	p.with("AWS_ACCESS_KEY_ID="+session.AccessKeyId, "AWS_SECRET_ACCESS_KEY="+session.SecretAccessKey, "AWS_SESSION_TOKEN="+session.SessionToken).want(3, "ls")

	// An access key is kept once it works.
	lab := p.with("MUCURA_PROFILE=", "MUCURA_AUTH=")
	write := func(id, secret string) []byte { return []byte(id + "\n" + secret + "\n") }
	lab.feed(write(harness.RootKey, "wrong"), 3, "login", "--access-key")
	lab.feed(write(harness.RootKey, harness.RootSecret), 0, "login", "--access-key")
	wantMode(t, p.path(".config/mucura/config"), 0o600)
	lab.with("MUCURA_SERVER=").want(0, "ls")
	temporary := decodeLine[processCredentials](t, lab.with("MUCURA_SERVER=").want(0, "credential-process", "--duration", "15m"))
	if !strings.HasPrefix(temporary.AccessKeyId, "MUS") || temporary.SessionToken == "" {
		t.Errorf("%+v", temporary)
	}
	lab.with("MUCURA_SERVER=").want(0, "logout")
	lab.with("MUCURA_SERVER=").want(3, "ls")
}

// The configurations are what other programs take.
func TestConfig(t *testing.T) {
	g := newGrid(t)
	g.enrol("alice", g.world.Alice)
	p := g.person()
	p = p.with("X509_USER_PROXY=" + p.proxy(gridtest.NewProxy(g.world.Alice)))
	p.feed([]byte("hello"), 0, "cp", "-", "me:hello")
	host := strings.TrimPrefix(g.s3, "https://")
	for program, wants := range map[string][]string{
		"aws":       {"[profile mucura]", "endpoint_url = " + g.s3, "credential_process = ", "credential-process --server " + g.s3, "addressing_style = path"},
		"rclone":    {"type = s3", "env_auth = true", "endpoint = " + g.s3},
		"s3cmd":     {"host_base = " + host, "use_https = True"},
		"cyberduck": {"<string>s3</string>", "<string>127.0.0.1</string>", "s3.bucket.virtualhost.disable"},
		"davix":     {"--s3region mucura", "--s3alternate", "s3s://" + host},
	} {
		out := p.want(0, "config", program)
		for _, want := range wants {
			if !strings.Contains(out, want) {
				t.Errorf("%s has no %q:\n%s", program, want, out)
			}
		}
		with := p.want(0, "config", program, "--with-keys")
		if program != "cyberduck" && !strings.Contains(with, "MUS") {
			t.Errorf("%s --with-keys:\n%s", program, with)
		}
	}
	p.want(2, "config", "telnet")

	// The one for aws works with a profile of this command, too.
	p.write(".aws/config", []byte(p.want(0, "config", "aws", "--with-keys")))
	g.person().with("HOME="+p.home, "MUCURA_AUTH=").want(0, "ls", "--profile", "mucura", "s3://alice")

	t.Run("aws", func(t *testing.T) {
		aws, err := exec.LookPath("aws")
		if err != nil {
			if os.Getenv("MUCURA_TEST_INSTALL") != "" {
				t.Fatal(err)
			}
			t.Skip("aws is not there (MUCURA_TEST_INSTALL=1 makes this a failure)")
		}
		p.write(".aws/config", []byte(p.want(0, "config", "aws")))
		cmd := p.cmd()
		cmd.Path, cmd.Args = aws, []string{"aws", "--profile", "mucura", "s3", "cp", "s3://alice/hello", "-"}
		cmd.Env = append(cmd.Env, "PATH="+os.Getenv("PATH"), "AWS_CA_BUNDLE="+g.file(p.path("ca.pem"), gridtest.CertPEM(g.world.Root.DER)))
		if o := p.finish(cmd); o.stdout != "hello" {
			t.Errorf("aws: %d %q %s", o.status, o.stdout, o.stderr)
		}
	})
}

// What is not there is named, arguments that are missing show how a command is
// written, and both ways to ask for the version answer.
func TestMessages(t *testing.T) {
	p := newPerson(t)
	for _, c := range []struct {
		status int
		want   string
		args   []string
	}{
		{4, "mucura: NOSUCHKEY: There is no such", []string{"keys", "rm", "NOSUCHKEY"}},
		{4, "mucura: nobody: There is no such", []string{"admin", "accounts", "show", "nobody"}},
		{4, "mucura: no/body: There is no such", []string{"admin", "accounts", "rm", "no/body"}},
		{2, "usage: mucura cp SOURCE… TARGET", []string{"cp", "alone"}},
		{2, "usage: mucura keys rotate ID", []string{"keys", "rotate"}},
		{2, `account "root" has no home bucket: make a bucket (mucura mkdir s3://NAME) and set MUCURA_HOME_BUCKET=NAME`, []string{"ls", "me:"}},
		{1, "3 to 63 of a-z", []string{"mkdir", "s3://My_Files"}},
		{2, "30 days", []string{"keys", "new", "--expires-in", "30 days"}},
	} {
		if o := p.run(c.args...); o.status != c.status || !strings.Contains(o.stderr, c.want) {
			t.Errorf("%q: exit status %d, %s", c.args, o.status, o.stderr)
		}
	}
	if a, b := p.want(0, "--version"), p.want(0, "version"); a != b || !strings.HasPrefix(a, "mucura ") {
		t.Errorf("%q and %q", a, b)
	}
	p.want(0, "keys", "new", "--expires-in", "30d")
	if out := p.with("MUCURA_CA_FILE=/etc/ssl/certs/ca-certificates.crt").want(0, "env"); !strings.Contains(out, "export AWS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt\n") {
		t.Error("env leaves out the authorities to trust")
	}
}
