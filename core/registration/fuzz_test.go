package registration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/api"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/gridproxy"
	"github.com/mucura/mucura/core/quota"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/seal"
	"github.com/mucura/mucura/core/sigv4"
)

var ctx = context.Background()

// plainHasher keeps passwords as they are: hashing is not what is tested.
type plainHasher struct{}

func (plainHasher) Hash(password string) (string, error) { return "plain:" + password, nil }
func (plainHasher) Verify(hash, password string) (ok, stale bool, err error) {
	return hash == "plain:"+password, false, nil
}

// institute is a provider at which one person signs in.
type institute struct{}

func (institute) Providers() []Provider { return []Provider{{"https://idp.example", "Institute"}} }
func (institute) Begin(_ context.Context, issuer, redirect string, p Proof) (string, error) {
	if issuer != "https://idp.example" {
		return "", errors.New("no such issuer")
	}
	return issuer + "/authorize?state=" + url.QueryEscape(p.State) + "&redirect_uri=" + url.QueryEscape(redirect), nil
}
func (institute) Finish(context.Context, string, string, string, Proof) (*Login, error) {
	return &Login{Issuer: "https://idp.example", Subject: "s1", Name: "Ida", Email: "ida@example.org", EmailVerified: true, Expires: time.Now().Add(time.Hour)}, nil
}

// lab is the pages of a site with an operator, op, and a member, ana, who has a
// certificate.
type lab struct {
	*Web
	programs   *API
	op, ana    *catalog.Account
	invitation string
}

const crumb = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

func newLab(t testing.TB) *lab {
	t.Helper()
	store := mem.NewMeta()
	accts := &accounts.Service{Registry: store, Now: time.Now, SiteKey: bytes.Repeat([]byte{7}, 32), Passwords: plainHasher{}}
	keeper := &quota.Keeper{Registry: store, Now: time.Now, Process: "test"}
	r := &repo.Repo{Meta: store, Registry: store, Content: mem.NewContent(), Accounts: accts, Quota: keeper, Now: time.Now, InlineMax: 1 << 10, Leeway: time.Hour}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	svc := &Service{Accounts: accts, Registry: store, Quota: 1000, Cap: 5000, Now: time.Now, Log: log, Rules: []Rule{rule(t, "invitation:")}}
	box, err := seal.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	chain := func() (*gridproxy.Result, error) {
		return &gridproxy.Result{Identity: "CN=Zoe", Issuer: "CN=CA", NotAfter: time.Now().Add(time.Hour)}, nil
	}
	l := &lab{
		Web: &Web{
			Service: svc, Box: box, URL: "http://pages.example", CertificateURL: "https://auth.example/-/register", Endpoint: "https://s3.example", Region: "mucura",
			Site: "Test", OIDC: institute{}, Chain: func(*http.Request) (*gridproxy.Result, error) { return chain() },
			API: &api.Server{Accounts: accts, Repo: r, Quota: keeper, Verifier: &sigv4.Verifier{Keys: accts}, Now: time.Now},
		},
		programs: &API{
			Service: svc, Chain: func(*http.Request, []byte) (*gridproxy.Result, error) { return chain() },
			Token: func(_ *http.Request, token string) (*Login, error) {
				return &Login{Issuer: "https://idp.example", Subject: token, UserName: token, Name: token, Expires: time.Now().Add(time.Hour)}, nil
			},
		},
	}
	if err := l.Init(); err != nil {
		t.Fatal(err)
	}
	add := func(name string, role catalog.Role) *catalog.Account {
		a, err := accts.Add(ctx, accounts.NewAccount{Name: name, Email: name + "@example.org", Role: role, Quota: 1000, QuotaCap: 5000,
			Subjects: []catalog.Subject{{Kind: catalog.SubjectCertificate, Name: "CN=" + name, Issuer: "CN=CA"}}})
		if err == nil {
			err = accts.SetPassword(ctx, a.ID, "a long password of "+name)
		}
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	l.op, l.ana = add("op", catalog.Operator), add("ana", catalog.Member)
	if l.invitation, _, err = svc.Invite(ctx, catalog.Invitation{Label: "course", By: "op", Uses: 2}); err != nil {
		t.Fatal(err)
	}
	return l
}

// ticket is that of somebody who has shown a certificate.
func (l *lab) ticket(t testing.TB, subject string) string {
	t.Helper()
	text, err := l.sealText("ticket", ticket{Expires: time.Now().Add(time.Minute), Ends: time.Now().Add(time.Hour), Applicant: Applicant{
		Subject: catalog.Subject{Kind: catalog.SubjectCertificate, Name: subject, Issuer: "CN=CA"}, Groups: []string{"/vo"}, VO: "vo", DisplayName: subject,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// stay is the cookie of somebody who is signed in.
func (l *lab) stay(t testing.TB, a *catalog.Account) string {
	t.Helper()
	creds, _, err := l.Service.Accounts.Issue(ctx, accounts.SessionSpec{Account: a.ID, Lifetime: time.Hour, By: catalog.ByPassword, Identity: a.Name, Name: "browser"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := l.sealText("stay", stay{creds.AccessKeyID, creds.SessionToken})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// forms are the pages that take one.
func forms() []string {
	return []string{"/signin", "/signin/oidc", "/enter", "/signin/ticket", "/register/invitation", "/register", "/signout", "/account/quota", "/account/keys",
		"/account/keys/remove", "/account/sessions/end", "/queue", "/invitations", "/invitations/withdraw", "/", "/account", "/queue?x", "/signin/oidc/callback"}
}

// Whatever somebody fills in, every form is answered with a page that says so,
// shows nothing of it as markup, and makes nobody an operator.
func FuzzForms(f *testing.F) {
	// ZOE and ANA stand for tickets, INVITE for a code.
	for i, bodies := range [][]string{
		{"name=ana&password=a+long+password+of+ana", "name=op&password=x", "name=%00&password=", "name=ana@example.org&password=wrong+wrong"},
		{"issuer=https://idp.example", "issuer=javascript:alert(1)"},
		{"ticket=ZOE", "ticket=ANA", "ticket=%ff", "ticket="},
		{"ticket=ANA", "ticket=ZOE"},
		{"code=INVITE&name=eve&display_name=Eve&email=eve@example.org&password=0123456789", "code=x&name=eve&password=0123456789", "code=INVITE&name=ana&password=0123456789"},
		{"ticket=ZOE&name=zoe&display_name=<b>Zoe</b>&email=z@example.org&reason=thesis", "ticket=ZOE&name=ana", "ticket=ZOE&name=../x&email=a%0d%0ab@x", "ticket=ANA&name=x"},
		{""},
		{"gib=1", "gib=NaN", "gib=-0", "gib=1e300", "gib=Inf", "gib=0x1p-2", "gib=100000&reason=thesis", "gib=100000"},
		{"label=x&days=30&bucket=b&prefix=p/&access=r", "label=<script>&days=0", "days=99999999999999999999", "bucket=%00&access=god"},
		{"id=x", "id=../../quota", "id=%2e%2e", "id=", "id=a?b#c", "id=a%2fb"},
		{"id=x", "id="},
		{"id=x&decision=approve&answer=y", "id=x/approve&decision=reject", "id="},
		{"uses=3&label=course", "uses=-1", "uses=99999", "uses=x", "uses=1&label=%ff"},
		{"id=x", "id=" + strings.Repeat("0", 64)},
		{""}, {""}, {""}, {"state=x&code=y&error=<b>&error_description=" + strings.Repeat("%c3%a9", 200)},
	} {
		for _, body := range bodies {
			for who := range byte(3) {
				f.Add(byte(i), who, body)
			}
		}
	}
	f.Fuzz(func(t *testing.T, form, who byte, body string) {
		l := newLab(t)
		body = strings.NewReplacer("ZOE", l.ticket(t, "CN=Zoe"), "ANA", l.ticket(t, "CN=ana"), "INVITE", l.invitation).Replace(body)
		path := forms()[int(form)%len(forms())]
		method := http.MethodPost
		if int(form)%len(forms()) >= 14 {
			method, path = http.MethodGet, strings.TrimSuffix(path, "?x")
		}
		r := httptest.NewRequest(method, "http://pages.example"+path, strings.NewReader("crumb="+crumb+"&"+body))
		if method == http.MethodGet {
			r.URL.RawQuery = body
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.AddCookie(&http.Cookie{Name: crumbCookie, Value: crumb})
		switch who % 3 {
		case 1:
			r.AddCookie(&http.Cookie{Name: stayCookie, Value: l.stay(t, l.ana)})
		case 2:
			r.AddCookie(&http.Cookie{Name: stayCookie, Value: l.stay(t, l.op)})
		}
		w := httptest.NewRecorder()
		l.ServeHTTP(w, r)

		if w.Code >= 500 && w.Code != http.StatusBadGateway { // the institute's
			t.Fatalf("%s %s: %d: %s", method, path, w.Code, w.Body)
		}
		if w.Code != http.StatusSeeOther && (w.Header().Get("Content-Security-Policy") == "" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html")) {
			t.Errorf("%s %s: %d with %v", method, path, w.Code, w.Header())
		}
		if to := w.Header().Get("Location"); to != "" && !strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "https://idp.example/") {
			t.Errorf("%s %s leads to %s", method, path, to)
		}
		shown := w.Body.String()
		values, _ := url.ParseQuery(body)
		for _, list := range values {
			for _, v := range list {
				if len(v) > 3 && strings.Contains(v, "<") && html.EscapeString(v) != v && strings.Contains(shown, v) && !strings.Contains(l.untouched(t, path), v) {
					t.Errorf("%s %s shows %q as it is", method, path, v)
				}
			}
		}
		l.sound(t, who%3 == 2)
	})
}

// untouched is a page as it is without anything filled in.
func (l *lab) untouched(t *testing.T, path string) string {
	t.Helper()
	var all strings.Builder
	for _, p := range []string{"pages/welcome.html", "pages/frame.html", "pages/problem.html", "pages/register.html", "pages/account.html", "pages/queue.html", "pages/invitation.html"} {
		text, err := files.ReadFile(p)
		if err != nil {
			t.Fatal(path, err)
		}
		all.Write(text)
	}
	return all.String()
}

// sound wants no account to have got what its owner may not give herself.
func (l *lab) sound(t *testing.T, byOperator bool) {
	t.Helper()
	list, _, err := l.Service.Accounts.List(ctx, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if a.Role == catalog.Operator && a.ID != l.op.ID {
			t.Errorf("%s became an operator", a.Name)
		}
		if !byOperator && (a.Quota < 0 || a.Quota > 5000 || a.QuotaCap != 5000) {
			t.Errorf("%s has quota %d, cap %d", a.Name, a.Quota, a.QuotaCap)
		}
		if again, err := l.Service.Accounts.ByName(ctx, a.Name); err != nil || again.ID != a.ID {
			t.Errorf("account %q is not found by its name: %v", a.Name, err)
		}
	}
}

// Whatever a program sends to register or to log in is answered with JSON.
func FuzzPrograms(f *testing.F) {
	for _, body := range []string{
		`{"name":"zoe","display_name":"Zoe","email":"z@example.org","reason":"thesis"}`, `{}`, `null`, `[]`, `{"name":1}`, "\xff", `{"name":"ana"}`,
		`{"invitation":"INVITE","name":"eve","password":"0123456789"}`, `{"invitation":"INVITE","name":"eve","password":"short"}`, `{"invitation":"x"}`,
		`{"invitation":"INVITE","name":"eve\u0000","email":"a\r\nb@x","password":"0123456789"}`,
		`{"token":"s2","name":"tom"}`, `{"token":"\u0000"}`, `{"chain":["AAAA"],"name":"zoe"}`,
		`{"name":"ana","password":"a long password of ana"}`, `{"name":"ana","password":"a long password of ana","duration":1}`,
		`{"name":"ana","password":"a long password of ana","duration":-9223372036854775808}`,
		`{"name":"ana","password":"a long password of ana","duration":9223372036854775807}`, `{"name":"ANA@EXAMPLE.ORG","password":"a long password of ana"}`,
	} {
		f.Add(false, body)
		f.Add(true, body)
	}
	f.Fuzz(func(t *testing.T, login bool, body string) {
		l := newLab(t)
		r := httptest.NewRequest(http.MethodPost, "http://s3.example/", strings.NewReader(strings.ReplaceAll(body, "INVITE", l.invitation)))
		w := httptest.NewRecorder()
		if login {
			l.programs.Login(w, r)
		} else {
			l.programs.Register(w, r)
		}
		if w.Code >= 500 && w.Code != http.StatusNotImplemented {
			t.Fatalf("%d: %s", w.Code, w.Body)
		}
		var answer map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%q: %v", w.Body, err)
		}
		if _, secret := answer["SecretAccessKey"]; secret && !strings.Contains(body, "long password of ") {
			t.Errorf("credentials for %q", body)
		}
		l.sound(t, false)
	})
}
