package sts

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/gridproxy/gridtest"
	"github.com/mucura/mucura/core/sigv4"
)

// get asks /credentials with a certificate.
func (l *lab) get(e *gridtest.Entity) reply {
	l.t.Helper()
	return l.do(l.client(authHost, e), l.request("GET", "https://"+authHost+"/credentials", ""))
}

func (l *lab) jsonCredentials(r reply) *sigv4.Credentials {
	l.t.Helper()
	var doc credentialsJSON
	if err := json.Unmarshal([]byte(r.body), &doc); r.status != 200 || err != nil {
		l.t.Fatalf("%d %s", r.status, r.body)
	}
	if doc.Version != 1 || doc.Token != doc.SessionToken || r.header.Get("Cache-Control") != "no-store" {
		l.t.Errorf("%+v", doc)
	}
	if _, err := time.Parse("2006-01-02T15:04:05Z", doc.Expiration); err != nil {
		l.t.Error(err)
	}
	return &sigv4.Credentials{AccessKeyID: doc.AccessKeyID, SecretAccessKey: doc.SecretAccessKey, SessionToken: doc.SessionToken}
}

func TestCredentials(t *testing.T) {
	l := newLab(t)
	for name, e := range map[string]*gridtest.Entity{
		"certificate": l.world.Alice,
		"proxy":       gridtest.NewProxy(l.world.Alice),
		"two proxies": gridtest.NewProxy(gridtest.NewProxy(l.world.Alice)),
	} {
		if p := l.works(l.jsonCredentials(l.get(e))); p.Limited() || p.Session.By != catalog.ByX509 || !strings.Contains(p.Session.Identity, "CN=Alice,") {
			t.Errorf("%s: %+v", name, p.Session)
		}
	}
	if p := l.works(l.jsonCredentials(l.get(gridtest.NewLimited(l.world.Alice)))); !p.Limited() {
		t.Error("a limited proxy gives credentials that are not")
	}
	fqans := []string{"/vo.example.org/production/Role=pilot", "/vo.example.org"}
	voms := gridtest.NewProxy(l.world.Alice, gridtest.Also(gridtest.VOMS(l.world.AC(l.world.Alice, fqans))))
	p := l.works(l.jsonCredentials(l.get(voms)))
	if !has(p.Groups(), fqans[0]) || p.Session.VO() != "vo.example.org" {
		t.Errorf("groups %v", p.Groups())
	}
	e := l.event()
	if e.Op != "GetCredentials" || e.Chain == nil || e.Chain.Depth != 1 || e.Session.ID == "" || e.Account != l.alice.ID || e.TLS != "TLS 1.3" || e.Suite == "" {
		t.Errorf("event %+v", e)
	}
	post := l.request("POST", "https://"+authHost+"/credentials", "DurationSeconds=900")
	creds := l.jsonCredentials(l.do(l.client(authHost, l.world.Alice, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), post))
	if s := l.works(creds).Session; s.Expires.Sub(s.Issued) > 900*time.Second {
		t.Errorf("lives %v", s.Expires.Sub(s.Issued))
	}
}

// A session never outlives the proxy it was issued for.
func TestNeverPastTheProxy(t *testing.T) {
	l := newLab(t)
	end := gridtest.Now.Add(20 * time.Minute)
	short := gridtest.NewProxy(gridtest.NewProxy(l.world.Alice, gridtest.Valid(gridtest.NotBefore, end)))
	if s := l.works(l.jsonCredentials(l.get(short))).Session; !s.Expires.Equal(end) {
		t.Errorf("expires %v, the proxy at %v", s.Expires, end)
	}
}

func TestRefused(t *testing.T) {
	l := newLab(t)
	past := gridtest.Valid(gridtest.NotBefore, gridtest.Now.Add(-time.Hour))
	for _, c := range []struct {
		name   string
		e      *gridtest.Entity
		status int
		code   string
		says   string
	}{
		{"nothing", nil, 401, "MissingCertificate", "SHA-1"},
		{"expired proxy", gridtest.NewProxy(l.world.Alice, past), 403, "AccessDenied", "(expired)"},
		{"revoked", l.world.Dave, 403, "AccessDenied", "(revoked)"},
		{"revoked behind a proxy", gridtest.NewProxy(l.world.Dave), 403, "AccessDenied", "(revoked)"},
		{"tampered", gridtest.NewProxy(l.world.Alice, gridtest.With(func(c *gridtest.Cert) { c.BadSignature = true })), 403, "AccessDenied", "(signature)"},
		{"unknown CA", gridtest.NewEEC("/DC=org/DC=example/CN=Eve", gridtest.NewCA("/CN=Evil", nil)), 403, "AccessDenied", "(untrusted)"},
		{"unregistered", gridtest.NewProxy(l.world.Bob), 403, "NotRegistered", "Register at https://reg.example.org."},
	} {
		t.Run(c.name, func(t *testing.T) {
			l.t = t
			r := l.get(c.e)
			l.wantFault(r, c.status, c.code)
			if !strings.Contains(r.body, c.says) {
				t.Errorf("%s does not say %s", r.body, c.says)
			}
			action := l.do(l.client(authHost, c.e), l.request("POST", "https://"+authHost+"/?Action=AssumeRoleWithCertificate&Version=2011-06-15", ""))
			l.wantFault(action, c.status, c.code)
		})
	}
	l.t = t
	for state, says := range map[catalog.State]string{catalog.Suspended: "suspended", catalog.Requested: "approval"} {
		if _, err := l.Accounts.Update(context.Background(), l.alice.ID, func(a *catalog.Account) error { a.State = state; return nil }); err != nil {
			t.Fatal(err)
		}
		r := l.get(l.world.Alice)
		l.wantFault(r, 403, "AccessDenied")
		if !strings.Contains(r.body, says) {
			t.Errorf("%s: %s", state, r.body)
		}
	}
}

// The same subject from another CA is not the person.
func TestOtherIssuer(t *testing.T) {
	l := newLab(t)
	_, err := l.Accounts.Update(context.Background(), l.alice.ID, func(a *catalog.Account) error { a.Subjects[0].Issuer = "CN=Former CA"; return nil })
	if err != nil {
		t.Fatal(err)
	}
	r := l.get(l.world.Alice)
	l.wantFault(r, 403, "NotRegistered")
	if !strings.Contains(r.body, "another issuing CA") {
		t.Error(r.body)
	}
}

// A chain is judged at every request, also on a connection that is kept.
func TestJudgedEachTime(t *testing.T) {
	l := newLab(t)
	proxy := gridtest.NewProxy(l.world.Alice, gridtest.Valid(gridtest.NotBefore, gridtest.Now.Add(time.Hour)))
	c := l.client(authHost, proxy)
	ask := func() reply { return l.do(c, l.request("GET", "https://"+authHost+"/credentials", "")) }
	l.jsonCredentials(ask())
	l.mu.Lock()
	l.now = l.now.Add(2 * time.Hour)
	l.mu.Unlock()
	l.wantFault(ask(), 403, "AccessDenied")
}

func TestHosts(t *testing.T) {
	l := newLab(t)
	// The S3 host asks nobody for a certificate, and cannot be used to reach
	// the authentication host.
	c := l.client(s3Host, l.world.Alice)
	if r := l.do(c, l.request("GET", "https://"+s3Host+"/", "")); r.body != "s3" {
		t.Errorf("%d %s", r.status, r.body)
	}
	r := l.request("GET", "https://"+s3Host+"/credentials", "")
	r.Host = authHost
	l.wantFault(l.do(c, r), 421, "MisdirectedRequest")
	r = l.request("GET", "https://"+authHost+"/credentials", "")
	r.Host = "AUTH.example.org:443"
	l.jsonCredentials(l.do(l.client(authHost, l.world.Alice), r))
	for _, path := range []string{"/other", "/credentials/", "//credentials"} {
		l.wantFault(l.do(l.client(authHost, l.world.Alice), l.request("GET", "https://"+authHost+path, "")), 404, "NotFound")
	}
	l.wantFault(l.do(l.client(authHost, l.world.Alice), l.request("DELETE", "https://"+authHost+"/credentials", "")), 405, "MethodNotAllowed")
}

// A header that names a certificate counts only from the terminator that is
// configured.
func TestTerminator(t *testing.T) {
	chain := func(l *lab) string {
		var pem strings.Builder
		for _, der := range gridtest.NewProxy(l.world.Alice).Chain() {
			pem.Write(gridtest.CertPEM(der))
		}
		return pem.String()
	}
	albEscape := func(s string) string {
		return strings.NewReplacer("\n", "%0A", " ", "%20").Replace(s) // + = / stay
	}
	here := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	elsewhere := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct {
		kind    Terminator
		from    []netip.Prefix
		header  string
		value   func(l *lab) string
		accepts bool
	}{
		{ALB, here, "X-Amzn-Mtls-Clientcert", func(l *lab) string { return albEscape(chain(l)) }, true},
		{ALB, elsewhere, "X-Amzn-Mtls-Clientcert", func(l *lab) string { return albEscape(chain(l)) }, false},
		{"", here, "X-Amzn-Mtls-Clientcert", func(l *lab) string { return albEscape(chain(l)) }, false},
		{Envoy, here, "X-Amzn-Mtls-Clientcert", func(l *lab) string { return albEscape(chain(l)) }, false},
		{Envoy, here, "X-Forwarded-Client-Cert", func(l *lab) string { return `Hash=ab;Cert="x";Chain="` + url.QueryEscape(chain(l)) + `"` }, false}, // spaces as +
		{Envoy, here, "X-Forwarded-Client-Cert", func(l *lab) string { return `By=a;Hash=ab;Subject="CN=a;b,c";Chain="` + url.PathEscape(chain(l)) + `"` }, true},
		{Envoy, here, "X-Forwarded-Client-Cert", func(l *lab) string { return `Chain="` + url.PathEscape(chain(l)) + `",Hash=cd` }, false},
		{ALB, here, "X-Forwarded-Client-Cert", func(l *lab) string { return `Chain="` + url.PathEscape(chain(l)) + `"` }, false},
		{"", nil, "X-Forwarded-Client-Cert", func(l *lab) string { return `Chain="` + url.PathEscape(chain(l)) + `"` }, false},
	} {
		t.Run(fmt.Sprint(c.kind, c.header, c.accepts), func(t *testing.T) {
			l := newLab(t, func(s *Server) { s.Terminator, s.From = c.kind, c.from })
			r := l.request("GET", "https://"+authHost+"/credentials", "")
			r.Header.Set(c.header, c.value(l))
			got := l.do(l.client(authHost, nil), r)
			if (got.status == 200) != c.accepts {
				t.Errorf("%d %s", got.status, got.body)
			}
			if c.accepts {
				l.works(l.jsonCredentials(got))
			}
		})
	}
}

func TestStrip(t *testing.T) {
	for _, s := range []*Server{nil, {}, {Terminator: ALB, From: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}} {
		r, err := http.NewRequest("GET", "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.RemoteAddr = "192.0.2.1:77"
		for _, h := range []string{"X-Amzn-Mtls-Clientcert", "X-Amzn-Mtls-Clientcert-Leaf", "X-Forwarded-Client-Cert"} {
			r.Header.Set(h, "x")
		}
		if s.Strip(r); len(r.Header) != 0 {
			t.Errorf("%+v leaves %v", s, r.Header)
		}
	}
	for _, bad := range []struct {
		kind Terminator
		from []netip.Prefix
	}{{"nginx", nil}, {ALB, nil}, {ALB, []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}} {
		if CheckTerminator(bad.kind, bad.from) == nil {
			t.Errorf("took %+v", bad)
		}
	}
}

// A terminator is known by the address that connects, whatever a proxy says of clients.
func TestStripForwarded(t *testing.T) {
	s := &Server{Terminator: ALB, From: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}}
	for peer, kept := range map[string]bool{"10.0.0.1:1": true, "10.0.0.2:1": false} {
		r, err := http.NewRequest("GET", "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.RemoteAddr = peer
		r.Header.Set(albHeader, "x")
		for _, client := range []string{"203.0.113.7", "10.0.0.1"} {
			f := Forwarded(r, netip.MustParseAddr(client))
			f.Header = r.Header.Clone()
			if s.Strip(f); (f.Header.Get(albHeader) != "") != kept || f.RemoteAddr != client+":0" || r.RemoteAddr != peer {
				t.Errorf("%s for %s: %v from %s", peer, client, f.Header, f.RemoteAddr)
			}
		}
	}
}

func TestWithCertificate(t *testing.T) {
	l := newLab(t)
	r := l.do(l.client(authHost, gridtest.NewProxy(l.world.Alice)), l.request("POST", "https://"+authHost+"/?Action=AssumeRoleWithCertificate&Version=2011-06-15", "DurationSeconds=1000"))
	l.works(l.credentialsOf(r))
	for _, want := range []string{
		`<AssumeRoleWithCertificateResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithCertificateResult><Credentials><AccessKeyId>MUS`,
		`</Expiration></Credentials></AssumeRoleWithCertificateResult><ResponseMetadata><RequestId>`,
	} {
		if !strings.Contains(r.body, want) {
			t.Errorf("%s\nlacks %s", r.body, want)
		}
	}
	for _, d := range []string{"899", "43201", "x", "-1"} {
		r := l.do(l.client(authHost, l.world.Alice), l.request("POST", "https://"+authHost+"/?Action=AssumeRoleWithCertificate&DurationSeconds="+d, ""))
		l.wantFault(r, 400, "ValidationError")
	}
	r = l.do(l.client(authHost, l.world.Alice), l.request("GET", "https://"+authHost+"/?Action=AssumeRoleWithCertificate", ""))
	l.wantFault(r, 405, "MethodNotAllowed")
	if !strings.Contains(r.body, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>`) {
		t.Error(r.body)
	}
}

const readOnly = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}`

func TestAssumeRole(t *testing.T) {
	l := newLab(t)
	for _, host := range []string{authHost, s3Host} { // it needs no certificate
		first := l.credentialsOf(l.action(host, l.keyCreds(), "Action", "AssumeRole", "RoleArn", "arn:aws:iam::x:role/y", "RoleSessionName", "job", "Policy", readOnly, "DurationSeconds", "900"))
		p := l.works(first)
		if p.Session.Name != "job" || p.Session.Key != l.key.ID || len(p.SessionPolicies) != 1 || p.Session.By != catalog.ByKey {
			t.Fatalf("%+v", p.Session)
		}
		// From a session comes less, never more, and it ends with it.
		second := l.credentialsOf(l.action(host, first, "Action", "AssumeRole", "Policy", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`))
		q := l.works(second)
		if len(q.SessionPolicies) != 2 || q.SessionPolicies[0] != readOnly || q.Session.Expires.After(p.Session.Expires) || !has(q.Session.Parents, first.AccessKeyID) {
			t.Errorf("%+v", q.Session)
		}
		if err := l.Accounts.EndSession(context.Background(), l.alice.ID, first.AccessKeyID); err != nil {
			t.Fatal(err)
		}
		l.wantFault(l.action(host, second, "Action", "GetCallerIdentity"), 403, "ExpiredToken")
	}
	l.wantFault(l.action(authHost, l.keyCreds(), "Action", "AssumeRole", "Policy", "{"), 400, "MalformedPolicyDocument")
	l.wantFault(l.action(authHost, l.keyCreds(), "Action", "AssumeRole", "Policy", strings.Repeat("x", 3000)), 400, "PackedPolicyTooLarge")
	l.wantFault(l.action(authHost, nil, "Action", "AssumeRole"), 403, "MissingAuthenticationToken")
	wrong := *l.keyCreds()
	wrong.SecretAccessKey += "x"
	l.wantFault(l.action(authHost, &wrong, "Action", "AssumeRole"), 403, "SignatureDoesNotMatch")
	wrong = *l.keyCreds()
	wrong.AccessKeyID = "MUNKNOWN"
	l.wantFault(l.action(authHost, &wrong, "Action", "AssumeRole"), 403, "InvalidClientTokenId")
	l.wantFault(l.action(authHost, l.keyCreds(), "Action", "Nonsense"), 400, "InvalidAction")
	// A chain of sessions ends somewhere.
	creds := l.keyCreds()
	for n := 0; ; n++ {
		r := l.action(authHost, creds, "Action", "AssumeRole")
		if r.status == 400 && n > 2 {
			break
		}
		if creds = l.credentialsOf(r); n > 10 {
			t.Fatal("sessions without end")
		}
	}
}

// What comes from a limited proxy stays limited.
func TestLimitedStays(t *testing.T) {
	l := newLab(t)
	creds := l.jsonCredentials(l.get(gridtest.NewLimited(l.world.Alice)))
	if p := l.works(l.credentialsOf(l.action(authHost, creds, "Action", "AssumeRole"))); !p.Limited() || p.Session.By != catalog.ByX509 || p.Session.Identity == "" {
		t.Errorf("%+v", p.Session)
	}
}

func TestSessionTokenAndIdentity(t *testing.T) {
	l := newLab(t)
	creds := l.credentialsOf(l.action(authHost, l.keyCreds(), "Action", "GetSessionToken"))
	l.works(creds)
	l.wantFault(l.action(authHost, creds, "Action", "GetSessionToken"), 403, "AccessDenied")
	r := l.action(authHost, l.keyCreds(), "Action", "GetCallerIdentity")
	if element(r.body, "Arn") != "arn:aws:iam::"+l.alice.ID+":user/alice" || element(r.body, "UserId") != l.alice.ID || element(r.body, "Account") != l.alice.ID {
		t.Error(r.body)
	}
	r = l.action(authHost, creds, "Action", "GetCallerIdentity")
	if !strings.HasPrefix(element(r.body, "Arn"), "arn:aws:sts::"+l.alice.ID+":assumed-role/alice/") {
		t.Error(r.body)
	}
	if err := l.Accounts.RemoveKey(context.Background(), l.alice.ID, l.key.ID); err != nil {
		t.Fatal(err)
	}
	l.wantFault(l.action(authHost, creds, "Action", "GetCallerIdentity"), 403, "InvalidClientTokenId")
}

// knownTokens is a WebIdentity that knows some tokens.
type knownTokens map[string]*WebUser

func (k knownTokens) Verify(_ context.Context, token, _ string) (*WebUser, error) {
	switch {
	case token == "down":
		return nil, context.DeadlineExceeded
	case token == "old":
		return nil, &TokenError{Text: "The token has expired.", Expired: true}
	case k[token] == nil:
		return nil, &TokenError{Text: "The token is not of an issuer we know."}
	}
	return k[token], nil
}

func TestWebIdentity(t *testing.T) {
	user := func(sub string) *WebUser {
		return &WebUser{Issuer: "https://idp", Subject: sub, Audience: "mucura", Groups: []string{"/vo/g"}, Expires: gridtest.Now.Add(30 * time.Minute), Policy: readOnly}
	}
	l := newLab(t, func(s *Server) { s.OIDC = knownTokens{"good": user("alice"), "stranger": user("bob")} })
	if err := l.Accounts.AddSubject(context.Background(), l.alice.ID, catalog.Subject{Kind: catalog.SubjectOIDC, Issuer: "https://idp", Name: "alice"}); err != nil {
		t.Fatal(err)
	}
	ask := func(token string) reply {
		return l.action(authHost, nil, "Action", "AssumeRoleWithWebIdentity", "WebIdentityToken", token, "RoleArn", "arn:aws:iam::x:role/y", "RoleSessionName", "job")
	}
	r := ask("good")
	p := l.works(l.credentialsOf(r))
	if p.Session.By != catalog.ByOIDC || !p.Session.Expires.Equal(gridtest.Now.Add(30*time.Minute)) || len(p.SessionPolicies) != 1 || !has(p.Groups(), "/vo/g") {
		t.Errorf("%+v", p.Session)
	}
	for name, want := range map[string]string{
		"SubjectFromWebIdentityToken": "alice", "Audience": "mucura", "Provider": "https://idp",
		"Arn": "arn:aws:sts::" + l.alice.ID + ":assumed-role/alice/job", "AssumedRoleId": l.alice.ID + ":job",
	} {
		if got := element(r.body, name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	l.wantFault(ask("stranger"), 403, "NotRegistered")
	l.wantFault(ask("old"), 400, "ExpiredTokenException")
	l.wantFault(ask("forged"), 400, "InvalidIdentityToken")
	l.wantFault(ask("down"), 400, "IDPCommunicationError")
	l.wantFault(ask(""), 400, "MissingParameter")
	off := newLab(t)
	off.wantFault(off.action(authHost, nil, "Action", "AssumeRoleWithWebIdentity", "WebIdentityToken", "good"), 501, "NotOffered")
}

// Nothing that opens anything is told to the log or to an event.
func TestNoSecrets(t *testing.T) {
	l := newLab(t)
	creds := l.jsonCredentials(l.get(l.world.Alice))
	l.action(authHost, creds, "Action", "GetCallerIdentity")
	l.action(authHost, &sigv4.Credentials{AccessKeyID: creds.AccessKeyID, SecretAccessKey: "wrong", SessionToken: creds.SessionToken}, "Action", "GetCallerIdentity")
	text := l.log.String() + fmt.Sprintf("%+v", l.events)
	for _, e := range l.events {
		text += fmt.Sprint(e.Err)
		if e.Session != nil {
			text += fmt.Sprintf("%+v", *e.Session)
		}
	}
	for _, secret := range []string{creds.SecretAccessKey, creds.SessionToken, l.key.Secret} {
		if strings.Contains(text, secret) {
			t.Errorf("a secret is in %s", text)
		}
	}
}

func TestHostile(t *testing.T) {
	l := newLab(t)
	c := l.client(authHost, l.world.Alice)
	for _, r := range []*http.Request{
		l.request("POST", "https://"+authHost+"/", strings.Repeat("a", maxBody+1)),
		l.request("POST", "https://"+authHost+"/?Action=%zz", ""),
		l.request("POST", "https://"+authHost+"/", "Action=AssumeRole&%zz"),
		l.request("POST", "https://"+authHost+"/", "Action=AssumeRole&RoleSessionName="+strings.Repeat("n", 100)),
		l.request("POST", "https://"+authHost+"/sessions", "{"),
	} {
		if got := l.do(c, r); got.status < 400 {
			t.Errorf("%s: %d %s", r.URL, got.status, got.body)
		}
	}
	var long accounts.SessionSpec
	long.Account = l.alice.ID
	for range 200 {
		long.Groups = append(long.Groups, strings.Repeat("/vo", 50))
	}
	if _, _, err := l.Accounts.Issue(context.Background(), long); err == nil {
		t.Error("issued a session of 200 groups")
	}
}
