package torture

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mucura/mucura/adapters/acme/acmetest"
	"github.com/mucura/mucura/appliance/internal/harness"
)

// secure makes requests of a server over TLS, trusting roots, with name as its
// host name.
func secure(s *harness.Server, name string, roots *x509.CertPool) *http.Client {
	addr := strings.TrimPrefix(s.Endpoint, "http://")
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{RootCAs: roots, ServerName: name},
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, addr)
			},
		},
	}
}

// get is the status, body and header of a GET.
func get(t *testing.T, c *http.Client, url string) (*http.Response, []byte) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, text
}

func plainAddress(t *testing.T) string {
	t.Helper()
	p, err := harness.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", p)
}

// TestInternalAuthority: a server makes its own authority, gives its certificate
// away, and is the same to its clients after a restart.
func TestInternalAuthority(t *testing.T) {
	plain := plainAddress(t)
	s := start(t, "--tls", "internal", "--tls-name", "s3.lab.example", "--http-listen", plain)
	resp, pem := get(t, http.DefaultClient, "http://"+plain+"/-/ca.pem")
	roots := x509.NewCertPool()
	if resp.StatusCode != 200 || !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("%d: %q", resp.StatusCode, pem)
	}
	for round := range 2 {
		for _, name := range []string{"s3.lab.example", "localhost", "127.0.0.1"} {
			resp, _ := get(t, secure(s, name, roots), "https://"+name+"/")
			if resp.StatusCode != 403 || resp.Header.Get("Strict-Transport-Security") != "" {
				t.Errorf("%s: %s %v", name, resp.Status, resp.Header)
			}
		}
		if _, again := get(t, secure(s, "localhost", roots), "https://localhost/-/ca.pem"); string(again) != string(pem) {
			t.Errorf("round %d: another authority", round)
		}
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if m := metric(t, s, "mucura_certificate_end_seconds"); m < 1.7e9 {
		t.Errorf("mucura_certificate_end_seconds is %v", m)
	}
}

// TestAuthorityAfterRotation changes the site key under a server with an authority
// of its own: it needs no restart, and after "key reseal" not the old key.
func TestAuthorityAfterRotation(t *testing.T) {
	t.Parallel()
	s := start(t, "--tls", "internal")
	path := filepath.Join(s.Data, "site.key")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before := on(t, s, "check")
	fresh := strings.Repeat("5a", 32) + "\n"
	if err := os.WriteFile(path, []byte(fresh+string(text)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := on(t, s, "key", "reseal"); !strings.HasPrefix(out, "2 secrets") { // root's, and the authority
		t.Error(out)
	}
	authority := func() string {
		_, pem := get(t, overTLS(t, strings.TrimPrefix(s.Endpoint, "http://"), "localhost", nil), "https://localhost/-/ca.pem")
		return string(pem)
	}
	pem := authority()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(fresh), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if authority() != pem || on(t, s, "check") != before {
		t.Error("another authority, or other settings")
	}
}

// TestPlainBesideTLS: plain HTTP only leads to HTTPS; what is signed is told
// off rather than repeated in the clear.
func TestPlainBesideTLS(t *testing.T) {
	plain := plainAddress(t)
	s := start(t, "--tls", "internal", "--http-listen", plain)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(s.Endpoint, "http://"))
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, _ := get(t, c, "http://"+plain+"/b/a%2Fb%20c?x=%2B")
	if want := "https://127.0.0.1:" + port + "/b/a%2Fb%20c?x=%2B"; resp.StatusCode != 301 || resp.Header.Get("Location") != want {
		t.Errorf("%s to %q, want %q", resp.Status, resp.Header.Get("Location"), want)
	}
	for _, change := range []func(*http.Request){
		func(r *http.Request) { r.Method = "PUT" },
		func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x") },
	} {
		req, err := http.NewRequest("GET", "http://"+plain+"/b/k", nil)
		if err != nil {
			t.Fatal(err)
		}
		change(req)
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != 403 || !strings.Contains(string(text), "<Code>InsecureTransport</Code>") {
			t.Errorf("%s %s", resp.Status, text)
		}
	}
}

// TestACME: the server obtains a certificate by each kind of challenge, serves
// it after a restart without ordering another, and obtains one more for a name
// added while it runs.
func TestACME(t *testing.T) {
	for _, kind := range []string{"http-01", "tls-alpn-01"} {
		t.Run(kind, func(t *testing.T) {
			p := acmetest.Start(t, acmetest.Options{})
			roots := p.Issuers()
			s := &harness.Server{
				Bin: binary, Data: filepath.Join(t.TempDir(), "data"),
				Endpoint: fmt.Sprintf("http://127.0.0.1:%d", p.TLSPort), Admin: "http://" + plainAddress(t),
				Args: []string{
					"--tls", "acme", "--tls-name", "s3.lab.example", "--acme-directory", p.Directory, "--acme-roots-file", p.RootsFile,
					"--acme-challenge", kind, "--http-listen", fmt.Sprintf("127.0.0.1:%d", p.HTTPPort),
				},
			}
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Kill)
			c := secure(s, "s3.lab.example", roots)
			serves := func(c *http.Client) func() bool {
				return func() bool {
					resp, err := c.Get("https://s3.lab.example/")
					if err != nil {
						return false
					}
					_ = resp.Body.Close()
					return resp.Header.Get("Strict-Transport-Security") == "max-age=15552000"
				}
			}
			eventually(t, "the certificate is obtained", serves(c))
			if kind == "http-01" {
				if _, err := s.Run("tls", "add", "files.lab.example"); err != nil {
					t.Fatal(err)
				}
				if out, err := s.Run("tls", "ls"); err != nil || out != "files.lab.example\n" {
					t.Errorf("tls ls: %q, %v", out, err)
				}
				eventually(t, "a certificate for the added name", serves(secure(s, "files.lab.example", roots)))
			}
			p.Pause()
			if err := s.Stop(); err != nil {
				t.Fatal(err)
			}
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the certificate is served after a restart", serves(c))
			for _, file := range databaseFiles(t, s.Data) {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(text), "PRIVATE KEY") {
					t.Errorf("%s holds a private key in the clear", file)
				}
			}
		})
	}
}

func databaseFiles(t *testing.T, data string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(data, "meta.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no database: %v", err)
	}
	return files
}
