package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestKinds(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Kind
	}{
		{nil, OK},
		{errors.New("x"), Generic},
		{&Error{Status: 403, Code: "InvalidAccessKeyId"}, Auth},
		{&Error{Status: 400, Code: "ExpiredToken"}, Auth},
		{&Error{Status: 403, Code: "AccessDenied", Message: "Request has expired"}, Auth},
		{&Error{Status: 403, Code: "AccessDenied", Message: "The account is suspended."}, Auth},
		{&Error{Status: 403, Code: "ExpiredToken", Message: "The session has been ended."}, Auth},
		{&Error{Status: 401}, Auth},
		{&Error{Status: 403, Code: "AccessDenied", Message: "Access Denied"}, Permission},
		{&Error{Status: 404, Code: "NoSuchKey"}, NotFound},
		{&Error{Status: 403, Code: "QuotaExceeded"}, NoRoom},
		{&Error{Status: 507}, NoRoom},
		{&Error{Status: 409, Code: "BucketNotEmpty"}, Conflict},
		{&Error{Status: 412}, Conflict},
		{&Error{Status: 400, Code: "BadDigest"}, Mismatch},
		{&Error{Status: 503, Code: "SlowDown"}, Network},
		{&Error{Status: 429}, Network},
		{&Error{Status: 501}, Generic},
		{&Error{Status: 400, Code: "InvalidArgument"}, Generic},
		{&NetError{Err: errors.New("x")}, Network},
		{context.DeadlineExceeded, Network},
		{fmt.Errorf("part 3: %w", context.Canceled), Interrupted},
		{&ChecksumError{}, Mismatch},
		{&AuthError{}, Auth},
		{&ConflictError{}, Conflict},
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.ENOENT}, NotFound},
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, Permission},
		{&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, NoRoom},
		{&fs.PathError{Op: "write", Path: "x", Err: syscall.EDQUOT}, NoRoom},
	} {
		if got := KindOf(c.err); got != c.want {
			t.Errorf("%#v is %d, want %d", c.err, got, c.want)
		}
	}
}

// testClient talks to a handler; it signs nothing.
func testClient(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	u, err := ParseEndpoint(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &Client{Endpoint: u, Region: "mucura", HTTP: NewHTTP(2, nil, nil), Attempts: 3}
}

// An answer that was lost is not taken for a refusal.
func TestRepeatedRequests(t *testing.T) {
	var calls atomic.Int32
	lost := func(then http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if calls.Add(1) == 1 {
				panic(http.ErrAbortHandler)
			}
			then(w, r)
		}
	}
	refuse := func(status int, code string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.Header().Set("Etag", `"e"`)
				w.Header().Set("X-Amz-Checksum-Crc64nvme", "SUM")
				return
			}
			w.WriteHeader(status)
			fmt.Fprintf(w, "<Error><Code>%s</Code><Message>m</Message></Error>", code)
		}
	}
	src := &Object{Key: "a", ETag: "e"}
	sum := Checksum{Algorithm: "CRC64NVME", Value: "SUM"}
	for _, c := range []struct {
		name string
		then http.HandlerFunc
		call func(*Client) error
	}{
		{"rename", refuse(404, "NoSuchKey"), func(c *Client) error { return c.Rename(t.Context(), "b", src, "k", PutOptions{}) }},
		{"complete", refuse(404, "NoSuchUpload"), func(c *Client) error {
			_, err := c.CompleteUpload(t.Context(), "b", "k", "id", nil, sum, PutOptions{})
			return err
		}},
		{"create only", refuse(412, "PreconditionFailed"), func(c *Client) error {
			_, err := c.Put(t.Context(), "b", "k", Body{}, PutOptions{IfNoneMatch: true, Checksum: sum})
			return err
		}},
		{"make bucket", refuse(409, "BucketAlreadyOwnedByYou"), func(c *Client) error { return c.CreateBucket(t.Context(), "b") }},
		{"delete bucket", refuse(404, "NoSuchBucket"), func(c *Client) error { return c.DeleteBucket(t.Context(), "b") }},
		{"delete", refuse(404, "NoSuchKey"), func(c *Client) error { return c.Delete(t.Context(), "b", "k", "", "e") }},
	} {
		calls.Store(0)
		if err := c.call(testClient(t, lost(c.then))); err != nil {
			t.Errorf("%s, done at the first attempt: %v", c.name, err)
		}
		if err := c.call(testClient(t, c.then)); err == nil {
			t.Errorf("%s, refused at the first attempt: no error", c.name)
		}
	}
	// A call that changes something is not made twice.
	calls.Store(0)
	c := testClient(t, lost(func(w http.ResponseWriter, _ *http.Request) {}))
	if err := c.Call(t.Context(), http.MethodPost, "keys", nil, struct{}{}, nil); KindOf(err) != Network || calls.Load() != 1 {
		t.Errorf("%v after %d calls", err, calls.Load())
	}
}

func TestPause(t *testing.T) {
	for n := range 40 {
		if p := pause(n, nil); p < firstPause/2 || p > longestPause*3/2 {
			t.Errorf("pause %d is %v", n, p)
		}
	}
	if p := pause(0, &Error{RetryAfter: 7 * time.Second}); p != 7*time.Second {
		t.Errorf("%v, though the server said 7 s", p)
	}
	if p := pause(0, &Error{RetryAfter: time.Hour}); p != longestPause {
		t.Errorf("a server can make it wait %v", p)
	}
}

func TestEndpoints(t *testing.T) {
	for _, good := range []string{"https://s3.lab.example", "http://127.0.0.1:9000/", "https://[::1]:443"} {
		if _, err := ParseEndpoint(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "s3.lab.example", "ftp://x", "https://", "https://user:hunter2@x", "https://x/path", "https://x?y=hunter2", ":"} {
		u, err := ParseEndpoint(bad)
		if err == nil {
			t.Errorf("%q is %v", bad, u)
		} else if strings.Contains(bad, "@") && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error has the password: %v", err)
		}
	}
}

// What people give instead of a URL, and the wrong one of two schemes, is named.
func TestWrongScheme(t *testing.T) {
	for _, in := range []string{"127.0.0.1:9000", "localhost:9000", "s3.lab.example:443"} {
		if _, err := ParseEndpoint(in); err == nil || !strings.Contains(err.Error(), "https:// or http:// is missing") {
			t.Errorf("%s: %v", in, err)
		}
	}
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	for url, want := range map[string]string{
		strings.Replace(plain.URL, "http:", "https:", 1):  "does not speak TLS: is it http:// there?",
		strings.Replace(secure.URL, "https:", "http:", 1): "HTTP request to an HTTPS server",
		secure.URL: "--ca-file",
	} {
		c := testClient(t, nil)
		c.HTTP, c.Attempts = NewHTTP(1, nil, nil), 1
		c.Endpoint, _ = ParseEndpoint(url)
		if _, err := c.Buckets(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
	c := testClient(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<!DOCTYPE html>\n<html><head><link></head></html>")
	})
	c.Attempts = 1
	if _, err := c.Buckets(t.Context()); !errors.Is(err, errNotS3) {
		t.Errorf("a page: %v", err)
	}
}

// Errors of others than S3 servers are told, whatever they are.
func TestForeignErrors(t *testing.T) {
	for body, want := range map[string]string{
		"<html>Bad gateway</html>": "502 Bad Gateway",
		"":                         "502 Bad Gateway",
		`{"code":"Unavailable","message":"Later."}`: "Later (Unavailable)",
		"upstream is away\n":                        "502 Bad Gateway: upstream is away",
	} {
		c := testClient(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502); fmt.Fprint(w, body) })
		c.Attempts = 1
		if err := c.HeadBucket(t.Context(), "b"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", body, err, want)
		}
	}
	c := testClient(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://elsewhere.example/", http.StatusTemporaryRedirect)
	})
	if err := c.HeadBucket(t.Context(), "b"); err == nil || !strings.Contains(err.Error(), "redirects") {
		t.Errorf("redirect: %v", err)
	}
}
