package boottest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// pair is what the set-up page gives the administrator.
type pair struct{ id, secret string }

// visitor is a browser at the set-up page, which trusts the authority whose
// fingerprint the console shows.
type visitor struct {
	http *http.Client
	base string
}

func visit(dial dialer, roots *x509.CertPool, name string) *visitor {
	jar, _ := cookiejar.New(nil) // never fails without options
	return &visitor{base: "https://" + name, http: &http.Client{Jar: jar, Timeout: hang, Transport: &http.Transport{
		DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}}
}

func (v *visitor) send(ctx context.Context, method, path string, form url.Values) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, method, v.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, "", err
	}
	if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := v.http.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, string(b), err
}

// within finds what the page has between an attribute and the end of its element.
func within(page, pattern string) (string, error) {
	m := regexp.MustCompile(pattern).FindStringSubmatch(page)
	if m == nil {
		return "", fmt.Errorf("the page has no %s:\n%.3000s", pattern, page)
	}
	return html.UnescapeString(m[1]), nil
}

// claim sets the appliance up, as a person with the code does: the form as it
// comes, with what is given put in.
func (v *visitor) claim(ctx context.Context, code string, form url.Values) (pair, error) {
	status, page, err := v.send(ctx, "POST", "/", url.Values{"code": {code}})
	if err != nil || status != 200 {
		return pair{}, fmt.Errorf("code: status %d, %v\n%.2000s", status, err, page)
	}
	token, err := within(page, `name="token" value="([^"]+)"`)
	if err != nil {
		return pair{}, err
	}
	all := url.Values{"token": {token}, "tls": {"internal"}}
	for name, value := range form {
		all[name] = value
	}
	status, page, err = v.send(ctx, "POST", "/setup", all)
	if err != nil || status != 200 {
		return pair{}, fmt.Errorf("form: status %d, %v\n%.3000s", status, err, page)
	}
	var p pair
	if p.id, err = within(page, `id="access-key-id">([^<]+)<`); err == nil {
		p.secret, err = within(page, `id="secret-access-key">([^<]+)<`)
	}
	return p, err
}

// claimed waits for the set-up page and claims the appliance with the code;
// before, a wrong code is refused.
func claimed(t *testing.T, dial dialer, name, fingerprint, code string, form url.Values) pair {
	t.Helper()
	var roots *x509.CertPool
	eventually(t, func() (err error) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		roots, err = authority(ctx, dial, fingerprint)
		return err
	})
	stranger := visit(dial, roots, name)
	if status, page, err := stranger.send(t.Context(), "POST", "/", url.Values{"code": {"0000-0000-0000"}}); err != nil || status != http.StatusForbidden {
		t.Fatalf("a wrong code: status %d, %v\n%.1000s", status, err, page)
	}
	if _, page, err := stranger.send(t.Context(), "GET", "/setup", nil); err != nil || strings.Contains(page, `name="token"`) {
		t.Fatalf("the form is shown without the code (%v):\n%.1000s", err, page)
	}
	p, err := visit(dial, roots, name).claim(t.Context(), code, form)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
