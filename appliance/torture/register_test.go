package torture

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
	"github.com/mucura/mucura/core/gridproxy"
	"github.com/mucura/mucura/core/gridproxy/gridtest"
	"github.com/mucura/mucura/core/sigv4"
)

// site is a server with pages and an authentication listener, over TLS.
type site struct {
	*harness.Server
	web, auth string
	pem       []byte // its own authority's certificate
	roots     *x509.CertPool
}

func startSite(t *testing.T, args ...string) *site {
	t.Helper()
	s := &site{web: plainAddress(t), auth: plainAddress(t)}
	s.Server = start(t, append([]string{"--tls", "internal", "--web-listen", s.web, "--auth-listen", s.auth}, args...)...)
	_, port, _ := strings.Cut(strings.TrimPrefix(s.Endpoint, "http://"), ":")
	resp, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}).Get("https://127.0.0.1:" + port + "/-/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if s.pem, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	s.roots = x509.NewCertPool()
	s.roots.AppendCertsFromPEM(s.pem)
	return s
}

// client makes requests over TLS, with a certificate chain if there is one.
func (s *site) client(cert *tls.Certificate) *http.Client {
	c := &tls.Config{RootCAs: s.roots}
	if cert != nil {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: c}}
}

// s3 speaks to the endpoint with a key pair.
func (s *site) s3(id, secret, token string) *harness.Client {
	c := s.NewClient()
	c.Endpoint = "https://" + strings.TrimPrefix(s.Endpoint, "http://")
	c.Creds = sigv4.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: token}
	c.HTTP = s.client(nil)
	return c
}

// browser follows links and sends forms as a person without script does.
type browser struct {
	t    *testing.T
	c    *http.Client
	base string
	page string
}

func (s *site) browser(t *testing.T) *browser {
	t.Helper()
	c := s.client(nil)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Jar = jar
	return &browser{t: t, c: c, base: "https://" + s.web}
}

func (b *browser) take(resp *http.Response, err error) int {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	b.page = string(text)
	for _, h := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy"} {
		if resp.Header.Get(h) == "" {
			b.t.Errorf("%s without %s", resp.Request.URL.Path, h)
		}
	}
	return resp.StatusCode
}

func (b *browser) open(path string) int {
	b.t.Helper()
	return b.take(b.c.Get(b.base + path))
}

var hidden = regexp.MustCompile(`name="(crumb|ticket)" value="([^"]*)"`)

// send sends a form of the page with what is hidden in it.
func (b *browser) send(path string, fields ...string) int {
	b.t.Helper()
	form := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(b.page, -1) {
		form.Set(m[1], m[2])
	}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	if !strings.HasPrefix(path, "https:") {
		path = b.base + path
	}
	return b.take(b.c.PostForm(path, form))
}

func (b *browser) wants(status int, got int, texts ...string) {
	b.t.Helper()
	if got != status {
		b.t.Fatalf("status %d, want %d:\n%s", got, status, b.page)
	}
	for _, text := range texts {
		if !strings.Contains(b.page, text) {
			b.t.Fatalf("the page does not say %q:\n%s", text, b.page)
		}
	}
}

var shown = regexp.MustCompile(`AWS_ACCESS_KEY_ID=(\S+) AWS_SECRET_ACCESS_KEY=(\S+)`)

// TestRegisterByInvitation: a person with a code registers in a browser, waits
// or is approved, makes a key, uses it, raises her quota, and revokes the key.
func TestRegisterByInvitation(t *testing.T) {
	s := startSite(t, "--approve", "invitation: quota=1MiB cap=1GiB")
	code, err := s.Run("invite", "--label", "a guest")
	if err != nil {
		t.Fatal(err)
	}
	b := s.browser(t)
	b.wants(200, b.open("/"), "I have an invitation")
	b.wants(200, b.open("/register/invitation"), "Invitation code")
	b.wants(400, b.send("/register/invitation", "code", "wrong", "name", "ana", "password", "correct horse"), "not valid")
	b.wants(400, b.send("/register/invitation", "code", strings.TrimSpace(code), "name", "ana", "password", "short"), "at least 10")
	b.wants(400, b.send("/register/invitation", "code", strings.TrimSpace(code), "name", "a b", "password", "correct horse"), "account name")
	b.wants(200, b.send("/register/invitation", "code", strings.TrimSpace(code), "name", "ana", "display_name", "Ana <b>", "password", "correct horse"), "signed in", "Ana &lt;b&gt;")
	b.wants(200, b.open("/account"), "<code>ana</code>", "of 1 MiB")
	b.wants(200, b.send("/account/keys", "label", "laptop"), "shown this once")
	m := shown.FindStringSubmatch(b.page)
	if m == nil {
		t.Fatalf("no key is shown:\n%s", b.page)
	}
	ctx := context.Background()
	c := s.s3(m[1], m[2], "")
	must(t)(c.Must(ctx, "PUT", "ana", "hello", "", []byte("hello"), 200))
	must(t)(c.Must(ctx, "PUT", "ana", "large", "", make([]byte, 2<<20), 403))
	b.wants(200, b.send("/account/quota", "gib", "0.5"), "of 512 MiB")
	must(t)(c.Must(ctx, "PUT", "ana", "large", "", make([]byte, 2<<20), 200))
	b.wants(400, b.send("/account/quota", "gib", "5"), "above what you can give yourself")
	b.wants(200, b.send("/account/quota", "gib", "5", "reason", "A survey."), "pending")
	b.wants(200, b.send("/account/keys/remove", "id", m[1]))
	must(t)(c.Must(ctx, "GET", "ana", "hello", "", nil, 403))

	other := s.browser(t)
	other.open("/register/invitation")
	other.wants(400, other.send("/register/invitation", "code", strings.TrimSpace(code), "name", "eve", "password", "correct horse"), "used up")
	other.open("/")
	other.wants(403, other.send("/signin", "name", "ana", "password", "correct horses"), "wrong")
	other.open("/")
	other.wants(200, other.send("/signin", "name", "ana", "password", "correct horse"), "signed in")
	other.wants(403, other.open("/queue"), "for operators")
	// A form that another site made the browser send has no crumb.
	other.page = ""
	other.wants(403, other.send("/account/quota", "gib", "1"), "too old")
	// Another password needs the present one, ends all sessions and begins one here.
	b.wants(200, b.open("/account"), "Choose another one")
	b.wants(403, b.send("/account/password", "current", "a wrong guess", "password", "battery staple", "again", "battery staple"), "present password is wrong", `href="/account"`)
	b.open("/account")
	b.wants(400, b.send("/account/password", "current", "correct horse", "password", "battery staple", "again", "battery stapler"), "differ")
	b.open("/account")
	b.wants(400, b.send("/account/password", "current", "correct horse", "password", "short", "again", "short"), "at least 10")
	b.open("/account")
	b.wants(200, b.send("/account/password", "current", "correct horse", "password", "battery staple", "again", "battery staple"), "signed in")
	b.wants(200, b.open("/account"), "Your account")
	if other.open("/account"); strings.Contains(other.page, "Your account") {
		t.Error("another session outlives the password")
	}
	other.open("/")
	other.wants(403, other.send("/signin", "name", "ana", "password", "correct horse"), "wrong", `href="/"`)
	other.open("/")
	other.wants(200, other.send("/signin", "name", "ana", "password", "battery staple"), "signed in")
	other.wants(404, other.open("/nothing/here"), "There is no such page")
	other.wants(200, other.open("/icon.svg"), "<svg")
	other.open("/account")
	other.wants(200, other.send("/signout"), "I have an invitation")
	if other.open("/account"); strings.Contains(other.page, "laptop") {
		t.Error("signed out, and still served")
	}
	if log := s.Tail(); strings.Contains(log, m[2]) || strings.Contains(log, "correct horse") || strings.Contains(log, "battery staple") || strings.Contains(log, strings.TrimSpace(code)) {
		t.Error("a secret is in the log")
	}
}

// TestRegisterWithCertificate: a certificate registers by rule, in one request
// of a program and in a browser; a limited proxy and a stranger do not.
func TestRegisterWithCertificate(t *testing.T) {
	w := gridtest.NewWorld()
	dir := filepath.Join(t.TempDir(), "certificates")
	gridtest.Write(t, dir, w.Directory())
	issuer := mustName(t, w.CA.DER)
	s := startSite(t, "--trust-dir", dir, "--approve", "ca:"+issuer, "--default-quota", "1024", "--default-quota-cap", fmt.Sprint(1<<30))
	ana := gridtest.NewEEC("/DC=org/DC=example/CN=Ana Brown 4711", w.CA)
	register := func(cert *tls.Certificate, body string) (int, map[string]any) {
		t.Helper()
		resp, err := s.client(cert).Post("https://"+s.auth+"/-/api/v1/register", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var a map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, a
	}
	if status, a := register(shows(gridtest.NewLimited(ana)), `{"name":"ana"}`); status != 403 || a["code"] != "LimitedProxy" {
		t.Errorf("limited proxy: %d %v", status, a)
	}
	if status, a := register(nil, `{"name":"ana"}`); status != 403 {
		t.Errorf("no certificate: %d %v", status, a)
	}
	status, a := register(shows(gridtest.NewProxy(ana)), `{}`)
	if status != 200 || a["state"] != "active" || a["account"] != "ana.brown" || a["home"] != "ana-brown" || !strings.HasPrefix(fmt.Sprint(a["rule"]), "ca:") {
		t.Fatalf("%d %v", status, a)
	}
	if status, a = register(shows(gridtest.NewProxy(ana)), `{"name":"other"}`); status != 200 || a["known"] != true || a["account"] != "ana.brown" {
		t.Errorf("again: %d %v", status, a)
	}
	resp, err := s.client(shows(gridtest.NewProxy(ana))).Get("https://" + s.auth + "/credentials")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var k struct {
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      time.Time
	}
	if err := json.NewDecoder(resp.Body).Decode(&k); err != nil || resp.StatusCode != 200 {
		t.Fatalf("%s %v", resp.Status, err)
	}
	must(t)(s.s3(k.AccessKeyID, k.SecretAccessKey, k.SessionToken).Must(context.Background(), "PUT", "ana-brown", "result", "", []byte("x"), 200))

	b := s.browser(t)
	b.c.Transport = s.client(shows(gridtest.NewEEC("/DC=org/DC=example/CN=Bea Green", w.CA))).Transport
	b.wants(200, b.take(b.c.Get("https://"+s.auth+"/-/register")), "CN=Bea Green")
	b.wants(200, b.send(b.base+"/enter"), "Nobody is registered", `value="bea.green"`)
	b.wants(400, b.send("/register", "name", "ana.brown"), "taken")
	b.wants(200, b.send("/register", "name", "bea", "display_name", "Bea"), "signed in")
	b.wants(200, b.open("/account"), "<code>bea</code>")
	b.realToolsUntilRevoked(s, "bea")
}

// realToolsUntilRevoked makes a key on the page and uses it with the programs that
// are there: what is more than the quota of a new account fails, until it is
// raised there. Then the key is revoked: their next request fails.
func (b *browser) realToolsUntilRevoked(s *site, home string) {
	b.t.Helper()
	b.wants(200, b.send("/account/keys", "label", "tools"), "shown this once")
	m := shown.FindStringSubmatch(b.page)
	if m == nil {
		b.t.Fatalf("no key is shown:\n%s", b.page)
	}
	dir := b.t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, s.pem, 0o600); err != nil {
		b.t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	if err := os.WriteFile(data, make([]byte, 5000), 0o600); err != nil {
		b.t.Fatal(err)
	}
	endpoint := "https://" + strings.TrimPrefix(s.Endpoint, "http://")
	tool := func(args ...string) (string, error) {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = []string{"HOME=" + dir, "PATH=/usr/local/bin:/usr/bin:/bin", "AWS_ACCESS_KEY_ID=" + m[1], "AWS_SECRET_ACCESS_KEY=" + m[2], "AWS_DEFAULT_REGION=mucura"}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	commands := map[string][]string{
		"aws":    {"aws", "--endpoint-url", endpoint, "--ca-bundle", ca, "s3", "cp", data, "s3://" + home + "/by-aws"},
		"rclone": {"rclone", "--ca-cert", ca, "--retries", "1", "copyto", data, ":s3,provider=Other,env_auth=true,endpoint='" + endpoint + "':" + home + "/by-rclone"},
	}
	for name := range commands {
		if _, err := exec.LookPath(name); err != nil {
			b.t.Logf("%s is not installed: not tried", name)
			delete(commands, name)
		}
	}
	for name, args := range commands {
		if out, err := tool(args...); err == nil || !strings.Contains(out, "QuotaExceeded") {
			b.t.Errorf("%s beyond the quota: %v\n%s", name, err, out)
		}
	}
	b.wants(200, b.send("/account/quota", "gib", "0.5"), "used of 512 MiB")
	for name, args := range commands {
		if out, err := tool(args...); err != nil {
			b.t.Errorf("%s with the key: %v\n%s", name, err, out)
		}
	}
	b.wants(200, b.send("/account/keys/remove", "id", m[1]))
	for name, args := range commands {
		if out, err := tool(args...); err == nil || !strings.Contains(out, "InvalidAccessKeyId") && !strings.Contains(out, "403") {
			b.t.Errorf("%s with the revoked key: %v\n%s", name, err, out)
		}
	}
}

// shows is how a client shows a certificate or proxy in a handshake.
func shows(e *gridtest.Entity) *tls.Certificate {
	return &tls.Certificate{Certificate: e.Chain(), PrivateKey: e.Key}
}

// mustName is the subject of a certificate as settings name it.
func mustName(t *testing.T, der []byte) string {
	t.Helper()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	name, err := gridproxy.ParseName(cert.RawSubject)
	if err != nil {
		t.Fatal(err)
	}
	return name.String()
}
