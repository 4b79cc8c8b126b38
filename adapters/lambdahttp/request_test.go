package lambdahttp

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/mucura/mucura/adapters/lambdahttp/lambdatest"
)

// see gives the request that a handler sees of an event.
func see(t *testing.T, a *Adapter, event string) *http.Request {
	t.Helper()
	var seen *http.Request
	a.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r })
	body, err := a.invoke(t.Context(), []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if text, _ := io.ReadAll(body); seen == nil {
		t.Fatalf("not handled: %s", text)
	}
	return seen
}

func TestRequest(t *testing.T) {
	const elb = `"requestContext":{"elb":{"targetGroupArn":"arn"}}`
	r := see(t, &Adapter{}, `{`+elb+`,"httpMethod":"GET","path":"/b/a%20%2B","multiValueQueryStringParameters":{"z":["1","2%26"],"acl":[""]},
		"multiValueHeaders":{"host":["files.example:8443"],"x-forwarded-for":["198.51.100.7, 192.0.2.9"],"x-forwarded-proto":["https"],"x-amzn-tls-version":["TLSv1.3"],"x-amz-meta-a":["1","2"],"cookie":["a=1"],"content-length":["5"]},
		"body":"aGVsbG8=","isBase64Encoded":true}`)
	if r.RequestURI != "/b/a%20%2B?acl&z=1&z=2%26" || r.URL.Path != "/b/a +" || r.Host != "files.example:8443" || r.RemoteAddr != "192.0.2.9:0" {
		t.Errorf("%q %q %q %q", r.RequestURI, r.URL.Path, r.Host, r.RemoteAddr)
	}
	if r.ContentLength != 5 || r.TLS == nil || r.TLS.Version != tls.VersionTLS13 || r.TLS.ServerName != "files.example" || len(r.Header["X-Amz-Meta-A"]) != 2 {
		t.Errorf("%d %+v %v", r.ContentLength, r.TLS, r.Header)
	}
	for _, name := range []string{"Host", "Content-Length"} {
		if r.Header.Get(name) != "" {
			t.Errorf("%s stays in the header", name)
		}
	}
	if r := see(t, &Adapter{}, `{`+elb+`,"httpMethod":"GET","path":"/","headers":{"host":"h","x-forwarded-for":"[2001:db8::1]:443","x-forwarded-proto":"http"}}`); r.TLS != nil || r.RemoteAddr != "[2001:db8::1]:443" || r.Body != http.NoBody {
		t.Errorf("%+v %q", r.TLS, r.RemoteAddr)
	}
	r = see(t, &Adapter{}, `{"rawPath":"/b/%41 b%","rawQueryString":"p=a+b&q=%2F","cookies":["a=1","b=2"],"headers":{"host":"files.example"},"requestContext":{"domainName":"i.execute-api.r.amazonaws.com","http":{"method":"GET","sourceIp":"2001:db8::2"}}}`)
	if r.URL.Path != "/b/%41 b%" || r.URL.EscapedPath() != "/b/%2541%20b%25" || r.URL.RawQuery != "p=a+b&q=%2F" || r.Host != "files.example" || r.Header.Get("Cookie") != "a=1; b=2" || r.RemoteAddr != "[2001:db8::2]:0" || r.TLS == nil {
		t.Errorf("%q %q %q %q %v %q", r.URL.Path, r.URL.EscapedPath(), r.URL.RawQuery, r.Host, r.Header, r.RemoteAddr)
	}
	r = see(t, &Adapter{}, `{"rawPath":"//b/%41%2f","headers":{"host":"files.example"},"requestContext":{"domainName":"i.lambda-url.r.on.aws","http":{"method":"GET"}}}`)
	if r.URL.Path != "//b/A/" || r.URL.EscapedPath() != "//b/%41%2f" || r.RemoteAddr != "" {
		t.Errorf("%q %q %q", r.URL.Path, r.URL.EscapedPath(), r.RemoteAddr)
	}
}

// TestCertificates: the chain of a load balancer's header is believed where that
// was asked for, and no door lets a client send such a header.
func TestCertificates(t *testing.T) {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	cert := s.Certificate()
	text := url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})))
	headers := func(proto string) string {
		return `"headers":{"host":"auth.example","x-forwarded-proto":"` + proto + `","x-amzn-mtls-clientcert":"` + text + `","x-amzn-mtls-clientcert-subject":"CN=root"}`
	}
	elb := func(proto string) string {
		return `{"requestContext":{"elb":{}},"httpMethod":"GET","path":"/credentials",` + headers(proto) + `}`
	}
	format2 := func(domain string) string {
		return `{"rawPath":"/credentials","requestContext":{"domainName":"` + domain + `","http":{"method":"GET"}},` + headers("https") + `}`
	}
	for _, c := range []struct {
		name, event string
		trusted     bool
		want        int
	}{
		{"balancer", elb("https"), true, 1},
		{"balancer without mutual TLS", elb("https"), false, 0},
		{"balancer, plain HTTP", elb("http"), true, 0},
		{"HTTP API", format2("x.execute-api.y"), true, 0},
		{"Function URL", format2("x.lambda-url.y"), true, 0},
	} {
		r := see(t, &Adapter{ClientCertificates: c.trusted}, c.event)
		n := 0
		if r.TLS != nil {
			n = len(r.TLS.PeerCertificates)
		}
		if n != c.want || n == 1 && !r.TLS.PeerCertificates[0].Equal(cert) {
			t.Errorf("%s: %d certificates", c.name, n)
		}
		for name := range r.Header {
			if strings.HasPrefix(name, "X-Amzn-Mtls") {
				t.Errorf("%s: %s comes through", c.name, name)
			}
		}
	}
	bad := strings.Replace(elb("https"), text, "-----BEGIN%20CERTIFICATE-----%0AAAAA%0A-----END%20CERTIFICATE-----", 1)
	body, err := (&Adapter{ClientCertificates: true}).invoke(t.Context(), []byte(bad))
	if err != nil {
		t.Fatal(err)
	}
	if answer, _ := io.ReadAll(body); !strings.Contains(string(answer), `"statusCode":400`) {
		t.Errorf("rubbish: %s", answer)
	}
}

// A value that somebody stored with an object does not begin a header of its own.
func TestHeadersStayInLine(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["x-amz-meta-a"] = []string{"1", "2\xff\r\nSet-Cookie: a=b", "3\n", "\x00"}
		w.Header().Set("Content-Type", "text/plain\r\n\r\n<script>")
	})
	for _, d := range lambdatest.Doors {
		r := httptest.NewRequest(http.MethodGet, "https://s3.example/b/k", nil)
		event, err := d.Event(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := (&Adapter{Handler: h, Stream: d == lambdatest.StreamURL}).invoke(t.Context(), event)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		if s := string(text); !strings.Contains(s, "Set-Cookie: a=b") || strings.Contains(s, `\r`) || strings.Contains(s, `\n`) || strings.Contains(s, `\u0000`) {
			t.Errorf("%s: %s", d, s)
		}
	}
}

// TestAnswers holds what a handler does with its ResponseWriter against what
// the client gets.
func TestAnswers(t *testing.T) {
	cases := map[string]struct {
		h      http.HandlerFunc
		status int
		body   string
		cut    bool // a streamed answer breaks off, a whole one is an error 500
	}{
		"nothing": {func(http.ResponseWriter, *http.Request) {}, 200, "", false},
		"cookies": {func(w http.ResponseWriter, _ *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
			http.SetCookie(w, &http.Cookie{Name: "b", Value: "2"})
			w.WriteHeader(303)
		}, 303, "", false},
		"late": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(201)
			w.Header().Set("Late", "1")
			w.WriteHeader(500)
			_, _ = w.Write([]byte("x"))
		}, 201, "x", false},
		"early":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(404) }, 404, "", false},
		"nobody": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204); _, _ = w.Write([]byte("x")) }, 204, "", false},
		"flush":  {func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush(); _, _ = w.Write([]byte("xy")) }, 200, "xy", false},
		"panic":  {func(http.ResponseWriter, *http.Request) { panic("no") }, 500, "InternalError", false},
		"broken": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("half"))
			panic(http.ErrAbortHandler)
		}, 500, "InternalError", true},
		"short": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9")
			_, _ = w.Write([]byte("half"))
		}, 500, "InternalError", true},
		"too long": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1")
			_, _ = w.Write([]byte("x"))
			if _, err := w.Write([]byte("y")); err == nil {
				panic("taken")
			}
		}, 200, "x", false},
		"text": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/xml; charset=utf-8")
			_, _ = w.Write([]byte("<a>\x00\u2028 ü</a>"))
		}, 200, "<a>\x00\u2028 ü</a>", false},
	}
	for _, d := range lambdatest.Doors {
		for name, c := range cases {
			closed := 0
			s := front(t, d, &Adapter{Handler: c.h, After: func(context.Context) { closed++ }})
			client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			resp, err := client.Get(s.URL)
			if err != nil {
				t.Fatalf("%s, %s: %v", d, name, err)
			}
			text, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if cut := c.cut && d == lambdatest.StreamURL; cut {
				if err == nil {
					t.Errorf("%s, %s: whole: %q", d, name, text)
				}
			} else if resp.StatusCode != c.status || !strings.Contains(string(text), c.body) || c.body == "" && len(text) > 0 {
				t.Errorf("%s, %s: %s %q", d, name, resp.Status, text)
			}
			if resp.Header.Get("Late") != "" {
				t.Errorf("%s, %s: a header set too late is sent", d, name)
			}
			if n := len(resp.Cookies()); name == "cookies" && n != 2 {
				t.Errorf("%s: %d cookies: %v", d, n, resp.Header)
			}
			s.Close()
			if closed != 1 {
				t.Errorf("%s, %s: After was called %d times", d, name, closed)
			}
		}
	}
}

// TestPieces has a handler write its answer in pieces of any length.
func TestPieces(t *testing.T) {
	want := make([]byte, 1000)
	for i := range want {
		want[i] = byte(i * 7)
	}
	for round := range 200 {
		for _, kind := range []string{"image/png", "text/plain"} {
			a := &Adapter{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", kind)
				for rest := want; len(rest) > 0; {
					n := min(rand.IntN(7)*(round%5), len(rest))
					if _, err := w.Write(rest[:n]); err != nil {
						t.Error(err)
					}
					if rest = rest[n:]; round%5 == 0 {
						_, _ = w.Write(rest)
						break
					}
				}
			})}
			answer, err := a.invoke(t.Context(), []byte(`{"rawPath":"/","requestContext":{"domainName":"x.lambda-url.y","http":{"method":"GET"}}}`))
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(answer)
			if err != nil {
				t.Fatal(err)
			}
			got := told{body: text}
			if !bytes.Equal(got.decoded(t), want) {
				t.Fatalf("other bytes in round %d: %s", round, text)
			}
		}
	}
}

// TestAtOnce serves many events in one process, as managed instances do.
func TestAtOnce(t *testing.T) {
	s := front(t, lambdatest.StreamURL, &Adapter{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })})
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			want := strings.Repeat(string(rune('a'+i)), 100_000)
			resp, err := http.Post(s.URL, "application/octet-stream", strings.NewReader(want))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if got, err := io.ReadAll(resp.Body); err != nil || string(got) != want {
				t.Errorf("%d: other bytes: %v", i, err)
			}
		})
	}
	wg.Wait()
}

func FuzzEvent(f *testing.F) {
	f.Add(`{"requestContext":{"elb":{}},"httpMethod":"GET","path":"/a","headers":{"host":"h"}}`)
	f.Add(`{"rawPath":"/a","requestContext":{"domainName":"x.lambda-url.y","http":{"method":"PUT"}},"body":"aa","isBase64Encoded":true}`)
	a := &Adapter{ClientCertificates: true, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL == nil || !strings.HasPrefix(r.URL.EscapedPath(), "/") {
			panic("no path")
		}
		_, _ = io.Copy(w, r.Body)
	})}
	f.Fuzz(func(t *testing.T, event string) {
		body, err := a.invoke(t.Context(), []byte(event))
		if err != nil {
			return
		}
		defer body.Close()
		text, err := io.ReadAll(body)
		if err != nil || !json.Valid(text) {
			t.Fatalf("%v: %s", err, text)
		}
		if strings.Contains(string(text), `"statusCode":500`) {
			t.Fatalf("%s", text)
		}
	})
}
