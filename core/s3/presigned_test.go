package s3

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/s3err"
)

// sendPresigned sends a request to a URL presigned by "main"; headers are sent,
// not signed.
func (s *testServer) sendPresigned(method, path, body string, headers ...string) *reply {
	s.t.Helper()
	req := s.presigned(method, path, body, time.Hour, time.Now())
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return s.send(req)
}

func TestHoistedHeaders(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	// The checksum is of nothing, as kits compute it when they presign.
	r := s.sendPresigned("PUT", "/bkt/k?x-amz-meta-a=1&x-amz-meta-empty=&x-amz-storage-class=STANDARD_IA&x-amz-tagging=t%3D1&x-amz-acl=public-read"+
		"&x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32&If-None-Match=%2A", "hello")
	if r.status != 200 {
		t.Fatal(r.body)
	}
	h := s.want(200, "main", "HEAD", "/bkt/k", "").header
	if h.Get("X-Amz-Meta-A") != "1" || h.Get("X-Amz-Storage-Class") != "STANDARD_IA" || h.Get("X-Amz-Tagging-Count") != "1" {
		t.Error(h)
	}
	if _, ok := h["X-Amz-Meta-Empty"]; !ok {
		t.Error("empty metadata is lost")
	}
	if r := s.want(200, "", "GET", "/bkt/k", ""); r.body != "hello" {
		t.Errorf("%q", r.body)
	}
	if r := s.sendPresigned("PUT", "/bkt/k?If-None-Match=%2A", "other"); r.status != http.StatusPreconditionFailed {
		t.Error(r.status, r.body)
	}
	if r := s.sendPresigned("PUT", "/bkt/k?If-None-Match=%2A", "other", "If-None-Match", `"0"`); r.status != http.StatusPreconditionFailed {
		t.Error("the signed condition was replaced:", r.status, r.body)
	}
	if r := s.sendPresigned("PUT", "/bkt/copy?x-amz-copy-source=bkt%2Fk", ""); r.status != 200 || r.element("ETag") != "&quot;"+helloMD5+"&quot;" {
		t.Error(r.status, r.body)
	}
	if r := s.sendPresigned("GET", "/bkt/k?X-Amz-Checksum-Mode=ENABLED", ""); r.header.Get("X-Amz-Checksum-Crc64nvme") == "" {
		t.Error(r.header)
	}
	// Only a signed query stands for headers.
	s.want(200, "main", "PUT", "/bkt/plain?x-amz-meta-a=1", "x")
	if h := s.want(200, "main", "HEAD", "/bkt/plain", "").header; h.Get("X-Amz-Meta-A") != "" {
		t.Error(h)
	}
}

func TestPresignedUnsignedHeaders(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	if r := s.sendPresigned("PUT", "/bkt/k", "hello", "X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"); r.status != 200 {
		t.Error(r.body)
	}
	for _, h := range [][]string{{"X-Amz-Meta-A", "1"}, {"X-Amz-Content-Sha256", strings.Repeat("0", 64)}} {
		if r := s.sendPresigned("PUT", "/bkt/k", "hello", h...); r.status != 403 || r.code() != s3err.AccessDenied.Code || r.element("HeadersNotSigned") != strings.ToLower(h[0]) {
			t.Error(h, r.body)
		}
	}
}
