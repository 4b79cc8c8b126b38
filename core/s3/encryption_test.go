package s3

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/mucura/mucura/core/s3err"
)

const (
	customerHeader = "X-Amz-Server-Side-Encryption-Customer-"
	copyHeader     = "X-Amz-Copy-Source-Server-Side-Encryption-Customer-"
)

// md5Text is a base64 MD5.
func md5Text(s string) string {
	sum := md5.Sum([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// withKey is the headers that bring a customer's key of 32 bytes.
func withKey(prefix string, fill string) []string {
	secret := strings.Repeat(fill, 32)
	return []string{
		prefix + "Algorithm", "AES256", prefix + "Key", base64.StdEncoding.EncodeToString([]byte(secret)), prefix + "Key-Md5", md5Text(secret),
	}
}

func sseC(fill string) []string     { return withKey(customerHeader, fill) }
func fromSSEC(fill string) []string { return withKey(copyHeader, fill) }

var sseS3 = [2]string{"X-Amz-Server-Side-Encryption", "AES256"}

// way is a way to encrypt: the headers to write with, to read with and to copy from.
type way struct {
	name              string
	write, read, from []string
}

func ways() []way {
	return []way{
		{name: "plain"},
		{name: "SSE-S3", write: sseS3[:]},
		{name: "SSE-C a", write: sseC("a"), read: sseC("a"), from: fromSSEC("a")},
		{name: "SSE-C b", write: sseC("b"), read: sseC("b"), from: fromSSEC("b")},
	}
}

// wantEncryption checks what an answer says of an object's encryption.
func (s *testServer) wantEncryption(r *reply, w way) {
	s.t.Helper()
	site, algorithm, sum := "", "", ""
	switch {
	case w.read != nil:
		algorithm, sum = "AES256", w.read[5]
	case w.write != nil:
		site = "AES256"
	}
	for name, want := range map[string]string{sseS3[0]: site, customerHeader + "Algorithm": algorithm, customerHeader + "Key-Md5": sum, customerHeader + "Key": ""} {
		if got := r.header.Get(name); got != want {
			s.t.Errorf("%s: %s is %q, want %q", w.name, name, got, want)
		}
	}
}

func TestEncryptedRoundTrips(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	for _, w := range ways() {
		for _, body := range []string{"", "hello", strings.Repeat("0123456789", 20_000)} {
			put := s.want(200, "main", "PUT", "/bkt/k", body, w.write...)
			s.wantEncryption(put, w)
			get := s.want(200, "main", "GET", "/bkt/k", "", w.read...)
			s.wantEncryption(get, w)
			if get.body != body || get.header.Get("Etag") != put.header.Get("Etag") {
				t.Errorf("%s: %d bytes came as %d", w.name, len(body), len(get.body))
			}
			head := s.want(200, "main", "HEAD", "/bkt/k", "", slices.Concat(w.read, []string{"X-Amz-Checksum-Mode", "ENABLED"})...)
			s.wantEncryption(head, w)
			if got, want := head.header.Get("X-Amz-Checksum-Crc64nvme"), sumOf("CRC64NVME", body); got != want {
				t.Errorf("%s: checksum %s, want %s", w.name, got, want)
			}
			if len(body) > 10 {
				r := s.want(206, "main", "GET", "/bkt/k", "", slices.Concat(w.read, []string{"Range", "bytes=65535-65556"})...)
				if r.body != body[65535:65557] {
					t.Errorf("%s: range %q", w.name, r.body)
				}
				r = s.want(206, "main", "GET", "/bkt/k", "", slices.Concat(w.read, []string{"Range", "bytes=1-2,17-18"})...)
				if !strings.Contains(r.body, "\r\n\r\n12\r\n") || !strings.Contains(r.body, "\r\n\r\n78\r\n") {
					t.Errorf("%s: ranges %q", w.name, r.body)
				}
			}
			a := s.want(200, "main", "GET", "/bkt/k?attributes", "", slices.Concat(w.read, []string{"X-Amz-Object-Attributes", "ObjectSize"})...)
			if a.element("ObjectSize") != fmt.Sprint(len(body)) {
				t.Error(a.body)
			}
		}
	}
}

// TestKeyIsJudged: who does not bring the key, brings another one, or
// brings one for nothing.
func TestKeyIsJudged(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	for _, w := range ways() {
		s.want(200, "main", "PUT", "/bkt/k", "hello", w.write...)
		for _, other := range ways() {
			if fmt.Sprint(other.read) == fmt.Sprint(w.read) {
				continue
			}
			for _, path := range []string{"/bkt/k", "/bkt/k?attributes"} {
				r := s.fails(s3err.InvalidRequest, "main", "GET", path, "", slices.Concat(other.read, []string{"X-Amz-Object-Attributes", "ETag"})...)
				if strings.Contains(r.body, "hello") || r.header.Get("Etag") != "" {
					t.Errorf("%s with %s tells %s %v", w.name, other.name, r.body, r.header)
				}
			}
			s.fails(s3err.InvalidRequest, "main", "HEAD", "/bkt/k", "", other.read...)
			s.fails(s3err.InvalidRequest, "main", "PUT", "/bkt/copy", "", slices.Concat(other.from, []string{"X-Amz-Copy-Source", "/bkt/k"})...)
		}
		// Nobody learns anything about keys who may not read.
		s.fails(s3err.AccessDenied, "alt", "GET", "/bkt/k", "")
		s.want(204, "main", "DELETE", "/bkt/k", "") // needs no key
	}
}

func TestEncryptionHeaderErrors(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	good := func(change ...string) (h []string) {
		all := map[string]string{"Algorithm": "AES256", "Key": base64.StdEncoding.EncodeToString([]byte(strings.Repeat("a", 32))), "Key-Md5": md5Text(strings.Repeat("a", 32))}
		for i := 0; i < len(change); i += 2 {
			all[change[i]] = change[i+1]
		}
		for name, value := range all {
			if value != "" {
				h = append(h, customerHeader+name, value)
			}
		}
		return h
	}
	b64 := base64.StdEncoding.EncodeToString
	for _, test := range []struct {
		code    *s3err.Code
		message string
		headers []string
	}{
		{s3err.InvalidEncryptionAlgorithm, "Supported value: AES256.", good("Algorithm", "AES192")},
		{s3err.InvalidArgument, "must provide a valid encryption algorithm", good("Algorithm", "")},
		{s3err.InvalidArgument, "must provide an appropriate secret key", good("Key", "")},
		{s3err.InvalidArgument, "client calculated MD5", good("Key-Md5", "")},
		{s3err.InvalidArgument, "did not match the hash", good("Key-Md5", "AAAAAAAAAAAAAAAAAAAAAA==")},
		{s3err.InvalidArgument, "did not match the hash", good("Key", b64([]byte(strings.Repeat("b", 32))))},
		{s3err.InvalidArgument, "invalid for the specified algorithm", good("Key", b64([]byte("short")), "Key-Md5", md5Text("short"))},
		{s3err.InvalidArgument, "invalid for the specified algorithm", good("Key", "no base64!")},
		{s3err.InvalidArgument, "incompatible with the encryption method", slices.Concat(good(), sseS3[:])},
		{s3err.InvalidArgument, "incompatible with the encryption method", slices.Concat(good(), []string{sseS3[0], "aws:kms"})},
		{s3err.InvalidArgument, "is not supported", []string{sseS3[0], "aes256"}},
		{s3err.InvalidArgument, "is not supported", []string{sseS3[0], ""}},
		{s3err.InvalidArgument, "requires HTTP header", slices.Concat(sseS3[:], []string{sseKMSKeyHeader, "key"})},
		{s3err.InvalidArgument, "requires HTTP header", []string{sseKMSKeyHeader, "key"}},
		{s3err.NotImplemented, "use AES256", []string{sseS3[0], "aws:kms"}},
		{s3err.NotImplemented, "use AES256", []string{sseS3[0], "aws:kms:dsse", sseKMSKeyHeader, "key"}},
	} {
		for _, to := range []struct{ method, path string }{{"PUT", "/bkt/k"}, {"POST", "/bkt/k?uploads"}} {
			r := s.fails(test.code, "main", to.method, to.path, "", test.headers...)
			if !strings.Contains(r.element("Message"), test.message) {
				t.Errorf("%v: %s, want %q", test.headers, r.body, test.message)
			}
		}
	}
	s.want(200, "main", "PUT", "/bkt/k", "hello", sseS3[:]...)
	for _, method := range []string{"GET", "HEAD"} {
		s.fails(s3err.InvalidArgument, "main", method, "/bkt/k", "", sseS3[:]...)
	}
}

func TestEncryptedCopies(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	body := strings.Repeat("0123456789", 20_000)
	for _, from := range ways() {
		s.want(200, "main", "PUT", "/bkt/source", body, from.write...)
		for _, to := range ways() {
			r := s.want(200, "main", "PUT", "/bkt/copy", "", slices.Concat(from.from, to.write, []string{"X-Amz-Copy-Source", "/bkt/source"})...)
			if from.write != nil && to.write == nil {
				to = ways()[1] // what was encrypted stays so
			}
			s.wantEncryption(r, to)
			get := s.want(200, "main", "GET", "/bkt/copy", "", to.read...)
			s.wantEncryption(get, to)
			if get.body != body {
				t.Errorf("%s to %s: %d bytes came as %d", from.name, to.name, len(body), len(get.body))
			}
		}
	}
	// A key is changed by copying an object onto itself.
	s.fails(s3err.InvalidRequest, "main", "PUT", "/bkt/source", "", slices.Concat(fromSSEC("b"), []string{"X-Amz-Copy-Source", "/bkt/source"})...)
	s.want(200, "main", "PUT", "/bkt/source", "", slices.Concat(fromSSEC("b"), sseC("c"), []string{"X-Amz-Copy-Source", "/bkt/source"})...)
	if r := s.want(200, "main", "GET", "/bkt/source", "", sseC("c")...); r.body != body {
		t.Error("the bytes are others under the new key")
	}
}

func TestEncryptedUploads(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	first, last := strings.Repeat("a", 5<<20), "tail"
	for _, w := range ways() {
		s.want(200, "main", "PUT", "/bkt/source", last, w.write...)
		id := s.begin("/bkt/k", slices.Concat(w.write, []string{"X-Amz-Checksum-Algorithm", "CRC32", "X-Amz-Checksum-Type", "FULL_OBJECT"})...)
		one, two := "/bkt/k?partNumber=1&uploadId="+id, "/bkt/k?partNumber=2&uploadId="+id
		for _, other := range ways() {
			if fmt.Sprint(other.read) != fmt.Sprint(w.read) {
				s.fails(s3err.InvalidRequest, "main", "PUT", one, "x", other.read...)
				s.fails(s3err.InvalidRequest, "main", "PUT", two, "", slices.Concat(w.from, other.read, []string{"X-Amz-Copy-Source", "/bkt/source"})...)
			}
		}
		s.fails(s3err.InvalidArgument, "main", "PUT", one, "x", sseS3[:]...)
		r := s.want(200, "main", "PUT", one, first, w.read...)
		s.wantEncryption(r, w)
		e1 := r.header.Get("Etag")
		r = s.want(200, "main", "PUT", two, "", slices.Concat(w.from, w.read, []string{"X-Amz-Copy-Source", "/bkt/source"})...)
		s.wantEncryption(r, w)
		doc := complete(e1, strings.ReplaceAll(r.element("ETag"), "&quot;", `"`))
		if w.read != nil {
			s.fails(s3err.InvalidRequest, "main", "POST", "/bkt/k?uploadId="+id, doc)
			s.fails(s3err.InvalidRequest, "main", "POST", "/bkt/k?uploadId="+id, doc, sseC("z")...)
		}
		r = s.want(200, "main", "POST", "/bkt/k?uploadId="+id, doc, w.read...)
		s.wantEncryption(r, w)
		if r.element("ChecksumCRC32") != sumOf("CRC32", first+last) {
			t.Errorf("%s: %s", w.name, r.body)
		}
		got := s.want(206, "main", "GET", "/bkt/k", "", slices.Concat(w.read, []string{"Range", "bytes=5242878-"})...)
		if got.body != "aatail" {
			t.Errorf("%s: got %q", w.name, got.body)
		}
		if got = s.want(206, "main", "GET", "/bkt/k?partNumber=2", "", w.read...); got.body != last {
			t.Errorf("%s: part %q", w.name, got.body)
		}
	}
	// Without a checksum that was asked for, the key need not come with the end.
	id := s.begin("/bkt/k", sseC("a")...)
	etag := s.part("/bkt/k", id, 1, "x", sseC("a")...)
	s.fails(s3err.InvalidRequest, "main", "POST", "/bkt/k?uploadId="+id, complete(etag), sseC("b")...)
	s.want(200, "main", "POST", "/bkt/k?uploadId="+id, complete(etag))
}

const defaultSSE = `<ServerSideEncryptionConfiguration xmlns="` + namespace + `"><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>%s</SSEAlgorithm>%s</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`

func TestDefaultEncryption(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	s.want(200, "main", "PUT", "/bkt/before", "plain")
	s.want(200, "main", "PUT", "/bkt?encryption", fmt.Sprintf(defaultSSE, "AES256", ""))
	plain, site, ssec := ways()[0], ways()[1], ways()[2]
	s.wantEncryption(s.want(200, "main", "GET", "/bkt/before", ""), plain)
	s.wantEncryption(s.want(200, "main", "PUT", "/bkt/k", "hello"), site)
	s.wantEncryption(s.want(200, "main", "PUT", "/bkt/copy", "", "X-Amz-Copy-Source", "/bkt/before"), site)
	s.wantEncryption(s.want(200, "main", "POST", "/bkt/up?uploads", ""), site)
	s.wantEncryption(s.want(200, "main", "PUT", "/bkt/c", "hello", ssec.write...), ssec)
	s.wantEncryption(s.post("/bkt", "hello", s.signedForm("main", "bkt", map[string]string{"key": "posted"})), site)
	s.wantEncryption(s.want(200, "main", "GET", "/bkt/posted", ""), site)
	if got := s.want(200, "main", "GET", "/bkt/k", "").body; got != "hello" {
		t.Errorf("got %q", got)
	}
	s.want(204, "main", "DELETE", "/bkt?encryption", "")
	s.wantEncryption(s.want(200, "main", "PUT", "/bkt/k", "hello"), plain)
}

func TestDefaultEncryptionRefused(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	rule := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf(defaultSSE, "AES256", ""), `<ServerSideEncryptionConfiguration xmlns="`+namespace+`">`), "</ServerSideEncryptionConfiguration>")
	config := func(rules string) string {
		return "<ServerSideEncryptionConfiguration>" + rules + "</ServerSideEncryptionConfiguration>"
	}
	for doc, code := range map[string]*s3err.Code{
		fmt.Sprintf(defaultSSE, "aws:kms", ""):                                        s3err.NotImplemented,
		fmt.Sprintf(defaultSSE, "aws:kms:dsse", "<KMSMasterKeyID>k</KMSMasterKeyID>"): s3err.NotImplemented,
		fmt.Sprintf(defaultSSE, "AES256", "<KMSMasterKeyID>k</KMSMasterKeyID>"):       s3err.InvalidArgument,
		fmt.Sprintf(defaultSSE, "rot13", ""):                                          s3err.MalformedXML,
		config(""):                                                                    s3err.MalformedXML,
		config(rule + rule):                                                           s3err.MalformedXML,
		config("<Rule></Rule>"):                                                       s3err.MalformedXML,
		config("<Rule><BlockedEncryptionTypes><EncryptionType>SSE-S3</EncryptionType></BlockedEncryptionTypes></Rule>"): s3err.MalformedXML,
	} {
		s.fails(code, "main", "PUT", "/bkt?encryption", doc)
	}
	s.fails(s3err.ServerSideEncryptionNotFound, "main", "GET", "/bkt?encryption", "")
}

// TestBlockedSSEC: a bucket may refuse new objects under customers' keys.
func TestBlockedSSEC(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	s.want(200, "main", "PUT", "/bkt/before", "hello", sseC("a")...)
	id := s.begin("/bkt/up", sseC("a")...)
	block := `<ServerSideEncryptionConfiguration xmlns="` + namespace + `"><Rule><BucketKeyEnabled>false</BucketKeyEnabled><BlockedEncryptionTypes><EncryptionType>%s</EncryptionType></BlockedEncryptionTypes></Rule></ServerSideEncryptionConfiguration>`
	s.want(200, "main", "PUT", "/bkt?encryption", fmt.Sprintf(block, "SSE-C"))
	if r := s.want(200, "main", "GET", "/bkt?encryption", ""); !strings.HasSuffix(r.body, fmt.Sprintf(block, "SSE-C")) {
		t.Error(r.body)
	}
	s.want(200, "main", "GET", "/bkt/before", "", sseC("a")...)
	s.fails(s3err.AccessDenied, "main", "PUT", "/bkt/k", "hello", sseC("a")...)
	s.fails(s3err.AccessDenied, "main", "POST", "/bkt/k?uploads", "", sseC("a")...)
	s.fails(s3err.AccessDenied, "main", "PUT", "/bkt/up?partNumber=1&uploadId="+id, "x", sseC("a")...)
	s.fails(s3err.AccessDenied, "main", "PUT", "/bkt/k", "", slices.Concat(fromSSEC("a"), sseC("a"), []string{"X-Amz-Copy-Source", "/bkt/before"})...)
	s.want(200, "main", "PUT", "/bkt/k", "hello", sseS3[:]...)
	s.want(200, "main", "PUT", "/bkt?encryption", fmt.Sprintf(block, "NONE"))
	s.want(200, "main", "PUT", "/bkt/k", "hello", sseC("a")...)
}

func TestPostEncrypted(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	for _, w := range ways() {
		fields := map[string]string{"key": "k"}
		for i := 0; i < len(w.write); i += 2 {
			fields[strings.ToLower(w.write[i])] = w.write[i+1]
		}
		r := s.post("/bkt", "file", s.signedForm("main", "bkt", fields))
		if r.status != 204 {
			t.Fatalf("%s: %d %s", w.name, r.status, r.body)
		}
		s.wantEncryption(r, w)
		if got := s.want(200, "main", "GET", "/bkt/k", "", w.read...); got.body != "file" {
			t.Errorf("%s: got %q", w.name, got.body)
		}
	}
}

// TestEncryptionPolicies: policies can demand encryption.
func TestEncryptionPolicies(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	deny := func(condition string) {
		s.want(204, "main", "PUT", "/bkt?policy", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::bkt/*","Condition":`+condition+`}]}`)
	}
	put := func(allowed bool, headers ...string) {
		t.Helper()
		if r := s.do("main", "PUT", "/bkt/k", "x", headers...); (r.status == 200) != allowed || !allowed && r.code() != "AccessDenied" {
			t.Errorf("%v: %d %s", headers, r.status, r.body)
		}
	}
	deny(`{"Null":{"s3:x-amz-server-side-encryption":"true"}}`)
	put(false)
	put(true, sseS3[:]...)
	deny(`{"StringNotEquals":{"s3:x-amz-server-side-encryption-customer-algorithm":"AES256"}}`)
	put(false)
	put(false, customerHeader+"Algorithm", "AES192")
	put(true, sseC("a")...)
}

// TestKeysNeedSecrecy: a customer's key over plain HTTP from another machine
// is refused, unless the operator says otherwise.
func TestKeysNeedSecrecy(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	s.want(200, "main", "PUT", "/bkt/k", "hello", sseC("a")...)
	from := func(remote string) *httptest.ResponseRecorder {
		req := s.request("main", "GET", "/bkt/k", "", sseC("a")...)
		req.RemoteAddr = remote
		w := httptest.NewRecorder()
		s.inside().ServeHTTP(w, req)
		return w
	}
	for remote, status := range map[string]int{"127.0.0.1:9": 200, "[::1]:9": 200, "192.0.2.1:9": 400, "[2001:db8::1]:9": 400, "": 400} {
		w := from(remote)
		if w.Code != status || status == 400 && !strings.Contains(w.Body.String(), "secure connection") {
			t.Errorf("from %q: %d %s", remote, w.Code, w.Body)
		}
	}
	s.inside().AllowPlainSSEC = true
	if w := from("192.0.2.1:9"); w.Code != 200 {
		t.Errorf("allowed, but %d %s", w.Code, w.Body)
	}
}
