package cli_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
	"github.com/mucura/mucura/core/gridproxy"
	"github.com/mucura/mucura/core/gridproxy/gridtest"
)

// grid is a real server with TLS and an authentication server, whose trust
// directory is that of a small grid.
type grid struct {
	*harness.Server
	t        *testing.T
	world    *gridtest.World
	dirs     string
	s3, auth string // URLs
	certDir  string
}

func newGrid(t *testing.T, args ...string) *grid {
	t.Helper()
	dir := t.TempDir()
	g := &grid{t: t, world: gridtest.NewWorld(), dirs: dir}
	certDir, vomsDir := g.world.WriteDirs(t, dir)
	g.certDir = certDir
	san := gridtest.Ext("2.5.29.17", false, gridtest.Seq(gridtest.TLV(0x87, net.IPv4(127, 0, 0, 1).To4()), gridtest.TLV(0x82, []byte("localhost"))))
	host := gridtest.NewHost("/DC=org/DC=example/OU=Hosts/CN=127.0.0.1", g.world.CA, gridtest.Also(san))
	cert, key := filepath.Join(dir, "host.pem"), filepath.Join(dir, "host.key")
	g.file(cert, append(gridtest.CertPEM(host.DER), gridtest.CertPEM(g.world.CA.DER)...))
	g.file(key, gridtest.KeyPEM(host.Key))
	port, err := harness.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	listen := fmt.Sprintf("127.0.0.1:%d", port)
	g.Server = &harness.Server{Bin: daemon, Data: filepath.Join(dir, "data"), Args: append([]string{
		"--tls-cert", cert, "--tls-key", key, "--auth-listen", listen, "--trust-dir", certDir, "--vomsdir", vomsDir,
	}, args...)}
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Kill)
	g.s3, g.auth = "https"+strings.TrimPrefix(g.Endpoint, "http"), "https://"+listen
	return g
}

func (g *grid) file(path string, content []byte) string {
	g.t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		g.t.Fatal(err)
	}
	return path
}

// person is somebody without keys, who knows the servers and trusts the grid.
func (g *grid) person() *person {
	home := g.t.TempDir()
	return &person{g.t, home, []string{"HOME=" + home, "PATH=" + filepath.Dir(command) + ":/usr/bin:/bin", "TZ=UTC",
		"MUCURA_SERVER=" + g.s3, "MUCURA_AUTH=" + g.auth, "X509_CERT_DIR=" + g.certDir}}
}

func (g *grid) operator() *person {
	return g.person().with("AWS_ACCESS_KEY_ID="+harness.RootKey, "AWS_SECRET_ACCESS_KEY="+harness.RootSecret)
}

// proxy writes a proxy file and gives its path.
func (p *person) proxy(e *gridtest.Entity) string {
	return p.secret(fmt.Sprintf("x509up-%d", len(e.DER)), e.PEM())
}

func (p *person) secret(name string, content []byte) string {
	p.Helper()
	path := p.write(name, content)
	if err := os.Chmod(path, 0o600); err != nil {
		p.Fatal(err)
	}
	return path
}

// enrol makes an account for a person's certificate.
func (g *grid) enrol(name string, e *gridtest.Entity, args ...string) {
	g.t.Helper()
	subject, issuer := g.dn(e.Certificate().RawSubject), g.dn(e.Certificate().RawIssuer)
	g.operator().want(0, append([]string{"admin", "accounts", "add", name, "--certificate", subject, "--issuer", issuer}, args...)...)
}

func (g *grid) dn(raw []byte) string {
	g.t.Helper()
	n, err := gridproxy.ParseName(raw)
	if err != nil {
		g.t.Fatal(err)
	}
	return n.String()
}

type processCredentials struct {
	Version                                    int
	AccessKeyId, SecretAccessKey, SessionToken string
	Expiration                                 time.Time
}

func TestGridJob(t *testing.T) {
	g := newGrid(t)
	g.enrol("alice", g.world.Alice)
	p := g.person()
	p = p.with("X509_USER_PROXY=" + p.proxy(gridtest.NewProxy(g.world.Alice)))

	// Data verbs need nothing but the proxy.
	p.write("result", []byte("42"))
	p.want(0, "cp", "result", "me:/run/result")
	if out := p.want(0, "cat", "me:run/result"); out != "42" {
		t.Errorf("read %q", out)
	}
	var who struct {
		Account struct{ Name, Home string }
		Session struct {
			By, Identity string
			Limited      bool
		}
	}
	if err := json.Unmarshal([]byte(p.want(0, "whoami", "--json")), &who); err != nil {
		t.Fatal(err)
	}
	if who.Account.Name != "alice" || who.Account.Home != "alice" || who.Session.By != "x509" || who.Session.Identity != g.dn(g.world.Alice.Certificate().RawSubject) {
		t.Errorf("%+v", who)
	}

	// One session served them all, and credential-process gives it, too.
	out := p.want(0, "credential-process")
	exact := regexp.MustCompile(`^\{"Version":1,"AccessKeyId":"MUS[A-Z0-9]+","SecretAccessKey":"[^"]+","SessionToken":"[^"]+","Expiration":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"\}\n$`)
	if !exact.MatchString(out) {
		t.Errorf("credential-process printed %s", out)
	}
	first := decodeLine[processCredentials](t, out)
	if again := decodeLine[processCredentials](t, p.want(0, "credential-process")); again != first {
		t.Error("credentials were not taken from the cache")
	}
	if n := strings.Count(p.want(0, "sessions"), "\n"); n != 1 {
		t.Errorf("%d sessions", n)
	}
	if left := time.Until(first.Expiration); left > time.Hour || left < 50*time.Minute {
		t.Errorf("they hold %v", left)
	}
	cached, _ := filepath.Glob(p.path(".cache/mucura/credentials/*.json"))
	if len(cached) != 1 {
		t.Fatalf("cache: %v", cached)
	}
	wantMode(t, cached[0], 0o600)
	wantMode(t, filepath.Dir(cached[0]), 0o700)

	// Another scope or duration is another session; a scope holds.
	narrow := decodeLine[processCredentials](t, p.want(0, "credential-process", "--scope", "s3://alice/run/:r", "--duration", "20m"))
	if narrow.AccessKeyId == first.AccessKeyId || time.Until(narrow.Expiration) > 20*time.Minute {
		t.Errorf("%+v", narrow)
	}
	job := g.person().with("AWS_ACCESS_KEY_ID="+narrow.AccessKeyId, "AWS_SECRET_ACCESS_KEY="+narrow.SecretAccessKey, "AWS_SESSION_TOKEN="+narrow.SessionToken)
	job.want(0, "cat", "s3://alice/run/result")
	job.want(0, "ls", "s3://alice/run/")
	job.want(5, "ls", "s3://alice")
	job.feed([]byte("x"), 5, "cp", "-", "s3://alice/run/other")
	job.want(5, "keys", "new")

	// env is for a shell.
	script := p.cmd("env")
	script.Path, script.Args = "/bin/sh", []string{"sh", "-c", `eval "$(mucura env)" && unset X509_USER_PROXY MUCURA_SERVER && exec mucura cat s3://alice/run/result`}
	if o := p.finish(script); o.stdout != "42" {
		t.Errorf("%d %q %s", o.status, o.stdout, o.stderr)
	}

	// Revoked is revoked, here and in the cache.
	p.want(0, "sessions", "revoke", first.AccessKeyId)
	p.want(3, "ls", "me:")
	p.want(0, "ls", "me:") // with another session, for the proxy is good
	p.want(0, "logout")
	if cached, _ := filepath.Glob(p.path(".cache/mucura/credentials/*")); len(cached) != 0 {
		t.Errorf("left after logout: %v", cached)
	}
}

// What goes wrong before and at the authentication server is exit status 3, and
// says what to do.
func TestRefusedCredentials(t *testing.T) {
	g := newGrid(t)
	g.enrol("alice", g.world.Alice)
	p := g.person()
	past := time.Now().Add(-time.Hour)
	expired := p.secret("expired", gridtest.NewProxy(g.world.Alice, gridtest.Valid(past.Add(-time.Hour), past)).PEM())
	open := p.secret("open", gridtest.NewProxy(g.world.Alice).PEM())
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	good := gridtest.NewProxy(g.world.Alice)
	other := p.secret("other", append(gridtest.CertPEM(good.DER), gridtest.KeyPEM(g.world.Bob.Key)...))
	for _, c := range []struct {
		name, proxy string
		status      int
		stderr      string
	}{
		{"expired", expired, 3, "your grid proxy expired at " + past.UTC().Format(time.RFC3339) + " (" + expired + "); run voms-proxy-init"},
		{"not registered", p.secret("bob", gridtest.NewProxy(g.world.Bob).PEM()), 3, "is not registered"},
		{"revoked", p.secret("dave", gridtest.NewProxy(g.world.Dave).PEM()), 3, "revoked"},
		{"independent", p.secret("independent", gridtest.NewProxyInfo(g.world.Alice, gridtest.ProxyInfo(gridtest.NoRights, -1, nil)).PEM()), 3, "refused"},
		{"readable by others", open, 3, "chmod 600"},
		{"missing", p.path("missing"), 4, "no such file"},
		{"no certificate", p.secret("empty", []byte("hello")), 1, "no certificate"},
		{"no key", p.secret("nokey", gridtest.CertPEM(good.DER)), 1, "no private key"},
		{"another's key", other, 1, "not that of the certificate"},
	} {
		for _, args := range [][]string{{"credential-process"}, {"ls"}, {"login"}} {
			o := p.with("X509_USER_PROXY=" + c.proxy).run(args...)
			if o.status != c.status || !strings.Contains(o.stderr, c.stderr) || o.stdout != "" {
				t.Errorf("%s: %v: %d %q %q, want %d with %q", c.name, args, o.status, o.stdout, o.stderr, c.status, c.stderr)
			}
		}
	}
	o := p.run("credential-process")
	if _, err := os.Stat(fmt.Sprintf("/tmp/x509up_u%d", os.Getuid())); os.IsNotExist(err) && (o.status != 3 || !strings.Contains(o.stderr, "no credentials")) {
		t.Errorf("with nothing: %d %q", o.status, o.stderr)
	}
	// A server whose certificate nobody vouches for gets no credentials, at once.
	o = p.with("X509_USER_PROXY="+p.proxy(good), "X509_CERT_DIR="+t.TempDir()).run("credential-process")
	if o.status != 8 || !strings.Contains(o.stderr, "unknown authority") {
		t.Errorf("unknown authority: %d %q", o.status, o.stderr)
	}
}

// Keys in each form that grid tools write.
func TestKeyForms(t *testing.T) {
	g := newGrid(t)
	g.enrol("alice", g.world.Alice)
	p := g.person()
	for _, c := range []struct {
		name string
		key  crypto.Signer
	}{{"rsa", gridtest.RSAKey(2048)}, {"ec", gridtest.ECKey()}} {
		proxy := gridtest.NewProxy(g.world.Alice, gridtest.Keyed(c.key))
		var old *pem.Block
		switch k := c.key.(type) {
		case *rsa.PrivateKey:
			old = &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)}
		case *ecdsa.PrivateKey:
			b, err := x509.MarshalECPrivateKey(k)
			if err != nil {
				t.Fatal(err)
			}
			old = &pem.Block{Type: "EC PRIVATE KEY", Bytes: b}
		}
		for form, key := range map[string][]byte{"old": pem.EncodeToMemory(old), "pkcs8": gridtest.KeyPEM(c.key)} {
			text := append(gridtest.CertPEM(proxy.DER), key...)
			for _, der := range proxy.Above {
				text = append(text, gridtest.CertPEM(der)...)
			}
			path := p.secret(c.name+form, text)
			p.want(0, "credential-process", "--proxy", path)
		}
	}
	// A certificate and its key in two files.
	p.want(0, "credential-process", "--cert", p.secret("usercert.pem", gridtest.CertPEM(g.world.Alice.DER)), "--key", p.secret("userkey.pem", gridtest.KeyPEM(g.world.Alice.Key)))
}

// A private key with a passphrase is opened with the one of the environment, of
// a file, or the one that is typed, and only when it is needed.
func TestLockedKey(t *testing.T) {
	g := newGrid(t, "--auth-host", "localhost")
	g.enrol("alice", g.world.Alice)
	const passphrase, wrong = "correct horse", "battery staple"
	p := g.person()
	//lint:ignore SA1019 it is what ~/.globus/userkey.pem may be
	locked, err := x509.EncryptPEMBlock(rand.Reader, "EC PRIVATE KEY", ecDER(t, g.world.Alice.Key), []byte(passphrase), x509.PEMCipher3DES)
	if err != nil {
		t.Fatal(err)
	}
	cert := p.secret("usercert.pem", gridtest.CertPEM(g.world.Alice.DER))
	p = p.with("X509_USER_CERT="+cert, "X509_USER_KEY="+p.secret("userkey.pem", pem.EncodeToMemory(locked)))

	// Without a terminal: a hint, and nothing is read from standard input.
	silent := func(p *person, args ...string) outcome {
		cmd := p.cmd(args...)
		cmd.SysProcAttr.Setsid = true
		cmd.Stdin = strings.NewReader(passphrase + "\n")
		return p.finish(cmd)
	}
	if o := silent(p, "login"); o.status != 3 || !strings.Contains(o.stderr, "MUCURA_KEY_PASSWORD_FILE") {
		t.Errorf("%d: %s", o.status, o.stderr)
	}
	file := p.secret("passphrase", []byte(passphrase+"\n"))
	for name, c := range map[string]struct {
		env    []string
		status int
		says   string
	}{
		"given":             {[]string{"MUCURA_KEY_PASSWORD=" + passphrase}, 0, ""},
		"file":              {[]string{"MUCURA_KEY_PASSWORD_FILE=" + file}, 0, ""},
		"given wins":        {[]string{"MUCURA_KEY_PASSWORD=" + passphrase, "MUCURA_KEY_PASSWORD_FILE=/nowhere"}, 0, ""},
		"wrong":             {[]string{"MUCURA_KEY_PASSWORD=" + wrong}, 3, "wrong"},
		"file that is not":  {[]string{"MUCURA_KEY_PASSWORD_FILE=/nowhere"}, 4, "/nowhere"},
		"file that is open": {[]string{"MUCURA_KEY_PASSWORD_FILE=" + p.write("open", []byte(passphrase))}, 3, "chmod 600"},
		"empty file":        {[]string{"MUCURA_KEY_PASSWORD_FILE=" + p.secret("empty", nil)}, 3, "no passphrase"},
	} {
		o := silent(p.with(c.env...), "credential-process")
		if o.status != c.status || !strings.Contains(o.stderr, c.says) || strings.Contains(o.stderr+o.stdout, passphrase) {
			t.Errorf("%s: %d: %s%s", name, o.status, o.stdout, o.stderr)
		}
		_ = os.RemoveAll(filepath.Join(p.home, ".cache"))
	}

	// On a terminal it is asked for, without echo, until it is right.
	prompt := "Passphrase of"
	shown := p.typed(0, []string{"login"}, prompt, wrong, prompt, passphrase)
	if !strings.Contains(shown, "not the passphrase") || strings.Contains(shown, passphrase) || strings.Contains(shown, wrong) {
		t.Errorf("shown %q", shown)
	}
	p.typed(3, []string{"login"}, prompt, wrong, prompt, wrong, prompt, wrong)
	p.typed(130, []string{"login"}, prompt, "half\x03")
	// The session of the login serves, so nobody is asked again.
	if o := silent(p, "ls", "me:"); o.status != 0 {
		t.Errorf("%d: %s", o.status, o.stderr)
	}
	// Registration asks, too.
	p.typed(0, []string{"register"}, prompt, passphrase)
	_, port, _ := strings.Cut(strings.TrimPrefix(g.s3, "https://"), ":")
	p.with("MUCURA_AUTH=https://localhost:"+port).typed(0, []string{"login", "--signed"}, prompt, passphrase)
}

func ecDER(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(key.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// A limited proxy moves files, and changes nothing.
func TestLimitedProxy(t *testing.T) {
	g := newGrid(t)
	g.enrol("alice", g.world.Alice)
	p := g.person()
	p = p.with("X509_USER_PROXY=" + p.proxy(gridtest.NewLimited(g.world.Alice)))
	p.feed([]byte("x"), 0, "cp", "-", "me:/x")
	for _, args := range [][]string{{"keys", "new"}, {"quota", "set", "1GiB"}, {"sessions", "revoke", "--all"}} {
		p.want(5, args...)
	}
}

// An authentication server that is only another name of the S3 endpoint: it is
// shown the certificate, or a request signed with it.
func TestSignedLogin(t *testing.T) {
	g := newGrid(t, "--auth-host", "localhost")
	g.enrol("alice", g.world.Alice)
	_, port, _ := strings.Cut(strings.TrimPrefix(g.s3, "https://"), ":")
	p := g.person().with("MUCURA_AUTH=https://localhost:" + port)
	rsaProxy := p.secret("rsa", gridtest.NewProxy(g.world.Alice, gridtest.Keyed(gridtest.RSAKey(2048))).PEM())
	deep := g.world.Alice
	for range 6 {
		deep = gridtest.NewProxy(deep, gridtest.Keyed(gridtest.RSAKey(2048)))
	}
	for _, proxy := range []string{rsaProxy, p.secret("deep", deep.PEM()), p.proxy(gridtest.NewLimited(g.world.Alice))} {
		for _, signed := range []string{"--signed", "--signed=false"} {
			p.want(0, "login", signed, "--proxy", proxy, "--duration", "20m")
			kept := decodeLine[processCredentials](t, string(p.read(".local/state/mucura/sessions/default.json")))
			if left := time.Until(kept.Expiration); left > 20*time.Minute || left < 19*time.Minute {
				t.Errorf("%s holds %v", signed, left)
			}
			p.want(0, "ls", "me:")
		}
	}
	o := p.run("login", "--signed", "--proxy", p.secret("bob", gridtest.NewProxy(g.world.Bob).PEM()))
	if o.status != 3 || !strings.Contains(o.stderr, "not registered") {
		t.Errorf("not registered: %d %s", o.status, o.stderr)
	}
}

func (p *person) read(name string) []byte {
	p.Helper()
	b, err := os.ReadFile(p.path(name))
	if err != nil {
		p.Fatal(err)
	}
	return b
}
