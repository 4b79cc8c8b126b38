package sigv4

import (
	"bytes"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The examples of AWS's documentation: signing gives the signature printed
// there, and verifying accepts it.

func TestHeaderExamples(t *testing.T) {
	for _, c := range []struct {
		name, method, target, body string
		headers                    http.Header
		signature                  string
	}{
		{"get object", "GET", "/test.txt", "", http.Header{"Range": {"bytes=0-9"}},
			"f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
		{"put object", "PUT", "/test$file.text", "Welcome to Amazon S3.",
			http.Header{"Date": {"Fri, 24 May 2013 00:00:00 GMT"}, "X-Amz-Storage-Class": {"REDUCED_REDUNDANCY"}},
			"98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
		{"get bucket lifecycle", "GET", "/?lifecycle", "", http.Header{},
			"fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
		{"list objects", "GET", "/?max-keys=2&prefix=J", "", http.Header{},
			"34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := sent(t, c.method, "https://examplebucket.s3.amazonaws.com"+c.target, c.body)
			r.Header = c.headers
			Sign(r, exampleCredentials(), "us-east-1", sha(c.body), exampleTime)
			if !strings.HasSuffix(r.Header.Get("Authorization"), ",Signature="+c.signature) {
				t.Errorf("signed %s", r.Header.Get("Authorization"))
			}
			req, body := verified(t, exampleVerifier(), transmit(t, r))
			if body != c.body || req.Key.ID != exampleID || req.Region != "us-east-1" || !req.Time.Equal(exampleTime) ||
				req.AuthType != "REST-HEADER" || req.SignatureVersion != "AWS4-HMAC-SHA256" || req.Anonymous || req.Presigned ||
				req.ContentSHA256 != sha(c.body) || req.Length != int64(len(c.body)) || req.Trailer() != "" {
				t.Errorf("%+v, body %q", req, body)
			}
		})
	}
}

func TestPresignedExample(t *testing.T) {
	r := sent(t, "GET", "https://examplebucket.s3.amazonaws.com/test.txt", "")
	got := Presign(r, exampleCredentials(), "us-east-1", 24*time.Hour, exampleTime)
	const want = "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	req, _ := verified(t, exampleVerifier(), transmit(t, sent(t, "GET", want, "")))
	if !req.Presigned || req.AuthType != "REST-QUERY-STRING" || req.ContentSHA256 != "UNSIGNED-PAYLOAD" {
		t.Errorf("%+v", req)
	}
}

func chunkedExample(t *testing.T, s Stream) *http.Request {
	r := sent(t, "PUT", "https://s3.amazonaws.com/examplebucket/chunkObject.txt", "")
	r.Header.Set("X-Amz-Storage-Class", "REDUCED_REDUNDANCY")
	if s.Trailer == "" {
		r.Header.Set("Content-Length", "66824") // signed in this example, not in the other
	}
	SignStream(r, strings.NewReader(strings.Repeat("a", 65*1024)), 65*1024, exampleCredentials(), "us-east-1", s, exampleTime)
	return r
}

func TestChunkedExample(t *testing.T) {
	r := chunkedExample(t, Stream{})
	if r.ContentLength != 66824 {
		t.Errorf("length %d", r.ContentLength)
	}
	if got := r.Header.Get("Authorization"); !strings.HasSuffix(got, "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9") {
		t.Errorf("seed: %s", got)
	}
	a := strings.Repeat("a", 1024)
	checkEncoded(t, r, "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n"+strings.Repeat(a, 64)+"\r\n"+
		"400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n"+a+"\r\n"+
		"0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n")
}

func TestChunkedTrailerExample(t *testing.T) {
	r := chunkedExample(t, Stream{Trailer: "x-amz-checksum-crc32c", Checksum: crc32.New(crc32.MakeTable(crc32.Castagnoli))})
	if got := r.Header.Get("Authorization"); !strings.HasSuffix(got, "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e") {
		t.Errorf("seed: %s", got)
	}
	a := strings.Repeat("a", 1024)
	checkEncoded(t, r, "10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n"+strings.Repeat(a, 64)+"\r\n"+
		"400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n"+a+"\r\n"+
		"0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"+
		"x-amz-checksum-crc32c:sOO8/Q==\r\n"+
		"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n")
}

func checkEncoded(t *testing.T, r *http.Request, want string) {
	t.Helper()
	encoded, err := io.ReadAll(r.Body)
	if err != nil || string(encoded) != want || int64(len(encoded)) != r.ContentLength {
		t.Errorf("encoded %d bytes of %d, want %d, %v", len(encoded), r.ContentLength, len(want), err)
		for i, line := range strings.Split(string(encoded), "\r\n") {
			t.Log(i, line[:min(len(line), 100)])
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(encoded))
	req, body := verified(t, exampleVerifier(), transmit(t, r))
	if body != strings.Repeat("a", 65*1024) || req.Length != 65*1024 {
		t.Errorf("%d bytes, length %d", len(body), req.Length)
	}
	if name := r.Header.Get("X-Amz-Trailer"); req.TrailerName != name || (name != "") != (req.Trailer() == "sOO8/Q==") {
		t.Errorf("trailer %q: %q", req.TrailerName, req.Trailer())
	}
}

func TestV2QueryExample(t *testing.T) {
	v := exampleVerifier()
	v.AllowV2Query = true
	v.Now = func() time.Time { return time.Unix(1175139620-60, 0) }
	v.HostBucket = func(host string) string {
		bucket, _, _ := strings.Cut(host, ".s3.")
		return bucket
	}
	const target = "/photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620"
	req, _ := verified(t, v, received(t, "GET "+target+" HTTP/1.1\r\nHost: johnsmith.s3.amazonaws.com\r\n\r\n"))
	if req.Key.ID != exampleID || !req.Presigned || req.SignatureVersion != "AWS" {
		t.Errorf("%+v", req)
	}
	v.HostBucket = nil
	verified(t, v, received(t, "GET /johnsmith"+target+" HTTP/1.1\r\nHost: s3.amazonaws.com\r\n\r\n"))
}

func TestPostExample(t *testing.T) {
	const policy = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9"
	fields := map[string]string{
		"key": "user/user1/${filename}", "acl": "public-read", "content-type": "image/jpeg",
		"success_action_redirect":      "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html",
		"x-amz-meta-uuid":              "14365123651274",
		"x-amz-server-side-encryption": "AES256",
		"x-amz-credential":             "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request",
		"x-amz-algorithm":              "AWS4-HMAC-SHA256",
		"x-amz-date":                   "20151229T000000Z",
		"x-amz-meta-tag":               "",
		"policy":                       policy,
		"x-amz-signature":              "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e",
	}
	auth, err := exampleVerifier().VerifyPOST(t.Context(), fields, time.Date(2015, 12, 30, 11, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err, details(err))
	}
	if auth.Key.ID != exampleID || auth.Anonymous || auth.Region != "us-east-1" || auth.AuthType != "POST" {
		t.Errorf("%+v", auth)
	}
	if err := auth.Policy.Check(fields, "sigv4examplebucket", "user/user1/cat.jpeg"); err != nil {
		t.Error(err)
	}
}
