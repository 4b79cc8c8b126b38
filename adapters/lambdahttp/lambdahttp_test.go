package lambdahttp

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/lambdahttp/lambdatest"
	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/sigv4"
)

var creds = sigv4.Credentials{AccessKeyID: "FUNCTIONSROOT0000000", SecretAccessKey: "functions-root-secret"}

// front serves an adapter behind a door, in this process.
func front(t *testing.T, d lambdatest.Door, a *Adapter) *httptest.Server {
	t.Helper()
	a.Stream = d == lambdatest.StreamURL
	invoke := func(ctx context.Context, event []byte) (*lambdatest.Result, error) {
		body, err := a.invoke(ctx, event)
		if err != nil {
			return nil, err
		}
		return &lambdatest.Result{ContentType: body.kind, Body: body}, nil
	}
	s := httptest.NewServer(&lambdatest.Front{Door: d, Function: lambdatest.InvokerFunc(invoke)})
	t.Cleanup(s.Close)
	return s
}

// repository is a handler over stores in memory, whose administrator has creds.
func repository(t *testing.T) http.Handler {
	t.Helper()
	c, _, err := config.Parse("test", []string{"--data", t.TempDir(), "--audit-log", "off"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := mem.NewMeta()
	a := app.New(c, &app.Stores{Meta: m, Registry: m, Content: mem.NewContent(), SiteKey: bytes.Repeat([]byte{7}, 32)}, slog.New(slog.DiscardHandler))
	if _, _, _, err := a.Accounts.EnsureRoot(t.Context(), creds.AccessKeyID, creds.SecretAccessKey); err != nil {
		t.Fatal(err)
	}
	return a
}

// send makes one signed request; path and query are as they go over the wire.
func send(t *testing.T, method, base, target string, body []byte, header ...string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, base+target, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	sum := sha256.Sum256(body)
	sigv4.Sign(r, creds, "mucura", hex.EncodeToString(sum[:]), time.Now())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, text
}

// escapeKey writes a key as S3's clients do.
func escapeKey(key string) string { return encode(key) }

// oddKeys reach an object through every door.
var oddKeys = []string{
	"plain", "a b", "a+b", "a%2Fb", "%41", "100%", "ü/ö 😀", "a//b", "a&b=c", "semi;colon", "~tilde*'()", "a:b@c$d,e!", "tab\tline", "trailing/", "[x]{y}|^`<>\"\\", "a#b",
}

// TestOddKeys signs requests for odd keys, and sends them through every door.
func TestOddKeys(t *testing.T) {
	for _, d := range lambdatest.Doors {
		t.Run(d.String(), func(t *testing.T) {
			s := front(t, d, &Adapter{Handler: repository(t)})
			if resp, text := send(t, "PUT", s.URL, "/odd", nil); resp.StatusCode != 200 {
				t.Fatalf("bucket: %s %s", resp.Status, text)
			}
			keys := oddKeys
			if d != lambdatest.HTTPAPI { // which cuts at the question mark
				keys = append(keys[:len(keys):len(keys)], "what?", "a?b=c")
			}
			for _, key := range keys {
				t.Run(key, func(t *testing.T) { oddKey(t, s.URL, key) })
			}
		})
	}
}

// oddKey puts, gets, lists and deletes a key.
func oddKey(t *testing.T, base, key string) {
	target, body := "/odd"+escapeKey("/"+key), []byte("content of "+key+"\x00\xff")
	if resp, text := send(t, "PUT", base, target, body, "Content-Type", "application/octet-stream", "X-Amz-Meta-Key", "k  1"); resp.StatusCode != 200 {
		t.Fatalf("put: %s %s", resp.Status, text)
	}
	resp, text := send(t, "GET", base, target, nil)
	if resp.StatusCode != 200 || !bytes.Equal(text, body) || resp.ContentLength != int64(len(body)) {
		t.Fatalf("get: %s %q", resp.Status, text)
	}
	if resp, _ := send(t, "HEAD", base, target, nil); resp.StatusCode != 200 || resp.ContentLength != int64(len(body)) {
		t.Fatalf("head: %s, %d bytes", resp.Status, resp.ContentLength)
	}
	query := "?list-type=2&encoding-type=url&prefix=" + url.QueryEscape(key)
	resp, text = send(t, "GET", base, "/odd"+query, nil)
	var list struct{ Contents []struct{ Key string } }
	if err := xml.Unmarshal(text, &list); err != nil || resp.StatusCode != 200 || len(list.Contents) != 1 {
		t.Fatalf("list: %s %v %s", resp.Status, err, text)
	}
	if got, err := url.QueryUnescape(list.Contents[0].Key); err != nil || got != key {
		t.Fatalf("list: %q, want %q", got, key)
	}
	if resp, text := send(t, "DELETE", base, target, nil); resp.StatusCode != 204 {
		t.Fatalf("delete: %s %s", resp.Status, text)
	}
	if resp, _ := send(t, "GET", base, target, nil); resp.StatusCode != 404 {
		t.Fatalf("get after delete: %s", resp.Status)
	}
}

// TestLostByHTTPAPI: what this door loses is refused, never taken for another key.
func TestLostByHTTPAPI(t *testing.T) {
	s := front(t, lambdatest.HTTPAPI, &Adapter{Handler: repository(t)})
	send(t, "PUT", s.URL, "/lost", nil)
	send(t, "PUT", s.URL, "/lost/what", []byte("other"))
	for _, target := range []string{"/lost/what%3F", "/lost%2Fwhat", "/lost/\xff"} {
		resp, text := send(t, "GET", s.URL, target, nil)
		if resp.StatusCode != 403 || !strings.Contains(string(text), "SignatureDoesNotMatch") {
			t.Errorf("%q: %s %s", target, resp.Status, text)
		}
	}
}

func TestPresigned(t *testing.T) {
	for _, d := range lambdatest.Doors {
		s := front(t, d, &Adapter{Handler: repository(t)})
		send(t, "PUT", s.URL, "/pre", nil)
		send(t, "PUT", s.URL, "/pre/a%20b%2B", []byte("x"))
		r, err := http.NewRequest("GET", s.URL+"/pre/a%20b%2B?response-content-type=text%2Fx%20y&response-cache-control=a%2Bb", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.Get(sigv4.Presign(r, creds, "mucura", time.Minute, time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/x y" || resp.Header.Get("Cache-Control") != "a+b" {
			t.Errorf("%s: %s %v", d, resp.Status, resp.Header)
		}
	}
}

// TestSizes sends and gets what just fits, and what does not.
func TestSizes(t *testing.T) {
	for _, c := range []struct {
		door lambdatest.Door
		size int
		put  int
		get  int // of an object put another way
	}{
		{lambdatest.LoadBalancer, 500 << 10, 200, 200},
		{lambdatest.LoadBalancer, 800_000, 200, 400},
		{lambdatest.LoadBalancer, 1 << 20, 200, 400},
		{lambdatest.LoadBalancer, 1<<20 + 1, 413, 400},
		{lambdatest.HTTPAPI, 2 << 20, 200, 200},
		{lambdatest.HTTPAPI, 4_700_000, 200, 200},
		{lambdatest.FunctionURL, 4_700_000, 200, 200},
		{lambdatest.FunctionURL, 5_000_000, 413, 400},
		{lambdatest.StreamURL, 4_700_000, 200, 200},
		{lambdatest.StreamURL, 8_000_000, 413, 200},
	} {
		t.Run(fmt.Sprint(c.door, c.size), func(t *testing.T) {
			h := repository(t)
			s := front(t, c.door, &Adapter{Handler: h})
			direct := httptest.NewServer(h)
			defer direct.Close()
			send(t, "PUT", direct.URL, "/size", nil)
			body := bytes.Repeat([]byte{0, 255, 'x', '"'}, c.size/4+1)[:c.size]
			if resp, text := send(t, "PUT", s.URL, "/size/put", body); resp.StatusCode != c.put {
				t.Errorf("put: %s %.200s", resp.Status, text)
			}
			send(t, "PUT", direct.URL, "/size/get", body)
			resp, text := send(t, "GET", s.URL, "/size/get", nil)
			switch {
			case resp.StatusCode != c.get:
				t.Errorf("get: %s %.300s", resp.Status, text)
			case c.get == 200 && !bytes.Equal(text, body):
				t.Errorf("get: other bytes")
			case c.get != 200 && !strings.Contains(string(text), "<MaxSizeAllowed>"):
				t.Errorf("get: %s", text)
			}
			resp, text = send(t, "GET", s.URL, "/size/get", nil, "Range", "bytes=100-300099")
			if resp.StatusCode != 206 || !bytes.Equal(text, body[100:300100]) {
				t.Errorf("range: %s %.200s", resp.Status, text)
			}
			if resp, _ := send(t, "HEAD", s.URL, "/size/get", nil); resp.StatusCode != 200 || resp.ContentLength != int64(c.size) {
				t.Errorf("head: %s %d", resp.Status, resp.ContentLength)
			}
		})
	}
}

// TestAnnounced: a client that announces more than a door takes is told the limit.
func TestAnnounced(t *testing.T) {
	a := &Adapter{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("handled") })}
	for _, header := range []string{`"content-length":"9000000"`, `"x-amz-decoded-content-length":"9000000"`} {
		event := `{"rawPath":"/b/k","headers":{"host":"h",` + header + `},"requestContext":{"domainName":"x.execute-api.y","http":{"method":"PUT","sourceIp":"192.0.2.1"}},"body":"eHg=","isBase64Encoded":true}`
		body, err := a.invoke(t.Context(), []byte(event))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(body)
		for _, want := range []string{`"statusCode":400`, "<Code>EntityTooLarge</Code>", "HTTP API", "<MaxSizeAllowed>4706304</MaxSizeAllowed>", "<ProposedSize>9000000</ProposedSize>"} {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s misses %s", text, want)
			}
		}
	}
}

// TestChanged: a body that a door has changed is refused where the handler could
// not know.
func TestChanged(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	for _, c := range []struct {
		name   string
		body   string
		header []string
		status int
	}{
		{"text", "grüße", nil, 200},
		{"latin", "gr\xfc\xdfe", nil, 400},
		{"three bytes for three", "\xe2\x28\xa1\ufffd", nil, 400},
		{"its own replacement, unverified", "\ufffd", nil, 400},
		{"its own replacement, verified", "\ufffd", []string{"Content-Md5", "x"}, 200},
		{"binary", "gr\xfc\xdfe", []string{"Content-Type", "image/png"}, 200},
		{"compressed", "gr\xfc\xdfe", []string{"Content-Encoding", "gzip"}, 200},
	} {
		for _, d := range lambdatest.Doors {
			s := front(t, d, &Adapter{Handler: echo})
			r, err := http.NewRequest("PUT", s.URL+"/x", strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "text/plain")
			for i := 0; i < len(c.header); i += 2 {
				r.Header.Set(c.header[i], c.header[i+1])
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != c.status || c.status == 200 && string(text) != c.body {
				t.Errorf("%s, %s: %s %q", d, c.name, resp.Status, text)
			}
		}
	}
}

func TestJob(t *testing.T) {
	var asked []string
	var given time.Duration
	a := &Adapter{Job: func(_ context.Context, name string, budget time.Duration) (any, error) {
		asked, given = append(asked, name), budget
		switch name {
		case "bad":
			return nil, errors.New("store is down")
		case "panic":
			panic("no")
		}
		return map[string]int{"freed": 3}, nil
	}}
	body, err := a.invoke(t.Context(), []byte(`{"job":"sweep"}`))
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(body); string(text) != `{"freed":3}` {
		t.Errorf("report: %s", text)
	}
	if given != 0 {
		t.Errorf("a budget of %s from nowhere", given)
	}
	for _, event := range []string{`{"job":"bad"}`, `{"job":"panic"}`, `{"detail":{}}`} {
		if _, err := a.invoke(t.Context(), []byte(event)); err == nil {
			t.Errorf("%s: no error", event)
		}
	}
	if _, err := new(Adapter).invoke(t.Context(), []byte(`{"job":"sweep"}`)); err == nil {
		t.Error("a function without jobs ran one")
	}
	if len(asked) != 3 {
		t.Errorf("asked %q", asked)
	}
	if _, err := a.invoke(t.Context(), []byte(`{"job":"sweep","budget":"90s"}`)); err != nil || given != 90*time.Second {
		t.Errorf("a budget of 90s: %v, %s", err, given)
	}
	for _, budget := range []string{"soon", "8", "-1m", "10ms"} { // never taken for none
		if _, err := a.invoke(t.Context(), []byte(`{"job":"sweep","budget":"`+budget+`"}`)); err == nil || !strings.Contains(err.Error(), "budget") {
			t.Errorf("a budget of %s: %v", budget, err)
		}
	}
	if len(asked) != 4 {
		t.Errorf("asked %q", asked)
	}
}
