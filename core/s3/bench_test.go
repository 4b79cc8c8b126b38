package s3

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/sigv4"
)

// The benchmarks serve requests without a network: what they measure is the
// front, the signature and package repo over stores in memory.

// sink is an answer that nobody reads.
type sink struct {
	header http.Header
	status int
	n      int64
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(p []byte) (int, error) { s.n += int64(len(p)); return len(p), nil }

// serve serves one request of "main".
func (s *testServer) serve(b *testing.B, method, path string, body []byte) {
	r := httptest.NewRequest(method, "http://s3.example.org"+path, bytes.NewReader(body))
	r.Header.Set("User-Agent", "bench")
	sigv4.Sign(r, s.keys["main"], testRegion, sigv4.UnsignedPayload, time.Now())
	w := &sink{header: http.Header{}}
	s.inside().ServeHTTP(w, r)
	if w.status != 200 {
		b.Fatalf("%s %s: %d", method, path, w.status)
	}
}

func benchServer(b *testing.B) *testServer {
	s := newTestServer(b)
	s.inside().Observe = nil
	s.want(200, "main", "PUT", "/bkt", "")
	return s
}

func BenchmarkPut4K(b *testing.B) {
	s, body := benchServer(b), bytes.Repeat([]byte("x"), 4096)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.serve(b, "PUT", fmt.Sprintf("/bkt/k%d", i%1000), body)
	}
}

func BenchmarkGet4K(b *testing.B) {
	s := benchServer(b)
	s.want(200, "main", "PUT", "/bkt/k", strings.Repeat("x", 4096))
	b.ReportAllocs()
	for b.Loop() {
		s.serve(b, "GET", "/bkt/k", nil)
	}
}

func BenchmarkList1000(b *testing.B) {
	s := benchServer(b)
	for i := range 1000 {
		s.serve(b, "PUT", fmt.Sprintf("/bkt/some/folder/file-%06d.root", i), nil)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.serve(b, "GET", "/bkt?list-type=2", nil)
	}
}
