package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/mucura/mucura/core/access"
	"github.com/mucura/mucura/core/registration"
	"github.com/mucura/mucura/core/sts"
)

var ctx = context.Background()

// fake is an issuer of a test's own.
type fake struct {
	*httptest.Server
	t     *testing.T
	keys  map[string]any // key ID -> private key
	asked atomic.Int64   // times the keys were asked for
	away  atomic.Bool
	now   time.Time
	info  http.HandlerFunc // answers userinfo; nil: there is none
}

func newFake(t *testing.T) *fake {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, keys: map[string]any{"r": rsaKey, "e": ecKey}, now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": f.URL, "jwks_uri": f.URL + "/keys", "authorization_endpoint": f.URL + "/auth", "token_endpoint": f.URL + "/token",
			"userinfo_endpoint":                     f.URL + "/userinfo",
			"id_token_signing_alg_values_supported": []string{"RS256", "ES256"},
		})
	})
	mux.HandleFunc("/userinfo", func(w http.ResponseWriter, r *http.Request) {
		if f.info == nil {
			http.NotFound(w, r)
			return
		}
		f.info(w, r)
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		f.asked.Add(1)
		if f.away.Load() {
			http.Error(w, "away", http.StatusBadGateway)
			return
		}
		var set jose.JSONWebKeySet
		for id, k := range f.keys {
			switch k := k.(type) {
			case *rsa.PrivateKey:
				set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Public(), KeyID: id, Use: "sig"})
			case *ecdsa.PrivateKey:
				set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Public(), KeyID: id, Use: "sig"})
			}
		}
		_ = json.NewEncoder(w).Encode(set)
	})
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

// token signs claims; those given are laid over usual ones, nil takes one away.
func (f *fake) token(kid string, alg jose.SignatureAlgorithm, key any, change map[string]any) string {
	f.t.Helper()
	claims := map[string]any{
		"iss": f.URL, "sub": "ana", "aud": "mucura", "exp": f.now.Add(time.Hour).Unix(), "iat": f.now.Unix(), "jti": "1",
	}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	payload, err := json.Marshal(claims)
	if err != nil {
		f.t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", kid))
	if err != nil {
		f.t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		f.t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		f.t.Fatal(err)
	}
	return text
}

func (f *fake) usual(change map[string]any) string {
	return f.token("r", jose.RS256, f.keys["r"], change)
}

func (f *fake) issuers(change func(*Issuer)) *Issuers {
	f.t.Helper()
	i := Issuer{URL: f.URL, Audiences: []string{"mucura"}}
	if change != nil {
		change(&i)
	}
	s, err := New([]Issuer{i}, func() time.Time { return f.now }, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

// An issuer that does not answer is not asked by each of those who wait for it.
func TestIssuerThatHangs(t *testing.T) {
	var asked atomic.Int64
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		time.Sleep(200 * time.Millisecond)
		http.Error(w, "away", http.StatusBadGateway)
	}))
	defer slow.Close()
	s, err := New([]Issuer{{URL: slow.URL, Audiences: []string{"mucura"}}}, time.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	token := "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"`+slow.URL+`"}`)) + ".x" // signed by nobody
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var bad *sts.TokenError
			if _, err := s.Verify(ctx, token, ""); err == nil || errors.As(err, &bad) {
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	n := asked.Load()
	if n > 2 {
		t.Errorf("asked %d times for 8 at once", n)
	}
	if _, err := s.Verify(ctx, token, ""); err == nil || asked.Load() != n+1 {
		t.Errorf("later: asked %d times, %v", asked.Load()-n, err)
	}
}

// Scopes narrow a session however an issuer writes them.
func TestScopesAsList(t *testing.T) {
	f := newFake(t)
	s := f.issuers(nil)
	want, err := s.Verify(ctx, f.usual(map[string]any{"scope": "openid storage.read:/data"}), "")
	if err != nil || want.Policy == "" {
		t.Fatalf("%+v, %v", want, err)
	}
	for name, claims := range map[string]map[string]any{
		"list":             {"scope": []string{"openid", "storage.read:/data"}},
		"list of one text": {"scope": []string{"openid storage.read:/data"}},
		"scp":              {"scp": []string{"openid", "storage.read:/data"}},
		"both":             {"scope": "openid", "scp": "storage.read:/data"},
	} {
		u, err := s.Verify(ctx, f.usual(claims), "")
		if err != nil || u.Policy != want.Policy {
			t.Errorf("%s: %+v, %v", name, u, err)
		}
		if _, err := s.Login(ctx, f.usual(claims)); !errors.Is(err, registration.ErrLimited) {
			t.Errorf("%s registers: %v", name, err)
		}
	}
}

func TestVerify(t *testing.T) {
	f := newFake(t)
	s := f.issuers(func(i *Issuer) { i.AnyAudience = true })
	u, err := s.Verify(ctx, f.usual(map[string]any{"wlcg.groups": []string{"/lab/b", "/lab/a"}, "wlcg.ver": "1.0"}), "")
	if err != nil {
		t.Fatal(err)
	}
	if u.Issuer != f.URL || u.Subject != "ana" || u.Audience != "mucura" || !slices.Equal(u.Groups, []string{"/lab/b", "/lab/a"}) || u.Policy != "" || !u.Expires.Equal(f.now.Add(time.Hour)) {
		t.Errorf("%+v", u)
	}
	at := func(d time.Duration) int64 { return f.now.Add(d).Unix() }
	for name, c := range map[string]struct {
		claims map[string]any
		good   bool
	}{
		"any audience":     {map[string]any{"aud": AnyAudience}, true},
		"several":          {map[string]any{"aud": []string{"x", "mucura"}}, true},
		"other audience":   {map[string]any{"aud": "other"}, false},
		"no audience":      {map[string]any{"aud": nil}, false},
		"expired a little": {map[string]any{"exp": at(-4 * time.Minute)}, true},
		"expired":          {map[string]any{"exp": at(-6 * time.Minute)}, false},
		"no expiry":        {map[string]any{"exp": nil}, false},
		"no time":          {map[string]any{"iat": nil}, false},
		"from the future":  {map[string]any{"iat": at(6 * time.Minute)}, false},
		"not yet a little": {map[string]any{"nbf": at(4 * time.Minute)}, true},
		"not yet":          {map[string]any{"nbf": at(6 * time.Minute)}, false},
		"no subject":       {map[string]any{"sub": nil}, false},
		"wlcg without jti": {map[string]any{"wlcg.ver": "1.0", "jti": nil}, false},
		"other issuer":     {map[string]any{"iss": "https://other.example"}, false},
		"issuer and slash": {map[string]any{"iss": f.URL + "/"}, false},
		"scope, no path":   {map[string]any{"scope": "storage.read"}, false},
		"listed, no path":  {map[string]any{"scope": []string{"openid", "storage.read"}}, false},
		"scope, no text":   {map[string]any{"scope": map[string]any{"storage.read": "/"}}, false},
		"scopes, no texts": {map[string]any{"scp": []any{"openid", 1}}, false},
	} {
		_, err := s.Verify(ctx, f.usual(c.claims), "")
		var bad *sts.TokenError
		if (err == nil) != c.good || (err != nil && !errors.As(err, &bad)) {
			t.Errorf("%s: %v", name, err)
		}
		if name == "expired" && !bad.Expired {
			t.Error("not told that it expired")
		}
	}
}

// Only RS256 and ES256 count, with the issuer's own keys.
func TestSignatures(t *testing.T) {
	f := newFake(t)
	s := f.issuers(nil)
	if _, err := s.Verify(ctx, f.token("e", jose.ES256, f.keys["e"], nil), ""); err != nil {
		t.Error(err)
	}
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := f.usual(nil)
	head, rest, _ := strings.Cut(good, ".")
	body, sig, _ := strings.Cut(rest, ".")
	for name, token := range map[string]string{
		"a stranger's key": f.token("r", jose.RS256, stranger, nil),
		"HS256":            f.token("r", jose.HS256, []byte(strings.Repeat("k", 32)), nil),
		"RS512":            f.token("r", jose.RS512, f.keys["r"], nil),
		"unknown key":      f.token("x", jose.RS256, stranger, nil),
		"none":             "eyJhbGciOiJub25lIn0." + body + ".",
		"no signature":     head + "." + body + ".",
		"other body":       head + "." + strings.Split(f.usual(map[string]any{"sub": "eve"}), ".")[1] + "." + sig,
		"two parts":        head + "." + body,
		"rubbish":          "a.b.c",
		"empty":            "",
		"long":             strings.Repeat("a", maxToken+1),
	} {
		var bad *sts.TokenError
		if _, err := s.Verify(ctx, token, ""); !errors.As(err, &bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Keys are asked for every six hours, kept for two days when the issuer is away,
// and a token with an unknown key does not make us ask at every request.
func TestKeysOfTheIssuer(t *testing.T) {
	f := newFake(t)
	s := f.issuers(nil)
	verify := func(wantAsked int64, good bool) {
		t.Helper()
		_, err := s.Verify(ctx, f.usual(nil), "")
		if (err == nil) != good {
			t.Errorf("%v", err)
		}
		if n := f.asked.Load(); n != wantAsked {
			t.Errorf("asked %d times, want %d", n, wantAsked)
		}
	}
	verify(1, true)
	verify(1, true)
	f.now = f.now.Add(7 * time.Hour)
	verify(2, true)
	for range 5 {
		_, _ = s.Verify(ctx, f.token("x", jose.RS256, f.keys["r"], nil), "")
	}
	if n := f.asked.Load(); n > 3 {
		t.Errorf("asked %d times for a key it does not have", n)
	}
	f.away.Store(true)
	before := f.asked.Load()
	f.now = f.now.Add(40 * time.Hour)
	verify(before+1, true)
	verify(before+1, true)
	f.now = f.now.Add(9 * time.Hour)
	verify(before+2, false)
	_, err := s.Verify(ctx, f.usual(nil), "")
	var bad *sts.TokenError
	if err == nil || errors.As(err, &bad) {
		t.Errorf("the token is blamed for the issuer's absence: %v", err)
	}
	f.away.Store(false)
	f.now = f.now.Add(2 * time.Minute)
	verify(before+3, true)
}

func TestStorageScopes(t *testing.T) {
	for _, scopes := range []string{"", "openid profile", "wlcg.groups", "read write:user"} {
		if p, err := storagePolicy(strings.Fields(scopes)); p != "" || err != nil {
			t.Errorf("%q: %s, %v", scopes, p, err)
		}
	}
	for _, scope := range []string{
		"storage.read", "storage.read:", "storage.read:a", "storage.write:/", "storage.read:/a*", "storage.read:/a/../b", "storage.read:/a//b",
		"storage.read:/a?b", "storage.read:/${aws:username}", "storage.read:/a/./b",
	} {
		if p, err := storagePolicy([]string{scope}); err == nil {
			t.Errorf("%q: %s", scope, p)
		}
	}
	for _, scopes := range []string{"storage.read:/", "storage.read:/data/run1 storage.create:/data/out storage.modify:/scratch storage.stage:/data/run1/x", "storage.poll:/"} {
		p, err := storagePolicy(strings.Fields(scopes))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := access.ParseSessionPolicy([]byte(p)); err != nil {
			t.Errorf("%s: %v\n%s", scopes, err, p)
		}
	}
}

// SciTokens name the same rights otherwise.
func TestSciTokensScopes(t *testing.T) {
	for sci, wlcg := range map[string]string{
		"read:/data/run1":            "storage.read:/data/run1",
		"openid write:/":             "storage.modify:/",
		"read:/data write:/data/out": "storage.read:/data storage.modify:/data/out",
	} {
		want, err := storagePolicy(strings.Fields(wlcg))
		if err != nil || want == "" {
			t.Fatalf("%q: %q, %v", wlcg, want, err)
		}
		if got, err := storagePolicy(strings.Fields(sci)); err != nil || got != want {
			t.Errorf("%q: %s, %v", sci, got, err)
		}
	}
	if p, err := storagePolicy([]string{"read:/a/../b"}); err == nil {
		t.Errorf("a path that leads elsewhere: %s", p)
	}
}

func TestIssuersRefused(t *testing.T) {
	for _, url := range []string{"", "x", "http://login.lab.example", "https://login.lab.example/?a=b", "https://login.lab.example/#x"} {
		if _, err := New([]Issuer{{URL: url}}, time.Now, nil); err == nil {
			t.Errorf("%q is taken", url)
		}
	}
	if _, err := New([]Issuer{{URL: "https://a.example"}, {URL: "https://a.example"}}, time.Now, nil); err == nil {
		t.Error("an issuer twice")
	}
}

// A token that is for storage registers nobody, and nobody signs in at an issuer
// where we are no client.
func TestLogin(t *testing.T) {
	f := newFake(t)
	s := f.issuers(nil)
	l, err := s.Login(ctx, f.usual(map[string]any{"email": "ana@lab.example", "email_verified": true, "name": "Ana"}))
	if err != nil || l.Email != "ana@lab.example" || !l.EmailVerified || l.Name != "Ana" {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := s.Login(ctx, f.usual(map[string]any{"scope": "storage.read:/"})); !errors.Is(err, registration.ErrLimited) {
		t.Errorf("a job's token: %v", err)
	}
	if len(s.Providers()) != 0 {
		t.Errorf("providers %v", s.Providers())
	}
	if _, err := s.Begin(ctx, f.URL, "https://files.lab.example/cb", registration.Proof{}); err == nil {
		t.Error("sign-in without a client ID")
	}
}
