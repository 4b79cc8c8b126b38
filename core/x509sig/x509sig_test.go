package x509sig_test

import (
	"bufio"
	"bytes"
	"crypto"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	g "github.com/mucura/mucura/core/gridproxy/gridtest"
	"github.com/mucura/mucura/core/x509sig"
)

const host = "auth.example.org"

var (
	hosts = []string{"other.example.org", host}
	body  = []byte(`{"durationSeconds":3600}`)
)

// request is an unsigned request for credentials.
func request(t testing.TB) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, "https://"+host+"/sessions?roleArn=a%2Fb+c&profileArn=x", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Two", "  a   b ")
	r.Header.Add("X-Two", "c")
	return r
}

// proxies are the chains that requests are signed with, by key type.
func proxies() map[string]*g.Entity {
	owner := g.NewEEC("/DC=org/CN=Alice", nil)
	return map[string]*g.Entity{
		"RSA":   g.NewProxy(g.NewProxy(owner), g.Keyed(g.RSAKey(2048))),
		"ECDSA": g.NewProxy(g.NewProxy(owner)),
	}
}

func sign(t testing.TB, r *http.Request, body []byte, p *g.Entity, chain [][]byte) {
	t.Helper()
	if err := x509sig.Sign(r, body, p.Key, chain, g.Now); err != nil {
		t.Fatal(err)
	}
}

func TestRoundTrip(t *testing.T) {
	for name, p := range proxies() {
		t.Run(name, func(t *testing.T) {
			r := request(t)
			sign(t, r, body, p, p.Chain())
			for _, d := range []time.Duration{0, x509sig.Skew, -x509sig.Skew} {
				chain, err := x509sig.Verify(r, body, g.Now.Add(d), hosts)
				if err != nil || !slices.EqualFunc(chain, p.Chain(), bytes.Equal) {
					t.Errorf("%v: %d certificates, %v", d, len(chain), err)
				}
			}
			r.Header.Set("User-Agent", "changed on the way")
			if _, err := x509sig.Verify(r, body, g.Now, hosts); err != nil {
				t.Error(err)
			}
		})
		t.Run(name+", chain in the body", func(t *testing.T) {
			text, err := x509sig.Body(900, p.Above)
			if err != nil {
				t.Fatal(err)
			}
			r := request(t)
			sign(t, r, text, p, p.Chain()[:1])
			chain, err := x509sig.Verify(r, text, g.Now, hosts)
			if err != nil || !slices.EqualFunc(chain, p.Chain(), bytes.Equal) {
				t.Errorf("%d certificates, %v", len(chain), err)
			}
		})
	}
}

func TestSignRefuses(t *testing.T) {
	p := g.NewEEC("/CN=Alice", nil)
	for name, c := range map[string]struct {
		key   crypto.Signer
		chain [][]byte
	}{
		"no certificate":        {p.Key, nil},
		"garbage":               {p.Key, [][]byte{[]byte("x")}},
		"the key of another":    {g.ECKey(), p.Chain()},
		"another kind of key":   {g.RSAKey(2048), p.Chain()},
		"a key of no algorithm": {g.EdKey(), p.Chain()},
	} {
		r := request(t)
		if err := x509sig.Sign(r, body, c.key, c.chain, g.Now); err == nil || r.Header.Get("Authorization") != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRecorded verifies requests that the unmodified client of IAM Roles
// Anywhere (aws_signing_helper, built of its source in November 2026) sent,
// with a proxy of either kind of key.
func TestRecorded(t *testing.T) {
	for name, algorithm := range map[string]string{"rsa": x509sig.AlgorithmRSA, "ecdsa": x509sig.AlgorithmECDSA} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile("testdata/recorded-" + name + ".http")
			if err != nil {
				t.Fatal(err)
			}
			r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
			if err != nil {
				t.Fatal(err)
			}
			sent, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.Parse("20060102T150405Z", r.Header.Get(x509sig.HeaderDate))
			if err != nil {
				t.Fatal(err)
			}
			chain, err := x509sig.Verify(r, sent, at, []string{"127.0.0.1"})
			if err != nil || len(chain) != 2 || !strings.HasPrefix(r.Header.Get("Authorization"), algorithm) {
				t.Errorf("%d certificates, %v", len(chain), err)
			}
			r.Header.Set("Content-Type", "text/plain")
			if _, err := x509sig.Verify(r, sent, at, []string{"127.0.0.1"}); err == nil {
				t.Error("a changed header passes")
			}
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	p := proxies()["ECDSA"]
	other := g.NewProxy(g.NewEEC("/CN=Bob", nil))
	ed := g.NewEEC("/CN=Ed", nil, g.Keyed(g.EdKey()))
	b64 := base64.StdEncoding.EncodeToString
	auth := func(old, new string) func(*http.Request) {
		return func(r *http.Request) {
			before := r.Header.Get("Authorization")
			after := strings.Replace(before, old, new, 1)
			if before == after {
				t.Fatalf("%q has no %q", before, old)
			}
			r.Header.Set("Authorization", after)
		}
	}
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	add := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Add(name, value) }
	}
	date := g.Now.Format("20060102")
	for _, c := range []struct {
		name   string
		change func(*http.Request)
		why    string
	}{
		{"no authorization", func(r *http.Request) { r.Header.Del("Authorization") }, "one Authorization"},
		{"two authorizations", add("Authorization", "x"), "one Authorization"},
		{"another scheme", set("Authorization", "Basic eDp5"), "algorithm"},
		{"no scheme", set("Authorization", x509sig.AlgorithmECDSA), "algorithm"},
		{"empty fields", set("Authorization", x509sig.AlgorithmECDSA+" "), "malformed"},
		{"the key's other algorithm", auth("ECDSA", "RSA"), "certificate's key"},
		{"a field twice", auth("SignedHeaders=", "Credential="), "malformed"},
		{"a field more", auth("SignedHeaders=", "X=y, SignedHeaders="), "malformed"},
		{"scope of another service", auth("rolesanywhere", "s3"), "scope"},
		{"scope of another end", auth("aws4_request", "aws4"), "scope"},
		{"scope of an odd region", auth("us-east-1", "US"), "scope"},
		{"scope of another region", auth("us-east-1", "eu-west-1"), "does not match"},
		{"scope too short", auth("us-east-1/", ""), "scope"},
		{"scope of another day", auth("/"+date+"/", "/20261130/"), "scope"},
		{"serial number of another", auth("Credential=", "Credential=1"), "serial"},
		{"signature no hex", auth("Signature=", "Signature=x"), "malformed"},
		{"no signature", func(r *http.Request) {
			before, _, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
			r.Header.Set("Authorization", before+"Signature=")
		}, "malformed"},
		{"signature cut off", func(r *http.Request) {
			v := r.Header.Get("Authorization")
			r.Header.Set("Authorization", v[:len(v)-2])
		}, "does not match"},
		{"host not covered", auth("host;", ""), "cover Host"},
		{"date not covered", auth("x-amz-date;", ""), "cover X-Amz-Date"},
		{"leaf not covered", auth("x-amz-x509;", ""), "cover X-Amz-X509"},
		{"chain not covered", auth(";x-amz-x509-chain", ""), "cover X-Amz-X509-Chain"},
		{"headers not sorted", auth("content-type;host", "host;content-type"), "sorted"},
		{"headers in capitals", auth("host", "Host"), "sorted"},
		{"a header twice", auth("host;", "host;host;"), "sorted"},
		{"an empty header", auth("host;", ";host;"), "sorted"},
		{"no headers", func(r *http.Request) {
			v := r.Header.Get("Authorization")
			i, j := strings.Index(v, "SignedHeaders="), strings.Index(v, ", Signature")
			r.Header.Set("Authorization", v[:i]+"SignedHeaders="+v[j:])
		}, "sorted"},
		{"too many headers", auth("host", "h"+strings.Repeat(";h", 64)), "too many"},
		{"a covered header missing", func(r *http.Request) { r.Header.Del("X-Two") }, "missing"},
		{"a covered header changed", set("X-Two", "a b,d"), "does not match"},
		{"a header's value added", add("X-Two", "d"), "does not match"},
		{"an uncovered header claimed", auth("content-type;", "content-encoding;content-type;"), "missing"},
		{"date changed", set(x509sig.HeaderDate, g.Now.Add(time.Second).Format("20060102T150405Z")), "does not match"},
		{"date malformed", set(x509sig.HeaderDate, g.Now.Format(time.RFC3339)), "malformed"},
		{"date too old", set(x509sig.HeaderDate, g.Now.Add(-x509sig.Skew-time.Second).Format("20060102T150405Z")), "another time"},
		{"two dates", add(x509sig.HeaderDate, "x"), "more than one"},
		{"two leaves", add(x509sig.HeaderLeaf, "x"), "more than one"},
		{"two chains", add(x509sig.HeaderChain, "x"), "more than one"},
		{"two hosts", func(r *http.Request) { r.Header["Host"] = []string{"a", "b"} }, "more than one"},
		{"another host", func(r *http.Request) { r.Host = "evil.example.org" }, "not ours"},
		{"another host of ours", func(r *http.Request) { r.Host = "other.example.org" }, "does not match"},
		{"no host", func(r *http.Request) { r.Host = "" }, "not ours"},
		{"another method", func(r *http.Request) { r.Method = http.MethodGet }, "does not match"},
		{"another path", func(r *http.Request) { r.URL.Path = "/other" }, "does not match"},
		{"query changed", func(r *http.Request) { r.URL.RawQuery += "&a=b" }, "does not match"},
		{"query malformed", func(r *http.Request) { r.URL.RawQuery += "&a=%zz" }, "query"},
		{"leaf of another with its number", set(x509sig.HeaderLeaf, b64(other.DER)), "serial"},
		{"leaf no base64", set(x509sig.HeaderLeaf, "*"), "malformed"},
		{"leaf empty", set(x509sig.HeaderLeaf, ""), "malformed"},
		{"leaf no certificate", set(x509sig.HeaderLeaf, "AAAA"), "malformed"},
		{"leaf of Ed25519", func(r *http.Request) {
			auth("Credential=", "Credential="+ed.Serial.String()+"/"+date+"/us-east-1/rolesanywhere/aws4_request,X=")(r)
			r.Header.Set("Authorization", x509sig.AlgorithmECDSA+" Credential="+ed.Serial.String()+"/"+date+
				"/us-east-1/rolesanywhere/aws4_request, SignedHeaders=host;x-amz-date;x-amz-x509;x-amz-x509-chain, Signature=00")
			r.Header.Set(x509sig.HeaderLeaf, b64(ed.DER))
		}, "certificate's key"},
		{"chain of another", set(x509sig.HeaderChain, b64(other.Above[0])), "does not match"},
		{"chain empty", set(x509sig.HeaderChain, ""), "malformed"},
		{"chain with an empty part", set(x509sig.HeaderChain, b64(p.Above[0])+","), "malformed"},
		{"chain no base64", set(x509sig.HeaderChain, "*"), "malformed"},
		{"chain too long", set(x509sig.HeaderChain, strings.Repeat("AAAA,", 15)+"AAAA"), "too many"},
		{"chain too big", set(x509sig.HeaderChain, b64(make([]byte, 40000))+","+b64(make([]byte, 40000))), "too many"},
		{"chain removed", func(r *http.Request) { r.Header.Del(x509sig.HeaderChain) }, "missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request(t)
			sign(t, r, body, p, p.Chain())
			c.change(r)
			wantError(t, r, body, c.why)
		})
	}
	t.Run("body changed", func(t *testing.T) {
		r := request(t)
		sign(t, r, body, p, p.Chain())
		wantError(t, r, []byte(`{"durationSeconds":43200}`), "does not match")
	})
	t.Run("chain in the body changed", func(t *testing.T) {
		r := request(t)
		text, _ := x509sig.Body(0, p.Above)
		sign(t, r, text, p, p.Chain()[:1])
		changed, _ := x509sig.Body(0, other.Above)
		wantError(t, r, changed, "does not match")
		wantError(t, r, []byte("{"), "malformed body")
		many, _ := x509sig.Body(0, slices.Repeat(p.Above[:1], 16))
		wantError(t, r, many, "too many")
	})
}

func wantError(t *testing.T, r *http.Request, body []byte, why string) {
	t.Helper()
	chain, err := x509sig.Verify(r, body, g.Now, hosts)
	if e := x509sig.Error(""); chain != nil || !errors.As(err, &e) || !strings.Contains(err.Error(), why) {
		t.Errorf("got %d certificates and %v, want %q", len(chain), err, why)
	}
}

func TestHostsAndPorts(t *testing.T) {
	p := proxies()["ECDSA"]
	for _, c := range []struct {
		host, ours string
		want       bool
	}{
		{"auth.example.org", "auth.example.org", true},
		{"AUTH.example.org", "auth.example.org", true},
		{"auth.example.org:8443", "auth.example.org", true},
		{"auth.example.org:8443", "auth.example.org:8443", true},
		{"auth.example.org:8443", "auth.example.org:443", false},
		{"auth.example.org", "auth.example.org:443", false},
		{"auth.example.org.evil.org", "auth.example.org", false},
		{"x", "", false},
	} {
		r := request(t)
		r.Host = c.host
		sign(t, r, body, p, p.Chain())
		if _, err := x509sig.Verify(r, body, g.Now, []string{c.ours}); (err == nil) != c.want {
			t.Errorf("%s for %s: %v", c.host, c.ours, err)
		}
	}
}
