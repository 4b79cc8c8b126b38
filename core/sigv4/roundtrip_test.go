package sigv4

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mucura/mucura/core/s3err"
)

// odd draws strings with everything in them that encoding may get wrong.
func odd() *rapid.Generator[string] {
	pieces := []string{"a", "B", "7", "-", ".", "_", "~", "/", "//", "..", "./", " ", "  ", "+", "%", "%2F", "%20", "&", "=",
		"?", "#", ";", ":", "@", "$", ",", "!", "*", "'", "(", ")", "[", "]", "\"", "<", "\\", "é", "日本", "😀", "\xff", "\x01", "key"}
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 12).Draw(t, "pieces"), "")
	})
}

// headerValue draws values that a header can carry.
func headerValue() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", " ", "  ", "é", ",", ";", "=", "\"", "%", "b c"}), 0, 8).Draw(t, "value"), "")
	})
}

func oddRequest(t *rapid.T) *http.Request {
	u := &url.URL{Scheme: "http", Host: "s3.example.org:9000", Path: "/bucket/" + odd().Draw(t, "key")}
	if rapid.Bool().Draw(t, "S3 encoding") { // as the AWS SDKs do; else as Go does
		u.RawPath = string(appendPath(nil, (&url.URL{Path: u.Path}).EscapedPath()))
	}
	query := url.Values{}
	for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"prefix", "a", "a-b", "A", "acl", "é", "%", "x=y"}), 0, 5).Draw(t, "names") {
		query.Add(name, odd().Draw(t, "value"))
	}
	u.RawQuery = query.Encode()
	if rapid.Bool().Draw(t, "spaces as %20") {
		u.RawQuery = strings.ReplaceAll(u.RawQuery, "+", "%20")
	}
	header := http.Header{}
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"X-Amz-Meta-A", "X-Amz-Meta-B-C", "Range", "Content-Type"}), 0, 4, rapid.ID).Draw(t, "headers") {
		header[name] = rapid.SliceOfN(headerValue(), 1, 2).Draw(t, "values")
	}
	body := rapid.SampledFrom([]string{"", "x", "Welcome to Amazon S3."}).Draw(t, "body")
	return &http.Request{Method: "PUT", URL: u, Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

// What is signed is accepted, and with anything of it changed it is refused.
func TestRoundTripAndTampering(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := oddRequest(t)
		c := exampleCredentials()
		if rapid.Bool().Draw(t, "token") {
			c.SessionToken = exampleToken
		}
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		if rapid.Bool().Draw(t, "presign") {
			signed, err := url.Parse(Presign(r, c, "mucura", time.Hour, exampleTime))
			if err != nil {
				t.Fatal(err)
			}
			r.URL = signed
		} else {
			Sign(r, c, "mucura", sha(string(body)), exampleTime)
		}
		var wire strings.Builder
		if err := r.Write(&wire); err != nil {
			t.Fatal(err)
		}
		req, err := exampleVerifier().Verify(received(t, wire.String()))
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, details(err), wire.String())
		}
		if got, err := io.ReadAll(req.Body); err != nil || string(got) != string(body) {
			t.Fatalf("%q, %v", got, err)
		}

		spoilt := received(t, wire.String())
		what := tamper(t, spoilt)
		if req, err := exampleVerifier().Verify(spoilt); err == nil {
			t.Fatalf("%s changed, and accepted: %+v", what, req)
		}
	})
}

// tamper changes one thing in a request.
func tamper(t *rapid.T, r *http.Request) string {
	what := rapid.SampledFrom([]string{"method", "path", "slash", "query", "host", "header", "amz", "signature", "date"}).Draw(t, "what")
	switch what {
	case "method":
		r.Method = "DELETE"
	case "path":
		r.URL.Path, r.URL.RawPath = r.URL.Path+"x", ""
	case "slash":
		r.URL.Path, r.URL.RawPath = "/"+r.URL.Path, ""
	case "query":
		r.URL.RawQuery += "&acl"
	case "host":
		r.Host += "0"
	case "header":
		names := []string{"X-Amz-Meta-A", "X-Amz-Meta-B-C", "Range", "Content-Type"}
		i := slices.IndexFunc(names, func(name string) bool { return r.Header[name] != nil })
		if i < 0 {
			r.Header.Set("X-Amz-Meta-New", "1")
		} else {
			r.Header[names[i]][0] += "x"
		}
	case "amz":
		r.Header.Set("X-Amz-Copy-Source", "b/k")
	case "signature":
		digit := func(s string) string { return s[:len(s)-1] + string("10"[min(1, int(s[len(s)-1]-'0'))]) }
		if r.Header.Get("Authorization") != "" {
			r.Header.Set("Authorization", digit(r.Header.Get("Authorization")))
		} else {
			r.URL.RawQuery = digit(r.URL.RawQuery)
		}
	case "date":
		if r.Header.Get("X-Amz-Date") != "" {
			r.Header.Set("X-Amz-Date", "20130524T000001Z")
		} else {
			r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "X-Amz-Date=20130524T000000Z", "X-Amz-Date=20130524T000001Z", 1)
		}
	}
	return what
}

// The encoding of a path or query on the wire is not the one signed; S3's is.
func TestEncodingOnTheWire(t *testing.T) {
	for _, c := range []struct{ raw, canonical string }{
		{"", "/"},
		{"/", "/"},
		{"/b/a b", "/b/a%20b"},
		{"/b/a%2fb", "/b/a%2Fb"},
		{"/b/a%252Fb", "/b/a%252Fb"},
		{"/b/a+b", "/b/a%2Bb"},
		{"/b//a/../c/./", "/b//a/../c/./"},
		{"/b/%7Euser", "/b/~user"},
		{"/b/é", "/b/%C3%A9"},
		{"/b/%c3%a9", "/b/%C3%A9"},
		{"/b/%zz%2", "/b/%25zz%252"},
		{"/b/!*'()=&$,;:@", "/b/%21%2A%27%28%29%3D%26%24%2C%3B%3A%40"},
	} {
		if got := string(appendPath(nil, c.raw)); got != c.canonical {
			t.Errorf("path %q: %q, want %q", c.raw, got, c.canonical)
		}
	}
	for _, c := range []struct{ raw, canonical string }{
		{"", ""},
		{"acl", "acl="},
		{"&&b=2&a=1&", "a=1&b=2"},
		{"a-b=1&a=2&a=10", "a=10&a=2&a-b=1"},
		{"a=b=c", "a=b%3Dc"},
		{"a=+%2B%20", "a=%20%2B%20"},
		{"a=/", "a=%2F"},
		{"X-Amz-Signature=x&X%2dAmz%2DSignature=y&x-amz-signature=z", "x-amz-signature=z"},
		{"%zz=%", "%25zz=%25"},
		{"b;c=1", "b%3Bc=1"},
	} {
		if got := string(new(scratch).appendQuery(nil, c.raw)); got != c.canonical {
			t.Errorf("query %q: %q, want %q", c.raw, got, c.canonical)
		}
	}
}

// A client that signs the path as it sends it is right, whatever S3's
// encoding would be.
func TestPathSignedAsSent(t *testing.T) {
	r := sent(t, "GET", "http://s3.example.org/b/a=b!(c)", "")
	seed := newSeed(exampleCredentials(), "r", service, exampleTime)
	r.Header.Set("X-Amz-Date", seed.stamp)
	r.Header.Set("X-Amz-Content-Sha256", EmptyPayload)
	const signed = "host;x-amz-content-sha256;x-amz-date"
	var s scratch
	s.makeCanonical(r, "/b/a=b!(c)", signed, EmptyPayload)
	s.makeToSign(seed.stamp, seed.scope)
	seed.key.sign(&s.mac, s.toSign)
	r.Header.Set("Authorization", algorithm+" Credential="+exampleID+"/"+seed.scope+",SignedHeaders="+signed+",Signature="+string(s.mac[:]))
	verified(t, exampleVerifier(), transmit(t, r))
	r.URL.Path = "/b/a=b!(d)"
	if e := refused(t, exampleVerifier(), transmit(t, r)); e.Code != s3err.SignatureDoesNotMatch {
		t.Error(e)
	}
}
