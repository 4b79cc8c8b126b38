package cli_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sys/unix"

	"github.com/mucura/mucura/core/gridproxy/gridtest"
)

// aliceRule approves one person of the grid, and nobody else.
const aliceRule = "dn:CN=Alice,OU=People,DC=example,DC=org"

// registration is what --json prints.
type registration struct {
	Type, Account, State, Home, Request, Rule string
	Known                                     bool
}

func (p *person) register(args ...string) registration {
	p.Helper()
	r := decodeLine[registration](p.T, p.want(0, append([]string{"register", "--json"}, args...)...))
	if r.Type != "registration" {
		p.Errorf("type %q", r.Type)
	}
	return r
}

func (p *person) wantRefusal(status int, stderr string, args ...string) {
	p.Helper()
	if o := p.run(args...); o.status != status || !strings.Contains(o.stderr, stderr) || o.stdout != "" {
		p.Errorf("mucura %v: %d %q %q, want %d with %q", args, o.status, o.stdout, o.stderr, status, stderr)
	}
}

// A rule approves her at once; she works with what she registered with.
func TestRegisterApproved(t *testing.T) {
	g := newGrid(t, "--approve", aliceRule+" quota=1GiB")
	p := g.person()
	p = p.with("X509_USER_PROXY=" + p.proxy(gridtest.NewProxy(g.world.Alice)))
	p.wantRefusal(3, "is not registered", "ls", "me:")
	out := p.want(0, "register", "--name", "ada", "--display-name", "Ada L.", "--email", "ada@lab.example")
	if want := "account        ada\nstate          active\nhome           s3://ada\napproved by    " + aliceRule + "\n"; out != want {
		t.Errorf("printed\n%swant\n%s", out, want)
	}
	p.feed([]byte("x"), 0, "cp", "-", "me:/x")
	who := p.want(0, "whoami")
	for _, want := range []string{"Ada L.", "ada@lab.example", "CN=Alice"} {
		if !strings.Contains(who, want) {
			t.Errorf("whoami has no %q:\n%s", want, who)
		}
	}
	if out := p.want(0, "quota"); !strings.Contains(out, "1.0 GiB") {
		t.Errorf("the rule's quota is not hers:\n%s", out)
	}
	// Asked again, it tells how things stand, whatever name is given.
	if r := p.register("--name", "other"); r.Account != "ada" || r.State != "active" || !r.Known {
		t.Errorf("%+v", r)
	}
}

// No rule approves him: an operator does.
func TestRegisterWaits(t *testing.T) {
	g := newGrid(t, "--approve", aliceRule+" quota=1GiB")
	p := g.person()
	cert, key := p.secret("usercert.pem", gridtest.CertPEM(g.world.Bob.DER)), p.secret("userkey.pem", gridtest.KeyPEM(g.world.Bob.Key))
	r := p.register("--cert", cert, "--key", key, "--reason", "for the thesis")
	if r.Account != "bob" || r.State != "requested" || r.Request == "" || r.Rule != "" || r.Home != "" || r.Known {
		t.Errorf("%+v", r)
	}
	p = p.with("X509_USER_CERT="+cert, "X509_USER_KEY="+key, "X509_USER_PROXY="+p.proxy(gridtest.NewProxy(g.world.Bob)))
	if out := p.want(0, "register"); !strings.Contains(out, "waits for      an operator, who decides on request "+r.Request) {
		t.Errorf("printed\n%s", out)
	}
	if o := p.run("ls", "me:"); o.status != 3 {
		t.Errorf("before he is approved: %d %s", o.status, o.stderr)
	}
	if out := g.operator().want(0, "admin", "requests"); !strings.Contains(out, "for the thesis") || !strings.Contains(out, "CN=Bob") {
		t.Errorf("the operator sees\n%s", out)
	}
	g.operator().want(0, "admin", "approve", r.Request)
	if r = p.register(); r.State != "active" || r.Home != "bob" {
		t.Errorf("%+v", r)
	}
	p.want(0, "ls", "me:")
}

// Who is refused, and with which exit status.
func TestRegisterRefused(t *testing.T) {
	g := newGrid(t, "--approve", aliceRule+" quota=1GiB")
	g.enrol("taken", g.world.Alice)
	p := g.person()
	past := time.Now().Add(-time.Hour)
	bob := p.secret("bob", gridtest.NewProxy(g.world.Bob).PEM())
	limited := p.secret("limited", gridtest.NewLimited(g.world.Bob).PEM())
	token := p.secret("token", []byte("e30.e30.e30"))
	for _, c := range []struct {
		status int
		stderr string
		args   []string
	}{
		{5, "a limited proxy cannot register", []string{"--proxy", limited}},
		{7, "AlreadyExists", []string{"--proxy", bob, "--name", "taken"}},
		{1, "InvalidRequest", []string{"--proxy", bob, "--name", "No Name"}},
		{3, "revoked", []string{"--proxy", p.secret("dave", gridtest.NewProxy(g.world.Dave).PEM())}},
		{3, "run voms-proxy-init", []string{"--proxy", p.secret("expired", gridtest.NewProxy(g.world.Bob, gridtest.Valid(past.Add(-time.Hour), past)).PEM())}},
		{4, "no such file", []string{"--proxy", p.path("missing")}},
		{1, "does not accept OpenID Connect tokens", []string{"--token-file", token}},
		{2, "give one of", []string{"--proxy", bob, "--token-file", token}},
		{2, "give one of", []string{"--cert", bob, "--invitation", "x"}},
		{2, "--key goes with --cert", []string{"--key", bob}},
		{2, "--signed goes with", []string{"--signed", "--invitation", "x", "--name", "x"}},
		{2, "choose a --name", []string{"--invitation", "x"}},
		{3, "over https only", []string{"--token-file", token, "--server", "http://192.0.2.1"}},
	} {
		p.wantRefusal(c.status, c.stderr, append([]string{"register"}, c.args...)...)
	}
	if out := g.operator().want(0, "admin", "accounts", "ls"); strings.Contains(out, "bob") || strings.Contains(out, "dave") {
		t.Errorf("accounts were made:\n%s", out)
	}
	p.with("MUCURA_AUTH=").wantRefusal(5, "name it with --auth", "register", "--proxy", bob)
	if nothingAround() {
		p.wantRefusal(3, "--invitation", "register")
	}
}

// nothingAround: whoever runs the tests has neither proxy nor token at the usual
// places, where the command would find them.
func nothingAround() bool {
	for _, name := range []string{"x509up_u", "bt_u"} {
		if _, err := os.Stat(fmt.Sprintf("/tmp/%s%d", name, os.Getuid())); !os.IsNotExist(err) {
			return false
		}
	}
	return true
}

// An authentication server that is a name of the S3 endpoint's, and requests
// that are signed: short chains in headers, long ones in the body.
func TestRegisterSigned(t *testing.T) {
	g := newGrid(t, "--auth-host", "localhost", "--approve", "all:")
	_, port, _ := strings.Cut(strings.TrimPrefix(g.s3, "https://"), ":")
	p := g.person().with("MUCURA_AUTH=https://localhost:" + port)
	deep := g.world.Bob
	for range 6 {
		deep = gridtest.NewProxy(deep, gridtest.Keyed(gridtest.RSAKey(2048)))
	}
	p.wantRefusal(5, "a limited proxy cannot register", "register", "--signed", "--proxy", p.secret("limited", gridtest.NewLimited(g.world.Alice).PEM()))
	p.wantRefusal(3, "revoked", "register", "--signed", "--proxy", p.secret("dave", gridtest.NewProxy(g.world.Dave).PEM()))
	// The S3 host is not whom the signature has to be for.
	p.with("MUCURA_AUTH="+g.s3).wantRefusal(5, "host is not ours", "register", "--signed", "--proxy", p.secret("short", gridtest.NewProxy(g.world.Alice).PEM()))
	for name, proxy := range map[string]string{"alice": p.path("short"), "bob": p.secret("deep", deep.PEM())} {
		if r := p.register("--signed", "--proxy", proxy); r.Account != name || r.State != "active" || r.Rule != "all:" || r.Known {
			t.Errorf("%+v", r)
		}
		if r := p.register("--proxy", proxy); r.Account != name || !r.Known {
			t.Errorf("by TLS it is %+v", r)
		}
		p.want(0, "login", "--proxy", proxy)
		p.want(0, "ls", "me:")
	}
}

// With an invitation, a password; and login with it.
func TestInvitationAndPassword(t *testing.T) {
	g := newGrid(t, "--approve", "invitation:")
	invite := func(args ...string) string {
		t.Helper()
		code, err := g.Run(append([]string{"invite"}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(code)
	}
	p := g.person()
	code := invite("--label", "school", "--uses", "2")
	const password = " correct horse with blanks "
	p.feed([]byte(""), 2, "register", "--invitation", code, "--name", "eve")
	p.feed([]byte("short\n"), 1, "register", "--invitation", code, "--name", "eve")
	p.feed([]byte(password+"\n"), 5, "register", "--invitation", "NO-SUCH-CODE", "--name", "eve")
	r := decodeLine[registration](t, p.feed([]byte(password+"\n"), 0, "register", "--json", "--invitation", code, "--name", "eve"))
	if r.Account != "eve" || r.State != "active" || r.Rule != "invitation:" || r.Home != "eve" {
		t.Errorf("%+v", r)
	}
	// What failed has used nothing up: two uses are two accounts.
	p.feed([]byte(password+"\n"), 7, "register", "--invitation", code, "--name", "eve")
	p.feed([]byte(password), 0, "register", "--invitation", code, "--name", "mallory")
	p.feed([]byte(password+"\n"), 5, "register", "--invitation", code, "--name", "third")

	p.feed([]byte("wrong password\n"), 3, "login", "--password", "--name", "eve")
	p.feed([]byte(strings.TrimSpace(password)+"\n"), 3, "login", "--password", "--name", "eve")
	p.wantNoFile(".local/state/mucura/sessions/default.json")
	p.feed([]byte("eve\n"+password+"\n"), 0, "login", "--password", "--duration", "20m")
	kept := p.read(".local/state/mucura/sessions/default.json")
	if strings.Contains(string(kept), "horse") {
		t.Error("the password was kept")
	}
	wantMode(t, p.path(".local/state/mucura/sessions/default.json"), 0o600)
	if left := time.Until(decodeLine[processCredentials](t, string(kept)).Expiration); left > 20*time.Minute || left < 19*time.Minute {
		t.Errorf("they hold %v", left)
	}
	p.feed([]byte("x"), 0, "cp", "-", "me:/x")
	if out := p.want(0, "whoami"); !strings.Contains(out, "account        eve") || !strings.Contains(out, "password, until") {
		t.Errorf("whoami: %s", out)
	}
	p.want(0, "logout")
	p.feed([]byte(""), 2, "login", "--password", "--name", "eve")
	p.feed(nil, 2, "login", "--password")
	p.wantRefusal(2, "stands alone", "login", "--password", "--oidc")
	p.wantRefusal(2, "not possible with --password", "login", "--password", "--scope", "s3://eve:r")
	p.wantRefusal(2, "--name goes with", "login", "--name", "eve")
	cmd := p.cmd("login", "--password", "--name", "eve", "--server", "http://192.0.2.1")
	cmd.Stdin = strings.NewReader(password)
	if o := p.finish(cmd); o.status != 3 || !strings.Contains(o.stderr, "over https only") {
		t.Errorf("in the clear: %d %s", o.status, o.stderr)
	}
}

// A token of an institute: to the S3 endpoint, where no authentication server is.
func TestRegisterWithToken(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var issuer *httptest.Server
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": issuer.URL, "jwks_uri": issuer.URL + "/keys", "id_token_signing_alg_values_supported": []string{"ES256"}})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "e"}}})
	})
	issuer = httptest.NewServer(mux)
	t.Cleanup(issuer.Close)
	sign := func(change map[string]any) []byte {
		claims := map[string]any{"iss": issuer.URL, "sub": "s-1", "aud": "mucura", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(), "preferred_username": "grace"}
		for name, v := range change {
			claims[name] = v
		}
		payload, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "e"))
		if err != nil {
			t.Fatal(err)
		}
		jws, err := signer.Sign(payload)
		if err != nil {
			t.Fatal(err)
		}
		text, err := jws.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return []byte(text + "\n")
	}
	g := newGrid(t, "--oidc-issuer", issuer.URL+" audience=mucura", "--approve", "oidc:"+issuer.URL)
	p := g.person()
	p.wantRefusal(3, "InvalidIdentityToken", "register", "--token-file", p.secret("foreign", sign(map[string]any{"aud": "another"})))
	token := p.secret("token", sign(nil))
	if r := p.register("--token-file", token); r.Account != "grace" || r.State != "active" || r.Rule != "oidc:"+issuer.URL {
		t.Errorf("%+v", r)
	}
	if nothingAround() {
		p = p.with("BEARER_TOKEN_FILE=" + token)
		if r := p.register(); r.Account != "grace" || !r.Known {
			t.Errorf("%+v", r)
		}
		p.want(0, "ls", "me:")
	}
}

// On a terminal the password is asked for twice, and never shown.
func TestPasswordOnTerminal(t *testing.T) {
	g := newGrid(t, "--approve", "invitation:")
	code, err := g.Run("invite", "--uses", "2")
	if err != nil {
		t.Fatal(err)
	}
	p := g.person()
	const password = "typed-by-hand-17"
	args := []string{"register", "--invitation", strings.TrimSpace(code), "--name", "eve"}
	if shown := p.typed(2, args, "New password: ", password, "Once more: ", password+"x"); !strings.Contains(shown, "not the same") {
		t.Errorf("shown %q", shown)
	}
	for _, shown := range []string{
		p.typed(0, args, "New password: ", password, "Once more: ", password),
		p.typed(0, []string{"login", "--password"}, "Account: ", "eve", "Password: ", password),
	} {
		if strings.Contains(shown, password) {
			t.Errorf("the password was shown: %q", shown)
		}
	}
	p.want(0, "ls", "me:")
	p.typed(130, []string{"login", "--password", "--name", "eve"}, "Password: ", "half\x03")
}

// typed runs the command on a terminal, waits for each prompt and types the
// answer that follows it; it gives what the terminal shows.
func (p *person) typed(status int, args []string, dialogue ...string) string {
	p.Helper()
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		p.Fatal(err)
	}
	defer control.Close()
	n, err := unix.IoctlGetInt(int(control.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(control.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		p.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		p.Fatal(err)
	}
	cmd := p.cmd(args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	if err := cmd.Start(); err != nil {
		p.Fatal(err)
	}
	tty.Close()
	var shown strings.Builder
	buf := make([]byte, 4096)
	for at := 0; ; {
		n, err := control.Read(buf)
		shown.Write(buf[:n])
		if err != nil {
			break // EIO: the command has ended
		}
		if len(dialogue) > 0 && strings.Contains(shown.String()[at:], dialogue[0]) {
			at = shown.Len()
			if _, err := control.WriteString(dialogue[1] + "\n"); err != nil {
				p.Fatal(err)
			}
			dialogue = dialogue[2:]
		}
	}
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != status || len(dialogue) > 0 {
		p.Errorf("mucura %v: exit status %d, want %d; not asked for: %q\n%s", args, got, status, dialogue, shown.String())
	}
	return shown.String()
}
