package s3

import (
	"bufio"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/sigv4"
)

const helloMD5 = "5d41402abc4b2a76b9719d911017c592" // of "hello"

func TestPutGet(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	put := s.want(200, "main", "PUT", "/bkt/a/b%20c+d", "hello",
		"Content-Type", "text/x", "Content-Encoding", "aws-chunked,gzip", "Cache-Control", "no-cache", "Expires", "soon",
		"Content-Disposition", "inline", "Content-Language", "fr", "X-Amz-Meta-One", "1", "X-Amz-Meta-one", "2",
		"X-Amz-Meta-U", "=?UTF-8?B?w6k=?=", "X-Amz-Tagging", "k=v&l=", "X-Amz-Website-Redirect-Location", "/x")
	if put.header.Get("Etag") != `"`+helloMD5+`"` || put.header.Get("X-Amz-Checksum-Crc64nvme") == "" || put.header.Get("X-Amz-Checksum-Type") != "FULL_OBJECT" {
		t.Errorf("PUT: %v", put.header)
	}
	if put.header.Get("X-Amz-Request-Id") == "" || put.header.Get("X-Amz-Id-2") == "" || put.header.Get("X-Amz-Version-Id") != "" {
		t.Errorf("PUT: %v", put.header)
	}
	for _, method := range []string{"GET", "HEAD"} {
		got := s.want(200, "main", method, "/bkt/a/b%20c%2Bd", "", "X-Amz-Checksum-Mode", "ENABLED")
		for name, want := range map[string]string{
			"Etag": `"` + helloMD5 + `"`, "Content-Type": "text/x", "Content-Encoding": "gzip", "Cache-Control": "no-cache",
			"Expires": "soon", "Content-Disposition": "inline", "Content-Language": "fr", "X-Amz-Meta-One": "1,2",
			"X-Amz-Meta-U": "=?UTF-8?b?w6k=?=", "X-Amz-Tagging-Count": "2", "X-Amz-Website-Redirect-Location": "/x",
			"Content-Length": "5", "Accept-Ranges": "bytes", "X-Amz-Checksum-Crc64nvme": put.header.Get("X-Amz-Checksum-Crc64nvme"),
		} {
			if got.header.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", method, name, got.header.Get(name), want)
			}
		}
		if want := map[string]string{"GET": "hello", "HEAD": ""}[method]; got.body != want {
			t.Errorf("%s: body %q", method, got.body)
		}
	}
	if r := s.want(200, "main", "GET", "/bkt/a/b%20c+d", ""); r.header.Get("X-Amz-Checksum-Crc64nvme") != "" {
		t.Error("a checksum nobody asked for")
	}
	e := s.event()
	if e.Op != "GetObject" || e.Bucket != "bkt" || e.Key != "a/b c+d" || e.Status != 200 || e.BytesOut != 5 || e.Account != s.users["main"].ID || e.Reason == "" {
		t.Errorf("event %+v", e)
	}
}

func TestLargeObject(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	body := strings.Repeat("0123456789abcdef", 1<<16)
	s.want(200, "main", "PUT", "/bkt/k", body)
	if r := s.want(200, "main", "GET", "/bkt/k", ""); r.body != body {
		t.Error("body differs")
	}
	if r := s.want(206, "main", "GET", "/bkt/k", "", "Range", "bytes=100000-900000"); r.body != body[100000:900001] || r.header.Get("Content-Range") != "bytes 100000-900000/1048576" {
		t.Errorf("range: %d bytes, %v", len(r.body), r.header)
	}
}

func TestKeysAreExact(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	paths := []string{"/../../etc/passwd", "//a//b", "/.", "/..", "/a", "/a/", "/a/b", "/%00x", "/%F0%9F%98%80", "/a%2Fb%2525", "/%20", "/+"}
	for _, p := range paths {
		s.want(200, "main", "PUT", "/bkt"+p, p)
	}
	for _, p := range paths[:len(paths)-3] {
		if p == "/a/b" {
			continue
		}
		if r := s.want(200, "main", "GET", "/bkt"+p, ""); r.body != p {
			t.Errorf("%s holds %q", p, r.body)
		}
	}
	l := s.want(200, "main", "GET", "/bkt?encoding-type=url", "")
	if !strings.Contains(l.body, "<Key>../../etc/passwd</Key>") || !strings.Contains(l.body, "<Key>%00x</Key>") || !strings.Contains(l.body, "<Key>/a//b</Key>") {
		t.Error(l.body)
	}
}

func TestPutRefuses(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	sum := md5.Sum([]byte("other"))
	for _, tt := range []struct {
		want    *s3err.Code
		headers []string
	}{
		{s3err.InvalidDigest, []string{"Content-Md5", ""}},
		{s3err.InvalidDigest, []string{"Content-Md5", "aGVsbCBzLGRham5mamFuc2Y="}},
		{s3err.BadDigest, []string{"Content-Md5", base64.StdEncoding.EncodeToString(sum[:])}},
		{s3err.BadDigest, []string{"X-Amz-Checksum-Crc32", "AAAAAA=="}},
		{s3err.InvalidRequest, []string{"X-Amz-Checksum-Crc32", "AAAA"}},
		{s3err.InvalidRequest, []string{"X-Amz-Checksum-Crc32", "AAAAAA==", "X-Amz-Checksum-Sha1", "2jmj7l5rSw0yVb/vlWAYkK/YBwk="}},
		{s3err.InvalidRequest, []string{"X-Amz-Sdk-Checksum-Algorithm", "CRC32"}},
		{s3err.MetadataTooLarge, []string{"X-Amz-Meta-A", strings.Repeat("x", 2048)}},
		{s3err.InvalidRedirectLocation, []string{"X-Amz-Website-Redirect-Location", "ftp://x"}},
		{s3err.InvalidStorageClass, []string{"X-Amz-Storage-Class", "DEEP_ARCHIVE"}},
		{s3err.NotImplemented, []string{"X-Amz-Server-Side-Encryption", "aws:kms"}},
		{s3err.NotImplemented, []string{"X-Amz-Write-Offset-Bytes", "0"}},
		{s3err.NotImplemented, []string{"If-Match", "x", "If-None-Match", "*"}},
		{s3err.NotImplemented, []string{"If-Modified-Since", "x"}},
		{s3err.NoSuchKey, []string{"If-Match", "x"}},
		{s3err.InvalidArgument, []string{"X-Amz-Tagging", "a=1&a=2"}},
		{s3err.InvalidArgument, []string{"X-Amz-Acl", "nonsense"}},
		{s3err.InvalidRequest, []string{"X-Amz-Object-Lock-Legal-Hold", "ON"}},
		{s3err.AccessDenied, []string{"X-Amz-Expected-Bucket-Owner", "somebody"}},
	} {
		s.fails(tt.want, "main", "PUT", "/bkt/k", "hello", tt.headers...)
	}
	s.fails(s3err.NoSuchBucket, "main", "PUT", "/none/k", "hello")
	s.fails(s3err.AccessDenied, "alt", "PUT", "/bkt/k", "hello")
	s.fails(s3err.AccessDenied, "", "PUT", "/bkt/k", "hello")
	s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/k", "") // nothing of all that is visible
	req := s.request("", "PUT", "/bkt/k", "")
	req.Body, req.ContentLength = io.NopCloser(strings.NewReader("hello")), -1
	sigv4.Sign(req, s.keys["main"], testRegion, sigv4.UnsignedPayload, time.Now())
	if r := s.send(req); r.status != 411 || r.code() != "MissingContentLength" {
		t.Errorf("no length: %d %s", r.status, r.body)
	}
}

func TestMissing(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	if r := s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/k", ""); r.element("Key") != "k" || r.element("Resource") != "/bkt/k" || r.element("RequestId") == "" {
		t.Error(r.body)
	}
	s.fails(s3err.NoSuchKey, "main", "HEAD", "/bkt/k", "")
	s.fails(s3err.AccessDenied, "alt", "GET", "/bkt/k", "")
	s.fails(s3err.AccessDenied, "", "HEAD", "/bkt/k", "")
	s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/k?versionId=", "")
	s.want(204, "main", "DELETE", "/bkt/k?versionId=", "") // no versions: there is only one it can mean
	s.want(200, "main", "PUT", "/bkt?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
	s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/k?versionId=", "")
	s.fails(s3err.InvalidArgument, "main", "DELETE", "/bkt/k?versionId=", "")
	s.fails(s3err.InvalidArgument, "main", "GET", "/bkt/k?versionId=../x", "")
	if r := s.fails(s3err.NoSuchBucket, "main", "GET", "/none/k", ""); r.element("BucketName") != "none" {
		t.Error(r.body)
	}
	s.want(200, "main", "PUT", "/pub", "", "X-Amz-Acl", "public-read")
	s.fails(s3err.NoSuchKey, "", "GET", "/pub/k", "")
}

func TestRanges(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	s.want(200, "main", "PUT", "/bkt/k", "0123456789", "Content-Type", "text/plain")
	for rng, want := range map[string]string{"bytes=2-4": "234", "bytes=-3": "789", "bytes=7-": "789", "bytes=9-99": "9", "bytes=0-0,100-": "0"} {
		r := s.want(206, "main", "GET", "/bkt/k", "", "Range", rng)
		if r.body != want || r.header.Get("Content-Length") != strconv.Itoa(len(want)) || !strings.HasSuffix(r.header.Get("Content-Range"), "/10") {
			t.Errorf("%s: %q %v", rng, r.body, r.header)
		}
	}
	for _, rng := range []string{"bytes=5-2", "lines=1-2", "bytes=0-9,0-9"} {
		if r := s.want(200, "main", "GET", "/bkt/k", "", "Range", rng); r.body != "0123456789" {
			t.Errorf("%s: %q", rng, r.body)
		}
	}
	r := s.fails(s3err.InvalidRange, "main", "GET", "/bkt/k", "", "Range", "bytes=10-")
	if r.element("ActualObjectSize") != "10" || r.element("RangeRequested") != "bytes=10-" {
		t.Error(r.body)
	}
	etag := `"` + fmt.Sprintf("%x", md5.Sum([]byte("0123456789"))) + `"`
	s.want(206, "main", "GET", "/bkt/k", "", "Range", "bytes=1-1", "If-Range", etag)
	s.want(200, "main", "GET", "/bkt/k", "", "Range", "bytes=1-1", "If-Range", `"x"`)
	s.want(206, "main", "HEAD", "/bkt/k", "", "Range", "bytes=1-1")
	s.fails(s3err.InvalidRequest, "main", "GET", "/bkt/k?partNumber=1", "", "Range", "bytes=1-1")
	s.fails(s3err.InvalidArgument, "main", "GET", "/bkt/k?partNumber=0", "")
	s.fails(s3err.InvalidPartNumber, "main", "GET", "/bkt/k?partNumber=2", "")
	if r := s.want(206, "main", "GET", "/bkt/k?partNumber=1", ""); r.header.Get("Content-Range") != "bytes 0-9/10" || r.header.Get("X-Amz-Mp-Parts-Count") != "" {
		t.Errorf("part 1: %v", r.header)
	}
}

func TestMultipartRanges(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	s.want(200, "main", "PUT", "/bkt/k", "0123456789", "Content-Type", "text/plain")
	r := s.want(206, "main", "GET", "/bkt/k", "", "Range", "bytes=1-2, -1,5-6")
	kind, params, err := mime.ParseMediaType(r.header.Get("Content-Type"))
	if err != nil || kind != "multipart/byteranges" || r.header.Get("Content-Length") != strconv.Itoa(len(r.body)) {
		t.Fatalf("%v %v", r.header, err)
	}
	m := multipart.NewReader(strings.NewReader(r.body), params["boundary"])
	for _, want := range [][2]string{{"bytes 1-2/10", "12"}, {"bytes 9-9/10", "9"}, {"bytes 5-6/10", "56"}} {
		p, err := m.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(p)
		if string(b) != want[1] || p.Header.Get("Content-Range") != want[0] || p.Header.Get("Content-Type") != "text/plain" {
			t.Errorf("%q %v, want %v", b, p.Header, want)
		}
	}
	if _, err := m.NextPart(); err != io.EOF {
		t.Error(err)
	}
	if h := s.want(206, "main", "HEAD", "/bkt/k", "", "Range", "bytes=1-2,-1,5-6"); h.header.Get("Content-Length") != r.header.Get("Content-Length") {
		t.Errorf("HEAD: %v", h.header)
	}
}

func TestReadConditions(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	s.want(200, "main", "PUT", "/bkt/k", "hello")
	past := time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)
	r := s.want(304, "main", "GET", "/bkt/k", "", "If-None-Match", helloMD5)
	if r.body != "" || r.header.Get("Etag") == "" || r.header.Get("Last-Modified") == "" {
		t.Errorf("304: %q %v", r.body, r.header)
	}
	if r := s.fails(s3err.PreconditionFailed, "main", "GET", "/bkt/k", "", "If-Match", "x"); r.element("Condition") != "If-Match" {
		t.Error(r.body)
	}
	s.fails(s3err.PreconditionFailed, "main", "HEAD", "/bkt/k", "", "If-Unmodified-Since", past)
	s.want(200, "main", "GET", "/bkt/k", "", "If-Match", `"`+helloMD5+`"`, "If-Unmodified-Since", past)
}

func TestWriteConditions(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	s.want(200, "main", "PUT", "/bkt/k", "hello", "If-None-Match", "*")
	s.fails(s3err.PreconditionFailed, "main", "PUT", "/bkt/k", "again", "If-None-Match", "*")
	s.fails(s3err.PreconditionFailed, "main", "PUT", "/bkt/k", "again", "If-Match", `"x"`)
	s.want(200, "main", "PUT", "/bkt/k", "again", "If-Match", `"`+helloMD5+`"`)
	s.fails(s3err.PreconditionFailed, "main", "DELETE", "/bkt/k", "", "If-Match", helloMD5)
	s.fails(s3err.PreconditionFailed, "main", "DELETE", "/bkt/k", "", "X-Amz-If-Match-Size", "4")
	s.want(204, "main", "DELETE", "/bkt/k", "", "X-Amz-If-Match-Size", "5")
	s.want(204, "main", "DELETE", "/bkt/k", "")
}

func TestOverrides(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "", "X-Amz-Acl", "public-read")
	s.want(200, "main", "PUT", "/bkt/k", "hello", "X-Amz-Acl", "public-read")
	r := s.want(200, "main", "GET", "/bkt/k?response-content-type=text/foo&response-content-disposition=attachment%3B%20filename%3D%22a%22&response-expires=x&response-cache-control=no&response-content-encoding=e&response-content-language=l", "")
	for name, want := range map[string]string{"Content-Type": "text/foo", "Content-Disposition": `attachment; filename="a"`, "Expires": "x", "Cache-Control": "no", "Content-Encoding": "e", "Content-Language": "l"} {
		if r.header.Get(name) != want {
			t.Errorf("%s: %q", name, r.header.Get(name))
		}
	}
	s.want(200, "", "GET", "/bkt/k", "")
	s.fails(s3err.InvalidRequest, "", "GET", "/bkt/k?response-content-type=text/foo", "")
}

func TestVersions(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "", "X-Amz-Bucket-Object-Lock-Enabled", "true")
	v1 := s.want(200, "main", "PUT", "/bkt/k", "one").header.Get("X-Amz-Version-Id")
	v2 := s.want(200, "main", "PUT", "/bkt/k", "two").header.Get("X-Amz-Version-Id")
	if v1 == "" || v1 == v2 {
		t.Fatalf("versions %q %q", v1, v2)
	}
	if r := s.want(200, "main", "GET", "/bkt/k?versionId="+v1, ""); r.body != "one" || r.header.Get("X-Amz-Version-Id") != v1 {
		t.Errorf("%q %v", r.body, r.header)
	}
	d := s.want(204, "main", "DELETE", "/bkt/k", "")
	marker := d.header.Get("X-Amz-Version-Id")
	if d.header.Get("X-Amz-Delete-Marker") != "true" || marker == "" {
		t.Errorf("delete: %v", d.header)
	}
	if r := s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/k", ""); r.header.Get("X-Amz-Delete-Marker") != "true" || r.header.Get("X-Amz-Version-Id") != marker {
		t.Errorf("%v", r.header)
	}
	if r := s.fails(s3err.MethodNotAllowed, "main", "HEAD", "/bkt/k?versionId="+marker, ""); r.header.Get("X-Amz-Delete-Marker") != "true" || r.header.Get("Last-Modified") == "" || r.header.Get("Allow") != "DELETE" {
		t.Errorf("%v", r.header)
	}
	s.fails(s3err.NoSuchVersion, "main", "GET", "/bkt/k?versionId="+strings.Repeat("0", 32), "")
	l := s.want(200, "main", "GET", "/bkt?versions", "").body
	if strings.Count(l, "<Version>") != 2 || strings.Count(l, "<DeleteMarker>") != 1 || strings.Index(l, marker) > strings.Index(l, v2) || strings.Index(l, v2) > strings.Index(l, v1) {
		t.Error(l)
	}
	if p := s.want(200, "main", "GET", "/bkt?versions&max-keys=1", ""); p.element("NextKeyMarker") != "k" || p.element("NextVersionIdMarker") != marker || p.element("IsTruncated") != "true" {
		t.Error(p.body)
	}
	if r := s.want(204, "main", "DELETE", "/bkt/k?versionId="+marker, ""); r.header.Get("X-Amz-Delete-Marker") != "true" {
		t.Errorf("%v", r.header)
	}
	if r := s.want(200, "main", "GET", "/bkt/k", ""); r.body != "two" {
		t.Errorf("%q", r.body)
	}
	s.fails(s3err.InvalidArgument, "main", "GET", "/bkt?versions&version-id-marker="+v1, "")
}

func TestDeleteUnderLock(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "", "X-Amz-Bucket-Object-Lock-Enabled", "true")
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	v := s.want(200, "main", "PUT", "/bkt/k", "x", "X-Amz-Object-Lock-Mode", "GOVERNANCE", "X-Amz-Object-Lock-Retain-Until-Date", until, "X-Amz-Object-Lock-Legal-Hold", "OFF").header.Get("X-Amz-Version-Id")
	if r := s.want(200, "main", "HEAD", "/bkt/k", ""); r.header.Get("X-Amz-Object-Lock-Mode") != "GOVERNANCE" || !strings.HasPrefix(r.header.Get("X-Amz-Object-Lock-Retain-Until-Date"), until[:19]) {
		t.Errorf("%v", r.header)
	}
	s.fails(s3err.AccessDenied, "main", "DELETE", "/bkt/k?versionId="+v, "")
	s.fails(s3err.AccessDenied, "op", "DELETE", "/bkt/k?versionId="+v, "")
	s.fails(s3err.AccessDenied, "alt", "DELETE", "/bkt/k?versionId="+v, "", "X-Amz-Bypass-Governance-Retention", "true")
	s.want(204, "main", "DELETE", "/bkt/k?versionId="+v, "", "X-Amz-Bypass-Governance-Retention", "true")
	s.fails(s3err.InvalidArgument, "main", "PUT", "/bkt/k", "x", "X-Amz-Object-Lock-Mode", "GOVERNANCE")
}

// dial sends a signed PUT's header over a connection of its own.
func (s *testServer) dial(who, path string, length int, headers ...string) (net.Conn, *bufio.Reader) {
	s.t.Helper()
	req := s.request("", "PUT", path, "", headers...)
	req.Body, req.ContentLength = io.NopCloser(strings.NewReader("")), int64(length)
	req.Header.Set("Content-Length", strconv.Itoa(length))
	sigv4.Sign(req, s.keys[who], testRegion, sigv4.UnsignedPayload, time.Now())
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\n", path, req.URL.Host)
	req.Header.Write(conn)
	io.WriteString(conn, "\r\n")
	return conn, bufio.NewReader(conn)
}

// answer reads an answer from a connection.
func (s *testServer) answer(r *bufio.Reader) *reply {
	s.t.Helper()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	if resp.Close {
		resp.Header.Set("Connection", "close")
	}
	return &reply{resp.StatusCode, resp.Header, string(b)}
}

func TestExpectContinue(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	_, r := s.dial("alt", "/bkt/k", 1<<20, "Expect", "100-continue")
	if got := s.answer(r); got.status != 403 || got.header.Get("Connection") != "close" {
		t.Errorf("refused: %d %v", got.status, got.header)
	}
	conn, r := s.dial("main", "/bkt/k", 5, "Expect", "100-continue")
	if got := s.answer(r); got.status != 100 {
		t.Errorf("%d, want 100", got.status)
	}
	io.WriteString(conn, "hello")
	if got := s.answer(r); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestBodyIdle(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	s.inside().BodyIdle = 50 * time.Millisecond
	conn, r := s.dial("main", "/bkt/k", 100)
	io.WriteString(conn, "some") // and never the rest
	if got := s.answer(r); got.status != 400 || got.code() != "RequestTimeout" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if _, err := r.ReadByte(); err != io.EOF {
		t.Errorf("the connection stays open: %v", err)
	}
	s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/k", "")
	// A body that nobody reads is not waited for either.
	_, r = s.dial("alt", "/bkt/k", 100)
	if got := s.answer(r); got.status != 403 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestShortBody(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	conn, r := s.dial("main", "/bkt/k", 100)
	io.WriteString(conn, "some")
	conn.(*net.TCPConn).CloseWrite()
	if got := s.answer(r); got.status != 400 || got.code() != "IncompleteBody" {
		t.Errorf("%d %s", got.status, got.body)
	}
	s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/k", "")
}
