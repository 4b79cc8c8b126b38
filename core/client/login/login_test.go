package login_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/client"
	"github.com/mucura/mucura/core/client/login"
	"github.com/mucura/mucura/core/gridproxy"
	"github.com/mucura/mucura/core/gridproxy/gridtest"
	"github.com/mucura/mucura/core/sigv4"
	"github.com/mucura/mucura/core/sts"
	"github.com/mucura/mucura/core/x509sig"
)

type fixedTrust struct{ t *gridproxy.Trust }

func (f fixedTrust) Trust(context.Context) (*gridproxy.Trust, error) { return f.t, nil }

// anyHost verifies signed requests to whatever host the test has.
type anyHost struct{ bodies *[]string }

func (a anyHost) Verify(r *http.Request, body []byte, now time.Time) ([][]byte, error) {
	*a.bodies = append(*a.bodies, string(body))
	return x509sig.Verify(r, body, now, []string{r.Host})
}

// provider is an OpenID Connect provider with a device flow, which speaks for one
// person once she has typed the code.
type provider struct {
	*httptest.Server
	answers []string // of the token endpoint, one after the other
}

func newProvider(t *testing.T, answers ...string) *provider {
	p := &provider{answers: answers}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"device_authorization_endpoint":%q,"token_endpoint":%q}`, p.URL, p.URL+"/device", p.URL+"/token")
	})
	mux.HandleFunc("POST /device", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("client_id") != "mucura-cli" || !strings.Contains(r.FormValue("scope"), "openid") {
			w.WriteHeader(400)
			_, _ = io.WriteString(w, `{"error":"invalid_client"}`)
			return
		}
		fmt.Fprintf(w, `{"device_code":"DEVICE","user_code":"ABCD-EFGH","verification_uri":%q,"expires_in":600,"interval":1}`, p.URL+"/activate")
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("device_code") != "DEVICE" || r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:device_code" || r.FormValue("client_id") != "mucura-cli" {
			t.Errorf("token request %v", r.Form)
		}
		answer := p.answers[0]
		p.answers = p.answers[1:]
		if strings.Contains(answer, `"error"`) {
			w.WriteHeader(400)
		}
		_, _ = io.WriteString(w, answer)
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

// oneToken knows one token.
type oneToken struct{ token string }

func (o oneToken) Verify(_ context.Context, token, access string) (*sts.WebUser, error) {
	if token != o.token || access != "x" {
		return nil, &sts.TokenError{Text: "The token is not known."}
	}
	return &sts.WebUser{Issuer: "https://idp.example.org", Subject: "s1", Expires: time.Now().Add(time.Hour)}, nil
}

// lab is an authentication server that knows Alice, by certificate and token.
type lab struct {
	t      *testing.T
	world  *gridtest.World
	server *login.Server
	bodies []string
	id     string

	accounts *accounts.Service
}

func newLab(t *testing.T) *lab {
	l := &lab{t: t, world: gridtest.NewWorld()}
	trust := l.world.Trust(t)
	accts := &accounts.Service{Registry: mem.NewMeta(), Now: time.Now, SiteKey: bytes.Repeat([]byte{1}, 32)}
	who, err := gridproxy.Verify(l.world.Alice.Chain(), time.Now(), trust, gridproxy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	alice, err := accts.Add(t.Context(), accounts.NewAccount{Name: "alice", Quota: -1, Subjects: []catalog.Subject{
		{Kind: catalog.SubjectCertificate, Name: who.Identity, Issuer: who.Issuer},
		{Kind: catalog.SubjectOIDC, Name: "s1", Issuer: "https://idp.example.org"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	l.id, l.accounts = alice.ID, accts
	s := httptest.NewServer(&sts.Server{Accounts: accts, Verifier: &sigv4.Verifier{Keys: accts, Now: time.Now, Service: "sts"}, Trust: fixedTrust{trust}, Signed: anyHost{&l.bodies}, OIDC: oneToken{"TOKEN"},
		Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	l.server = &login.Server{URL: u, Attempts: 1, UserAgent: "test", Region: "mucura",
		HTTP: func(*login.Certificate) *http.Client { return client.NewHTTP(1, nil, nil) }}
	return l
}

func (l *lab) certificate(e *gridtest.Entity) *login.Certificate {
	l.t.Helper()
	path := filepath.Join(l.t.TempDir(), "proxy")
	if err := os.WriteFile(path, e.PEM(), 0o600); err != nil {
		l.t.Fatal(err)
	}
	c, err := login.Load(path, path, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	return c
}

func TestSignedRequest(t *testing.T) {
	l := newLab(t)
	for _, key := range []gridtest.Option{gridtest.Keyed(gridtest.RSAKey(2048)), gridtest.Keyed(gridtest.ECKey())} {
		c := l.certificate(gridtest.NewProxy(l.world.Alice, key))
		got, err := l.server.BySignature(t.Context(), c, login.Options{Lifetime: 30 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if left := time.Until(got.Expiration); got.SessionToken == "" || left > 30*time.Minute || left < 29*time.Minute {
			t.Errorf("%v left", left)
		}
	}
	if strings.Contains(l.bodies[0], "chain") {
		t.Error("a short chain went into the body")
	}
	// A chain that is too long for a header.
	long := l.world.Alice
	for range 6 {
		long = gridtest.NewProxy(long, gridtest.Keyed(gridtest.RSAKey(2048)))
	}
	if _, err := l.server.BySignature(t.Context(), l.certificate(long), login.Options{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(l.bodies[len(l.bodies)-1], "chain") {
		t.Error("a long chain did not go into the body")
	}
	_, err := l.server.BySignature(t.Context(), l.certificate(gridtest.NewProxy(l.world.Bob)), login.Options{})
	if client.KindOf(err) != client.Auth || !strings.Contains(err.Error(), "not registered") {
		t.Errorf("unregistered: %v", err)
	}
	// A certificate is never shown in the clear.
	if _, err := l.server.ByTLS(t.Context(), l.certificate(l.world.Alice), login.Options{}); client.KindOf(err) != client.Auth {
		t.Errorf("over plain HTTP: %v", err)
	}
}

func (l *lab) device(p *provider, sleeps *[]time.Duration) *login.Device {
	return &login.Device{Issuer: p.URL, ClientID: "mucura-cli", Server: l.server, Show: func(string, string, string) {},
		Sleep: func(_ context.Context, t time.Duration) error { *sleeps = append(*sleeps, t); return nil }}
}

func TestDeviceFlow(t *testing.T) {
	l := newLab(t)
	p := newProvider(t, `{"error":"authorization_pending"}`, `{"error":"slow_down"}`, `{"error":"authorization_pending"}`, `{"id_token":"TOKEN","access_token":"x"}`)
	var sleeps []time.Duration
	var shown string
	d := l.device(p, &sleeps)
	d.Show = func(page, code, _ string) { shown = page + " " + code }
	tokens, err := d.Tokens(t.Context())
	if err != nil || tokens != (login.Tokens{ID: "TOKEN", Access: "x"}) {
		t.Fatalf("%+v %v", tokens, err)
	}
	if shown != p.URL+"/activate ABCD-EFGH" {
		t.Errorf("shown %q", shown)
	}
	// slow_down is for good, by five seconds (RFC 8628, 3.5).
	if fmt.Sprint(sleeps) != "[1s 1s 6s 6s]" {
		t.Errorf("waited %v", sleeps)
	}
	got, err := l.server.ByToken(t.Context(), tokens, login.Options{})
	if err != nil || !strings.HasPrefix(got.AccessKeyID, "MUS") {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := l.server.ByToken(t.Context(), login.Tokens{ID: "OTHER", Access: "x"}, login.Options{}); client.KindOf(err) != client.Auth {
		t.Errorf("another token: %v", err)
	}
}

func TestDeviceFlowRefusals(t *testing.T) {
	l := newLab(t)
	for _, c := range []struct {
		name, want string
		answers    []string
		change     func(*login.Device)
	}{
		{"refused by the person", "access_denied", []string{`{"error":"access_denied"}`}, nil},
		{"too late", "expired_token", []string{`{"error":"expired_token"}`}, nil},
		{"no ID token", "no ID token", []string{`{"access_token":"x"}`}, nil},
		{"unknown client", "invalid_client", nil, func(d *login.Device) { d.ClientID = "other" }},
		{"not https", "not https", nil, func(d *login.Device) { d.Issuer = "http://idp.example.org" }},
		{"nobody types", "in time", make([]string, 700), nil},
	} {
		for i, a := range c.answers {
			if a == "" {
				c.answers[i] = `{"error":"authorization_pending"}`
			}
		}
		var sleeps []time.Duration
		d := l.device(newProvider(t, c.answers...), &sleeps)
		if c.change != nil {
			c.change(d)
		}
		if _, err := d.Tokens(t.Context()); client.KindOf(err) != client.Auth && c.name != "unknown client" || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	// A provider that says it is another one.
	var liar *httptest.Server
	liar = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":"https://other.example.org","device_authorization_endpoint":%q,"token_endpoint":%q}`, liar.URL, liar.URL)
	}))
	defer liar.Close()
	d := l.device(&provider{Server: liar}, new([]time.Duration))
	if _, err := d.Tokens(t.Context()); err == nil || !strings.Contains(err.Error(), "calls itself") {
		t.Errorf("liar: %v", err)
	}
}

// What is kept of a session that was ended is replaced at once where a tool asks
// for it: AWS SDKs ask their helper again on ExpiredToken.
func TestCacheOfEndedSession(t *testing.T) {
	l := newLab(t)
	cache := &login.Cache{Dir: t.TempDir(), Now: time.Now, Alive: l.server.Alive}
	get := func(ctx context.Context) (*login.Credentials, error) {
		return l.server.ByToken(ctx, login.Tokens{ID: "TOKEN", Access: "x"}, login.Options{})
	}
	ask := func() string {
		t.Helper()
		c, err := cache.Get(t.Context(), "k", get)
		if err != nil {
			t.Fatal(err)
		}
		return c.AccessKeyID
	}
	first := ask()
	if again := ask(); again != first {
		t.Error("what is good was replaced")
	}
	if err := l.accounts.EndSession(t.Context(), l.id, first); err != nil {
		t.Fatal(err)
	}
	second := ask()
	if second == first {
		t.Error("an ended session was given again")
	}
	away := *l.server
	away.URL = &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	cache.Alive = away.Alive
	if ask() != second {
		t.Error("a server that does not answer ended a session")
	}
}

func TestCache(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	dir := t.TempDir()
	c := &login.Cache{Dir: dir, Now: func() time.Time { return now }}
	calls := 0
	var fail error
	get := func(context.Context) (*login.Credentials, error) {
		if calls++; fail != nil {
			return nil, fail
		}
		return &login.Credentials{Version: 1, AccessKeyID: fmt.Sprint("K", calls), SecretAccessKey: "S", SessionToken: "T", Expiration: now.Add(100 * time.Minute)}, nil
	}
	want := func(id string, wantCalls int) {
		t.Helper()
		got, err := c.Get(t.Context(), "key", get)
		if err != nil || got.AccessKeyID != id || calls != wantCalls {
			t.Errorf("%+v %v after %d calls, want %s after %d", got, err, calls, id, wantCalls)
		}
	}
	want("K1", 1)
	now = now.Add(79 * time.Minute)
	want("K1", 1)
	now = now.Add(2 * time.Minute) // four fifths are over
	fail = errors.New("away")
	want("K1", 2) // which still hold
	fail = nil
	want("K3", 3)
	now = now.Add(time.Hour * 3)
	fail = errors.New("away")
	if _, err := c.Get(t.Context(), "key", get); err == nil {
		t.Error("expired credentials were given")
	}
	fail = nil
	want("K5", 5)
	// What others may have written is not used.
	files, _ := filepath.Glob(filepath.Join(dir, "credentials", "*"))
	if len(files) != 1 || os.Chmod(files[0], 0o644) != nil {
		t.Fatal(files)
	}
	want("K6", 6)
	if err := os.WriteFile(files[0], []byte("{torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	want("K7", 7)
	if n, err := c.Clear(); n != 1 || err != nil {
		t.Error(n, err)
	}
}

func TestFindToken(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	named := file("named", "FILE\n")
	file(fmt.Sprintf("bt_u%d", os.Getuid()), "RUNTIME\n")
	for _, c := range []struct {
		env  map[string]string
		want string
		bad  bool
	}{
		{map[string]string{"BEARER_TOKEN": " ENV ", "BEARER_TOKEN_FILE": named, "XDG_RUNTIME_DIR": dir}, "ENV", false},
		{map[string]string{"BEARER_TOKEN_FILE": named, "XDG_RUNTIME_DIR": dir}, "FILE", false},
		{map[string]string{"XDG_RUNTIME_DIR": dir}, "RUNTIME", false},
		{map[string]string{"BEARER_TOKEN_FILE": filepath.Join(dir, "missing"), "XDG_RUNTIME_DIR": dir}, "", true},
		{map[string]string{"BEARER_TOKEN_FILE": file("empty", "\n")}, "", true},
		{map[string]string{"BEARER_TOKEN_FILE": file("two", "a b")}, "", true},
	} {
		got, _, err := login.FindToken(func(n string) string { return c.env[n] })
		if got != c.want || (err != nil) != c.bad {
			t.Errorf("%v: %q %v", c.env, got, err)
		}
	}
	// Somebody else's token at a usual place is none; nor is a link to one.
	link := t.TempDir()
	if err := os.Symlink(named, filepath.Join(link, fmt.Sprintf("bt_u%d", os.Getuid()))); err != nil {
		t.Fatal(err)
	}
	dirs := []string{link}
	if os.Getuid() == 0 {
		other := t.TempDir()
		path := filepath.Join(other, "bt_u0")
		if os.WriteFile(path, []byte("THEIRS"), 0o644) != nil || os.Chown(path, 12345, 12345) != nil {
			t.Fatal("cannot make another's file")
		}
		dirs = append(dirs, other)
	}
	for _, dir := range dirs {
		env := map[string]string{"XDG_RUNTIME_DIR": dir}
		if got, _, err := login.FindToken(func(n string) string { return env[n] }); got == "FILE" || got == "THEIRS" || err != nil {
			t.Errorf("%q %v", got, err)
		}
	}
	past := "e30.eyJleHAiOjE3MDAwMDAwMDB9.x" // exp 1700000000
	if err := login.CheckToken(past, "f", time.Unix(1_700_000_001, 0)); client.KindOf(err) != client.Auth || !strings.Contains(err.Error(), "2023-11-14T22:13:20Z") {
		t.Error(err)
	}
	if err := login.CheckToken(past, "f", time.Unix(1_699_999_999, 0)); err != nil {
		t.Error(err)
	}
	if err := login.CheckToken("opaque", "f", time.Now()); err != nil {
		t.Error(err)
	}
}

func TestPolicy(t *testing.T) {
	text, err := login.Policy([]string{"s3://b/p/:rw", "s3://c:r"})
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Statement []struct{ Action, Resource []string }
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil || len(doc.Statement) != 4 || doc.Statement[0].Resource[0] != "arn:aws:s3:::b/p/*" {
		t.Errorf("%v %s", err, text)
	}
	for _, bad := range []string{"", "b:r", "s3://b", "s3://b:x", "s3://:r", "s3://b/*:r", "s3://b:", "s3://b:rr"} {
		if p, err := login.Policy([]string{bad}); err == nil {
			t.Errorf("%q gives %s", bad, p)
		}
	}
}
