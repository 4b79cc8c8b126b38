package s3

import (
	"encoding/base64"
	"strings"

	"github.com/mucura/mucura/core/s3err"
)

// showEncryption sets a bucket's default, sees it used, and takes it away.
func showEncryption(s *testServer) {
	s.roundTrip("/bkt?encryption", `<ServerSideEncryptionConfiguration xmlns="`+namespace+`"><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>`, s3err.ServerSideEncryptionNotFound)
	s.want(200, "main", "PUT", "/bkt?encryption", defaultEncryption("<SSEAlgorithm>AES256</SSEAlgorithm>"))
	s.shows(s.want(200, "main", "PUT", "/bkt/k", "hello"), sseHeader, "AES256")
	s.fails(s3err.NotImplemented, "main", "PUT", "/bkt?encryption", defaultEncryption("<SSEAlgorithm>aws:kms</SSEAlgorithm>"))
}

func defaultEncryption(algorithm string) string {
	return "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>" + algorithm + "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
}

// encryptionSettingRows are the operations on a bucket's default encryption.
func encryptionSettingRows() []covered {
	return []covered{
		{name: "GetBucketEncryption", show: showEncryption, note: "Not configured until somebody sets it."},
		{name: "PutBucketEncryption", show: showEncryption, lacks: "`aws:kms`: there is no key management service."},
		{name: "DeleteBucketEncryption", show: showEncryption},
	}
}

// encryptionRows are encryption at rest.
func encryptionRows() []covered {
	return []covered{
		{name: "SSE-S3 (`AES256`)", show: showSiteEncryption, note: "Under the site's key, where a client or the bucket's default asks for it."},
		{name: "SSE-C (customer's keys)", show: showCustomerEncryption, note: "Put, get, head, copy and multipart; over TLS or from the same machine, elsewhere with `--allow-sse-c-over-http`."},
		{name: "SSE-KMS, DSSE-KMS", show: refusesKMS, why: "There is no key management service."},
	}
}

func showSiteEncryption(s *testServer) {
	body := strings.Repeat("secret ", 20000)
	s.shows(s.want(200, "main", "PUT", "/bkt/k", body, sseHeader, "AES256"), sseHeader, "AES256")
	s.shows(s.want(200, "main", "HEAD", "/bkt/k", ""), sseHeader, "AES256")
	s.has("/bkt/k", body)
	if r := s.want(206, "main", "GET", "/bkt/k", "", "Range", "bytes=70001-70013"); r.body != body[70001:70014] {
		s.t.Errorf("range: %q", r.body)
	}
	s.shows(s.want(200, "main", "PUT", "/bkt/copy", "", "X-Amz-Copy-Source", "bkt/k"), sseHeader, "AES256")
	s.has("/bkt/copy", body)
}

// customerKeyHeaders bring a customer's key made of one letter.
func customerKeyHeaders(prefix, letter string) []string {
	key := strings.Repeat(letter, 32)
	return []string{prefix + "Algorithm", "AES256", prefix + "Key", base64.StdEncoding.EncodeToString([]byte(key)), prefix + "Key-Md5", md5Header(key)}
}

func showCustomerEncryption(s *testServer) {
	const own, source = "X-Amz-Server-Side-Encryption-Customer-", "X-Amz-Copy-Source-Server-Side-Encryption-Customer-"
	a, b := customerKeyHeaders(own, "a"), customerKeyHeaders(own, "b")
	s.shows(s.want(200, "main", "PUT", "/bkt/k", "hello", a...), own+"Algorithm", "AES256", own+"Key-Md5", a[5])
	if r := s.want(200, "main", "GET", "/bkt/k", "", a...); r.body != "hello" {
		s.t.Errorf("%q", r.body)
	}
	for _, headers := range [][]string{nil, b} {
		if r := s.do("main", "GET", "/bkt/k", "", headers...); r.status < 400 || strings.Contains(r.body, "hello") {
			s.t.Errorf("read without the key: %d %s", r.status, r.body)
		}
	}
	s.want(200, "main", "PUT", "/bkt/copy", "", append(append([]string{"X-Amz-Copy-Source", "bkt/k"}, customerKeyHeaders(source, "a")...), b...)...)
	if r := s.want(200, "main", "GET", "/bkt/copy", "", b...); r.body != "hello" {
		s.t.Errorf("copy: %q", r.body)
	}
	id := s.begin("/bkt/big", a...)
	etag := s.part("/bkt/big", id, 1, "part", a...)
	s.want(200, "main", "POST", "/bkt/big?uploadId="+id, complete(etag), a...)
	if r := s.want(200, "main", "GET", "/bkt/big", "", a...); r.body != "part" {
		s.t.Errorf("upload: %q", r.body)
	}
}

func refusesKMS(s *testServer) {
	for _, method := range []string{"aws:kms", "aws:kms:dsse"} {
		s.fails(s3err.NotImplemented, "main", "PUT", "/bkt/k", "hello", sseHeader, method)
	}
	s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/k", "")
}
