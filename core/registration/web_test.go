package registration

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/serve/servetest"
)

// post sends a form, with the crumb, of somebody who is signed in unless a is nil.
func (l *lab) post(t *testing.T, path string, a *catalog.Account, form url.Values, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	form.Set("crumb", crumb)
	r := httptest.NewRequest(http.MethodPost, l.URL+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.AddCookie(&http.Cookie{Name: crumbCookie, Value: crumb})
	if a != nil {
		r.AddCookie(&http.Cookie{Name: stayCookie, Value: l.stay(t, a)})
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	l.ServeHTTP(w, r)
	return w
}

// A page of another origin on the same host, such as one that somebody stored in a
// bucket, can set the cookie with the crumb, and have its origin not be told.
func TestFormsOfOtherOrigins(t *testing.T) {
	for _, tc := range []struct {
		name          string
		origin, fetch string
		want          int
	}{
		{"a program", "", "", http.StatusSeeOther},
		{"an older browser", "http://pages.example", "", http.StatusSeeOther},
		{"a browser", "http://pages.example", "same-origin", http.StatusSeeOther},
		{"a browser that does not tell the origin", "null", "same-origin", http.StatusSeeOther},
		{"another port", "http://pages.example:9000", "same-site", http.StatusForbidden},
		{"another port, in an older browser", "http://pages.example:9000", "", http.StatusForbidden},
		{"another port that hides", "null", "same-site", http.StatusForbidden},
		{"another port that hides, in an older browser", "null", "", http.StatusForbidden},
		{"another host", "null", "cross-site", http.StatusForbidden},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLab(t)
			var headers []string
			if tc.origin != "" {
				headers = append(headers, "Origin", tc.origin)
			}
			if tc.fetch != "" {
				headers = append(headers, "Sec-Fetch-Site", tc.fetch)
			}
			w := l.post(t, "/account/quota", l.ana, url.Values{"gib": {"0.000004"}}, headers...)
			if w.Code != tc.want {
				t.Errorf("%d, want %d: %s", w.Code, tc.want, w.Body)
			}
		})
	}
	w := httptest.NewRecorder()
	newLab(t).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://pages.example/", nil))
	if p := w.Header().Get("Referrer-Policy"); p != "same-origin" {
		t.Errorf("with the policy %q a browser sends our own forms from null", p)
	}
}

// What somebody has shown counts for half an hour, however often she goes in by it.
func TestTicketIsNotRenewed(t *testing.T) {
	l := newLab(t)
	now := time.Now()
	l.Service.Now = func() time.Time { return now }
	text := l.ticket(t, "CN=ana") // for a minute
	for range 3 {
		w := l.post(t, "/enter", nil, url.Values{"ticket": {text}})
		found := regexp.MustCompile(`name="ticket" value="([^"]+)"`).FindStringSubmatch(w.Body.String())
		if w.Code != http.StatusOK || found == nil {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		text = found[1]
		now = now.Add(10 * time.Second)
	}
	if w := l.post(t, "/signin/ticket", nil, url.Values{"ticket": {text}}); w.Code != http.StatusOK {
		t.Fatalf("within the minute: %d %s", w.Code, w.Body)
	}
	now = now.Add(time.Minute)
	for _, door := range []string{"/enter", "/signin/ticket", "/register"} {
		if w := l.post(t, door, nil, url.Values{"ticket": {text}}); w.Code != http.StatusForbidden {
			t.Errorf("%s, two minutes after: %d", door, w.Code)
		}
	}
}

// Forms and programs' bodies that do not come are not waited for: nobody has shown
// yet who she is.
func TestBodiesInTime(t *testing.T) {
	l := newLab(t)
	for name, h := range map[string]http.HandlerFunc{"page": l.ServeHTTP, "login": l.programs.Login, "register": l.programs.Register} {
		w := servetest.NewTimed()
		h(w, httptest.NewRequest(http.MethodPost, l.URL+"/signin", strings.NewReader("{}")))
		if len(w.Ends) != 2 || w.Ends[0].IsZero() || time.Until(w.Ends[0]) > time.Minute || !w.Ends[1].IsZero() {
			t.Errorf("%s: %d, deadlines %v", name, w.Code, w.Ends)
		}
	}
}

// Nobody takes somebody else's address for a name, by which she signs in.
func TestNameThatIsAnAddress(t *testing.T) {
	l := newLab(t)
	form := func(name string) Form { return Form{Name: name, Email: "eve@example.org", Password: "0123456789"} }
	if _, err := l.Service.ApplyInvited(ctx, l.invitation, form("ana@example.org"), "192.0.2.1"); !errors.Is(err, ErrForm) {
		t.Errorf("took ana's address: %v", err)
	}
	if a, err := l.Service.Accounts.SignIn(ctx, "ana@example.org", "a long password of ana", "192.0.2.1"); err != nil || a.ID != l.ana.ID {
		t.Errorf("ana signs in: %+v, %v", a, err)
	}
	vouched := &Applicant{Subject: catalog.Subject{Kind: catalog.SubjectOIDC, Name: "s", Issuer: "https://idp.example"}, Email: "zoe@example.org"}
	if _, err := l.Service.Apply(ctx, vouched, form("Zoe@example.org")); err != nil {
		t.Errorf("her own: %v", err)
	}
	if in, err := l.Service.Invitation(ctx, l.invitation); err != nil || in.Uses != 2 {
		t.Errorf("the invitation: %+v, %v", in, err)
	}
}
