package sts

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/gridproxy"
	"github.com/mucura/mucura/core/gridproxy/gridtest"
	"github.com/mucura/mucura/core/sigv4"
)

const (
	authHost = "auth.example.org"
	s3Host   = "s3.example.org"
)

type fixedTrust struct{ t *gridproxy.Trust }

func (f fixedTrust) Trust(context.Context) (*gridproxy.Trust, error) { return f.t, nil }

// lab is an authentication server behind TLS that serves two host names.
type lab struct {
	*Server
	t     *testing.T
	http  *httptest.Server
	world *gridtest.World
	alice *catalog.Account
	key   *accounts.NewKey // of alice
	log   bytes.Buffer

	mu     sync.Mutex
	now    time.Time
	events []Event
}

func newLab(t *testing.T, change ...func(*Server)) *lab {
	t.Helper()
	l := &lab{t: t, world: gridtest.NewWorld(), now: gridtest.Now}
	registry := mem.NewMeta()
	accts := &accounts.Service{Registry: registry, Now: l.clock, SiteKey: bytes.Repeat([]byte{1}, 32)}
	trust := l.world.Trust(t)
	identity := l.verify(trust, l.world.Alice)
	var err error
	l.alice, err = accts.Add(context.Background(), accounts.NewAccount{Name: "alice", Quota: -1, Subjects: []catalog.Subject{
		{Kind: catalog.SubjectCertificate, Name: identity.Identity, Issuer: identity.Issuer},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if l.key, err = accts.AddKey(context.Background(), l.alice.ID, accounts.KeySpec{}); err != nil {
		t.Fatal(err)
	}
	l.Server = &Server{
		Accounts: accts, Verifier: &sigv4.Verifier{Keys: accts, Service: "sts", Now: l.clock}, Trust: fixedTrust{trust},
		Hosts: []string{authHost}, Now: l.clock, Log: slog.New(slog.NewTextHandler(&l.log, nil)), RegisterHint: "Register at https://reg.example.org.",
		Observe: func(e Event) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.events = append(l.events, e)
		},
	}
	for _, c := range change {
		c(l.Server)
	}
	l.start()
	return l
}

func (l *lab) clock() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

func (l *lab) verify(trust *gridproxy.Trust, e *gridtest.Entity) *gridproxy.Result {
	l.t.Helper()
	res, err := gridproxy.Verify(e.Chain(), gridtest.Now, trust, gridproxy.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	return res
}

// start serves the authentication host and the S3 host on one listener.
func (l *lab) start() {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.Strip(r)
		if l.IsHost(Hostname(r.Host)) {
			l.ServeHTTP(w, r)
			return
		}
		if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
			l.t.Error("a client was asked for its certificate on the S3 host")
		}
		if r.Method == http.MethodPost {
			l.ServeActions(w, r)
			return
		}
		_, _ = io.WriteString(w, "s3")
	})
	l.http = httptest.NewUnstartedServer(handler)
	cert := serverCertificate(l.t)
	l.http.TLS = l.ByHost(&tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	l.http.StartTLS()
	l.t.Cleanup(l.http.Close)
}

func serverCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "server"}, DNSNames: []string{authHost, s3Host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, &x509.Certificate{SerialNumber: big.NewInt(1)}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// client connects to a host name, with the certificate of e unless that is nil.
func (l *lab) client(name string, e *gridtest.Entity, change ...func(*tls.Config)) *http.Client {
	conf := &tls.Config{InsecureSkipVerify: true, ServerName: name}
	if e != nil {
		conf.Certificates = []tls.Certificate{{Certificate: e.Chain(), PrivateKey: e.Key}}
	}
	for _, c := range change {
		c(conf)
	}
	tr := &http.Transport{TLSClientConfig: conf, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, l.http.Listener.Addr().String())
	}}
	l.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (l *lab) do(c *http.Client, r *http.Request) reply {
	l.t.Helper()
	resp, err := c.Do(r)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(b)}
}

func (l *lab) request(method, target, body string) *http.Request {
	l.t.Helper()
	r, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

// action sends an STS action, signed when creds are given.
func (l *lab) action(host string, creds *sigv4.Credentials, values ...string) reply {
	l.t.Helper()
	form := url.Values{"Version": {"2011-06-15"}}
	for i := 0; i < len(values); i += 2 {
		form.Set(values[i], values[i+1])
	}
	body := form.Encode()
	r := l.request("POST", "https://"+host+"/", body)
	if creds != nil {
		sum := sha256.Sum256([]byte(body))
		sigv4.SignFor("sts", r, *creds, "mucura", hex.EncodeToString(sum[:]), l.clock())
	}
	return l.do(l.client(host, nil), r)
}

func (l *lab) keyCreds() *sigv4.Credentials {
	return &sigv4.Credentials{AccessKeyID: l.key.ID, SecretAccessKey: l.key.Secret}
}

// credentialsOf reads the Credentials of an action's answer.
func (l *lab) credentialsOf(r reply) *sigv4.Credentials {
	l.t.Helper()
	if r.status != 200 || r.header.Get("Content-Type") != "text/xml" {
		l.t.Fatalf("%d %s", r.status, r.body)
	}
	return &sigv4.Credentials{AccessKeyID: element(r.body, "AccessKeyId"), SecretAccessKey: element(r.body, "SecretAccessKey"), SessionToken: element(r.body, "SessionToken")}
}

func element(doc, name string) string {
	_, rest, ok := strings.Cut(doc, "<"+name+">")
	if !ok {
		return ""
	}
	text, _, _ := strings.Cut(rest, "</"+name+">")
	return text
}

// works checks that credentials are alice's, and gives their principal.
func (l *lab) works(c *sigv4.Credentials) *catalog.Principal {
	l.t.Helper()
	k, err := l.Accounts.Key(context.Background(), c.AccessKeyID, c.SessionToken)
	if err != nil || k.Secret != c.SecretAccessKey || k.Owner.(*catalog.Principal).ID() != l.alice.ID {
		l.t.Fatalf("Key = %+v, %v", k.Owner, err)
	}
	return k.Owner.(*catalog.Principal)
}

func (l *lab) event() Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.events[len(l.events)-1]
}

// wantFault checks an error's form and code, and that the body is well-formed.
func (l *lab) wantFault(r reply, status int, code string) {
	l.t.Helper()
	got := element(r.body, "Code")
	if strings.HasPrefix(r.body, "{") {
		var doc map[string]string
		if err := json.Unmarshal([]byte(r.body), &doc); err != nil {
			l.t.Fatal(err)
		}
		got = doc["code"]
	} else if err := xml.Unmarshal([]byte(r.body), new(struct{ XMLName xml.Name })); err != nil {
		l.t.Fatalf("%q: %v", r.body, err)
	}
	if r.status != status || got != code {
		l.t.Errorf("%d %s, want %d %s", r.status, r.body, status, code)
	}
	if e := l.event(); e.Status != status || e.Code != code || e.Session != nil {
		l.t.Errorf("event %+v", e)
	}
}

func has(list []string, s string) bool { return slices.Contains(list, s) }
