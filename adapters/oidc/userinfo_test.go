package oidc

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/sts"
)

// tells makes the issuer have a userinfo that answers so to the bearer "access".
func (f *fake) tells(kind string, status int, body func() string) {
	f.info = func(w http.ResponseWriter, r *http.Request) {
		bearer := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if bearer != "access" && strings.Count(bearer, ".") != 2 {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", kind)
		if status == http.StatusFound {
			w.Header().Set("Location", f.URL+"/elsewhere")
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body())
	}
}

func TestUserInfo(t *testing.T) {
	f := newFake(t)
	s := f.issuers(nil)
	sum := sha256.Sum256([]byte("access"))
	hash := base64.RawURLEncoding.EncodeToString(sum[:16])
	const ours = `{"sub":"ana","groups":["/lab/a"],"scope":"storage.read:/","email":"ana@lab.example"}`
	json, jwt := "application/json", "application/jwt"
	text := func(s string) func() string { return func() string { return s } }
	for _, c := range []struct {
		name   string
		claims map[string]any
		access string
		kind   string
		status int
		body   func() string
		groups []string
		want   string // of an error; "away" is one that is not the token's
	}{
		{"groups only there", nil, "access", json, 200, text(ours), []string{"/lab/a"}, ""},
		{"bound to the ID token", map[string]any{"at_hash": hash}, "access", json, 200, text(ours), []string{"/lab/a"}, ""},
		{"signed", nil, "access", jwt, 200, func() string {
			return f.usual(map[string]any{"groups": []string{"/lab/s"}})
		}, []string{"/lab/s"}, ""},
		{"an access token that may ask", map[string]any{"scope": "openid"}, "", json, 200, text(ours), []string{"/lab/a"}, ""},
		{"the token's own groups stay", map[string]any{"groups": []string{"/lab/t"}}, "access", json, 200, text(ours), []string{"/lab/t"}, ""},
		{"no access token", nil, "", json, 200, text(ours), nil, ""},
		{"refused there", nil, "other", json, 200, text(ours), nil, ""},
		{"has none", nil, "access", json, 404, text("no"), nil, ""},
		{"sends elsewhere", nil, "access", json, 302, text(ours), nil, ""},
		{"of another person", nil, "access", json, 200, text(`{"sub":"eve","groups":["/lab/a"]}`), nil, "somebody else"},
		{"of nobody", nil, "access", json, 200, text(`{"groups":["/lab/a"]}`), nil, "somebody else"},
		{"of another login", map[string]any{"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "access", json, 200, text(ours), nil, "not the one"},
		{"a header in it", nil, "access\r\nX: y", json, 200, text(ours), nil, "malformed"},
		{"too long a token", nil, strings.Repeat("a", maxAccess+1), json, 200, text(ours), nil, "malformed"},
		{"too long an answer", nil, "access", json, 200, text(`{"sub":"ana","x":"` + strings.Repeat("x", maxUserInfo) + `"}`), nil, "away"},
		{"no JSON", nil, "access", json, 200, text("<html>"), nil, "away"},
		{"null", nil, "access", json, 200, text("null"), nil, "away"},
		{"signed by nobody", nil, "access", jwt, 200, text("a.b.c"), nil, "away"},
		{"broken", nil, "access", json, 500, text("x"), nil, "away"},
	} {
		f.tells(c.kind, c.status, c.body)
		u, err := s.Verify(ctx, f.usual(c.claims), c.access)
		var bad *sts.TokenError
		switch {
		case c.want == "away":
			if err == nil || errors.As(err, &bad) {
				t.Errorf("%s: %v", c.name, err)
			}
		case c.want != "":
			if !errors.As(err, &bad) || !strings.Contains(bad.Text, c.want) {
				t.Errorf("%s: %v", c.name, err)
			}
		case err != nil || !slices.Equal(u.Groups, c.groups) || u.Policy != "":
			t.Errorf("%s: %+v, %v", c.name, u, err)
		}
	}
	f.tells(json, 200, text(ours))
	l, err := s.Login(ctx, f.usual(map[string]any{"scope": "openid"}))
	if err != nil || l.Email != "ana@lab.example" || !slices.Equal(l.Groups, []string{"/lab/a"}) {
		t.Errorf("login: %+v, %v", l, err)
	}
}
