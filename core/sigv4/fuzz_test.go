package sigv4

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/mucura/mucura/core/s3err"
)

func FuzzAuthorizationHeader(f *testing.F) {
	for _, seed := range []string{
		"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-date,Signature=fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024",
		"AWS4-HMAC-SHA256 Credential=a/20130524/r/s3/aws4_request, SignedHeaders=host, Signature=00",
		"AWS4-HMAC-SHA256 Signature=1,Credential=/////,SignedHeaders=;;;",
		"AWS4-HMAC-SHA256 ,,,", "AWS AKIAIOSFODNN7EXAMPLE:NpgCjnDzrM+WFzoENXmpNDUsSn8=", "AWS a", "Bearer x", "", " ",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		c, err := parseAuthorization(value, service)
		if err != nil {
			rowed(t, err)
			return
		}
		if c.id == "" || c.signature == "" || c.signedHeaders == "" || c.scope != c.day+"/"+c.region+"/s3/aws4_request" ||
			!strings.Contains(value, c.id+"/"+c.scope) {
			t.Errorf("%q: %+v", value, c)
		}
	})
}

func FuzzPresignedQuery(f *testing.F) {
	f.Add(strings.SplitN(presignedGet(f, time.Hour), "?", 2)[1])
	f.Add("AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1475139620")
	f.Add("X-Amz-Signature&X-Amz-Credential=%&X-Amz-Algorithm=+&=&&;")
	f.Add("X%2dAmz-Expires=1&X-Amz-Date=20130524T000000Z&X-Amz-SignedHeaders=host%3Bx")
	f.Fuzz(func(t *testing.T, query string) {
		r := &http.Request{Method: "GET", Host: "s3.example.org", Header: http.Header{}, Body: http.NoBody,
			URL: &url.URL{Path: "/bucket/key +", RawQuery: query}}
		v := exampleVerifier()
		v.AllowV2Query = true
		checkAccepted(t, v, r)
	})
}

func FuzzVerifyRequest(f *testing.F) {
	for _, r := range []*http.Request{
		sent(f, "PUT", "http://s3.example.org/b/a%2Fb//../c%20d?x=1&b=2", "Welcome to Amazon S3."),
		sent(f, "GET", "http://s3.example.org/?max-keys=2&prefix=J+a%20", ""),
	} {
		Sign(r, exampleCredentials(), "r", UnsignedPayload, exampleTime)
		f.Add(wireOf(f, r))
	}
	f.Add(wireOf(f, sent(f, "GET", presignedGet(f, time.Hour), "")))
	r, body := signedStream(f, "some data", Stream{})
	f.Add(wireOf(f, withBody(r, body)))
	f.Add([]byte("PUT /b/k HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nX-Amz-Content-Sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\n\r\n5\r\n0\r\n\r\n\r\n0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
		if err != nil {
			return
		}
		checkAccepted(t, exampleVerifier(), r)
	})
}

func wireOf(t testing.TB, r *http.Request) []byte {
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// checkAccepted verifies a request: an error must be one of the table, and
// what is accepted must be anonymous, or right by another way to compute it.
func checkAccepted(t *testing.T, v *Verifier, r *http.Request) {
	req, err := v.Verify(r)
	if err != nil {
		rowed(t, err)
		return
	}
	if req.SignatureVersion == algorithm && !slices.Contains(referenceSignatures(r, req), givenSignature(r)) {
		t.Errorf("accepted a wrong signature: %s %s %v", r.Method, r.URL, r.Header)
	}
	if req.SignatureVersion == "" && !req.Anonymous {
		t.Errorf("neither signed nor anonymous: %+v", req)
	}
	n, err := io.Copy(io.Discard, req.Body)
	if err != nil {
		rowed(t, err)
	} else if req.Length >= 0 && n != req.Length {
		t.Errorf("%d bytes, announced %d", n, req.Length)
	}
}

func givenSignature(r *http.Request) string {
	if a := r.Header.Get("Authorization"); a != "" {
		c, _ := parseAuthorization(a, service)
		return c.signature
	}
	return r.URL.Query().Get("X-Amz-Signature")
}

// referenceSignatures computes signatures the plain way, with net/url: with
// the path in S3's encoding, and as it was sent.
func referenceSignatures(r *http.Request, req *Request) []string {
	q, _ := url.ParseQuery(strings.ReplaceAll(r.URL.RawQuery, ";", "%3B"))
	signedHeaders := q.Get("X-Amz-SignedHeaders")
	if a := r.Header.Get("Authorization"); a != "" {
		c, _ := parseAuthorization(a, service)
		signedHeaders = c.signedHeaders
	}
	var pairs []string
	for name, values := range q {
		for _, value := range values {
			if name != "X-Amz-Signature" {
				pairs = append(pairs, escape(name)+"\x00"+escape(value))
			}
		}
	}
	slices.Sort(pairs)
	query := strings.ReplaceAll(strings.Join(pairs, "&"), "\x00", "=")
	var headers strings.Builder
	for name := range strings.SplitSeq(signedHeaders, ";") {
		headers.WriteString(strings.ToLower(name) + ":" + string(appendHeader(nil, r, name)) + "\n")
	}
	segments := strings.Split(r.URL.EscapedPath(), "/")
	for i, s := range segments {
		s, _ = url.PathUnescape(s)
		segments[i] = escape(s)
	}
	var all []string
	for _, path := range []string{strings.Join(segments, "/"), r.URL.EscapedPath()} {
		if path == "" {
			path = "/"
		}
		canonical := strings.Join([]string{r.Method, path, query, headers.String(), strings.ToLower(signedHeaders), req.ContentSHA256}, "\n")
		day := req.Time.Format(dayLayout)
		key := []byte("AWS4" + exampleSecret)
		for _, part := range []string{day, req.Region, "s3", "aws4_request",
			"AWS4-HMAC-SHA256\n" + req.Time.Format(stampLayout) + "\n" + day + "/" + req.Region + "/s3/aws4_request\n" + sha(canonical)} {
			key = hmacSHA256(key, part)
		}
		all = append(all, hex.EncodeToString(key))
	}
	return all
}

func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func FuzzChunkedDecoder(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"), int64(5), uint8(2), true)
	f.Add([]byte("A\r\ndummy data\r\n0\r\n\r\n"), int64(10), uint8(2), false)
	f.Add([]byte("ffffffffffffffff\r\n"), int64(1<<60), uint8(2), false)
	f.Add([]byte("2000\r\n"+strings.Repeat("a", 8192)+"\r\n0\r\n\r\n"), int64(8190), uint8(2), false)
	_, encoded := signedStream(f, "some data", Stream{})
	f.Add(encoded, int64(9), uint8(0), false)
	_, encoded = signedStream(f, "some data", Stream{Trailer: "x-amz-checksum-crc32"})
	f.Add(encoded, int64(9), uint8(1), true)
	f.Fuzz(func(t *testing.T, body []byte, length int64, mode uint8, trailer bool) {
		if length < 0 {
			return
		}
		kind := chunked + payload(mode%3)
		decode := func(r io.Reader) (string, string, error) {
			seed := newSeed(exampleCredentials(), "r", service, exampleTime)
			seed.signature = strings.Repeat("0", 64)
			b := &chunkedBody{body: io.NopCloser(r), kind: kind, left: length}
			if kind != unsignedChunked {
				b.signer = newChunkSigner(*seed)
			}
			if trailer && kind != chunked {
				b.trailerName = "x-amz-checksum-crc32"
			}
			data, err := io.ReadAll(b)
			return string(data), b.trailer(), err
		}
		data, value, err := decode(bytes.NewReader(body))
		if int64(len(data)) > length || len(data) > len(body) {
			t.Fatalf("%d bytes of %d", len(data), length)
		}
		if err == nil && int64(len(data)) != length {
			t.Errorf("%d bytes accepted for %d", len(data), length)
		}
		if err != nil {
			rowed(t, err)
		}
		// However the bytes arrive, they mean the same.
		again, value2, err2 := decode(iotest.OneByteReader(bytes.NewReader(body)))
		if again != data || value2 != value || !sameRow(err, err2) {
			t.Errorf("%d bytes, %q, %v; byte by byte %d bytes, %q, %v", len(data), value, err, len(again), value2, err2)
		}
	})
}

func sameRow(a, b error) bool {
	if a == nil || b == nil {
		return a == b
	}
	return s3err.From(a).Code == s3err.From(b).Code && s3err.From(a).Message() == s3err.From(b).Message()
}

func FuzzPostPolicy(f *testing.F) {
	for _, seed := range []string{
		`{"expiration": "2013-05-24T01:00:00Z", "conditions": [{"bucket": "b"}, ["starts-with", "$key", "user/"], ["content-length-range", 1, "9"]]}`,
		`{"expiration": "2013-05-24T01:00:00.000Z", "conditions": [["eq", "$content-type", "a,b"], {}, [], null, 1]}`,
		`{"expiration": null, "conditions": null}`, `[`, ``,
	} {
		f.Add([]byte(seed), "key", "user/1")
	}
	f.Fuzz(func(t *testing.T, document []byte, name, value string) {
		form := v2Form(base64.StdEncoding.EncodeToString(document))
		form[strings.ToLower(name)] = value
		auth, err := exampleVerifier().VerifyPOST(t.Context(), form, exampleTime)
		if err != nil {
			rowed(t, err)
			return
		}
		if auth.Policy == nil {
			t.Fatal("a signed form has no policy")
		}
		if least, most, ok := auth.Policy.LengthRange(); ok && (least < 0 || most < 0) {
			t.Errorf("from %d to %d", least, most)
		}
		if err := auth.Policy.Check(form, "b", form["key"]); err != nil && !errors.Is(err, s3err.AccessDenied) {
			t.Error(err)
		}
		// A field that no condition knows is never allowed.
		form["x-amz-no-such-field"] = value
		if !auth.Policy.covers("x-amz-no-such-field") && auth.Policy.Check(form, "b", form["key"]) == nil {
			t.Errorf("%q allows every field", document)
		}
	})
}
