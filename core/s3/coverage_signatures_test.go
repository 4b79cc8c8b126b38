package s3

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mucura/mucura/core/checksum"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/sigv4"
)

// presigned is an unsigned request to a URL presigned by "main".
func (s *testServer) presigned(method, path, body string, expires time.Duration, at time.Time) *http.Request {
	s.t.Helper()
	req := s.request("", method, path, body)
	u, err := url.Parse(sigv4.Presign(req, s.keys["main"], testRegion, expires, at))
	if err != nil {
		s.t.Fatal(err)
	}
	req.URL = u
	return req
}

func showHeaderSignature(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/k", "hello")
	req := s.request("", "PUT", "/bkt/unsigned", "hello")
	sigv4.Sign(req, s.keys["main"], testRegion, sigv4.UnsignedPayload, time.Now())
	if r := s.send(req); r.status != 200 {
		s.t.Errorf("UNSIGNED-PAYLOAD: %d %s", r.status, r.body)
	}
	req = s.request("main", "PUT", "/bkt/k", "hello")
	req.Body, req.ContentLength = io.NopCloser(strings.NewReader("jello")), 5
	if r := s.send(req); r.code() != "XAmzContentSHA256Mismatch" {
		s.t.Errorf("other payload: %d %s", r.status, r.body)
	}
	req = s.request("main", "GET", "/bkt/k", "")
	req.URL.Path = "/bkt/other"
	if r := s.send(req); r.code() != "SignatureDoesNotMatch" {
		s.t.Errorf("other path: %d %s", r.status, r.body)
	}
	for minutes, want := range map[int]int{-14: 200, 14: 200, -16: 403, 16: 403} {
		req := s.request("", "GET", "/bkt/k", "")
		sigv4.Sign(req, s.keys["main"], testRegion, sigv4.EmptyPayload, time.Now().Add(time.Duration(minutes)*time.Minute))
		if r := s.send(req); r.status != want {
			s.t.Errorf("clock %d minutes off: %d %s", minutes, r.status, r.body)
		}
	}
}

func showPresigned(s *testServer) {
	if r := s.send(s.presigned("PUT", "/bkt/k", "hello", time.Hour, time.Now())); r.status != 200 {
		s.t.Fatalf("%d %s", r.status, r.body)
	}
	if r := s.send(s.presigned("GET", "/bkt/k?response-content-type=text/x", "", 7*24*time.Hour, time.Now())); r.body != "hello" || r.header.Get("Content-Type") != "text/x" {
		s.t.Errorf("%d %v %s", r.status, r.header, r.body)
	}
	if r := s.send(s.presigned("GET", "/bkt?list-type=2", "", time.Minute, time.Now())); r.status != 200 {
		s.t.Errorf("listing: %d %s", r.status, r.body)
	}
	if r := s.send(s.presigned("GET", "/bkt/k", "", time.Minute, time.Now().Add(-time.Hour))); r.status != 403 || r.element("Message") != "Request has expired" {
		s.t.Errorf("expired: %d %s", r.status, r.body)
	}
	if r := s.send(s.presigned("GET", "/bkt/k", "", 8*24*time.Hour, time.Now())); r.code() != "AuthorizationQueryParametersError" {
		s.t.Errorf("eight days: %d %s", r.status, r.body)
	}
	req := s.presigned("GET", "/bkt/k", "", time.Minute, time.Now())
	req.Method = "DELETE"
	if r := s.send(req); r.code() != "SignatureDoesNotMatch" {
		s.t.Errorf("other method: %d %s", r.status, r.body)
	}
}

func showChunked(s *testServer) {
	body := strings.Repeat("0123456789abcdef", 10000) // of several chunks
	for i, stream := range []sigv4.Stream{
		{},
		{Trailer: "x-amz-checksum-crc32", Checksum: checksum.New("CRC32")},
		{Unsigned: true, Trailer: "x-amz-checksum-crc64nvme", Checksum: checksum.New("CRC64NVME")},
	} {
		path := fmt.Sprintf("/bkt/k%d", i)
		req := s.request("", "PUT", path, "")
		sigv4.SignStream(req, strings.NewReader(body), int64(len(body)), s.keys["main"], testRegion, stream, time.Now())
		if r := s.send(req); r.status != 200 {
			s.t.Fatalf("%+v: %d %s", stream, r.status, r.body)
		}
		s.has(path, body)
	}
	req := s.request("", "PUT", "/bkt/bad", "")
	bad := checksum.New("CRC32")
	bad.Write([]byte("something else"))
	sigv4.SignStream(req, strings.NewReader(body), int64(len(body)), s.keys["main"], testRegion, sigv4.Stream{Unsigned: true, Trailer: "x-amz-checksum-crc32", Checksum: bad}, time.Now())
	if r := s.send(req); r.code() != "BadDigest" {
		s.t.Errorf("wrong trailer: %d %s", r.status, r.body)
	}
	s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/bad", "")
}

func showPostPolicy(s *testServer) {
	sizes := []any{"content-length-range", 1, 5}
	form := s.signedForm("main", "bkt", map[string]string{"key": "in/k"}, sizes, []any{"starts-with", "$key", "in/"})
	for _, test := range []struct{ field, value, file, code string }{
		{"key", "in/k", "hello", ""},
		{"key", "out/k", "hello", "AccessDenied"},
		{"x-amz-meta-a", "no condition", "hello", "AccessDenied"},
		{"key", "in/k", "too long", "EntityTooLarge"},
		{"x-amz-signature", strings.Repeat("0", 64), "hello", "SignatureDoesNotMatch"},
	} {
		changed := map[string]string{}
		for k, v := range form {
			changed[k] = v
		}
		changed[test.field] = test.value
		if r := s.post("/bkt", test.file, changed); r.code() != test.code || (test.code == "" && r.status != 204) {
			s.t.Errorf("%+v: %d %s", test, r.status, r.body)
		}
	}
}

func showRegions(s *testServer) {
	for _, region := range []string{testRegion, "us-east-1", "eu-central-1", "US", "auto", "lab-1"} {
		req := s.request("", "GET", "/bkt", "")
		sigv4.Sign(req, s.keys["main"], region, sigv4.EmptyPayload, time.Now())
		if r := s.send(req); r.status != 200 {
			s.t.Errorf("%s: %d %s", region, r.status, r.body)
		}
	}
}

func refusesV4A(s *testServer) {
	req := s.request("main", "GET", "/bkt", "")
	req.Header.Set("Authorization", strings.Replace(req.Header.Get("Authorization"), "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", 1))
	if r := s.send(req); r.code() != "InvalidArgument" {
		s.t.Errorf("header: %d %s", r.status, r.body)
	}
	req = s.presigned("GET", "/bkt", "", time.Minute, time.Now())
	req.URL.RawQuery = strings.Replace(req.URL.RawQuery, "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", 1)
	if r := s.send(req); r.code() != "AuthorizationQueryParametersError" {
		s.t.Errorf("query: %d %s", r.status, r.body)
	}
}

func showV2(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/k", "hello")
	key := s.keys["main"]
	sign := func(toSign string) string {
		h := hmac.New(sha1.New, []byte(key.SecretAccessKey))
		h.Write([]byte(toSign))
		return base64.StdEncoding.EncodeToString(h.Sum(nil))
	}
	expires := fmt.Sprint(time.Now().Add(time.Hour).Unix())
	get := func(method string) *reply {
		return s.do("", method, "/bkt/k?AWSAccessKeyId="+key.AccessKeyID+"&Expires="+expires+"&Signature="+url.QueryEscape(sign(method+"\n\n\n"+expires+"\n/bkt/k")), "")
	}
	if r := get("GET"); r.code() != "InvalidRequest" || !strings.Contains(r.body, "s3v4") {
		s.t.Errorf("not allowed: %d %s", r.status, r.body)
	}
	s.inside().Verifier.AllowV2Query = true
	if r := get("GET"); r.status != 200 || r.body != "hello" {
		s.t.Errorf("allowed: %d %s", r.status, r.body)
	}
	if r := get("DELETE"); r.code() != "InvalidRequest" {
		s.t.Errorf("DELETE: %d %s", r.status, r.body)
	}
	policy := base64.StdEncoding.EncodeToString([]byte(`{"expiration":"` + inTime(1) + `","conditions":[{"bucket":"bkt"},["eq","$key","form"]]}`))
	if r := s.post("/bkt", "hello", map[string]string{"key": "form", "AWSAccessKeyId": key.AccessKeyID, "policy": policy, "signature": sign(policy)}); r.status != 204 {
		s.t.Errorf("form: %d %s", r.status, r.body)
	}
	date := time.Now().UTC().Format(http.TimeFormat)
	s.fails(s3err.InvalidRequest, "", "GET", "/bkt/k", "", "Date", date, "Authorization", "AWS "+key.AccessKeyID+":"+sign("GET\n\n\n"+date+"\n/bkt/k"))
}

func showPathStyle(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/dir/k", "hello")
	s.has("/bkt/dir/k", "hello")
}

func showVirtualHosted(s *testServer) {
	s.inside().Domains = []string{"s3.lab.example"}
	at := func(method, host, path, body string) *reply {
		req := s.request("", method, path, body)
		req.Host = host
		sigv4.Sign(req, s.keys["main"], testRegion, sigv4.UnsignedPayload, time.Now())
		return s.send(req)
	}
	if r := at("PUT", "bkt.s3.lab.example", "/dir/k", "hello"); r.status != 200 {
		s.t.Fatalf("%d %s", r.status, r.body)
	}
	if r := at("GET", "s3.lab.example", "/bkt/dir/k", ""); r.body != "hello" {
		s.t.Errorf("path style on the same domain: %d %s", r.status, r.body)
	}
	s.holds(at("GET", "bkt.s3.lab.example:9000", "/?list-type=2", ""), "<Key>dir/k</Key>")
}

func showKeys(s *testServer) {
	for _, key := range []string{"a", "a/", "a/b", "a//b", "/", "../../etc/passwd", ".", "%00", "%01%0A", "%F0%9F%98%80", "+ %25%2B", strings.Repeat("x", 1024)} {
		path := "/bkt/" + key
		s.want(200, "main", "PUT", path, key)
		s.has(path, key)
	}
	s.fails(s3err.KeyTooLong, "main", "PUT", "/bkt/"+strings.Repeat("x", 1025), "")
	s.fails(s3err.InvalidURI, "main", "PUT", "/bkt/%FF", "")
}

func showExpectedOwner(s *testServer) {
	s.want(200, "main", "PUT", "/bkt/k", "hello", "X-Amz-Expected-Bucket-Owner", s.users["main"].ID)
	s.fails(s3err.AccessDenied, "main", "GET", "/bkt/k", "", "X-Amz-Expected-Bucket-Owner", s.users["alt"].ID)
}
