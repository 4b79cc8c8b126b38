// Package servetest has what stands between a site and its clients in tests: a
// real HAProxy that passes TCP through, and clients that connect to it.
package servetest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mucura/mucura/core/gridproxy/gridtest"
)

// haproxyConfig is a balancer that passes TCP through and names clients; so do
// its health checks, which say LOCAL. It chooses by the host that a client asks
// for in the clear, the first where it asks for none of them. A server that is
// starting is waited for: an ACME authority that finds nobody asks again after a
// minute only.
const haproxyConfig = `
global
  maxconn 256
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  balance roundrobin
  option redispatch
  retries 5
frontend https
  bind 127.0.0.1:%d
  tcp-request inspect-delay 5s
  tcp-request content accept if { req.ssl_hello_type 1 }
`

// Backend is servers that are alike.
type Backend struct {
	Host    string   // what clients ask for
	Servers []string // host:port
}

// Balancer runs HAProxy on a port of loopback until the test ends, and waits until
// it listens. The test is skipped without HAProxy; with MUCURA_TEST_INSTALL=1 it is installed.
func Balancer(t testing.TB, port int, backends ...Backend) {
	t.Helper()
	needHAProxy(t)
	text := fmt.Sprintf(haproxyConfig, port)
	for i, b := range backends {
		text += fmt.Sprintf("  use_backend b%d if { req.ssl_sni -i %s }\n", i, b.Host)
	}
	text += "  default_backend b0\n"
	for i, b := range backends {
		text += fmt.Sprintf("backend b%d\n", i)
		for j, s := range b.Servers {
			text += fmt.Sprintf("  server n%d %s send-proxy-v2 check check-send-proxy inter 300ms downinter 50ms fall 20 rise 1\n", j, s)
		}
	}
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	cmd := exec.Command("haproxy", "-db", "-f", file)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended does not matter
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("haproxy:\n%s", &out)
		}
	})
	// Who starts servers next may have an authority look at them at once.
	for {
		c, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
		if err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-ended:
			t.Fatal("haproxy has ended")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func needHAProxy(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("haproxy"); err == nil {
		return
	}
	if os.Getenv("MUCURA_TEST_INSTALL") != "1" {
		t.Skip("SKIP: haproxy is not installed, and MUCURA_TEST_INSTALL is not 1")
	}
	cmd := exec.Command("apt-get", "install", "-y", "-qq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=1200", "haproxy")
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("install haproxy: %v\n%s", err, out)
	}
}

// LocalHeader is what a balancer sends before its own connections.
const LocalHeader = "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"

// Client connects from an address to another, under a host name, and shows a
// certificate unless e is nil. header, when given, is sent before everything.
func Client(from, to, host string, roots *x509.CertPool, e *gridtest.Entity, header string) *http.Client {
	conf := &tls.Config{RootCAs: roots, ServerName: host}
	if e != nil {
		conf.Certificates = []tls.Certificate{{Certificate: e.Chain(), PrivateKey: e.Key}}
	}
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: conf,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, to)
			if err == nil && header != "" {
				_, err = io.WriteString(c, header)
			}
			return c, err
		},
	}}
}

// Serials gives the serial numbers of the certificates that servers show for a
// host, each asked past its balancer until it has one.
func Serials(t testing.TB, b Backend, roots *x509.CertPool) map[string]bool {
	t.Helper()
	seen := map[string]bool{}
	for _, s := range b.Servers {
		c := Client("127.0.0.1", s, b.Host, roots, nil, LocalHeader)
		for end := time.Now().Add(10 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
			resp, err := c.Get("https://" + b.Host + "/")
			if err == nil {
				_ = resp.Body.Close()
				seen[resp.TLS.PeerCertificates[0].SerialNumber.String()] = true
				break
			}
			if time.Now().After(end) {
				t.Fatalf("no certificate of %s at %s: %v", b.Host, s, err)
			}
		}
	}
	return seen
}
