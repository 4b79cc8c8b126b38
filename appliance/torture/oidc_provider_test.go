package torture

import (
	"bufio"
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
	"syscall"
	"testing"
)

// providerVersion of the npm package oidc-provider: the last that Node.js 18 and
// 20 run, and later ones do too.
const providerVersion = "8.8.1"

const providerSecret = "the-secret-of-the-pages-0123456789"

// provider is a certified OpenID Connect provider on loopback, with one person.
type provider struct {
	*testing.T
	issuer, host, packages, script string
}

// newProvider prepares one that does not run yet.
func newProvider(t *testing.T) *provider {
	t.Helper()
	packages := ""
	err := installNode()
	if err == nil {
		packages, err = installProvider()
	}
	switch {
	case err != nil && os.Getenv("MUCURA_TEST_INSTALL") == "1":
		t.Fatal(err)
	case err != nil:
		t.Skipf("no OpenID Connect provider: %v (MUCURA_TEST_INSTALL=1 installs it with npm)", err)
	}
	script, err := filepath.Abs("testdata/oidc/provider.mjs")
	if err != nil {
		t.Fatal(err)
	}
	host := plainAddress(t)
	return &provider{t, "http://" + host, host, packages, script}
}

// installNode looks whether Node.js is there, and installs Debian's if it may.
func installNode() error {
	_, err := exec.LookPath("node")
	if err == nil || os.Getenv("MUCURA_TEST_INSTALL") != "1" || os.Getuid() != 0 {
		return err
	}
	apt := exec.Command("apt-get", "install", "-y", "-qq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=600", "nodejs", "npm")
	apt.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := apt.CombinedOutput(); err != nil {
		return fmt.Errorf("install Node.js: %w\n%s", err, out)
	}
	return nil
}

// installProvider finds the package in the user's cache, where npm puts it if
// that may install things.
func installProvider() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "mucura-test", "oidc-provider-"+providerVersion)
	there := func(dir string) error { // also when an installation was cut short
		cmd := exec.Command("node", "--input-type=module", "--eval", "await import('oidc-provider')")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", dir, err, out)
		}
		return nil
	}
	if _, err := os.Stat(dir); err == nil && there(dir) == nil {
		return dir, nil
	}
	if os.Getenv("MUCURA_TEST_INSTALL") != "1" {
		return "", fmt.Errorf("oidc-provider %s is not installed", providerVersion)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	part, err := os.MkdirTemp(filepath.Dir(dir), "oidc-provider-part-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(part)
	cmd := exec.Command("npm", "install", "--prefix", part, "--no-audit", "--no-fund", "--ignore-scripts", "oidc-provider@"+providerVersion)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm install oidc-provider@%s: %w\n%s", providerVersion, err, out)
	}
	if err := there(part); err != nil {
		return "", err
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, os.Rename(part, dir)
}

// start starts the provider, which sends people back to redirect.
func (p *provider) start(redirect string) {
	p.Helper()
	_, port, _ := strings.Cut(p.host, ":")
	settings, err := json.Marshal(map[string]string{"port": port, "redirect": redirect, "secret": providerSecret})
	if err != nil {
		p.Fatal(err)
	}
	cmd := exec.Command("node", p.script)
	cmd.Dir, cmd.Stdin = p.packages, strings.NewReader(string(settings))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		p.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if p.Failed() {
			p.Logf("provider:\n%s", &said)
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if lines.Text() == "ready" {
			go func() { _, _ = io.Copy(io.Discard, out) }() // so that it never waits for a reader
			return
		}
	}
	p.Fatal("the provider does not start")
}

var (
	formOf   = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)
	fieldsOf = regexp.MustCompile(`name="(\w+)" value="([^"]*)"`)
	abortOf  = regexp.MustCompile(`href="([^"]+/abort)"`)
)

// walk does what the provider's pages ask of a person, signs in and consents,
// or with refuse does not. It gives the last answer, and its page if that is
// still the provider's.
func (p *provider) walk(c *http.Client, resp *http.Response, err error, refuse bool) (*http.Response, string) {
	p.Helper()
	for range 10 {
		if err != nil {
			p.Fatal(err)
		}
		if resp.Request.URL.Host != p.host {
			return resp, ""
		}
		text, rerr := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if rerr != nil {
			p.Fatal(rerr)
		}
		page := string(text)
		if m := abortOf.FindStringSubmatch(page); m != nil && refuse {
			resp, err = c.Get(p.at(resp, m[1]))
			continue
		}
		m := formOf.FindStringSubmatch(page)
		if m == nil {
			return resp, page
		}
		form := url.Values{"login": {"ana"}, "password": {"x"}}
		for _, f := range fieldsOf.FindAllStringSubmatch(page, -1) {
			form.Set(f[1], f[2])
		}
		resp, err = c.PostForm(p.at(resp, m[1]), form)
	}
	p.Fatal("the provider asks without end")
	return nil, ""
}

// at is where a link of a page leads.
func (p *provider) at(resp *http.Response, link string) string {
	p.Helper()
	u, err := resp.Request.URL.Parse(link)
	if err != nil {
		p.Fatal(err)
	}
	return u.String()
}

// signIn goes from the pages' form through the provider back to the pages. It
// gives the status there, and the address the provider sent the browser to.
func (p *provider) signIn(b *browser, refuse bool) (int, string) {
	p.Helper()
	b.wants(200, b.open("/"), "Sign in at Lab login")
	form := url.Values{"issuer": {p.issuer}}
	for _, m := range hidden.FindAllStringSubmatch(b.page, -1) {
		form.Set(m[1], m[2])
	}
	resp, err := b.c.PostForm(b.base+"/signin/oidc", form)
	resp, page := p.walk(b.c, resp, err, refuse)
	if page != "" {
		p.Fatalf("the provider does not come back: %s\n%s", resp.Status, page)
	}
	return b.take(resp, nil), resp.Request.URL.String()
}

// approve opens the page that a device flow shows, in a browser of its own.
func (p *provider) approve(page string) {
	p.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.Fatal(err)
	}
	c := &http.Client{Jar: jar}
	resp, err := c.Get(page)
	if resp, text := p.walk(c, resp, err, false); resp.StatusCode != 200 || !strings.Contains(text, "Sign-in Success") {
		p.Fatalf("the code is not taken: %s\n%s", resp.Status, text)
	}
}
