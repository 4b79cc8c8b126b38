package torture

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mucura/mucura/adapters/acme/acmetest"
	"github.com/mucura/mucura/appliance/internal/harness"
	"github.com/mucura/mucura/core/gridproxy/gridtest"
	"github.com/mucura/mucura/core/serve/servetest"
	"github.com/mucura/mucura/core/sigv4"
)

func address(s *harness.Server) string { return strings.TrimPrefix(s.Endpoint, "http://") }

// restart stops the servers and starts them again, at the same moment.
func restart(t *testing.T, servers ...*harness.Server) {
	t.Helper()
	var wg sync.WaitGroup
	errs := make([]error, len(servers))
	for i, s := range servers {
		wg.Go(func() {
			if errs[i] = s.Stop(); errs[i] == nil {
				errs[i] = s.Start()
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestBehindBalancer is the grid endpoint of a large site: two servers on one
// Redis, behind a balancer that passes TCP through. Both use one certificate,
// issued once; a grid job gets credentials and uses them; the addresses of
// clients are the real ones wherever they matter.
func TestBehindBalancer(t *testing.T) {
	onRedis(t)
	p := acmetest.Start(t, acmetest.Options{})
	dir := t.TempDir()
	world := gridtest.NewWorld()
	trust, vomsdir := world.WriteDirs(t, dir)
	const s3Host = "s3.grid.test"
	nodes := make([]*harness.Server, 2)
	for i := range nodes {
		nodes[i] = &harness.Server{
			Bin: binary, Data: filepath.Join(dir, fmt.Sprint("node", i)), Endpoint: "http://" + plainAddress(t), Admin: "http://" + plainAddress(t),
			Args: []string{
				"--content", "file://" + filepath.Join(dir, "content"), "--site-key-file", filepath.Join(dir, "site.key"), "--web-listen", "off",
				"--proxy-protocol-from", "127.0.0.1", "--tls", "acme", "--tls-name", s3Host, "--auth-host", authHost, "--trust-dir", trust, "--vomsdir", vomsdir,
				"--acme-directory", p.Directory, "--acme-roots-file", p.RootsFile, "--acme-challenge", "tls-alpn-01",
			},
		}
	}
	addresses := []string{address(nodes[0]), address(nodes[1])}
	servetest.Balancer(t, p.TLSPort, servetest.Backend{Host: s3Host, Servers: addresses})
	for _, s := range nodes {
		t.Cleanup(s.Kill)
	}
	restart(t, nodes...)
	front := fmt.Sprint("127.0.0.1:", p.TLSPort)
	roots := p.Issuers()

	// One certificate a name, whichever server is asked, also after a restart
	// while no authority can be reached.
	serials := map[string]map[string]bool{s3Host: {}, authHost: {}}
	look := func() {
		for host, seen := range serials {
			maps.Copy(seen, servetest.Serials(t, servetest.Backend{Host: host, Servers: addresses}, roots))
		}
	}
	look()
	p.Pause()
	restart(t, nodes...)
	look()
	for host, seen := range serials {
		if len(seen) != 1 {
			t.Errorf("%s: %d certificates were issued", host, len(seen))
		}
	}

	// A grid job.
	on(t, nodes[0], "account", "add", "alice")
	own509 := filepath.Join(dir, "alice.pem")
	if err := os.WriteFile(own509, gridtest.CertPEM(world.Alice.DER), 0o600); err != nil {
		t.Fatal(err)
	}
	on(t, nodes[0], "account", "certificate", "alice", own509)
	const worker, other = "127.0.0.2", "127.0.0.3"
	proxy := gridtest.NewProxy(world.Alice)
	resp, err := servetest.Client(worker, front, authHost, roots, proxy, "").Get("https://" + authHost + "/credentials")
	if err != nil {
		t.Fatal(err)
	}
	var creds struct{ AccessKeyId, SecretAccessKey, SessionToken string }
	if err := json.NewDecoder(resp.Body).Decode(&creds); err != nil || resp.StatusCode != 200 {
		t.Fatalf("credentials: %s, %v", resp.Status, err)
	}
	_ = resp.Body.Close()
	job := &harness.Client{
		Endpoint: "https://" + s3Host, HTTP: servetest.Client(worker, front, s3Host, roots, nil, ""),
		Creds: sigv4.Credentials{AccessKeyID: creds.AccessKeyId, SecretAccessKey: creds.SecretAccessKey, SessionToken: creds.SessionToken},
	}
	newBucket(t, job)
	for i := range 10 { // by turns
		key := fmt.Sprint("result", i)
		put(t, job, key, body(key, 1, 200<<10))
		wantObject(t, job, key, body(key, 1, 200<<10))
	}

	// Who may read depends on the client's address.
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::` + bucket + `/*",
		"Condition":{"IpAddress":{"aws:SourceIp":"` + worker + `/32"}}}]}`
	if _, err := job.Must(ctx, "PUT", bucket, "", "policy=", []byte(policy), 204); err != nil {
		t.Fatal(err)
	}
	for from, want := range map[string]int{worker: 200, other: 403} {
		for range len(nodes) {
			resp, err := servetest.Client(from, front, s3Host, roots, nil, "").Get("https://" + s3Host + "/" + bucket + "/result1")
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("from %s: %s", from, resp.Status)
			}
		}
	}

	// Past the balancer nobody is served: not without a header, not from elsewhere.
	for name, c := range map[string]*http.Client{
		"no header": servetest.Client("127.0.0.1", address(nodes[0]), s3Host, roots, nil, ""),
		"version 1": servetest.Client("127.0.0.1", address(nodes[0]), s3Host, roots, nil, "PROXY TCP4 127.0.0.2 127.0.0.1 1 2\r\n"),
		"elsewhere": servetest.Client(other, address(nodes[0]), s3Host, roots, nil, servetest.LocalHeader),
	} {
		if resp, err := c.Get("https://" + s3Host + "/"); err == nil {
			t.Errorf("%s: %s", name, resp.Status)
		}
	}

	// The audit logs name the real addresses.
	issued, puts := 0, 0
	for i, s := range nodes {
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		own := 0
		for line := range strings.Lines(auditLog(t, s)) {
			var e struct {
				Kind, Operation string
				AccessKeyID     string `json:"access_key_id"`
				RemoteIP        string `json:"remote_ip"`
			}
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			if e.AccessKeyID != creds.AccessKeyId {
				continue
			}
			own++
			if e.RemoteIP != worker {
				t.Errorf("remote address %q, want %s: %s", e.RemoteIP, worker, line)
			}
			if e.Kind == "credential" {
				issued++
			}
			if e.Operation == "REST.PUT.OBJECT" {
				puts++
			}
		}
		if own == 0 {
			t.Errorf("server %d had no request", i)
		}
	}
	if issued != 1 || puts != 10 {
		t.Errorf("%d credentials issued, %d puts in the audit logs", issued, puts)
	}
}
