package torture

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
)

// banner starts a server without keys in its environment, stops it when it says
// that it is ready, and gives what it printed.
func banner(t *testing.T, data string, args ...string) string {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--admin-listen", "off", "--web-listen", "off"}, args...)...)
	cmd.Env = []string{"HOME=" + data}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	logs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(logs).ReadString('\n'); err != nil || !strings.Contains(line, `"serving"`) {
		t.Errorf("log begins %q, %v", line, err)
	}
	go func() { _, _ = io.Copy(io.Discard, logs) }()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(out)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	return string(text)
}

// slowBody gives a body in two halves, the second when it is told to.
type slowBody struct {
	first, second *bytes.Reader
	begun         chan struct{}
	goOn          chan struct{}
	once          sync.Once
}

func newSlowBody(b []byte) *slowBody {
	half := len(b) / 2
	return &slowBody{bytes.NewReader(b[:half]), bytes.NewReader(b[half:]), make(chan struct{}), make(chan struct{}), sync.Once{}}
}

func (s *slowBody) Read(p []byte) (int, error) {
	if s.first.Len() > 0 {
		return s.first.Read(p)
	}
	s.once.Do(func() { close(s.begun) })
	<-s.goOn
	return s.second.Read(p)
}

// slowPut begins a PUT whose second half waits.
func slowPut(t *testing.T, c *harness.Client, key string, b []byte) (s *slowBody, status chan int) {
	t.Helper()
	r, err := c.Request(ctx, "PUT", bucket, key, "", b)
	if err != nil {
		t.Fatal(err)
	}
	s, status = newSlowBody(b), make(chan int, 1)
	r.Body, r.GetBody = io.NopCloser(s), nil
	go func() {
		resp, err := c.HTTP.Do(r)
		if err != nil {
			t.Errorf("slow PUT: %v", err)
			status <- 0
			return
		}
		resp.Body.Close()
		status <- resp.StatusCode
	}()
	<-s.begun
	return s, status
}

// underWay waits until the server is at so many requests: what a client has sent
// it may not have read, and a connection it has read nothing from is idle to it.
func underWay(t *testing.T, s *harness.Server, n int) {
	t.Helper()
	eventually(t, fmt.Sprint(n, " requests are under way"), func() bool { return metric(t, s, "mucura_requests_in_flight") == float64(n) })
}

func TestDrain(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.NewClient()
	newBucket(t, c)
	b := body("slow", 1, 4<<20)
	slow, status := slowPut(t, c, "slow", b)
	underWay(t, s, 1)
	if err := s.Terminate(); err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(s.Endpoint, "http://")
	eventually(t, "new connections are refused", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	close(slow.goOn)
	if got := <-status; got != 200 {
		t.Errorf("the upload under way got %d", got)
	}
	if code := s.Wait(); code != 0 {
		t.Errorf("exit status %d\n%s", code, s.Tail())
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	wantObject(t, s.NewClient(), "slow", b)
}

// TestDrainEnds: a request that does not end is cut off after the drain timeout.
func TestDrainEnds(t *testing.T) {
	t.Parallel()
	s := start(t, "--drain-timeout", "300ms")
	c := s.NewClient()
	newBucket(t, c)
	r, err := c.Request(ctx, "PUT", bucket, "k", "", make([]byte, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	slow := newSlowBody(make([]byte, 1<<20))
	r.Body, r.GetBody = io.NopCloser(slow), nil
	done := make(chan error, 1)
	go func() { _, err := c.HTTP.Do(r); done <- err }()
	<-slow.begun
	underWay(t, s, 1)
	if err := s.Terminate(); err != nil {
		t.Fatal(err)
	}
	if code := s.Wait(); code != 0 {
		t.Errorf("exit status %d\n%s", code, s.Tail())
	}
	close(slow.goOn)
	if err := <-done; err == nil {
		t.Error("the request was answered")
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	wantObject(t, s.NewClient(), "k", nil)
}

func TestHealth(t *testing.T) {
	t.Parallel()
	s := start(t)
	newBucket(t, s.NewClient())
	for path, want := range map[string]int{"/-/live": 200, "/-/ready": 200, "/-/metrics": 200, "/debug/pprof/heap": 200, "/debug/pprof/cmdline": 404, "/": 404, "/" + bucket: 404} {
		resp, err := http.Get(s.Admin + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}
	if n := metric(t, s, `mucura_requests_total{op="CreateBucket",status="200"}`); n != 1 {
		t.Errorf("%v buckets were made", n)
	}
	resp, err := http.Get(s.Endpoint + "/-/metrics") // is a bucket's name here, and not a valid one
	if err != nil || resp.StatusCode < 400 {
		t.Errorf("metrics on the public listener: %v, %v", resp, err)
	}
}

// certificate writes a new key pair for 127.0.0.1, as a renewal does, and gives
// what a client must trust.
func certificate(t *testing.T, dir string, serial int64) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "mucura test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path+".new", pem.EncodeToMemory(block), 0o600), os.Rename(path+".new", path)); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// TestForwardedFrom: behind an HTTPS proxy clients are known by the addresses it names,
// in the log and by policies, which see as well that it ends TLS.
func TestForwardedFrom(t *testing.T) {
	t.Parallel()
	for from, trusted := range map[string]bool{"127.0.0.0/8": true, "127.0.0.9": false} {
		log := new(logBuffer)
		s := &harness.Server{Bin: binary, Data: filepath.Join(t.TempDir(), "data"), Log: log, Args: []string{"--forwarded-from", from}}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Kill)
		c := s.NewClient()
		newBucket(t, c)
		put(t, c, "k", []byte("x"))
		policy := `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::` + bucket + `/*",
			"Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"},"Bool":{"aws:SecureTransport":"true"}}}]}`
		if _, err := c.Must(ctx, "PUT", bucket, "", "policy", []byte(policy), 204); err != nil {
			t.Fatal(err)
		}
		get := func(chain, proto string) int {
			t.Helper()
			r, err := http.NewRequest("GET", s.Endpoint+"/"+bucket+"/k", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Forwarded-For", chain)
			r.Header.Set("X-Forwarded-Proto", proto)
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			return resp.StatusCode
		}
		want := map[bool]int{true: 200, false: 403}[trusted]
		if got := get("198.51.100.1, 203.0.113.7", "https"); got != want {
			t.Errorf("trusted: %v, status %d", trusted, got)
		}
		if get("203.0.113.7, 198.51.100.1", "https") != 403 || get("203.0.113.7", "http") != 403 {
			t.Errorf("trusted: %v: what does not fit is allowed", trusted)
		}
		remote := map[bool]string{true: `"remote":"203.0.113.7"`, false: `"remote":"127.0.0.1"`}[trusted]
		eventually(t, "the client is in the log", func() bool { return strings.Contains(log.String(), remote) })
		if !trusted && strings.Contains(log.String(), "203.0.113.7") {
			t.Error("what anybody says is in the log")
		}
	}
}

// TestCertificateRenewed: under load a renewed certificate is served soon, and no
// request fails; files that are rubbish for a while change nothing.
func TestCertificateRenewed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	roots := x509.NewCertPool()
	roots.AddCert(certificate(t, dir, 1))
	log := new(logBuffer)
	s := &harness.Server{Bin: binary, Data: filepath.Join(t.TempDir(), "data"), Log: log,
		Args: []string{"--tls-cert", filepath.Join(dir, "cert.pem"), "--tls-key", filepath.Join(dir, "key.pem")}}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	var trust sync.RWMutex
	var serial atomic.Int64
	client := func(keepAlive bool) *harness.Client {
		c := s.NewClient()
		c.Endpoint = strings.Replace(s.Endpoint, "http:", "https:", 1)
		c.HTTP = &http.Client{Transport: &http.Transport{
			DisableKeepAlives: !keepAlive,
			DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				trust.RLock()
				pool := roots.Clone()
				trust.RUnlock()
				conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: pool}}).DialContext(ctx, network, addr)
				if err == nil {
					serial.Store(conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Int64())
				}
				return conn, err
			},
		}}
		return c
	}
	newBucket(t, client(true))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var requests atomic.Int64
	for i := range 4 {
		wg.Go(func() {
			c := client(i%2 == 0)
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				b := body("k", n, 50<<10)
				if _, err := c.Must(ctx, "PUT", bucket, fmt.Sprint("k", i), "", b, 200); err != nil {
					t.Errorf("request %d: %v", n, err)
					return
				}
				requests.Add(1)
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	if err := os.WriteFile(filepath.Join(dir, "cert.pem"), []byte("half a certif"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "rubbish is noticed", func() bool { return strings.Contains(log.String(), "certificate not reloaded") })
	if n := serial.Load(); n != 1 {
		t.Errorf("serial %d", n)
	}
	renewed := t.TempDir()
	next := certificate(t, renewed, 2)
	trust.Lock()
	roots.AddCert(next)
	trust.Unlock()
	for _, name := range []string{"cert.pem", "key.pem"} {
		if err := os.Rename(filepath.Join(renewed, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the new certificate is served", func() bool { return serial.Load() == 2 })
	before := requests.Load()
	eventually(t, "requests go on", func() bool { return requests.Load() > before+20 })
	close(stop)
	wg.Wait()
	if _, err := tls.Dial("tcp", strings.TrimPrefix(s.Endpoint, "http://"), &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}
