package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/sigv4"
)

// Whatever an operator or a member sends, every call answers with JSON and with
// an error of the client's own, changes nothing that is not hers, and leaves the
// site an operator and records that can be read.
func FuzzCalls(f *testing.F) {
	for _, seed := range []struct {
		call  string
		query string
		body  string
	}{
		{"POST keys", "", `{"label":"x","expires_in":3600,"scope":[{"bucket":"b","prefix":"p/","access":"r"}]}`},
		{"POST keys", "", `{"expires":"2099-01-01T00:00:00Z"}`},
		{"POST keys", "", `{"expires_in":-9223372036854775808}`},
		{"POST keys", "", `{"scope":[{"bucket":"../x","access":"rwx"}]}`},
		{"POST keys/*/rotate", "", `{"overlap":1e99}`},
		{"PUT quota", "", `{"bytes":-1}`}, {"PUT quota", "", `{"bytes":5000}`}, {"PUT quota", "", `{"bytes":9223372036854775807,"reason":"thesis"}`},
		{"GET access-log", "from=2026-01-01&to=x&limit=-1&path=%00", ""},
		{"GET usage", "x=%zz", ""},
		{"POST admin/accounts", "", `{"name":"eve","display_name":"Eve","email":"eve@example.org","role":"member","quota":1,"quota_cap":2,"groups":["/vo"],` +
			`"subjects":[{"kind":"certificate","name":"CN=Eve","issuer":"CN=CA"}],"key":true}`},
		{"POST admin/accounts", "", `{"name":"ana"}`}, {"POST admin/accounts", "", `{"name":"n:\u0000/..","role":"god","quota":-5}`},
		{"PATCH admin/accounts/*", "", `{"name":"ben2","role":"operator","state":"active","groups":null,"add_subjects":[{"kind":"oidc","name":"s","issuer":"https://i"}]}`},
		{"PATCH admin/accounts/*", "", `{"state":"suspended","why":"x"}`}, {"PATCH admin/accounts/*", "", `{"quota":-2}`},
		{"PATCH admin/accounts/*", "", `{"remove_subjects":[{"kind":"password"}]}`},
		{"DELETE admin/accounts/*", "", ""}, {"GET admin/accounts", "max=0&after=%ff&state=x", ""},
		{"POST admin/requests/*/approve", "", `{"bytes":1,"answer":"y","cap":2,"groups":[]}`},
		{"POST admin/invitations", "", `{"uses":99999999999999999999}`},
		{"DELETE sessions/*", "", ""}, {"DELETE account", "", `{"name":"ana"}`},
		{"POST keys", "", `{"label":1}`}, {"POST keys", "", `{} {}`}, {"POST keys", "", `[]`}, {"POST keys", "", "\xff"}, {"POST keys", "", `{"nope":1}`},
	} {
		for i, r := range theRoutes {
			if r.method+" "+r.path == seed.call {
				f.Add(byte(i), "ana", "op", seed.query, seed.body)
				f.Add(byte(i), "op", "ana", seed.query, seed.body)
			}
		}
	}
	for i := range theRoutes {
		f.Add(byte(i), "op", "op", "", `{}`)
		f.Add(byte(i), "ben", "x%2Fy", "", `null`)
	}
	f.Fuzz(func(t *testing.T, call byte, who, name, query, body string) {
		l := newServer(t)
		if _, ok := l.creds[who]; !ok {
			who = "op"
		}
		rt := theRoutes[int(call)%len(theRoutes)]
		r := httptest.NewRequest(rt.method, "http://mucura.example/", strings.NewReader(body))
		r.URL.Path = Prefix + strings.ReplaceAll(rt.path, "*", name)
		r.URL.RawQuery = query
		if _, err := url.ParseQuery(query); err != nil || strings.ContainsAny(query, " #\r\n") {
			return // the client at hand cannot sign it
		}
		sum := sha256.Sum256([]byte(body))
		sigv4.Sign(r, l.creds[who], "mucura", hex.EncodeToString(sum[:]), time.Now())
		w := httptest.NewRecorder()
		l.ServeHTTP(w, r)

		if w.Code >= 500 && w.Code != http.StatusNotImplemented || w.Code < 200 || w.Code >= 300 && w.Code < 400 {
			t.Fatalf("%d: %s", w.Code, w.Body)
		}
		if !json.Valid(w.Body.Bytes()) {
			t.Fatalf("no JSON: %q", w.Body)
		}
		if w.Code != 200 {
			var e Error
			if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Code == "" || e.Message == "" {
				t.Fatalf("%d: %+v, %v", w.Code, e, err)
			}
		}
		if who != "op" && strings.HasPrefix(rt.path, "admin/") && w.Code == 200 {
			t.Fatalf("%s made a call of operators: %s", who, w.Body)
		}
		l.sound(t, who)
	})
}

// sound wants the accounts to be as they may be after one call of somebody's.
func (l *lab) sound(t *testing.T, who string) {
	t.Helper()
	list, more, err := l.Accounts.List(ctx, "", 0)
	if err != nil || more {
		t.Fatal(err, more)
	}
	operators := 0
	for _, a := range list {
		switch a.Role {
		case catalog.Operator:
			if a.State == catalog.Active {
				operators++
			}
			if who != "op" && a.ID != l.users["op"].ID {
				t.Errorf("%s is an operator", a.Name)
			}
		case catalog.Member:
		default:
			t.Errorf("%s has role %q", a.Name, a.Role)
		}
		if a.Quota < -1 || a.QuotaCap < -1 {
			t.Errorf("%s has quota %d, cap %d", a.Name, a.Quota, a.QuotaCap)
		}
		if again, err := l.Accounts.ByName(ctx, a.Name); a.State != catalog.Closing && (err != nil || again.ID != a.ID) {
			t.Errorf("account %q is not found by its name: %v", a.Name, err)
		}
	}
	if operators == 0 {
		t.Error("the site has no operator left")
	}
}
