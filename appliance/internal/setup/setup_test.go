package setup

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/disks"
	"github.com/mucura/mucura/appliance/internal/harness"
	"github.com/mucura/mucura/appliance/internal/host"
	"github.com/mucura/mucura/appliance/internal/hosttest"
	"github.com/mucura/mucura/appliance/internal/site"
	"github.com/mucura/mucura/appliance/internal/spec"
)

var ctx = context.Background()

func TestMain(m *testing.M) { hosttest.Main(m) }

// appliance is a fresh one whose set-up page runs, with a real mucurad.
type appliance struct {
	*hosttest.Lab
	server *Server
	ended  chan error
	url    string
	stop   context.CancelFunc
}

func fresh(t *testing.T, state string) *appliance {
	t.Helper()
	a := &appliance{Lab: hosttest.NewLab(t, nil), ended: make(chan error, 1)}
	a.WithMucurad(t)
	m := &disks.Manager{Host: a.Host, Log: t.Logf}
	if err := m.Record(&disks.Status{State: state}); err != nil {
		t.Fatal(err)
	}
	a.start(t)
	return a
}

// start starts the page, as systemd does.
func (a *appliance) start(t *testing.T) {
	t.Helper()
	port, err := harness.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	a.url = "https://" + address
	a.server = &Server{Site: &site.Site{Host: a.Host, Log: t.Logf}, Disks: &disks.Manager{Host: a.Host, Log: t.Logf}, Listen: address, Log: t.Logf}
	run, stop := context.WithCancel(ctx)
	a.stop = stop
	done := make(chan struct{})
	go func() { defer close(done); a.ended <- a.server.Run(run) }()
	t.Cleanup(func() { stop(); <-done }) // it writes to the end
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); {
		if c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}); err == nil {
			_ = c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the page does not start")
}

// browser trusts the authority that the console's fingerprint names.
func (a *appliance) browser(t *testing.T) *http.Client {
	t.Helper()
	ca, err := a.ReadFile(host.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		t.Fatal("no certificate")
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
}

func body(t *testing.T, resp *http.Response, err error) (int, string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode, string(b)
}

func (a *appliance) post(t *testing.T, c *http.Client, path string, v url.Values) (int, string) {
	t.Helper()
	resp, err := c.PostForm(a.url+path, v)
	return body(t, resp, err)
}

func (a *appliance) code(t *testing.T) string {
	t.Helper()
	code, err := Code(a.Host)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

var tokenRE = regexp.MustCompile(`name="token" value="([0-9a-f]{64})"`)

// enter shows the code and gives the form's token.
func (a *appliance) enter(t *testing.T, c *http.Client) string {
	t.Helper()
	status, page := a.post(t, c, "/", url.Values{"code": {strings.ToLower(strings.ReplaceAll(a.code(t), "-", " "))}})
	m := tokenRE.FindStringSubmatch(page)
	if status != 200 || m == nil {
		t.Fatalf("%d\n%s", status, page)
	}
	return m[1]
}

func good(token string) url.Values {
	return url.Values{"token": {token}, "tls": {"internal"}, "site": {"<Lab & Söhne>"}, "names": {"s3.lab.example"}, "email": {"ada@lab.example"}, "time_zone": {"Europe/Berlin"}}
}

var keyRE = regexp.MustCompile(`id="access-key-id">(\w+)<(?s:.*)id="secret-access-key">(\w+)<`)

// From code to key: the appliance is claimed, the key works, the server is started.
func TestClaim(t *testing.T) {
	a := fresh(t, disks.OK)
	c := a.browser(t)
	token := a.enter(t, c)
	form := good(token)
	form.Set("names", "UPPER_case")
	status, page := a.post(t, c, "/setup", form)
	if status != 422 || !strings.Contains(page, "is not a DNS name") || !strings.Contains(page, "&lt;Lab &amp; Söhne&gt;") || a.server.Site.Claimed() {
		t.Fatalf("mistake: %d\n%s", status, page)
	}
	status, page = a.post(t, c, "/setup", good(token))
	key := keyRE.FindStringSubmatch(page)
	if status != 200 || key == nil {
		t.Fatalf("%d\n%s", status, page)
	}
	if err := <-a.ended; err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(a.NotRun(), "systemctl start --no-block mucurad.service") {
		t.Errorf("the server is not started: %q", a.NotRun())
	}
	cfg, err := a.server.Site.Load()
	if err != nil || cfg.Site != "<Lab & Söhne>" || cfg.Administrator.AccessKeyID != key[1] {
		t.Fatalf("%+v, %v", cfg, err)
	}
	st, err := os.Stat(a.Path(host.ConfigFile))
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	for _, file := range []string{host.ConfigFile, host.EnvFile} {
		if b, err := a.ReadFile(file); err != nil || strings.Contains(string(b), key[2]) {
			t.Errorf("%s: the secret is in it, or %v", file, err)
		}
	}
	out, err := a.server.Site.Mucurad(ctx, cfg, nil, "key", "ls", "root")
	if err != nil || !strings.Contains(string(out), key[1]) {
		t.Errorf("%s %v", out, err)
	}
	if a.Exists(host.CodeFile) {
		t.Error("the code is still there")
	}
}

// Without the code nothing is shown and nothing is done.
func TestNoCode(t *testing.T) {
	a := fresh(t, disks.OK)
	c := a.browser(t)
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := c.Get(a.url + "/setup")
	if status, page := body(t, resp, err); status != 303 || strings.Contains(page, "token") {
		t.Errorf("GET /setup: %d %s", status, page)
	}
	for _, session := range []string{"", "x", strings.Repeat("A", 26)} {
		r, _ := http.NewRequest("POST", a.url+"/setup", strings.NewReader(good(token(session)).Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.AddCookie(&http.Cookie{Name: cookie, Value: session})
		resp, err := c.Do(r)
		if status, _ := body(t, resp, err); status != 303 {
			t.Errorf("session %q: %d", session, status)
		}
	}
	resp, err = c.Get(a.url + "/")
	_, page := body(t, resp, err)
	if strings.Contains(page, a.code(t)) {
		t.Error("the page shows the code")
	}
	for name, want := range map[string]string{"Content-Security-Policy": "default-src 'none'", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
		if !strings.Contains(resp.Header.Get(name), want) {
			t.Errorf("%s: %q", name, resp.Header.Get(name))
		}
	}
	if a.server.Site.Claimed() {
		t.Fatal("claimed")
	}
}

// Another site's page cannot make a browser that holds a session claim.
func TestForgery(t *testing.T) {
	a := fresh(t, disks.OK)
	c := a.browser(t)
	token := a.enter(t, c)
	for name, h := range map[string][2]string{"origin": {"Origin", "https://evil.example"}, "fetch": {"Sec-Fetch-Site", "cross-site"}, "same site": {"Sec-Fetch-Site", "same-site"}} {
		r, _ := http.NewRequest("POST", a.url+"/setup", strings.NewReader(good(token).Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set(h[0], h[1])
		resp, err := c.Do(r)
		if status, _ := body(t, resp, err); status != 403 {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status, _ := a.post(t, c, "/setup", good("")); status != 403 {
		t.Errorf("no token: %d", status)
	}
	if status, _ := a.post(t, c, "/setup", good(strings.Repeat("0", 64))); status != 403 {
		t.Errorf("wrong token: %d", status)
	}
	if a.server.Site.Claimed() {
		t.Fatal("claimed")
	}
}

// Guesses become slow for who makes them, and the holder of the code gets in.
func TestBruteForce(t *testing.T) {
	a := fresh(t, disks.OK)
	c := a.browser(t)
	var slow int
	for i := range 30 {
		status, _ := a.post(t, c, "/", url.Values{"code": {fmt.Sprintf("0000-0000-%04d", i)}})
		switch status {
		case 403:
		case 429:
			slow++
		default:
			t.Fatalf("guess %d: %d", i, status)
		}
	}
	if slow < 20 {
		t.Errorf("only %d of 30 guesses were put off", slow)
	}
}

// The rates, by the clock.
func TestLimiter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := &limiter{Now: func() time.Time { return now }}
	taken := 0
	for range 3600 {
		if l.wait("192.0.2.1:1") == 0 {
			taken++
			l.failed("192.0.2.1:2")
		}
		now = now.Add(time.Second)
	}
	if taken > 30 {
		t.Errorf("one address guesses %d times an hour", taken)
	}
	if l.wait("192.0.2.2:1") != 0 {
		t.Error("another address has to wait")
	}
	taken = 0
	for i := range 100000 {
		remote := fmt.Sprintf("[2001:db8:%x:%x::1]:1", i>>8, i&255)
		if l.wait(remote) == 0 {
			taken++
			l.failed(remote)
		}
		if i%100 == 0 {
			now = now.Add(time.Second)
		}
	}
	if taken > 5100 {
		t.Errorf("many addresses guess %d times in 1000 s", taken)
	}
	if len(l.seen) > maxSeen {
		t.Errorf("%d addresses are remembered", len(l.seen))
	}
	if network("[2001:db8::1]:1") != network("[2001:db8::ffff:2]:9") || network("192.0.2.1:1") == network("192.0.2.2:1") || network("192.0.2.1:1") != network("[::ffff:192.0.2.1]:1") {
		t.Error("networks")
	}
}

// Of browsers that all hold the code one wins.
func TestRace(t *testing.T) {
	a := fresh(t, disks.OK)
	const n = 6
	clients, tokens := make([]*http.Client, n), make([]string, n)
	for i := range n {
		clients[i] = a.browser(t)
		tokens[i] = a.enter(t, clients[i])
	}
	results := make([]string, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			form := good(tokens[i])
			form.Set("site", fmt.Sprint("site", i))
			resp, err := clients[i].PostForm(a.url+"/setup", form)
			if err != nil { // the winner has ended the page
				return
			}
			b, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if m := keyRE.FindStringSubmatch(string(b)); m != nil {
				results[i] = m[1]
			} else if resp.StatusCode != 409 {
				t.Errorf("browser %d: %d", i, resp.StatusCode)
			}
		})
	}
	wg.Wait()
	cfg, err := a.server.Site.Load()
	if err != nil {
		t.Fatal(err)
	}
	winners := 0
	for i, key := range results {
		if key == "" {
			continue
		}
		winners++
		if cfg.Site != fmt.Sprint("site", i) || cfg.Administrator.AccessKeyID != key {
			t.Errorf("browser %d got a key, but the appliance is %q's", i, cfg.Site)
		}
	}
	if winners != 1 {
		t.Errorf("%d winners", winners)
	}
}

// A claim that is cut short leaves the appliance unclaimed, and the next works; a
// claim that was made is finished at the next start.
func TestCrash(t *testing.T) {
	a := fresh(t, disks.OK)
	a.stop()
	<-a.ended
	boom := errors.New("power cut")
	a.Before = func(c host.Command) ([]byte, bool, error) {
		if c.Args[0] != host.Mucurad || c.Args[1] != "key" {
			return nil, false, nil
		}
		a.Before = nil // as far as the key, and no further
		_, err := a.Run(ctx, c)
		return nil, true, errors.Join(boom, err)
	}
	s := a.server.Site
	if _, err := s.Claim(ctx, new(spec.Config)); !errors.Is(err, boom) || s.Claimed() {
		t.Fatalf("claimed %v: %v", s.Claimed(), err)
	}
	a.Before = nil
	key, err := s.Claim(ctx, new(spec.Config))
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Mucurad(ctx, new(spec.Config), nil, "key", "ls", "root")
	if err != nil || strings.Count(string(out), "\n") != 2 || !strings.Contains(string(out), key.ID) {
		t.Errorf("the key nobody saw still works: %s %v", out, err)
	}
	if _, err := s.Claim(ctx, new(spec.Config)); !errors.Is(err, site.ErrClaimed) {
		t.Errorf("claimed again: %v", err)
	}
	if a.Exists(host.EnvFile) {
		t.Fatal("the settings are there already")
	}
	if err := a.server.Run(ctx); err != nil || !a.Exists(host.EnvFile) {
		t.Fatalf("the claim is not finished: %v", err)
	}
}

// Without a disk the page wants to hear that this is meant.
func TestVolatile(t *testing.T) {
	a := fresh(t, disks.Volatile)
	c := a.browser(t)
	token := a.enter(t, c)
	if status, page := a.post(t, c, "/setup", good(token)); status != 422 || !strings.Contains(page, "choose a disk") || a.server.Site.Claimed() {
		t.Fatalf("%d\n%s", status, page)
	}
	form := good(token)
	form.Set("volatile", "yes")
	if status, page := a.post(t, c, "/setup", form); status != 200 || !strings.Contains(page, "everything is lost when the machine stops") {
		t.Fatalf("%d\n%s", status, page)
	}
}

// What hostile clients send is an error of theirs, and the page stays.
func TestHostile(t *testing.T) {
	a := fresh(t, disks.OK)
	c := a.browser(t)
	token := a.enter(t, c)
	large := good(token)
	large.Set("certificate", strings.Repeat("x", maxForm))
	if status, _ := a.post(t, c, "/setup", large); status != 400 {
		t.Errorf("large form: %d", status)
	}
	for field, v := range map[string]string{
		"site": "a\nMUCURA_DEBUG=true", "hostname": "a;reboot", "names": "$(reboot)", "time_zone": "../../shadow",
		"interface": "x]\n[Match]", "address": "192.0.2.1/24\nDNS=6.6.6.6", "ntp": "pool;reboot", "email": "a@b\r\nBcc: c@d",
		"ssh_keys": `command="sh" ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB`, "tls": "off",
	} {
		form := good(token)
		form.Set(field, v)
		status, _ := a.post(t, c, "/setup", form)
		if status != 422 {
			t.Errorf("%s: %d", field, status)
		}
	}
	form := good(token)
	form["disk"] = []string{"/dev/../etc/passwd"}
	if status, _ := a.post(t, c, "/setup", form); status != 200 && status != 422 {
		t.Errorf("disk: %d", status)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.url, "https://"))
	if err == nil {
		_, _ = conn.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
		_ = conn.Close()
	}
}
