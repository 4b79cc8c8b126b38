package s3

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mucura/mucura/core/s3err"
)

// routed makes the call of a request line, up to finding the operation.
func routed(t testing.TB, method, target string, headers ...string) (*call, error) {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	c := &call{f: &Front{Domains: []string{"s3.example.org"}}, r: r}
	if err := c.address(); err != nil {
		return c, err
	}
	return c, c.route()
}

func TestRoute(t *testing.T) {
	const source = "X-Amz-Copy-Source"
	for _, tt := range []struct {
		method, target string
		headers        []string
		want           string
	}{
		{"GET", "/", nil, "ListBuckets"},
		{"GET", "/?prefix=a&max-buckets=3", nil, "ListBuckets"},
		{"PUT", "/b", nil, "CreateBucket"},
		{"PUT", "/b/", nil, "CreateBucket"},
		{"HEAD", "/b", nil, "HeadBucket"},
		{"DELETE", "/b", nil, "DeleteBucket"},
		{"GET", "/b?location", nil, "GetBucketLocation"},
		{"GET", "/b", nil, "ListObjects"},
		{"GET", "/b?prefix=&delimiter=", nil, "ListObjects"},
		{"GET", "/b?list-type=2", nil, "ListObjectsV2"},
		{"GET", "/b?list-type=3", nil, "ListObjectsV2"},
		{"GET", "/b?versions&prefix=x", nil, "ListObjectVersions"},
		{"GET", "/b?uploads", nil, "ListMultipartUploads"},
		{"POST", "/b?delete", nil, "DeleteObjects"},
		{"POST", "/b?delete=", nil, "DeleteObjects"},
		{"GET", "/b/k", nil, "GetObject"},
		{"GET", "/b/k?x-id=GetObject&partNumber=1&versionId=null", nil, "GetObject"},
		{"GET", "/b/k?X-Amz-Security-Token=&X-Amz-Signature=ab", nil, "GetObject"},
		{"HEAD", "/b/k", nil, "HeadObject"},
		{"GET", "/b/k?attributes", nil, "GetObjectAttributes"},
		{"PUT", "/b/k", nil, "PutObject"},
		{"PUT", "/b/k", []string{source, "b/x"}, "CopyObject"},
		{"PUT", "/b/k?renameObject", nil, "RenameObject"},
		{"DELETE", "/b/k?versionId=abc", nil, "DeleteObject"},
		{"POST", "/b/k?uploads", nil, "CreateMultipartUpload"},
		{"PUT", "/b/k?partNumber=1&uploadId=u", nil, "UploadPart"},
		{"PUT", "/b/k?partNumber=1&uploadId=u", []string{source, "b/x"}, "UploadPartCopy"},
		{"POST", "/b/k?uploadId=u", nil, "CompleteMultipartUpload"},
		{"DELETE", "/b/k?uploadId=u", nil, "AbortMultipartUpload"},
		{"GET", "/b/k?uploadId=u", nil, "ListParts"},
		{"GET", "http://bucket.s3.example.org/", nil, "ListObjects"},
		{"GET", "http://bucket.s3.example.org/k", nil, "GetObject"},
		{"GET", "http://s3.example.org:9000/b/k", nil, "GetObject"},

		{"PATCH", "/b/k", nil, "MethodNotAllowed"},
		{"POST", "/b/k", nil, "MethodNotAllowed"},
		{"HEAD", "/", nil, "MethodNotAllowed"},
		{"DELETE", "/b?location", nil, "MethodNotAllowed"},
		{"PUT", "/b/k?attributes", nil, "MethodNotAllowed"},
		{"PUT", "/b/k?torrent", nil, "NotImplemented"},
		{"GET", "/b/k?versions", nil, "InvalidRequest"},
		{"GET", "/b/k?uploads", nil, "InvalidRequest"},
		{"GET", "/b/k", []string{source, "b/x"}, "InvalidArgument"},
		{"POST", "/b?uploadId=x", []string{source, "b/x"}, "InvalidArgument"},
		{"POST", "/b/k?select&select-type=2", nil, "NotImplemented"},
		{"PUT", "/b/k?somethingNew", nil, "NotImplemented"},
		{"PUT", "/b?somethingNew=", nil, "NotImplemented"},
		{"GET", "/b?location&uploads", nil, "InvalidArgument"},
		{"GET", "//k", nil, "InvalidURI"},
		{"GET", "/b/%ff", nil, "InvalidURI"},
		{"GET", "/b/k?a=%zz", nil, "InvalidURI"},
		{"GET", "/b/" + strings.Repeat("k", 1024), nil, "GetObject"},
		{"GET", "/b/" + strings.Repeat("k", 1025), nil, "KeyTooLongError"},
	} {
		c, err := routed(t, tt.method, tt.target, tt.headers...)
		got := ""
		if err != nil {
			got = s3err.From(err).Code.Code
		} else {
			got = c.op.name
		}
		if got != tt.want {
			t.Errorf("%s %.60s: %s, want %s", tt.method, tt.target, got, tt.want)
		}
	}
}

func TestAddress(t *testing.T) {
	for _, tt := range []struct{ target, bucket, key string }{
		{"/b/a+b%20c%2Bd", "b", "a+b c+d"},
		{"/b//a//b", "b", "/a//b"},
		{"/b/../c/.", "b", "../c/."},
		{"/b/%2e%2e/x", "b", "../x"},
		{"/b/a%2Fb", "b", "a/b"},
		{"/b/a%2525", "b", "a%25"},
		{"/b/%00", "b", "\x00"},
		{"/b/%C3%A9%F0%9F%98%80", "b", "é😀"},
		{"/b/", "b", ""},
		{"http://my.bucket.S3.example.org:80/a/b", "my.bucket", "a/b"},
		{"http://my.bucket.s3.example.org//a", "my.bucket", "/a"},
		{"http://xs3.example.org/b/k", "b", "k"},
	} {
		c, err := routed(t, http.MethodGet, tt.target)
		if err != nil || c.bucket != tt.bucket || c.key != tt.key {
			t.Errorf("%s: bucket %q key %q, %v; want %q %q", tt.target, c.bucket, c.key, err, tt.bucket, tt.key)
		}
	}
}

func TestParseQuery(t *testing.T) {
	q, err := parseQuery("prefix=a+b%2B&acl&&x=1=2&prefix=second")
	if err != nil {
		t.Fatal(err)
	}
	if q.get("prefix") != "a b+" || !q.has("acl") || q.get("acl") != "" || q.get("x") != "1=2" || q.has("y") {
		t.Errorf("%q", q)
	}
	if _, err := parseQuery(strings.Repeat("a&", maxParams+1)); !errors.Is(err, s3err.InvalidURI) {
		t.Errorf("too many parameters: %v", err)
	}
}

// TestOperations checks what every operation must have.
func TestOperations(t *testing.T) {
	seen := map[string]bool{}
	for _, list := range [][]operation{objectOperations(), configOperations} {
		for _, op := range list {
			if op.name == "" || op.handle == nil || op.method == "" {
				t.Errorf("%+v is incomplete", op)
			}
			if op.query != "" && !subresources[op.query] {
				t.Errorf("%s: %q is not in the list of sub-resources", op.name, op.query)
			}
			if op.action != "" && !strings.HasPrefix(op.action, "s3:") {
				t.Errorf("%s: action %q", op.name, op.action)
			}
			seen[op.name] = true
		}
	}
	for _, name := range []string{"GetObject", "PutObject", "ListObjectsV2", "CompleteMultipartUpload"} {
		if !seen[name] {
			t.Errorf("%s is missing", name)
		}
	}
}

func FuzzRoute(f *testing.F) {
	for _, s := range [][2]string{{"/", ""}, {"/b/k", "versionId=1"}, {"/b/../k", "acl&tagging"}, {"//", "%"}, {"/b/\xff", "a=+"}, {"", "=&="}, {"/b", "list-type=2&prefix=%00"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		for _, method := range []string{"GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS"} {
			r := httptest.NewRequest(method, "/", nil)
			r.URL.Path, r.URL.RawQuery = path, query
			c := &call{f: &Front{}, r: r}
			if err := c.address(); err != nil {
				if s3err.From(err).Code == s3err.InternalError {
					t.Fatal(err)
				}
				continue
			}
			if path != "/"+c.bucket && path != "/"+c.bucket+"/"+c.key {
				t.Fatalf("%q became %q and %q", path, c.bucket, c.key)
			}
			if !utf8.ValidString(c.key) || len(c.key) > 1024 {
				t.Fatalf("key %q", c.key)
			}
			err := c.route()
			if (err == nil) != (c.op != nil) {
				t.Fatalf("operation %v, error %v", c.op, err)
			}
			if err == nil && (c.op.level != c.level() || c.op.method != method) {
				t.Fatalf("%s %q went to %s", method, path, c.op.name)
			}
		}
	})
}
