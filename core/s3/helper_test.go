package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/access"
	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/quota"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/sigv4"
	"github.com/mucura/mucura/core/sse"
)

// testRegion is the region of test servers.
const testRegion = "mucura"

// testServer is a Front over stores in memory, reached over HTTP. It has three
// accounts: "main" and "alt", members, and "op", an operator. "" is nobody.
// Where lenderVariable is set it is another process, with the same accounts.
type testServer struct {
	*httptest.Server
	t     testing.TB
	front *Front // nil where it is another process
	meta  *mem.Meta
	keys  map[string]sigv4.Credentials
	users map[string]*catalog.Account

	mu     sync.Mutex
	events []Event
}

// newTestServer starts a server, which ends with the test.
func newTestServer(t testing.TB) *testServer {
	t.Helper()
	if lender := os.Getenv(lenderVariable); lender != "" {
		return borrow(t, lender)
	}
	ctx := context.Background()
	s := &testServer{t: t, meta: mem.NewMeta(), keys: map[string]sigv4.Credentials{}, users: map[string]*catalog.Account{}}
	accts := &accounts.Service{Registry: s.meta, Now: time.Now, SiteKey: bytes.Repeat([]byte{7}, 32)}
	for name, role := range map[string]catalog.Role{"main": catalog.Member, "alt": catalog.Member, "op": catalog.Operator} {
		a, err := accts.Add(ctx, accounts.NewAccount{Name: name, DisplayName: "The " + name, Email: name + "@example.org", CanonicalID: strings.Repeat(name[:1], 64), Role: role, Quota: -1})
		if err != nil {
			t.Fatal(err)
		}
		k, err := accts.AddKey(ctx, a.ID, accounts.KeySpec{})
		if err != nil {
			t.Fatal(err)
		}
		s.users[name] = a
		s.keys[name] = sigv4.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret}
	}
	catalogue, contents := testStores(s.meta)
	r := &repo.Repo{
		SSE: &sse.Site{Key: accts.SiteKey}, Meta: catalogue, Registry: s.meta, Content: contents, Accounts: accts, Now: time.Now,
		Quota:     &quota.Keeper{Registry: s.meta, Now: time.Now, Process: "test"},
		InlineMax: min(64<<10, catalogue.Capabilities().MaxInline), Leeway: time.Hour,
	}
	s.front = &Front{
		Repo: r, Accounts: accts, Verifier: &sigv4.Verifier{Keys: accts}, Region: testRegion, Now: time.Now,
		Site: access.Site{DefaultOwnership: catalog.ObjectWriter}, LifecycleDay: 24 * time.Hour, BodyIdle: time.Minute,
		Observe: func(e Event) {
			s.mu.Lock()
			s.events = append(s.events, e)
			s.mu.Unlock()
		},
	}
	s.Server = httptest.NewServer(s.front)
	s.Client().Transport.(*http.Transport).DisableCompression = true
	t.Cleanup(s.Close)
	return s
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

// code is the error code of an answer, "" when it is none.
func (r *reply) code() string { return r.element("Code") }

// element is the text of the first element of that name, as written.
func (r *reply) element(name string) string {
	_, rest, ok := strings.Cut(r.body, "<"+name+">")
	if !ok {
		return ""
	}
	text, _, _ := strings.Cut(rest, "</"+name+">")
	return text
}

// request makes a signed request: who is an account's name, or "" for nobody.
// headers are pairs.
func (s *testServer) request(who, method, path, body string, headers ...string) *http.Request {
	s.t.Helper()
	req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	if who != "" {
		sum := sha256.Sum256([]byte(body))
		sigv4.Sign(req, s.keys[who], testRegion, hex.EncodeToString(sum[:]), time.Now())
	}
	return req
}

// do sends a signed request and reads the answer.
func (s *testServer) do(who, method, path, body string, headers ...string) *reply {
	s.t.Helper()
	return s.send(s.request(who, method, path, body, headers...))
}

// send sends a request as it is and reads the answer.
func (s *testServer) send(req *http.Request) *reply {
	s.t.Helper()
	resp, err := s.Client().Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return &reply{resp.StatusCode, resp.Header, string(b)}
}

// want sends a signed request of which only the status matters.
func (s *testServer) want(status int, who, method, path, body string, headers ...string) *reply {
	s.t.Helper()
	r := s.do(who, method, path, body, headers...)
	if r.status != status {
		s.t.Fatalf("%s %s by %q: %d %s, want %d", method, path, who, r.status, r.body, status)
	}
	return r
}

// fails sends a signed request that gives an error of the table.
func (s *testServer) fails(code *s3err.Code, who, method, path, body string, headers ...string) *reply {
	s.t.Helper()
	r := s.do(who, method, path, body, headers...)
	if r.status != code.Status || (method != http.MethodHead && r.code() != code.Code) {
		s.t.Fatalf("%s %s by %q: %d %s, want %d %s", method, path, who, r.status, r.body, code.Status, code.Code)
	}
	return r
}

// event is the last event.
func (s *testServer) event() Event {
	s.inside()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events[len(s.events)-1]
}
