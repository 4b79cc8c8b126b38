package torture

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
	"github.com/mucura/mucura/core/sigv4"
)

// TestLogHoldsNoSecrets signs requests in every way there is, rightly and
// wrongly, with the log at its most talkative, and then looks for every secret,
// signature and token in it.
func TestLogHoldsNoSecrets(t *testing.T) {
	t.Parallel()
	log := new(logBuffer)
	s := &harness.Server{Bin: binary, Data: t.TempDir() + "/data", Args: []string{"--log-level", "debug", "--allow-v2-presigned"}, Log: log}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	root := s.NewClient()
	newBucket(t, root)
	id, secret := keyPair(t, on(t, s, "account", "add", "mia", "--role", "operator"))
	hidden := map[string]string{"secret": secret, "root secret": harness.RootSecret}
	token := "FwoGZXIvYXdzEBYaDtokenTOKENtokenTOKEN"
	hidden["session token"] = token
	for name, c := range map[string]*harness.Client{
		"right": root.As(id, secret), "wrong secret": root.As(id, "wrong-"+secret), "no such key": root.As("NOSUCHNOSUCHNOSUCH00", secret),
	} {
		signedRequests(t, name, c, token, hidden)
		forms(t, name, c, token, hidden)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	text := log.String() + auditLog(t, s)
	for name, value := range hidden {
		for _, form := range []string{value, url.QueryEscape(value), url.PathEscape(value)} {
			if i := strings.Index(text, form); i >= 0 && len(form) >= 8 {
				t.Errorf("the log holds the %s: %q", name, text[max(0, i-200):min(len(text), i+100)])
			}
		}
	}
	if n := strings.Count(text, `"msg":"request"`); n < 30 {
		t.Errorf("only %d requests are in the log", n)
	}
	if !strings.Contains(text, id) {
		t.Error("the log does not say which key was used")
	}
}

// auditLog is all of a server's audit log.
func auditLog(t *testing.T, s *harness.Server) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.Data, "audit", "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no audit log: %v", err)
	}
	var all strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}

// signedRequests makes requests with signatures in header and query.
func signedRequests(t *testing.T, name string, c *harness.Client, token string, hidden map[string]string) {
	t.Helper()
	for _, withToken := range []bool{false, true} {
		creds := c.Creds
		if withToken {
			creds.SessionToken = token
		}
		for _, method := range []string{"PUT", "GET", "DELETE"} {
			r := newRequest(t, method, c.Endpoint+"/"+bucket+"/k", "body")
			sigv4.Sign(r, creds, harness.Region, "UNSIGNED-PAYLOAD", time.Now())
			_, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
			hidden[fmt.Sprint(name, " header signature ", method, withToken)] = signature
			answerTo(t, c, r)

			r = newRequest(t, method, c.Endpoint+"/"+bucket+"/k?response-content-type=text/x", "")
			at := time.Now()
			if method == "DELETE" {
				at = at.Add(-time.Hour) // expired
			}
			u, err := url.Parse(sigv4.Presign(r, creds, harness.Region, time.Minute, at))
			if err != nil {
				t.Fatal(err)
			}
			hidden[fmt.Sprint(name, " query signature ", method, withToken)] = u.Query().Get("X-Amz-Signature")
			answerTo(t, c, newRequest(t, method, u.String(), ""))
		}
	}
	for _, signature := range []string{"", "x"} { // a right one, and a broken one
		expires := fmt.Sprint(time.Now().Add(time.Minute).Unix())
		mac := hmac.New(sha1.New, []byte(c.Creds.SecretAccessKey))
		fmt.Fprintf(mac, "GET\n\n\n%s\n/%s/k", expires, bucket)
		signature += base64.StdEncoding.EncodeToString(mac.Sum(nil))
		hidden[name+" V2 query signature "+signature[:1]] = signature
		q := url.Values{"AWSAccessKeyId": {c.Creds.AccessKeyID}, "Expires": {expires}, "Signature": {signature}}
		answerTo(t, c, newRequest(t, "GET", c.Endpoint+"/"+bucket+"/k?"+q.Encode(), ""))
		r := newRequest(t, "GET", c.Endpoint+"/"+bucket+"/k", "")
		r.Header.Set("Authorization", "AWS "+c.Creds.AccessKeyID+":"+signature)
		answerTo(t, c, r)
	}
	for _, header := range []string{"Bearer opaque-bearer-token", "Basic dXNlcjpwYXNzd29yZA==", "AWS4-HMAC-SHA256 Credential=x, Signature=0123456789abcdef-garbage"} {
		r := newRequest(t, "GET", c.Endpoint+"/"+bucket+"/k", "")
		r.Header.Set("Authorization", header)
		_, hidden["opaque credentials of "+header[:5]], _ = strings.Cut(header, " ")
		answerTo(t, c, r)
	}
	sse := newRequest(t, "PUT", c.Endpoint+"/"+bucket+"/sse", "body")
	key := bytes.Repeat([]byte("k3Y!"), 8)
	sse.Header.Set("X-Amz-Server-Side-Encryption-Customer-Algorithm", "AES256")
	sse.Header.Set("X-Amz-Server-Side-Encryption-Customer-Key", base64.StdEncoding.EncodeToString(key))
	sse.Header.Set("X-Amz-Server-Side-Encryption-Customer-Key-Md5", "d3Jvbmc=")
	sigv4.Sign(sse, c.Creds, harness.Region, "UNSIGNED-PAYLOAD", time.Now())
	hidden["customer's key"] = base64.StdEncoding.EncodeToString(key)
	answerTo(t, c, sse)
	answerTo(t, c, newRequest(t, "GET", c.Endpoint+"/"+bucket+"/k", "")) // anonymous
}

// forms uploads as a browser does.
func forms(t *testing.T, name string, c *harness.Client, token string, hidden map[string]string) {
	t.Helper()
	for _, spoil := range []func(map[string]string){
		func(map[string]string) {},
		func(f map[string]string) { f["x-amz-security-token"] = token },
		func(f map[string]string) { f["policy"] = base64.StdEncoding.EncodeToString([]byte("rubbish")) },
		func(f map[string]string) { delete(f, "x-amz-date") },
	} {
		fields, err := sigv4.SignPolicy(c.Creds, harness.Region, time.Now().Add(time.Minute), []any{map[string]string{"bucket": bucket}, []any{"starts-with", "$key", ""}}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		fields["key"] = "form"
		hidden[fmt.Sprint(name, " form signature ", len(hidden))] = fields["x-amz-signature"]
		spoil(fields)
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		for field, value := range fields {
			if err := w.WriteField(field, value); err != nil {
				t.Fatal(err)
			}
		}
		file, err := w.CreateFormFile("file", "f")
		if err == nil {
			_, err = io.WriteString(file, "body")
		}
		if err != nil || w.Close() != nil {
			t.Fatal(err)
		}
		r := newRequest(t, "POST", c.Endpoint+"/"+bucket, b.String())
		r.Header.Set("Content-Type", w.FormDataContentType())
		answerTo(t, c, r)
	}
}

func newRequest(t *testing.T, method, target, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// answerTo sends a request. Answers, too, tell nothing that was not sent.
func answerTo(t *testing.T, c *harness.Client, r *http.Request) {
	t.Helper()
	a, err := send(c, r)
	if err != nil {
		t.Fatal(err)
	}
	if a.Status >= 500 {
		t.Errorf("%s %s: %d %s", r.Method, r.URL, a.Status, a.Body)
	}
	if bytes.Contains(a.Body, []byte(c.Creds.SecretAccessKey)) {
		t.Errorf("an answer holds the secret: %s", a.Body)
	}
}
