package torture

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mucura/mucura/core/gridproxy/gridtest"
	"github.com/mucura/mucura/core/sigv4"
	"github.com/mucura/mucura/core/x509sig"
	"github.com/mucura/mucura/functions/internal/world"
)

// TestTrustArchive: where no disk has the trusted authorities, and something else
// ends TLS, a grid proxy is shown by signed request, and judged by an archive that
// lies in the image or that an HTTPS server has.
func TestTrustArchive(t *testing.T) {
	w := theSite(t)
	gateway := container(t, "gateway")
	grid := gridtest.NewWorld()
	dir := t.TempDir()
	certificates, vomsdir := grid.WriteDirs(t, dir)
	archive := filepath.Join(dir, "trust.tgz")
	if err := os.WriteFile(archive, pack(t, certificates, vomsdir), 0o600); err != nil {
		t.Fatal(err)
	}
	var fetched atomic.Int32
	files := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		fetched.Add(1)
		http.ServeFile(rw, r, archive)
	}))
	t.Cleanup(files.Close)
	roots := filepath.Join(dir, "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: files.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	const host = "auth.functions.test"
	common := []string{"MUCURA_AUTH_URL=https://" + host, "MUCURA_APPROVE=vo:" + gridtest.VO + ";dn:OU=People,DC=example,DC=org", "SSL_CERT_FILE=" + roots}
	for name, trust := range map[string]string{"file": archive, "URL": files.URL + "/trust.tgz?signature=hush-hush"} {
		t.Run(name, func(t *testing.T) {
			env := append([]string{"MUCURA_TRUST_DIR=" + trust}, common...)
			for shape, base := range map[string]string{
				"container": container(t, "credentials", env...).URL,
				"function":  behind(t, w, "credentials", env),
			} {
				t.Run(shape, func(t *testing.T) {
					proxy := gridtest.NewProxy(grid.Alice)
					if status, text := signedByProxy(t, proxy, base, host, "/-/api/v1/register", "{}"); status != 200 {
						t.Fatalf("register: %d %s", status, text)
					}
					status, text := signedByProxy(t, proxy, base, host, "/sessions", `{"durationSeconds":900}`)
					var got struct {
						CredentialSet []struct {
							Credentials struct{ AccessKeyId, SecretAccessKey, SessionToken string }
						}
					}
					if err := json.Unmarshal(text, &got); err != nil || status != 201 || len(got.CredentialSet) != 1 {
						t.Fatalf("credentials: %d %s", status, text)
					}
					c := got.CredentialSet[0].Credentials
					s := sigv4.Credentials{AccessKeyID: c.AccessKeyId, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}
					if status, err := world.ListWith(t.Context(), gateway.URL, s); err != nil || status != 200 {
						t.Errorf("with temporary credentials: %d, %v", status, err)
					}
					stranger := gridtest.NewProxy(gridtest.NewWorld().Alice)
					if status, text := signedByProxy(t, stranger, base, host, "/sessions", "{}"); status != 403 && status != 401 {
						t.Errorf("of an authority that nobody trusts: %d %s", status, text)
					}
					if status, text := signedByProxy(t, proxy, base, "elsewhere.test", "/sessions", "{}"); status/100 != 4 {
						t.Errorf("signed for another host: %d %s", status, text)
					}
				})
			}
		})
	}
	if n := fetched.Load(); n != 2 {
		t.Errorf("the archive was fetched %d times by two processes", n)
	}
	noSecrets(t, "hush-hush")
}

// pack makes a tar archive of directories, as grid-trust.md tells.
func pack(t *testing.T, dirs ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	a := tar.NewWriter(z)
	for _, dir := range dirs {
		sub := filesBelow(t, dir)
		for name, text := range sub {
			if err := a.WriteHeader(&tar.Header{Name: filepath.Base(dir) + "/" + name, Mode: 0o644, Size: int64(len(text))}); err != nil {
				t.Fatal(err)
			}
			if _, err := a.Write(text); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// filesBelow reads the files below a directory.
func filesBelow(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files[name], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// signedByProxy sends a request signed with a proxy's key for a host.
func signedByProxy(t *testing.T, p *gridtest.Entity, base, host, path, body string) (int, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", base+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	r.Header.Set("Content-Type", "application/json")
	if err := x509sig.Sign(r, []byte(body), p.Key, p.Chain(), time.Now()); err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, text
}
