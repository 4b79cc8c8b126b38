package s3

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/s3err"
)

func TestCopy(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/src", "")
	s.want(200, "main", "PUT", "/dst", "")
	s.want(200, "main", "PUT", "/src/a%20b", "hello", "Content-Type", "text/x", "X-Amz-Meta-A", "1", "X-Amz-Tagging", "t=1", "X-Amz-Website-Redirect-Location", "/r")
	r := s.want(200, "main", "PUT", "/dst/c", "", "X-Amz-Copy-Source", "/src/a%20b")
	if r.element("ETag") != "&quot;"+helloMD5+"&quot;" || r.element("LastModified") == "" || !strings.Contains(r.body, "<CopyObjectResult xmlns=") {
		t.Error(r.body)
	}
	c := s.want(200, "main", "GET", "/dst/c", "")
	if c.body != "hello" || c.header.Get("Content-Type") != "text/x" || c.header.Get("X-Amz-Meta-A") != "1" || c.header.Get("X-Amz-Tagging-Count") != "1" || c.header.Get("X-Amz-Website-Redirect-Location") != "" {
		t.Errorf("%q %v", c.body, c.header)
	}
	s.want(200, "main", "PUT", "/dst/c", "", "X-Amz-Copy-Source", "src/a%20b", "X-Amz-Metadata-Directive", "REPLACE", "Content-Type", "text/y", "X-Amz-Meta-B", "2", "X-Amz-Tagging-Directive", "REPLACE")
	c = s.want(200, "main", "GET", "/dst/c", "")
	if c.header.Get("Content-Type") != "text/y" || c.header.Get("X-Amz-Meta-A") != "" || c.header.Get("X-Amz-Meta-B") != "2" || c.header.Get("X-Amz-Tagging-Count") != "" {
		t.Errorf("%v", c.header)
	}
	// onto itself
	if r := s.fails(s3err.InvalidRequest, "main", "PUT", "/dst/c", "", "X-Amz-Copy-Source", "dst/c"); !strings.Contains(r.element("Message"), "copy an object to itself without changing") {
		t.Error(r.body)
	}
	s.want(200, "main", "PUT", "/dst/c", "", "X-Amz-Copy-Source", "dst/c", "X-Amz-Metadata-Directive", "REPLACE")
	if c := s.want(200, "main", "GET", "/dst/c", ""); c.body != "hello" || c.header.Get("Content-Type") != "binary/octet-stream" {
		t.Errorf("%q %v", c.body, c.header)
	}
	// another checksum
	s.want(200, "main", "PUT", "/dst/d", "", "X-Amz-Copy-Source", "dst/c", "X-Amz-Checksum-Algorithm", "SHA256")
	if c := s.want(200, "main", "HEAD", "/dst/d", "", "X-Amz-Checksum-Mode", "ENABLED"); c.header.Get("X-Amz-Checksum-Sha256") != "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=" {
		t.Errorf("%v", c.header)
	}
}

func TestCopyRefuses(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/src", "")
	s.want(200, "main", "PUT", "/src/k", "hello")
	s.want(200, "alt", "PUT", "/alt", "")
	for _, tt := range []struct {
		who     string
		want    *s3err.Code
		headers []string
	}{
		{"alt", s3err.AccessDenied, []string{"X-Amz-Copy-Source", "src/k"}},
		{"alt", s3err.AccessDenied, []string{"X-Amz-Copy-Source", "src/none"}},
		{"alt", s3err.NoSuchBucket, []string{"X-Amz-Copy-Source", "none/k"}},
		{"alt", s3err.NoSuchKey, []string{"X-Amz-Copy-Source", "alt/none"}},
		{"alt", s3err.InvalidArgument, []string{"X-Amz-Copy-Source", "alt"}},
		{"alt", s3err.InvalidArgument, []string{"X-Amz-Copy-Source", "alt/k", "X-Amz-Metadata-Directive", "maybe"}},
		{"alt", s3err.InvalidRequest, []string{"X-Amz-Copy-Source", "alt/k", "X-Amz-Checksum-Algorithm", "CRC31"}},
		{"", s3err.AccessDenied, []string{"X-Amz-Copy-Source", "src/k"}},
	} {
		s.fails(tt.want, tt.who, "PUT", "/alt/k", "", tt.headers...)
	}
	for _, h := range [][2]string{{"If-Match", "x"}, {"If-None-Match", helloMD5}, {"If-Unmodified-Since", "Wed, 01 May 2002 12:00:00 GMT"}, {"If-Modified-Since", time.Now().UTC().Format(http.TimeFormat)}} {
		r := s.fails(s3err.PreconditionFailed, "main", "PUT", "/src/l", "", "X-Amz-Copy-Source", "src/k", "X-Amz-Copy-Source-"+h[0], h[1])
		if r.element("Condition") != "x-amz-copy-source-"+h[0] {
			t.Error(r.body)
		}
	}
	s.want(200, "main", "PUT", "/src/l", "", "X-Amz-Copy-Source", "src/k", "X-Amz-Copy-Source-If-Modified-Since", "Wed, 01 May 2052 12:00:00 GMT")
	s.want(200, "main", "PUT", "/src/l", "", "X-Amz-Copy-Source", "src/k", "X-Amz-Copy-Source-If-Match", helloMD5)
	s.fails(s3err.AccessDenied, "main", "PUT", "/src/l", "", "X-Amz-Copy-Source", "src/k", "X-Amz-Source-Expected-Bucket-Owner", s.users["alt"].ID)
	s.fails(s3err.PreconditionFailed, "main", "PUT", "/src/l", "", "X-Amz-Copy-Source", "src/k", "If-None-Match", "*")
}

func TestCopyVersion(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "", "X-Amz-Bucket-Object-Lock-Enabled", "true")
	v := s.want(200, "main", "PUT", "/bkt/k", "one").header.Get("X-Amz-Version-Id")
	s.want(200, "main", "PUT", "/bkt/k", "two")
	r := s.want(200, "main", "PUT", "/bkt/k", "", "X-Amz-Copy-Source", "bkt/k?versionId="+v)
	if r.header.Get("X-Amz-Copy-Source-Version-Id") != v || r.header.Get("X-Amz-Version-Id") == "" {
		t.Errorf("%v", r.header)
	}
	if r := s.want(200, "main", "GET", "/bkt/k", ""); r.body != "one" {
		t.Errorf("%q", r.body)
	}
	s.fails(s3err.NoSuchVersion, "main", "PUT", "/bkt/k", "", "X-Amz-Copy-Source", "bkt/k?versionId="+strings.Repeat("0", 32))
}

func TestRename(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	s.want(200, "main", "PUT", "/bkt/a%20b", "hello")
	s.want(200, "main", "PUT", "/bkt/c?renameObject", "", "X-Amz-Rename-Source", "/bkt/a%20b")
	s.fails(s3err.NoSuchKey, "main", "GET", "/bkt/a%20b", "")
	if r := s.want(200, "main", "GET", "/bkt/c", ""); r.body != "hello" {
		t.Errorf("%q", r.body)
	}
	s.fails(s3err.InvalidArgument, "main", "PUT", "/bkt/d?renameObject", "")
	s.fails(s3err.InvalidRequest, "main", "PUT", "/bkt/d?renameObject", "", "X-Amz-Rename-Source", "/other/c")
	s.fails(s3err.PreconditionFailed, "main", "PUT", "/bkt/d?renameObject", "", "X-Amz-Rename-Source", "/bkt/c", "X-Amz-Rename-Source-If-Match", "x")
	s.fails(s3err.AccessDenied, "alt", "PUT", "/bkt/d?renameObject", "", "X-Amz-Rename-Source", "/bkt/c")
}

// A copy onto itself needs something to change; a storage class is enough, even
// the one the object has.
func TestCopyOntoItself(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/bkt", "")
	s.want(200, "main", "PUT", "/bkt/k", "hello", "X-Amz-Meta-A", "1")
	s.fails(s3err.InvalidRequest, "main", "PUT", "/bkt/k", "", "X-Amz-Copy-Source", "bkt/k")
	s.fails(s3err.InvalidRequest, "main", "PUT", "/bkt/k", "", "X-Amz-Copy-Source", "bkt/k", "X-Amz-Meta-A", "2")
	s.want(200, "main", "PUT", "/bkt/k", "", "X-Amz-Copy-Source", "bkt/k", "X-Amz-Storage-Class", "STANDARD")
	if h := s.want(200, "main", "HEAD", "/bkt/k", "").header; h.Get("X-Amz-Meta-A") != "1" {
		t.Error(h)
	}
}
