package s3

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/s3err"
)

// post sends a form with a file named "my file.txt" to a bucket.
func (s *testServer) post(path, file string, fields map[string]string) *reply {
	s.t.Helper()
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		pairs = append(pairs, name, fields[name])
	}
	body, boundary := formOf(s.t, `C:\docs\my file.txt`, file, pairs...)
	s.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return s.send(s.request("", "POST", path, body, "Content-Type", "multipart/form-data; boundary="+boundary))
}

// signedForm signs fields for an account, with a policy that allows exactly
// them and further conditions.
func (s *testServer) signedForm(who, bucket string, fields map[string]string, conditions ...any) map[string]string {
	s.t.Helper()
	key, now := s.keys[who], time.Now().UTC()
	day := now.Format("20060102")
	form := map[string]string{
		"x-amz-algorithm":  "AWS4-HMAC-SHA256",
		"x-amz-credential": key.AccessKeyID + "/" + day + "/" + testRegion + "/s3/aws4_request",
		"x-amz-date":       now.Format("20060102T150405Z"),
	}
	maps.Copy(form, fields)
	all := append([]any{map[string]string{"bucket": bucket}}, conditions...)
	for name := range form {
		all = append(all, []any{"starts-with", "$" + name, ""})
	}
	doc, err := json.Marshal(map[string]any{"expiration": now.Add(time.Hour).Format(time.RFC3339), "conditions": all})
	if err != nil {
		s.t.Fatal(err)
	}
	form["policy"] = base64.StdEncoding.EncodeToString(doc)
	secret := []byte("AWS4" + key.SecretAccessKey)
	for _, part := range []string{day, testRegion, "s3", "aws4_request", form["policy"]} {
		h := hmac.New(sha256.New, secret)
		h.Write([]byte(part))
		secret = h.Sum(nil)
	}
	form["x-amz-signature"] = hex.EncodeToString(secret)
	return form
}

func TestPostSigned(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	form := s.signedForm("main", "bkt", map[string]string{
		"Key": "up/${filename}", "Acl": "public-read", "Content-Type": "text/x-test", "Cache-Control": "max-age=5",
		"x-amz-meta-Colour": "blue", "x-amz-storage-class": "STANDARD_IA", "x-ignore-this": "please",
		"tagging":               "<Tagging><TagSet><Tag><Key>a b</Key><Value>+</Value></Tag></TagSet></Tagging>",
		"x-amz-checksum-sha256": "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
	})
	r := s.post("/bkt", "abc", form)
	if r.status != 204 || r.body != "" || r.header.Get("Etag") != `"900150983cd24fb0d6963f7d28e17f72"` || r.header.Get("Location") != s.URL+"/bkt/up/my%20file.txt" {
		t.Fatalf("%d %v %s", r.status, r.header, r.body)
	}
	if e := s.event(); e.Op != "PostObject" || e.Key != "up/my file.txt" || e.Account != s.users["main"].ID {
		t.Errorf("event: %+v", e)
	}
	got := s.want(200, "main", "GET", "/bkt/up/my%20file.txt", "")
	for name, want := range map[string]string{
		"Content-Type": "text/x-test", "Cache-Control": "max-age=5", "X-Amz-Meta-Colour": "blue",
		"X-Amz-Storage-Class": "STANDARD_IA", "X-Amz-Tagging-Count": "1",
	} {
		if got.header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.header.Get(name), want)
		}
	}
	if got.body != "abc" {
		t.Errorf("body %q", got.body)
	}
	s.wantGrants("/bkt/up/my%20file.txt?acl", "global/AllUsers READ", "main FULL_CONTROL")
	if tags := s.want(200, "main", "GET", "/bkt/up/my%20file.txt?tagging", "").body; !strings.Contains(tags, "<Key>a b</Key><Value>+</Value>") {
		t.Error(tags)
	}
	s.want(200, "main", "PUT", "/bkt/plain", "")
	s.post("/bkt", "", s.signedForm("main", "bkt", map[string]string{"key": "plain"}))
	if got := s.want(200, "main", "GET", "/bkt/plain", ""); got.header.Get("Content-Type") != defaultContentType || got.header.Get("Content-Length") != "0" {
		t.Errorf("defaults: %v", got.header)
	}
}

func TestPostAnonymous(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/open", "", "x-amz-acl", "public-read-write")
	s.want(200, "main", "PUT", "/shut", "")
	fields := map[string]string{"key": "k", "acl": "public-read"}
	if r := s.post("/shut", "x", fields); r.code() != "AccessDenied" {
		t.Errorf("private bucket: %d %s", r.status, r.body)
	}
	if r := s.post("/open", "x", fields); r.status != 204 {
		t.Fatalf("public bucket: %d %s", r.status, r.body)
	}
	s.want(200, "", "GET", "/open/k", "")
}

func TestPostAnswers(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "", "x-amz-acl", "public-read-write")
	for _, test := range []struct {
		name, value, location string
		status                int
	}{
		{"x-ignore", "", "/bkt/k%20%C3%A9", 204},
		{"success_action_status", "200", "/bkt/k%20%C3%A9", 200},
		{"success_action_status", "201", "/bkt/k%20%C3%A9", 201},
		{"success_action_status", "404", "/bkt/k%20%C3%A9", 204},
		{"success_action_redirect", "http://page.example/done", "http://page.example/done?bucket=bkt&key=k+%C3%A9&etag=%22900150983cd24fb0d6963f7d28e17f72%22", 303},
		{"redirect", "https://page.example/?a=b", "https://page.example/?a=b&bucket=bkt&key=k+%C3%A9&etag=%22900150983cd24fb0d6963f7d28e17f72%22", 303},
		{"success_action_redirect", "javascript:alert(1)", "/bkt/k%20%C3%A9", 204},
		{"success_action_redirect", "/relative", "/bkt/k%20%C3%A9", 204},
	} {
		r := s.post("/bkt", "abc", map[string]string{"key": "k é", test.name: test.value})
		want := test.location
		if want[0] == '/' {
			want = s.URL + want
		}
		if r.status != test.status || r.header.Get("Location") != want {
			t.Errorf("%s=%s: %d, %s", test.name, test.value, r.status, r.header.Get("Location"))
		}
		if test.status == 201 && r.doc() != "<PostResponse><Location>"+want+"</Location><Bucket>bkt</Bucket><Key>k é</Key><ETag>&#34;900150983cd24fb0d6963f7d28e17f72&#34;</ETag></PostResponse>" {
			t.Error(r.doc())
		}
		if test.status != 201 && r.body != "" {
			t.Errorf("%s=%s: body %q", test.name, test.value, r.body)
		}
	}
}

func TestPostRefused(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "", "x-amz-acl", "public-read-write")
	long := strings.Repeat("k", 1025)
	for _, test := range []struct {
		name    string
		fields  map[string]string
		code    *s3err.Code
		message string
	}{
		{"no key", map[string]string{"acl": "private"}, s3err.InvalidArgument, "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields."},
		{"empty key", map[string]string{"key": ""}, s3err.InvalidArgument, "User key must have a length greater than 0."},
		{"long key", map[string]string{"key": long}, s3err.KeyTooLong, ""},
		{"key is no UTF-8", map[string]string{"key": "\xff"}, s3err.InvalidURI, ""},
		{"policy without signature", map[string]string{"key": "k", "policy": "e30="}, s3err.InvalidArgument, ""},
		{"unknown ACL", map[string]string{"key": "k", "acl": "open"}, s3err.InvalidArgument, ""},
		{"malformed tags", map[string]string{"key": "k", "tagging": "a=b"}, s3err.MalformedXML, ""},
		{"redirect location", map[string]string{"key": "k", "x-amz-website-redirect-location": "ftp://x"}, s3err.InvalidRedirectLocation, ""},
		{"unknown checksum", map[string]string{"key": "k", "x-amz-checksum-invalid": "x"}, s3err.InvalidRequest, "The algorithm type you specified in x-amz-checksum- header is invalid."},
		{"malformed checksum", map[string]string{"key": "k", "x-amz-checksum-crc32": "x"}, s3err.InvalidRequest, "Value for x-amz-checksum-crc32 header is invalid."},
		{"wrong checksum", map[string]string{"key": "k", "x-amz-checksum-crc32": "AAAAAA=="}, s3err.BadDigest, ""},
		{"two checksums", map[string]string{"key": "k", "x-amz-checksum-crc32": "NSRBwg==", "x-amz-checksum-crc32c": "AAAAAA=="}, s3err.InvalidRequest, ""},
		{"metadata name", map[string]string{"key": "k", "x-amz-meta-a b": "x"}, s3err.InvalidArgument, ""},
		{"metadata value", map[string]string{"key": "k", "x-amz-meta-a": "x\r\nSet-Cookie: y"}, s3err.InvalidArgument, ""},
		{"lock without a lock", map[string]string{"key": "k", "x-amz-object-lock-legal-hold": "ON"}, s3err.InvalidRequest, ""},
	} {
		r := s.post("/bkt", "abc", test.fields)
		if r.status != test.code.Status || r.code() != test.code.Code || (test.message != "" && r.element("Message") != test.message) {
			t.Errorf("%s: %d %s", test.name, r.status, r.body)
		}
	}
	s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/k", "")

	if r := s.post("/none", "x", map[string]string{"key": "k"}); r.code() != "NoSuchBucket" {
		t.Errorf("no bucket: %s", r.body)
	}
	for contentType, code := range map[string]*s3err.Code{"application/json": s3err.PreconditionFailed, "multipart/form-data": s3err.MalformedPOSTRequest} {
		if r := s.send(s.request("", "POST", "/none", "body", "Content-Type", contentType)); r.status != code.Status || r.code() != code.Code {
			t.Errorf("%s: %d %s", contentType, r.status, r.body)
		}
	}
}

func TestPostPolicy(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	s.want(200, "main", "PUT", "/bkt2", "")
	size := func(least, most int) []any { return []any{"content-length-range", least, most} }
	for _, test := range []struct {
		name       string
		change     map[string]string // after signing
		conditions []any
		code       *s3err.Code
		field      string // of the error, with its value
	}{
		{name: "in range", conditions: []any{size(3, 3)}},
		{name: "too large", conditions: []any{size(0, 2)}, code: s3err.EntityTooLarge, field: "<ProposedSize>3</ProposedSize><MaxSizeAllowed>2</MaxSizeAllowed>"},
		{name: "too small", conditions: []any{size(4, 9)}, code: s3err.EntityTooSmall, field: "<ProposedSize>3</ProposedSize><MinSizeAllowed>4</MinSizeAllowed>"},
		{name: "wrong key", conditions: []any{[]any{"eq", "$key", "other"}}, code: s3err.AccessDenied},
		{name: "missing field", conditions: []any{[]any{"starts-with", "$x-amz-meta-a", ""}}, code: s3err.AccessDenied},
		{name: "extra field", change: map[string]string{"x-amz-meta-b": "1"}, code: s3err.AccessDenied},
		{name: "checksum needs no condition", change: map[string]string{"x-amz-checksum-crc32": "NSRBwg=="}},
		{name: "wrong signature", change: map[string]string{"x-amz-signature": strings.Repeat("0", 64)}, code: s3err.SignatureDoesNotMatch},
		{name: "unknown key ID", change: map[string]string{"x-amz-credential": "nobody/20260101/r/s3/aws4_request", "x-amz-date": "20260101T000000Z"}, code: s3err.AccessDenied},
	} {
		form := s.signedForm("main", "bkt", map[string]string{"key": "k"}, test.conditions...)
		maps.Copy(form, test.change)
		r := s.post("/bkt", "abc", form)
		switch {
		case test.code == nil && r.status != 204, test.code != nil && r.code() != test.code.Code, !strings.Contains(r.body, test.field):
			t.Errorf("%s: %d %s", test.name, r.status, r.body)
		}
		if test.code != nil {
			s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/k", "")
		} else {
			s.want(204, "main", "DELETE", "/bkt/k", "")
		}
	}
	if r := s.post("/bkt2", "abc", s.signedForm("main", "bkt", map[string]string{"key": "k"})); r.code() != "AccessDenied" {
		t.Errorf("other bucket: %s", r.body)
	}
	if r := s.post("/bkt", "abc", s.signedForm("alt", "bkt", map[string]string{"key": "k"})); r.code() != "AccessDenied" {
		t.Errorf("signed by somebody who may not write: %s", r.body)
	}
}

// TestPostBucketPolicy shows that conditions of the bucket's policy see the
// form's fields as they see headers.
func TestPostBucketPolicy(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	s.want(204, "main", "PUT", "/bkt?policy", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"alt"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::bkt/in/*"},
		{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::bkt/*","Condition":{"StringLike":{"s3:x-amz-acl":"public*"}}}]}`)
	for key, want := range map[string]int{"in/k": 204, "out/k": 403} {
		if r := s.post("/bkt", "x", s.signedForm("alt", "bkt", map[string]string{"key": key})); r.status != want {
			t.Errorf("%s: %d %s", key, r.status, r.body)
		}
	}
	if r := s.post("/bkt", "x", s.signedForm("alt", "bkt", map[string]string{"key": "in/k", "acl": "public-read"})); r.code() != "AccessDenied" {
		t.Errorf("public ACL: %d %s", r.status, r.body)
	}
}

// TestPostLarge sends a file above every buffer, with the form's fields around it.
func TestPostLarge(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	file := strings.Repeat("0123456789abcdef\r\n--", 1<<17)
	if r := s.post("/bkt", file, s.signedForm("main", "bkt", map[string]string{"key": "big"})); r.status != 204 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if r := s.want(200, "main", "GET", "/bkt/big", ""); r.body != file {
		t.Errorf("%d bytes came back as %d", len(file), len(r.body))
	}
	if r := s.post("/bkt", file, s.signedForm("main", "bkt", map[string]string{"key": "no"}, []any{"content-length-range", 0, 1 << 16})); r.code() != "EntityTooLarge" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if u, err := s.inside().Repo.Quota.Usage(t.Context(), s.users["main"].ID); err != nil || u.Bytes != int64(len(file)) {
		t.Errorf("usage %+v, %v", u, err)
	}
}
