package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/acme/acmetest"
	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/seal"
)

// node is one process of a repository, as far as certificates are concerned.
type node struct {
	*Manager
	addr string // of its TLS listener
	log  *logBuffer
	stop func()
}

// logBuffer collects what is logged.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// start runs a node. It listens where the authority validates if validated is
// set; else somewhere else.
func start(t *testing.T, p *acmetest.Pebble, store meta.Store, validated bool, names []string, change func(*Options)) *node {
	t.Helper()
	box, err := seal.New(make([]byte, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	n := &node{log: &logBuffer{}}
	o := Options{
		Directory: p.Directory, Roots: p.Roots, HTTPPort: p.HTTPPort, TLSPort: p.TLSPort,
		Interval: 200 * time.Millisecond, Log: slog.New(slog.NewTextHandler(n.log, nil)),
	}
	if change != nil {
		change(&o)
	}
	if n.Manager, err = New(store, box, names, o); err != nil {
		t.Fatal(err)
	}
	tlsPort, httpPort := 0, 0
	if validated {
		tlsPort, httpPort = p.TLSPort, p.HTTPPort
	}
	l := listen(t, tlsPort)
	n.addr = l.Addr().String()
	asking := &tls.Config{GetCertificate: n.GetCertificate, NextProtos: append([]string{"http/1.1"}, n.Protocols()...), ClientAuth: tls.RequireAnyClientCert}
	plain := asking.Clone()
	plain.ClientAuth = tls.NoClientCert
	// A client certificate is demanded where the name is that of the
	// authentication host, and never of the authority.
	asking.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if IsChallenge(hello) || !strings.HasPrefix(hello.ServerName, "auth.") {
			return plain, nil
		}
		return nil, nil
	}
	hl := listen(t, httpPort)
	plainHTTP := &http.Server{Handler: n.HTTPHandler(http.NotFoundHandler())}
	secure := &http.Server{Handler: http.NotFoundHandler(), TLSConfig: asking, ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug)}
	running, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { n.Run(running) })
	wg.Go(func() { _ = secure.ServeTLS(l, "", "") })
	wg.Go(func() { _ = plainHTTP.Serve(hl) })
	n.stop = sync.OnceFunc(func() {
		cancel()
		_ = secure.Close()
		_ = plainHTTP.Close()
		wg.Wait()
	})
	t.Cleanup(func() {
		n.stop()
		if t.Failed() {
			t.Log(n.log)
		}
	})
	return n
}

func listen(t *testing.T, port int) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// certificate is what the node shows for a name, and whether roots vouch for it.
func (n *node) certificate(name string, roots *x509.CertPool) (*x509.Certificate, error) {
	c, err := tls.Dial("tcp", n.addr, &tls.Config{ServerName: name, InsecureSkipVerify: true})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	leaf := c.ConnectionState().PeerCertificates[0]
	pool := x509.NewCertPool()
	for _, other := range c.ConnectionState().PeerCertificates[1:] {
		pool.AddCert(other)
	}
	_, err = leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: pool})
	return leaf, err
}

// eventually polls. After an order that failed certmagic waits for a minute, and then
// for two, before it orders again.
func eventually(ok func() bool) bool {
	for end := time.Now().Add(5 * time.Minute); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// wait polls until the node shows a valid certificate for a name.
func (n *node) wait(t *testing.T, name string, roots *x509.CertPool) (leaf *x509.Certificate) {
	t.Helper()
	var err error
	if !eventually(func() bool { leaf, err = n.certificate(name, roots); return err == nil }) {
		t.Fatalf("%s: %v", name, err)
	}
	return leaf
}

func TestChallenges(t *testing.T) {
	p := acmetest.Start(t, acmetest.Options{})
	for name, change := range map[string]func(*Options){
		"http-01":     func(o *Options) { o.NoTLSALPN = true },
		"tls-alpn-01": func(o *Options) { o.NoHTTP = true },
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t, p, mem.NewMeta(), true, []string{name + ".lab.example", "auth." + name + ".lab.example"}, change)
			n.wait(t, name+".lab.example", p.Issuers())
			until := n.Expiries()[name+".lab.example"]
			if time.Until(until) < 24*time.Hour {
				t.Errorf("expires %v", until)
			}
			// The authority got through although clients of this host are asked for certificates.
			if !eventually(func() bool { return !n.Expiries()["auth."+name+".lab.example"].IsZero() }) {
				t.Error("no certificate for the authentication host")
			}
		})
	}
}

// Two processes share one certificate. The one that orders it is not the one
// the authority reaches, and a third that comes later orders none.
func TestNodesShare(t *testing.T) {
	p := acmetest.Start(t, acmetest.Options{})
	roots := p.Issuers()
	store := mem.NewMeta()
	const name = "s3.lab.example"
	hidden := start(t, p, store, false, []string{name}, nil)
	reached := start(t, p, store, true, nil, nil) // manages nothing, answers challenges
	serial := hidden.wait(t, name, roots).SerialNumber
	reached.stop()
	p.Pause() // whoever orders now fails
	late := start(t, p, store, false, []string{name}, nil)
	if got := late.wait(t, name, roots).SerialNumber; got.Cmp(serial) != 0 {
		t.Errorf("serial numbers %v and %v", serial, got)
	}
}

// Two that start at once order one certificate.
func TestNodesRace(t *testing.T) {
	p := acmetest.Start(t, acmetest.Options{})
	roots := p.Issuers()
	store := mem.NewMeta()
	const name = "race.lab.example"
	a := start(t, p, store, true, []string{name}, nil)
	b := start(t, p, store, false, []string{name}, nil)
	x, y := a.wait(t, name, roots), b.wait(t, name, roots)
	if x.SerialNumber.Cmp(y.SerialNumber) != 0 {
		t.Errorf("serial numbers %v and %v", x.SerialNumber, y.SerialNumber)
	}
}

// A certificate is renewed while the server runs. While the authority is away
// the old one serves, and that is said.
func TestRenewalAndOutage(t *testing.T) {
	p := acmetest.Start(t, acmetest.Options{})
	roots := p.Issuers()
	const name = "s3.lab.example"
	n := start(t, p, mem.NewMeta(), true, []string{name}, func(o *Options) { o.renewCheck = time.Second })
	first := n.wait(t, name, roots)
	renewed := n.waitOther(t, name, roots, first)
	p.Pause()
	if !eventually(func() bool { return strings.Contains(n.log.String(), "level=ERROR") }) {
		t.Error("nothing is said of the outage")
	}
	if _, err := n.certificate(name, roots); err != nil {
		t.Errorf("no certificate while the authority is away: %v", err)
	}
	p.Resume()
	n.waitOther(t, name, roots, renewed)
}

// waitOther polls until the node shows another valid certificate than old.
func (n *node) waitOther(t *testing.T, name string, roots *x509.CertPool, old *x509.Certificate) (leaf *x509.Certificate) {
	t.Helper()
	if !eventually(func() (other bool) {
		var err error
		leaf, err = n.certificate(name, roots)
		return err == nil && leaf.SerialNumber.Cmp(old.SerialNumber) != 0
	}) {
		t.Fatal("not renewed")
	}
	return leaf
}

// An authority that is away at the start does not keep the server from serving.
func TestOutageAtStart(t *testing.T) {
	p := acmetest.Start(t, acmetest.Options{})
	p.Pause()
	n := start(t, p, mem.NewMeta(), true, []string{"s3.lab.example"}, nil)
	leaf, err := n.certificate("s3.lab.example", x509.NewCertPool())
	if err == nil || leaf == nil {
		t.Fatalf("certificate %v, %v", leaf, err)
	}
	if !strings.Contains(leaf.Subject.CommonName, "not obtained") {
		t.Errorf("serves %v", leaf.Subject)
	}
	if _, err := n.certificate("other.example", nil); err == nil {
		t.Error("a certificate for a name that is not ours")
	}
}

// Names are added and removed while the server runs.
func TestNamesAtRunTime(t *testing.T) {
	p := acmetest.Start(t, acmetest.Options{})
	roots := p.Issuers()
	store := mem.NewMeta()
	n := start(t, p, store, true, []string{"first.lab.example"}, nil)
	n.wait(t, "first.lab.example", roots)
	if err := AddName(ctx, store, "Second.Lab.example.", time.Now()); err != nil {
		t.Fatal(err)
	}
	n.wait(t, "second.lab.example", roots)
	if err := RemoveName(ctx, store, "second.lab.example"); err != nil {
		t.Fatal(err)
	}
	if !eventually(func() bool { _, err := n.certificate("second.lab.example", roots); return err != nil }) {
		t.Error("a removed name is still served")
	}
	n.wait(t, "first.lab.example", roots)
}

func TestExternalAccount(t *testing.T) {
	const id, key = "kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
	p := acmetest.Start(t, acmetest.Options{EABKeyID: id, EABKey: key})
	n := start(t, p, mem.NewMeta(), true, []string{"s3.lab.example"}, func(o *Options) { o.EABKeyID, o.EABKey = id, key })
	n.wait(t, "s3.lab.example", p.Issuers())
	if strings.Contains(n.log.String(), key) {
		t.Error("the account's key is logged")
	}
}

func TestNamesRefused(t *testing.T) {
	for _, name := range []string{"", "*.lab.example", "a b", "-", "localhost:80", "x/y"} {
		if got, err := CheckName(name); err == nil {
			t.Errorf("%q is taken as %q", name, got)
		}
		if err := AddName(ctx, mem.NewMeta(), name, time.Now()); err == nil {
			t.Errorf("%q is added", name)
		}
	}
	if _, err := New(mem.NewMeta(), nil, nil, Options{NoHTTP: true, NoTLSALPN: true}); err == nil {
		t.Error("a manager without challenges")
	}
}

// What is not a challenge reaches the next handler.
func TestOtherRequestsPass(t *testing.T) {
	p := acmetest.Start(t, acmetest.Options{})
	start(t, p, mem.NewMeta(), true, nil, nil)
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/x", p.HTTPPort))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != 404 {
		t.Errorf("status %d", resp.StatusCode)
	}
}
