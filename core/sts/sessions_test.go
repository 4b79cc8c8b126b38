package sts

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/gridproxy/gridtest"
	"github.com/mucura/mucura/core/sigv4"
	"github.com/mucura/mucura/core/x509sig"
)

// signed makes a request for credentials that is signed with a certificate's key.
func (l *lab) signed(e *gridtest.Entity, inBody bool, change ...func(*http.Request)) *http.Request {
	l.t.Helper()
	chain, above := e.Chain(), [][]byte(nil)
	if inBody {
		chain, above = chain[:1], chain[1:]
	}
	body, err := x509sig.Body(1000, above)
	if err != nil {
		l.t.Fatal(err)
	}
	r := l.request("POST", "https://"+authHost+"/sessions?profileArn=p&roleArn=r&trustAnchorArn=t", string(body))
	r.Header.Set("Content-Type", "application/json")
	if err := x509sig.Sign(r, body, e.Key, chain, l.clock()); err != nil {
		l.t.Fatal(err)
	}
	for _, c := range change {
		c(r)
	}
	return r
}

// Way B needs no client certificate at the TLS connection.
func TestSignedSessions(t *testing.T) {
	l := newLab(t, func(s *Server) { s.Signed = SignedFor{authHost} })
	for name, e := range map[string]*gridtest.Entity{
		"EC proxy": gridtest.NewProxy(l.world.Alice), "RSA proxy": gridtest.NewProxy(l.world.Alice, gridtest.Keyed(gridtest.RSAKey(2048))),
		"limited": gridtest.NewLimited(gridtest.NewProxy(l.world.Alice)), "certificate": l.world.Alice,
	} {
		for _, inBody := range []bool{false, true} {
			got := l.do(l.client(authHost, nil), l.signed(e, inBody))
			var doc sessionsAnswer
			if err := json.Unmarshal([]byte(got.body), &doc); got.status != 201 || err != nil || len(doc.CredentialSet) != 1 {
				t.Fatalf("%s: %d %s", name, got.status, got.body)
			}
			c := doc.CredentialSet[0]
			p := l.works(&sigv4.Credentials{AccessKeyID: c.Credentials.AccessKeyID, SecretAccessKey: c.Credentials.SecretAccessKey, SessionToken: c.Credentials.SessionToken})
			if p.Limited() != (name == "limited") || c.RoleArn != "r" || c.SourceIdentity != "alice" || p.Session.By != catalog.ByX509 {
				t.Errorf("%s: %+v", name, doc)
			}
			if life := p.Session.Expires.Sub(p.Session.Issued); life > 1000*time.Second || life < 990*time.Second {
				t.Errorf("%s: lives %v", name, life)
			}
			if e := l.event(); e.Op != "CreateSession" || e.Chain == nil || e.Session == nil {
				t.Errorf("%s: event %+v", name, e)
			}
		}
	}
}

func TestSignedSessionsRefused(t *testing.T) {
	l := newLab(t, func(s *Server) { s.Signed = SignedFor{authHost} })
	proxy := gridtest.NewProxy(l.world.Alice)
	for name, r := range map[string]*http.Request{
		"no signature": l.signed(proxy, false, func(r *http.Request) { r.Header.Del("Authorization") }),
		"other body": l.signed(proxy, false, func(r *http.Request) {
			other := l.request("POST", "https://"+authHost+"/", `{"durationSeconds":43200}`)
			r.Body, r.ContentLength = other.Body, other.ContentLength
		}),
		"other chain":    l.signed(proxy, false, func(r *http.Request) { r.Header.Set("X-Amz-X509-Chain", "AAAA") }),
		"expired proxy":  l.signed(gridtest.NewProxy(l.world.Alice, gridtest.Valid(gridtest.NotBefore, gridtest.Now.Add(-time.Hour))), false),
		"revoked":        l.signed(l.world.Dave, false),
		"not registered": l.signed(gridtest.NewProxy(l.world.Bob), false),
		"stolen leaf":    l.signed(gridtest.NewProxy(l.world.Bob), false, func(r *http.Request) { r.Header.Set(x509sig.HeaderLeaf, base64.StdEncoding.EncodeToString(proxy.DER)) }),
	} {
		got := l.do(l.client(authHost, nil), r)
		var doc map[string]string
		if err := json.Unmarshal([]byte(got.body), &doc); err != nil || got.status != 403 || doc["message"] == "" || got.header.Get("X-Amzn-Errortype") != "AccessDeniedException" {
			t.Errorf("%s: %d %v %s", name, got.status, got.header, got.body)
		}
		if e := l.event(); e.Session != nil || e.Code == "" {
			t.Errorf("%s: event %+v", name, e)
		}
	}
	// Replayed after the time a signature is good for.
	r := l.signed(proxy, false)
	l.mu.Lock()
	l.now = l.now.Add(10 * time.Minute)
	l.mu.Unlock()
	if got := l.do(l.client(authHost, nil), r); got.status != 403 {
		t.Errorf("replayed: %d %s", got.status, got.body)
	}
	if got := newLab(t); true {
		r := got.do(got.client(authHost, nil), got.request("POST", "https://"+authHost+"/sessions", "{}"))
		if r.status != 501 || !strings.Contains(r.body, "message") {
			t.Errorf("where it is off: %d %s", r.status, r.body)
		}
	}
}
