package torture

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mucura/mucura/core/client/login"
)

// TestRegisterAtInstitute: a person registers by her institute's login, is
// approved by rule, makes a key, uses and revokes it; the second sign-in finds
// her; then her command logs in by device flow. The provider is a certified one.
func TestRegisterAtInstitute(t *testing.T) {
	p := newProvider(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(providerSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startSite(t, "--oidc-issuer", p.issuer+" client-id=pages secret-file="+secret+" audience=command scope=groups name=Lab_login",
		"--approve", "oidc:"+p.issuer+" quota=1MiB")
	b := s.browser(t)
	b.open("/")
	b.wants(502, b.send("/signin/oidc", "issuer", p.issuer), "does not answer") // it does not run yet
	p.start("https://" + s.web + "/signin/oidc/callback")

	status, _ := p.signIn(b, true)
	b.wants(403, status, "refused", "access_denied")
	status, back := p.signIn(b, false)
	b.wants(200, status, "Nobody is registered", `value="ana.brown"`, `value="Ana Brown"`, `value="ana@lab.example"`)
	b.wants(200, b.send("/register", "name", "ana.brown", "display_name", "Ana Brown", "email", "ana@lab.example"), "signed in")
	b.wants(200, b.open("/account"), "<code>ana-brown</code>", "of 1 MiB")
	b.wants(200, b.send("/account/keys", "label", "laptop"), "shown this once")
	m := shown.FindStringSubmatch(b.page)
	if m == nil {
		t.Fatalf("no key is shown:\n%s", b.page)
	}
	ctx := context.Background()
	c := s.s3(m[1], m[2], "")
	must(t)(c.Must(ctx, "PUT", "ana-brown", "hello", "", []byte("hello"), 200))
	b.wants(200, b.send("/account/keys/remove", "id", m[1]))
	must(t)(c.Must(ctx, "GET", "ana-brown", "hello", "", nil, 403))

	// The address she came back by is of no use to her or others again.
	b.wants(403, b.take(b.c.Get(back)), "not begun in this browser")
	other := s.browser(t)
	other.wants(403, other.take(other.c.Get(back)), "not begun in this browser")
	status, _ = p.signIn(other, false)
	other.wants(200, status, "Continue as <strong>Ana Brown</strong>")
	other.wants(200, other.send("/signin/ticket"), "signed in")
	other.wants(200, other.open("/account"), "<code>ana-brown</code>")

	// An answer that says to be another provider's is not taken to this one.
	mixed := s.browser(t)
	mixed.c.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if q := r.URL.Query(); q.Has("iss") {
			q.Set("iss", "https://login.evil.example")
			r.URL.RawQuery = q.Encode()
		}
		return nil
	}
	status, _ = p.signIn(mixed, false)
	mixed.wants(403, status, "Another institute")

	p.commandLogsIn(s)
	p.wrongTokens(s)
	code, _ := url.Parse(back)
	for _, hush := range []string{providerSecret, m[2], code.Query().Get("code")} {
		if strings.Contains(s.Tail(), hush) {
			t.Error("a secret is in the log")
		}
	}
}

// commandLogsIn has the command log in by device flow, and use that.
func (p *provider) commandLogsIn(s *site) {
	p.Helper()
	home := p.TempDir()
	bin, ca := filepath.Join(home, "mucura"), filepath.Join(home, "ca.pem")
	if out, err := exec.Command("go", "build", "-o", bin, "github.com/mucura/mucura/appliance/cmd/mucura").CombinedOutput(); err != nil {
		p.Fatalf("go build: %v\n%s", err, out)
	}
	if err := os.WriteFile(ca, s.pem, 0o600); err != nil {
		p.Fatal(err)
	}
	mucura := func(args ...string) *exec.Cmd {
		cmd := exec.Command(bin, args...)
		cmd.Dir = home
		cmd.Env = []string{"HOME=" + home, "PATH=/usr/bin:/bin", "MUCURA_CA_FILE=" + ca, "MUCURA_SERVER=https://" + strings.TrimPrefix(s.Endpoint, "http://"), "MUCURA_AUTH=https://" + s.auth}
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		return cmd
	}
	if out, err := mucura("whoami").CombinedOutput(); err == nil {
		p.Errorf("whoami before login: %s", out)
	}
	if said, err := p.deviceLogin(mucura("login", "--oidc", "--issuer", p.issuer, "--client-id", "command", "--oidc-scope", "groups")); err != nil {
		p.Fatalf("login: %v\n%s", err, said)
	}
	for _, c := range []struct{ args, want string }{
		{"whoami", "ana.brown"},
		// The provider keeps groups out of ID tokens: its userinfo told them.
		{"sessions --json", "/lab/night"}, {"ls", "ana-brown"}, {"cp ca.pem s3://ana-brown/certificates/", ""}, {"ls s3://ana-brown/certificates/", "ca.pem"},
		{"logout", "logged out"},
	} {
		if out, err := mucura(strings.Fields(c.args)...).CombinedOutput(); err != nil || !strings.Contains(string(out), c.want) {
			p.Fatalf("mucura %s: %v, %q is wanted\n%s", c.args, err, c.want, out)
		}
	}
	// A program this site does not know gets a token there, and nothing here.
	said, err := p.deviceLogin(mucura("login", "--oidc", "--client-id", "stranger"))
	if err == nil || !strings.Contains(said, "not for this service") {
		p.Errorf("login as another program: %v\n%s", err, said)
	}
}

// deviceLogin runs a login, and opens the page that it shows.
func (p *provider) deviceLogin(cmd *exec.Cmd) (string, error) {
	p.Helper()
	cmd.Stdout = io.Discard
	out, err := cmd.StderrPipe()
	if err != nil {
		p.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.Fatal(err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Fprintln(&said, lines.Text())
		if page, ok := strings.CutPrefix(lines.Text(), "or open "); ok {
			p.approve(page)
		}
	}
	return said.String(), cmd.Wait()
}

// wrongTokens asks for credentials with tokens that are good at the provider and
// not for this site, or not good at all.
func (p *provider) wrongTokens(s *site) {
	p.Helper()
	token := func(client string) string {
		p.Helper()
		d := &login.Device{Issuer: p.issuer, ClientID: client, Show: func(_, _, full string) { p.approve(full) },
			Sleep:  func(context.Context, time.Duration) error { return nil },
			Server: &login.Server{Attempts: 1, HTTP: func(*login.Certificate) *http.Client { return s.client(nil) }}}
		got, err := d.Tokens(p.Context())
		if err != nil {
			p.Fatal(err)
		}
		return got.ID
	}
	good := token("command")
	dot := strings.LastIndexByte(good, '.') + 1
	flipped := good[:dot] + "A" + good[dot+1:]
	if good[dot] == 'A' {
		flipped = good[:dot] + "B" + good[dot+1:]
	}
	unsigned := "eyJhbGciOiJub25lIn0." + strings.Split(good, ".")[1] + "."
	for name, c := range map[string]struct {
		token  string
		status int
		want   string
	}{
		"good":           {good, 200, "<Audience>command</Audience>"},
		"wrong audience": {token("stranger"), 400, "InvalidIdentityToken"},
		"bit flipped":    {flipped, 400, "InvalidIdentityToken"},
		"unsigned":       {unsigned, 400, "InvalidIdentityToken"},
	} {
		resp, err := s.client(nil).PostForm("https://"+s.auth+"/", url.Values{"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"},
			"RoleArn": {"arn:aws:iam::mucura:role/self"}, "RoleSessionName": {"job"}, "WebIdentityToken": {c.token}})
		if err != nil {
			p.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != c.status || !strings.Contains(string(body), c.want) || (c.status != 200 && strings.Contains(string(body), "SecretAccessKey")) {
			p.Errorf("%s: %s, %v\n%s", name, resp.Status, err, body)
		}
	}
}
