// Package acmetest runs a real ACME authority for tests: Pebble, with its DNS
// server for challenges, on the loopback interface. Both are built from the
// module proxy when they are first used.
package acmetest

import (
	"bytes"
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
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mucura/mucura/core/loopback"
)

// version of Pebble that is built.
const version = "v2.10.1"

// Pebble is a running authority.
type Pebble struct {
	Directory string // URL
	RootsFile string // PEM: what to trust for connections to Directory
	Roots     *x509.CertPool

	HTTPPort, TLSPort int // where it validates names: on loopback

	t          testing.TB
	management string
	gate       *gate
	client     *http.Client
}

// Options change the authority.
type Options struct {
	// EABKeyID and EABKey, when given, are required of accounts.
	EABKeyID, EABKey string
}

// Start runs an authority until the test ends. Every name leads to loopback.
func Start(t testing.TB, o Options) *Pebble {
	t.Helper()
	bin := build(t)
	dir := t.TempDir()
	p := &Pebble{t: t, RootsFile: filepath.Join(dir, "roots.pem")}
	ports := ports(t, 7)
	config := filepath.Join(dir, "pebble.json")
	p.HTTPPort, p.TLSPort = ports[0], ports[1]
	p.Directory = fmt.Sprintf("https://127.0.0.1:%d/dir", ports[2])
	p.management = fmt.Sprintf("https://127.0.0.1:%d", ports[3])
	dns := fmt.Sprintf("127.0.0.1:%d", ports[4])
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	root := selfSigned(t, cert, key)
	p.Roots = x509.NewCertPool()
	p.Roots.AppendCertsFromPEM(root)
	must(t, os.WriteFile(p.RootsFile, root, 0o600))
	p.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p.Roots}}, Timeout: time.Minute}
	server := fmt.Sprintf("127.0.0.1:%d", ports[6])
	p.gate = newGate(t, fmt.Sprintf("127.0.0.1:%d", ports[2]), server)
	settings := map[string]any{
		"listenAddress":           server,
		"managementListenAddress": fmt.Sprintf("127.0.0.1:%d", ports[3]),
		"certificate":             cert, "privateKey": key,
		"httpPort": p.HTTPPort, "tlsPort": p.TLSPort,
		"retryAfter": map[string]int{"authz": 1, "order": 1},
		"profiles":   map[string]any{"default": map[string]any{"description": "default", "validityPeriod": 7776000}},
	}
	if o.EABKeyID != "" {
		settings["externalAccountBindingRequired"] = true
		settings["externalAccountMACKeys"] = map[string]string{o.EABKeyID: o.EABKey}
	}
	text, err := json.Marshal(map[string]any{"pebble": settings})
	must(t, err)
	must(t, os.WriteFile(config, text, 0o600))
	run(t, filepath.Join(bin, "pebble-challtestsrv"), "-dnsserver", dns, "-management", fmt.Sprintf("127.0.0.1:%d", ports[5]),
		"-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "")
	run(t, filepath.Join(bin, "pebble"), "-config", config, "-dnsserver", dns, "-strict")
	p.ready()
	return p
}

// ready waits until the authority answers, and tells of its roots.
func (p *Pebble) ready() {
	p.t.Helper()
	for _, url := range []string{p.Directory, p.management + "/roots/0"} {
		for end := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
			resp, err := p.client.Get(url)
			if err == nil {
				_ = resp.Body.Close()
				break
			}
			if time.Now().After(end) {
				p.t.Fatalf("the authority does not answer: %v", err)
			}
		}
	}
}

// Pause makes the authority unreachable until Resume.
func (p *Pebble) Pause() { p.gate.set(true) }

// Resume ends a Pause.
func (p *Pebble) Resume() { p.gate.set(false) }

// Issuers is what to trust for the certificates it issues.
func (p *Pebble) Issuers() *x509.CertPool {
	p.t.Helper()
	resp, err := p.client.Get(p.management + "/roots/0")
	must(p.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(p.t, err)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		p.t.Fatalf("no root: %s", text)
	}
	return pool
}

// run starts a program that dies with the test.
func run(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=5")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", filepath.Base(name), &out)
		}
	})
	return cmd
}

var building sync.Mutex

// build makes both programs, once a user.
func build(t testing.TB) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	cache, err := os.UserCacheDir()
	must(t, err)
	dir := filepath.Join(cache, "mucura-test", "pebble-"+version)
	if _, err := os.Stat(filepath.Join(dir, "pebble")); err == nil {
		return dir
	}
	const module = "github.com/letsencrypt/pebble/v2/cmd/"
	temp, err := os.MkdirTemp("", "pebble")
	must(t, err)
	defer os.RemoveAll(temp)
	cmd := exec.CommandContext(context.Background(), "go", "install", module+"pebble@"+version, module+"pebble-challtestsrv@"+version)
	cmd.Env = append(os.Environ(), "GOBIN="+temp, "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build Pebble: %v\n%s", err, out)
	}
	must(t, os.MkdirAll(dir, 0o755))
	for _, name := range []string{"pebble-challtestsrv", "pebble"} { // the one that is looked for comes last
		text, err := os.ReadFile(filepath.Join(temp, name))
		must(t, err)
		part := filepath.Join(dir, name+"."+strconv.Itoa(os.Getpid()))
		must(t, os.WriteFile(part, text, 0o755))
		must(t, os.Rename(part, filepath.Join(dir, name)))
	}
	return dir
}

// ports reserves ports until the test ends.
func ports(t testing.TB, n int) (all []int) {
	t.Helper()
	for range n {
		p, err := loopback.Reserve()
		must(t, err)
		t.Cleanup(p.Close)
		all = append(all, p.Number)
	}
	return all
}

// selfSigned writes the certificate of the authority's own web server.
func selfSigned(t testing.TB, certFile, keyFile string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	must(t, os.WriteFile(certFile, cert, 0o600))
	must(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	return cert
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
