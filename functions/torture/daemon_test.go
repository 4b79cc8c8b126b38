package torture

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/acme/acmetest"
	"github.com/mucura/mucura/core/gridproxy/gridtest"
	"github.com/mucura/mucura/core/serve/servetest"
	"github.com/mucura/mucura/core/sigv4"
	"github.com/mucura/mucura/functions/internal/world"
)

// TestDaemons is shape C, the grid endpoint of a large site: gateways,
// authentication servers and pages as processes of their own behind a balancer
// that passes TCP through. Each host name gets one certificate, which all of its
// processes use; a grid proxy registers, gets credentials and moves data; and no
// process answers for another.
func TestDaemons(t *testing.T) {
	const s3Host, authHost, webHost = "s3.functions.test", "auth.functions.test", "www.functions.test"
	w := theSite(t)
	p := acmetest.Start(t, acmetest.Options{})
	grid := gridtest.NewWorld()
	trust, vomsdir := grid.WriteDirs(t, t.TempDir())
	common := []string{
		"MUCURA_PROXY_PROTOCOL_FROM=127.0.0.1", "MUCURA_TLS=acme", "MUCURA_ACME_CHALLENGE=tls-alpn-01",
		"MUCURA_ACME_DIRECTORY=" + p.Directory, "MUCURA_ACME_ROOTS_FILE=" + p.RootsFile,
		"MUCURA_ENDPOINT=https://" + s3Host, "MUCURA_AUTH_URL=https://" + authHost, "MUCURA_WEB_URL=https://" + webHost,
		"MUCURA_TRUST_DIR=" + trust, "MUCURA_VOMSDIR=" + vomsdir, "MUCURA_APPROVE=vo:" + gridtest.VO + ";dn:OU=People,DC=example,DC=org",
	}
	var all []*world.Container
	daemons := func(name, host string, n int, extra ...string) servetest.Backend {
		b := servetest.Backend{Host: host}
		for range n {
			d, err := w.Daemon(name, append(append(extra, common...), "MUCURA_TLS_NAME="+host)...)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, d)
			b.Servers = append(b.Servers, d.Address)
		}
		return b
	}
	backends := []servetest.Backend{
		daemons("gateway", s3Host, 2, "MUCURA_WEB_LISTEN=off"),
		daemons("credentials", authHost, 2, "MUCURA_AUTH_HOST="+authHost),
		daemons("registration", webHost, 1),
	}
	servetest.Balancer(t, p.TLSPort, backends...) // by which the authority looks at them
	for _, d := range all {
		if err := d.Launch(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(d.Kill)
	}
	for _, d := range all {
		if err := d.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	front, roots := fmt.Sprint("127.0.0.1:", p.TLSPort), p.Issuers()
	for _, b := range backends {
		if seen := servetest.Serials(t, b, roots); len(seen) != 1 {
			t.Errorf("%s: %d certificates were issued", b.Host, len(seen))
		}
	}

	// A grid job.
	const worker = "127.0.0.2"
	proxy := gridtest.NewProxy(grid.Alice)
	job := func(host string) *http.Client { return servetest.Client(worker, front, host, roots, proxy, "") }
	read := func(resp *http.Response, err error) (int, []byte) {
		t.Helper()
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
	if status, text := read(job(authHost).Post("https://"+authHost+"/-/api/v1/register", "application/json", strings.NewReader("{}"))); status != 200 {
		t.Fatalf("register: %d %s", status, text)
	}
	status, text := read(job(authHost).Get("https://" + authHost + "/credentials"))
	var got struct{ AccessKeyId, SecretAccessKey, SessionToken string }
	if err := json.Unmarshal(text, &got); err != nil || status != 200 {
		t.Fatalf("credentials: %d %s", status, text)
	}
	session := sigv4.Credentials{AccessKeyID: got.AccessKeyId, SecretAccessKey: got.SecretAccessKey, SessionToken: got.SessionToken}
	ask := func(host, method, target string, body []byte) (int, []byte) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "https://"+host+target, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		sigv4.Sign(r, session, world.Region, sigv4.UnsignedPayload, time.Now())
		return read(servetest.Client(worker, front, host, roots, nil, "").Do(r))
	}
	if status, text := ask(s3Host, "PUT", "/daemons", nil); status != 200 {
		t.Fatalf("bucket: %d %s", status, text)
	}
	for i := range 4 { // by turns
		target, body := fmt.Sprint("/daemons/result", i), bytes.Repeat([]byte{byte(i), 0xff}, 100_000)
		if status, text := ask(s3Host, "PUT", target, body); status != 200 {
			t.Fatalf("put: %d %s", status, text)
		}
		if status, text := ask(s3Host, "GET", target, nil); status != 200 || !bytes.Equal(text, body) {
			t.Fatalf("get: %d, %d bytes", status, len(text))
		}
	}

	// Each answers for itself only.
	if status, text := read(servetest.Client(worker, front, webHost, roots, nil, "").Get("https://" + webHost + "/")); status != 200 || !bytes.Contains(text, []byte("<html")) {
		t.Errorf("pages: %d %.200s", status, text)
	}
	for _, host := range []string{authHost, webHost} {
		for _, target := range []string{"/", "/daemons", "/daemons/result0"} {
			if status, text := ask(host, "GET", target, nil); bytes.Contains(text, []byte("ListAllMyBucketsResult")) || bytes.Contains(text, []byte("ListBucketResult")) || status == 200 && target != "/" {
				t.Errorf("%s answers S3's %s: %d %.200s", host, target, status, text)
			}
		}
	}
	for _, host := range []string{s3Host, webHost} {
		if status, text := read(job(host).Get("https://" + host + "/credentials")); status == 200 || bytes.Contains(text, []byte("SessionToken")) {
			t.Errorf("%s gives credentials: %d %.200s", host, status, text)
		}
	}
	noSecrets(t)
}
