package s3

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/session"
	"github.com/mucura/mucura/core/sigv4"
)

// as makes a name under which requests are signed with other credentials of main's.
func (s *testServer) as(name string, c sigv4.Credentials) { s.keys[name] = c }

func (s *testServer) session(name string, spec accounts.SessionSpec) session.Credentials {
	s.t.Helper()
	spec.Account = s.users["main"].ID
	c, _, err := s.inside().Accounts.Issue(context.Background(), spec)
	if err != nil {
		s.t.Fatal(err)
	}
	s.as(name, sigv4.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken})
	return c
}

func TestSessionRequests(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/box", "")
	c := s.session("job", accounts.SessionSpec{By: catalog.ByX509, Identity: "CN=Main", Limited: true, Groups: []string{"/vo"}})
	s.want(200, "job", "PUT", "/box/k", "hello")
	e := s.event()
	if e.Session == nil || e.Session.Identity != "CN=Main" || e.AccessKeyID != c.AccessKeyID || e.Auth != "sigv4" ||
		e.LogName != "REST.PUT.OBJECT" || e.SizeDelta != 5 || e.ObjectDelta != 1 || e.ObjectSize != 5 || e.Owner != s.users["main"].ID {
		t.Errorf("event %+v", e)
	}
	s.want(200, "main", "PUT", "/box/k", "hi")
	if e := s.event(); e.SizeDelta != -3 || e.ObjectDelta != 0 {
		t.Errorf("overwriting: %d bytes, %d objects", e.SizeDelta, e.ObjectDelta)
	}
	// Presigned, with the token in the query.
	r, err := http.NewRequest("GET", s.URL+"/box/k", nil)
	if err != nil {
		t.Fatal(err)
	}
	u := sigv4.Presign(r, s.keys["job"], testRegion, time.Hour, time.Now())
	get := func(u string) *reply {
		r, err := http.NewRequest("GET", u, nil)
		if err != nil {
			t.Fatal(err)
		}
		return s.send(r)
	}
	if a := get(u); a.status != 200 || a.body != "hi" || s.event().Auth != "presigned" {
		t.Errorf("presigned: %d %s", a.status, a.body)
	}
	if a := get(strings.Replace(u, "X-Amz-Security-Token="+c.SessionToken, "", 1)); a.status == 200 {
		t.Error("presigned without its token")
	}
	// A token that the signature does not cover is refused, and so is another one.
	r = s.request("main", "GET", "/box/k", "")
	r.Header.Set("X-Amz-Security-Token", c.SessionToken)
	if a := s.send(r); a.status != 403 || a.code() != "AccessDenied" {
		t.Errorf("token added to a signed request: %d %s", a.status, a.code())
	}
	s.as("mixed", sigv4.Credentials{AccessKeyID: s.keys["main"].AccessKeyID, SecretAccessKey: s.keys["main"].SecretAccessKey, SessionToken: c.SessionToken})
	s.fails(s3err.InvalidToken, "mixed", "GET", "/box/k", "")
	s.as("torn", sigv4.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken[1:]})
	s.fails(s3err.InvalidToken, "torn", "GET", "/box/k", "")
	s.as("bare", sigv4.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey})
	s.fails(s3err.InvalidAccessKeyID, "bare", "GET", "/box/k", "")
	s.as("guess", sigv4.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: "x" + c.SecretAccessKey, SessionToken: c.SessionToken})
	s.fails(s3err.SignatureDoesNotMatch, "guess", "GET", "/box/k", "")
	if a := s.do("guess", "GET", "/box/k", ""); strings.Contains(a.body, c.SecretAccessKey) {
		t.Error("the secret is in the answer")
	}
	if err := s.inside().Accounts.EndSession(context.Background(), s.users["main"].ID, c.AccessKeyID); err != nil {
		t.Fatal(err)
	}
	s.fails(s3err.SessionEnded, "job", "GET", "/box/k", "")
}

func TestScopedKey(t *testing.T) {
	s := newTestServer(t)
	for _, b := range []string{"/box", "/other"} {
		s.want(200, "main", "PUT", b, "")
		s.want(200, "main", "PUT", b+"/run/a", "x")
		s.want(200, "main", "PUT", b+"/b", "x")
	}
	k, err := s.inside().Accounts.AddKey(context.Background(), s.users["main"].ID, accounts.KeySpec{Scope: catalog.Scope{
		{Bucket: "box", Prefix: "run/", Access: catalog.ReadWrite}, {Bucket: "fresh", Access: catalog.ReadWrite},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.as("scoped", sigv4.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret})
	s.want(200, "scoped", "GET", "/box/run/a", "")
	s.want(200, "scoped", "PUT", "/box/run/new", "y")
	s.want(200, "scoped", "GET", "/box?list-type=2&prefix=run/", "")
	s.want(200, "scoped", "PUT", "/fresh", "")
	for _, refused := range [][2]string{{"GET", "/box/b"}, {"PUT", "/box/b"}, {"GET", "/other/run/a"}, {"GET", "/box"}, {"GET", "/box?list-type=2&prefix=r"}, {"DELETE", "/box"}, {"PUT", "/newer"}, {"PUT", "/box?policy"}} {
		if a := s.do("scoped", refused[0], refused[1], ""); a.status != 403 {
			t.Errorf("%s %s: %d %s", refused[0], refused[1], a.status, a.body)
		}
		if e := s.event(); refused[0] == "GET" && !strings.Contains(e.Reason, "scope") {
			t.Errorf("%s %s: reason %q", refused[0], refused[1], e.Reason)
		}
	}
	// A copy needs reading its source.
	if a := s.do("scoped", "PUT", "/box/run/copy", "", "X-Amz-Copy-Source", "/other/run/a"); a.status != 403 {
		t.Errorf("copied from outside the scope: %d", a.status)
	}
	// A deletion of several is judged one by one.
	doc := "<Delete><Object><Key>run/new</Key></Object><Object><Key>b</Key></Object></Delete>"
	sum := md5.Sum([]byte(doc))
	a := s.do("scoped", "POST", "/box?delete", doc, "Content-MD5", base64.StdEncoding.EncodeToString(sum[:]))
	if a.status != 200 || !strings.Contains(a.body, "<Deleted><Key>run/new</Key>") || !strings.Contains(a.body, "AccessDenied") {
		t.Errorf("%d %s", a.status, a.body)
	}
	s.want(200, "main", "GET", "/box/b", "")
	if list := s.want(200, "scoped", "GET", "/", "").body; strings.Contains(list, "other") || !strings.Contains(list, "<Name>box</Name>") {
		t.Error(list)
	}
}

// A key that only writes has nothing that is stored read by others, and so by itself.
func TestWritingKeyReadsNothing(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/box", "")
	s.want(200, "main", "PUT", "/box/secret", "x")
	k, err := s.inside().Accounts.AddKey(context.Background(), s.users["main"].ID, accounts.KeySpec{Scope: catalog.Scope{{Bucket: "box", Access: catalog.WriteOnly}}})
	if err != nil {
		t.Fatal(err)
	}
	s.as("writer", sigv4.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret})
	s.fails(s3err.AccessDenied, "writer", "GET", "/box/secret", "")
	s.fails(s3err.AccessDenied, "writer", "PUT", "/box/secret?acl", "", "X-Amz-Acl", "public-read")
	s.fails(s3err.AccessDenied, "", "GET", "/box/secret", "")
	for _, acl := range []string{"private", "public-read"} { // of its own it may say
		s.want(200, "writer", "PUT", "/box/new", "y", "X-Amz-Acl", acl)
	}
	s.want(200, "", "GET", "/box/new", "")
}

// slowBody gives its text in pieces, and calls between each two.
type slowBody struct {
	pieces  int
	between func(left int)
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.pieces == 0 {
		return 0, io.EOF
	}
	b.pieces--
	b.between(b.pieces)
	return copy(p, strings.Repeat("x", 100)), nil
}

// TestRunningUploadStops: whoever loses her right while she uploads gets nothing
// stored, and is not listened to for longer than the bound.
func TestRunningUploadStops(t *testing.T) {
	for name, stop := range map[string]func(s *testServer) error{
		"suspended": func(s *testServer) error {
			return s.inside().Accounts.Suspend(context.Background(), s.users["main"].ID, "asked")
		},
		"key removed": func(s *testServer) error {
			return s.inside().Accounts.RemoveKey(context.Background(), s.users["main"].ID, s.keys["main"].AccessKeyID)
		},
		"session ended": func(s *testServer) error {
			return s.inside().Accounts.EndSessions(context.Background(), s.users["main"].ID)
		},
		"nothing": func(*testServer) error { return nil },
	} {
		for _, pieces := range []int{3, 2000} {
			t.Run(name, func(t *testing.T) {
				s := newTestServer(t)
				s.want(200, "main", "PUT", "/box", "")
				who := "main"
				if name == "session ended" {
					s.session("job", accounts.SessionSpec{By: catalog.ByX509})
					who = "job"
				}
				var ahead atomic.Int64 // of the server's clock
				s.inside().Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
				var asked atomic.Int64
				body := &slowBody{pieces: pieces, between: func(left int) {
					asked.Add(1)
					if left == pieces-2 {
						if err := stop(s); err != nil {
							t.Error(err)
						}
					}
					ahead.Add(int64(time.Second))
				}}
				r, err := http.NewRequest("PUT", s.URL+"/box/k", body)
				if err != nil {
					t.Fatal(err)
				}
				r.ContentLength = int64(100 * pieces)
				sigv4.Sign(r, s.keys[who], testRegion, sigv4.UnsignedPayload, time.Now())
				w := &sink{header: http.Header{}}
				server, err := http.NewRequest("PUT", "http://"+r.URL.Host+"/box/k", body)
				if err != nil {
					t.Fatal(err)
				}
				server.Header, server.Host, server.ContentLength, server.RemoteAddr = r.Header, r.URL.Host, r.ContentLength, "192.0.2.1:1"
				s.inside().ServeHTTP(w, server)
				if name == "nothing" {
					if w.status != 200 {
						t.Fatalf("an upload that nobody stopped: %d", w.status)
					}
					return
				}
				if w.status != 403 {
					t.Fatalf("%d", w.status)
				}
				if n := asked.Load(); pieces > 100 && n > 20 {
					t.Errorf("read %d seconds on", n)
				}
				s.inside().Now = time.Now
				s.fails(s3err.NoSuchKey, "op", "GET", "/box/k", "")
				u, err := s.inside().Repo.Quota.Usage(context.Background(), s.users["main"].ID)
				if err != nil || u.Bytes != 0 {
					t.Errorf("usage %+v, %v", u, err)
				}
			})
		}
	}
}

func BenchmarkGet4KSession(b *testing.B) {
	s := benchServer(b)
	s.want(200, "main", "PUT", "/bkt/k", strings.Repeat("x", 4096))
	s.session("job", accounts.SessionSpec{Groups: []string{"/vo"}, Identity: "CN=Main"})
	s.keys["main"] = s.keys["job"] // serve signs with main's
	b.ReportAllocs()
	for b.Loop() {
		s.serve(b, "GET", "/bkt/k", nil)
	}
}

// TestNoSuspendedRequest: a suspended account's requests stop at once, of any kind.
func TestNoSuspendedRequest(t *testing.T) {
	s := newTestServer(t)
	s.want(200, "main", "PUT", "/box", "")
	s.session("job", accounts.SessionSpec{})
	if err := s.inside().Accounts.Suspend(context.Background(), s.users["main"].ID, "asked"); err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"main", "job"} {
		s.fails(s3err.AccessDenied, who, "GET", "/", "")
		s.fails(s3err.AccessDenied, who, "PUT", "/box/k", "x")
	}
}

// Guessing a secret is slowed, for whoever guesses, and for nobody else.
func TestGuessingIsSlowed(t *testing.T) {
	s := newTestServer(t)
	var ahead atomic.Int64 // of the clock, which stands still: as time passes, more is judged
	begun := time.Now()
	now := func() time.Time { return begun.Add(time.Duration(ahead.Load())) }
	s.inside().Accounts.Now = now
	s.as("guess", sigv4.Credentials{AccessKeyID: s.keys["main"].AccessKeyID, SecretAccessKey: "guessed"})
	judged, slowed := 0, 0
	for range 60 {
		switch a := s.do("guess", "GET", "/", ""); a.code() {
		case "SignatureDoesNotMatch":
			judged++
		case "SlowDown":
			slowed++
		default:
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if judged > 25 || slowed == 0 {
		t.Errorf("%d judged, %d slowed", judged, slowed)
	}
	s.want(200, "alt", "GET", "/", "") // another key from there
	other := &accounts.Service{Registry: s.meta, Now: now, SiteKey: s.inside().Accounts.SiteKey}
	verify := func(who, address string) error {
		_, err := other.Verify(&sigv4.Verifier{Keys: other}, s.request(who, "GET", "/", ""), address)
		return err
	}
	if err := verify("main", "192.0.2.9"); err != nil {
		t.Errorf("the key's owner elsewhere: %v", err)
	}
	// Another process knows as soon as it has seen one itself.
	ahead.Add(int64(1100 * time.Millisecond)) // the count is written once a second
	for range 2 {
		if a := s.do("guess", "GET", "/", ""); a.code() != "SlowDown" && a.code() != "SignatureDoesNotMatch" {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if err := verify("guess", "127.0.0.1"); !errors.Is(err, s3err.SignatureDoesNotMatch) {
		t.Errorf("first at the other process: %v", err)
	}
	if err := verify("guess", "127.0.0.1"); !errors.Is(err, s3err.SlowDown) {
		t.Errorf("second at the other process: %v", err)
	}
}

// However a guess is dressed, it is counted for the key that is guessed at.
func TestGuessingIsSlowedInEveryForm(t *testing.T) {
	guess := func(t *testing.T, try func(s *testServer, n int) *reply) {
		t.Helper()
		s := newTestServer(t)
		s.want(200, "main", "PUT", "/box", "")
		s.as("guess", sigv4.Credentials{AccessKeyID: s.keys["main"].AccessKeyID, SecretAccessKey: "guessed"})
		judged := 0
		for n := range 40 {
			switch a := try(s, n); a.code() {
			case "SignatureDoesNotMatch":
				judged++
			case "SlowDown":
			default:
				t.Fatalf("%d %s", a.status, a.body)
			}
		}
		if judged > 25 {
			t.Errorf("%d guesses judged", judged)
		}
	}
	t.Run("header", func(t *testing.T) {
		guess(t, func(s *testServer, n int) *reply {
			r := s.request("guess", "GET", "/", "")
			// A signed header that is not there, and whose name says another key.
			r.Header.Set("Authorization", strings.Replace(strings.Replace(r.Header.Get("Authorization"),
				"Credential=", "Credential =", 1), "SignedHeaders=", fmt.Sprintf("SignedHeaders=Credential=%d/;", n), 1))
			return s.send(r)
		})
	})
	t.Run("form", func(t *testing.T) {
		guess(t, func(s *testServer, _ int) *reply {
			return s.post("/box", "x", s.signedForm("guess", "box", map[string]string{"key": "k"}))
		})
	})
}
