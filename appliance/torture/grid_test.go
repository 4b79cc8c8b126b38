package torture

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
	"github.com/mucura/mucura/core/gridproxy/gridtest"
	"github.com/mucura/mucura/core/sigv4"
)

const authHost = "auth.grid.test"

// writeServerCertificate makes a certificate for the S3 host and the
// authentication host.
func writeServerCertificate(t *testing.T, dir string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "server"}, DNSNames: []string{authHost, "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key")
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

// overTLS is an HTTP client that connects to an address under a host name,
// with a certificate unless e is nil.
func overTLS(t *testing.T, addr, host string, e *gridtest.Entity) *http.Client {
	t.Helper()
	conf := &tls.Config{InsecureSkipVerify: true, ServerName: host}
	if e != nil {
		conf.Certificates = []tls.Certificate{{Certificate: e.Chain(), PrivateKey: e.Key}}
	}
	tr := &http.Transport{TLSClientConfig: conf, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: time.Minute}
}

// TestGridJob goes the way of a grid job with the real server: a proxy for
// credentials, an object with them, and from the audit log back to the proxy.
func TestGridJob(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	world := gridtest.NewWorld()
	trust, vomsdir := world.WriteDirs(t, dir)
	certFile, keyFile := writeServerCertificate(t, dir)
	port, err := harness.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	own := fmt.Sprint("127.0.0.1:", port)
	s := start(t, "--tls-cert", certFile, "--tls-key", keyFile, "--auth-host", authHost, "--auth-listen", own,
		"--trust-dir", trust, "--vomsdir", vomsdir, "--register-hint", "Register at https://reg.test/.")
	on(t, s, "account", "add", "alice")
	own509 := filepath.Join(dir, "alice.pem")
	if err := os.WriteFile(own509, gridtest.CertPEM(world.Alice.DER), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := on(t, s, "account", "certificate", "alice", own509); !strings.Contains(out, "CN=Alice,OU=People,DC=example,DC=org") {
		t.Error(out)
	}
	s3addr := strings.TrimPrefix(s.Endpoint, "http://")
	get := func(addr string, e *gridtest.Entity) (int, map[string]any) {
		t.Helper()
		resp, err := overTLS(t, addr, authHost, e).Get("https://" + authHost + "/credentials")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var doc map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, doc
	}
	fqan := "/" + gridtest.VO + "/production"
	voms := gridtest.NewProxy(world.Alice, gridtest.Also(gridtest.VOMS(world.AC(world.Alice, []string{fqan}))))
	limited := gridtest.NewLimited(world.Alice)
	var job *harness.Client
	for _, addr := range []string{s3addr, own} { // by name, and at its own listener
		for _, e := range []*gridtest.Entity{voms, limited} {
			status, doc := get(addr, e)
			if status != 200 {
				t.Fatalf("%s: %d %v", addr, status, doc)
			}
			c := &harness.Client{Endpoint: "https://" + s3addr, HTTP: overTLS(t, s3addr, "localhost", e), Creds: sigv4.Credentials{
				AccessKeyID: doc["AccessKeyId"].(string), SecretAccessKey: doc["SecretAccessKey"].(string), SessionToken: doc["SessionToken"].(string),
			}}
			if _, err := c.Must(ctx, "PUT", bucket, "", "", nil, 200, 409); err != nil {
				t.Fatal(err)
			}
			put(t, c, "result", body("result", 1, 1000))
			a, err := c.Do(ctx, "POST", "-", "api/v1/keys", "", []byte(`{"label":"from a job"}`))
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]int{true: 403, false: 200}[e == limited]; a.Status != want || want == 403 && !strings.Contains(string(a.Body), "LimitedProxy") {
				t.Errorf("limited %v: %d %s", e == limited, a.Status, a.Body)
			}
			if e == voms {
				job = c
			}
		}
		for name, c := range map[string]struct {
			e      *gridtest.Entity
			status int
			says   string
		}{
			"none": {nil, 401, "no certificate"}, "unregistered": {gridtest.NewProxy(world.Bob), 403, "https://reg.test/"}, "revoked": {world.Dave, 403, "revoked"},
		} {
			if status, doc := get(addr, c.e); status != c.status || !strings.Contains(fmt.Sprint(doc), c.says) {
				t.Errorf("%s: %d %v", name, status, doc)
			}
		}
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	var issued, used bool
	for line := range strings.Lines(auditLog(t, s)) {
		var e struct {
			Kind, Identity, VO, Operation, Key string
			AccessKeyID                        string `json:"access_key_id"`
			PrimaryFQAN                        string `json:"primary_fqan"`
			Credential                         *struct {
				EEC  string `json:"eec_subject"`
				Leaf string `json:"leaf_subject"`
				Type string
			}
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if e.AccessKeyID != job.Creds.AccessKeyID {
			continue
		}
		if e.Kind == "credential" && e.Credential != nil && e.Credential.EEC == "CN=Alice,OU=People,DC=example,DC=org" && e.Credential.Type == "rfc3820" && strings.HasSuffix(e.Credential.Leaf, e.Credential.EEC) {
			issued = true
		}
		if e.Operation == "REST.PUT.OBJECT" && e.Key == "result" && e.Identity == "CN=Alice,OU=People,DC=example,DC=org" && e.PrimaryFQAN == fqan && e.VO == gridtest.VO {
			used = true
		}
	}
	if !issued || !used {
		t.Errorf("the audit log does not lead from the object to the proxy: %v, %v", issued, used)
	}
}

// TestSelfService does over the API of the real server what a person does: a
// key, a quota, an end to it all.
func TestSelfService(t *testing.T) {
	t.Parallel()
	s := start(t)
	id, secret := keyPair(t, on(t, s, "account", "add", "mia", "--quota", "1000", "--quota-cap", "100000"))
	mia := s.NewClient().As(id, secret)
	call := func(c *harness.Client, status int, method, path, body string) map[string]any {
		t.Helper()
		a, err := c.Do(ctx, method, "-", "api/v1/"+path, "", []byte(body))
		if err != nil || a.Status != status {
			t.Fatalf("%s %s: %v, %+v", method, path, err, a)
		}
		var doc map[string]any
		if err := json.Unmarshal(a.Body, &doc); err != nil {
			t.Fatal(err)
		}
		return doc
	}
	newBucket(t, mia)
	a, err := mia.Do(ctx, "PUT", bucket, "big", "", body("big", 0, 50_000))
	wantAnswer(t, "above the quota", a, err, 403, "QuotaExceeded")
	call(mia, 200, "PUT", "quota", `{"bytes":100000}`)
	put(t, mia, "big", body("big", 0, 50_000))
	call(mia, 200, "PUT", "quota", `{"bytes":1000000,"reason":"more data"}`)
	if out := on(t, s, "request", "ls"); !strings.Contains(out, "more data") {
		t.Error(out)
	}
	made := call(mia, 200, "POST", "keys", `{"label":"laptop","scope":[{"bucket":"`+bucket+`","access":"read"}]}`)
	laptop := mia.As(made["id"].(string), made["secret_access_key"].(string))
	wantObject(t, laptop, "big", body("big", 0, 50_000))
	a, err = laptop.Do(ctx, "DELETE", bucket, "big", "", nil)
	wantAnswer(t, "a reading key deletes", a, err, 403, "AccessDenied")
	call(mia, 200, "DELETE", "keys/"+laptop.Creds.AccessKeyID, "")
	a, err = laptop.Do(ctx, "GET", bucket, "big", "", nil)
	wantAnswer(t, "a removed key", a, err, 403, "InvalidAccessKeyId")
	log := call(mia, 200, "GET", "access-log", "")
	if text := fmt.Sprint(log); !strings.Contains(text, laptop.Creds.AccessKeyID) || !strings.Contains(text, "REST.GET.OBJECT") {
		t.Errorf("%v", log)
	}
	call(mia, 200, "DELETE", "account", "")
	a, err = mia.Do(ctx, "GET", bucket, "big", "", nil)
	wantAnswer(t, "a closing account", a, err, 403, "AccessDenied")
	if out := on(t, s, "sweep"); !strings.Contains(out, "erased 1 ") {
		t.Error(out)
	}
	if out := on(t, s, "account", "ls"); strings.Contains(out, "mia") {
		t.Error(out)
	}
	resp, err := http.Get(s.Endpoint + "/" + bucket)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 404 {
		t.Errorf("her bucket: %d %s %v", resp.StatusCode, b, err)
	}
	fsck(t, s)
}
