package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/audit"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/quota"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/sigv4"
)

var ctx = context.Background()

// lab is an API server with three accounts: ana and ben, members, and op.
type lab struct {
	*Server
	t     testing.TB
	http  *httptest.Server
	users map[string]*catalog.Account
	creds map[string]sigv4.Credentials

	mu     sync.Mutex
	events []audit.Event
}

func newLab(t testing.TB) *lab {
	t.Helper()
	l := newServer(t)
	l.http = httptest.NewServer(l.Server)
	t.Cleanup(l.http.Close)
	return l
}

// newServer is a lab without connections.
func newServer(t testing.TB) *lab {
	t.Helper()
	l := &lab{t: t, users: map[string]*catalog.Account{}, creds: map[string]sigv4.Credentials{}}
	store := mem.NewMeta()
	accts := &accounts.Service{Registry: store, Now: time.Now, SiteKey: bytes.Repeat([]byte{7}, 32)}
	keeper := &quota.Keeper{Registry: store, Now: time.Now, Process: "test"}
	r := &repo.Repo{Meta: store, Registry: store, Content: mem.NewContent(), Accounts: accts, Quota: keeper, Now: time.Now, InlineMax: 1 << 10, Leeway: time.Hour}
	for name, role := range map[string]catalog.Role{"ana": catalog.Member, "ben": catalog.Member, "op": catalog.Operator} {
		a, err := accts.Add(ctx, accounts.NewAccount{Name: name, Email: name + "@example.org", Role: role, Quota: 1000, QuotaCap: 5000})
		if err != nil {
			t.Fatal(err)
		}
		k, err := accts.AddKey(ctx, a.ID, accounts.KeySpec{Label: "first"})
		if err != nil {
			t.Fatal(err)
		}
		l.users[name], l.creds[name] = a, sigv4.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret}
	}
	l.Server = &Server{
		Accounts: accts, Repo: r, Quota: keeper, Verifier: &sigv4.Verifier{Keys: accts},
		Audit: &audit.Log{Dir: t.TempDir(), Keep: time.Hour * 48, Now: time.Now}, DefaultQuota: 77, DefaultCap: 88, Now: time.Now,
		Observe: func(e audit.Event, _ error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.events = append(l.events, e)
		},
	}
	return l
}

// call makes a call and reads the answer into out (nil: not at all); it gives
// the error's code, "" when there is none.
func (l *lab) call(who, method, path, body string, out any) (int, string) {
	l.t.Helper()
	r, err := http.NewRequest(method, l.http.URL+Prefix+path, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	if who != "" {
		sum := sha256.Sum256([]byte(body))
		sigv4.Sign(r, l.creds[who], "mucura", hex.EncodeToString(sum[:]), time.Now())
	}
	return l.send(r, out)
}

func (l *lab) send(r *http.Request, out any) (int, string) {
	l.t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		var e Error
		if err := json.NewDecoder(resp.Body).Decode(&e); err != nil || e.Code == "" || e.Message == "" {
			l.t.Fatalf("%s %s: %d, %+v, %v", r.Method, r.URL, resp.StatusCode, e, err)
		}
		return resp.StatusCode, e.Code
	}
	if out != nil {
		if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
			l.t.Fatal(err)
		}
	}
	return 200, ""
}

func (l *lab) want(who, method, path, body string, out any) {
	l.t.Helper()
	if status, code := l.call(who, method, path, body, out); status != 200 {
		l.t.Fatalf("%s %s by %s: %d %s", method, path, who, status, code)
	}
}

func (l *lab) fails(status int, code, who, method, path, body string) {
	l.t.Helper()
	if s, c := l.call(who, method, path, body, nil); s != status || c != code {
		l.t.Errorf("%s %s by %s: %d %s, want %d %s", method, path, who, s, c, status, code)
	}
}

// session makes a session of ana's, to sign with under a name.
func (l *lab) session(name string, spec accounts.SessionSpec) string {
	l.t.Helper()
	spec.Account = l.users["ana"].ID
	c, _, err := l.Accounts.Issue(ctx, spec)
	if err != nil {
		l.t.Fatal(err)
	}
	l.creds[name] = sigv4.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}
	return c.AccessKeyID
}

func TestWhoami(t *testing.T) {
	l := newLab(t)
	var w Whoami
	l.want("ana", "GET", "whoami", "", &w)
	if w.Account.Name != "ana" || w.Account.QuotaCap != 5000 || !w.MayManage || w.Session != nil || w.AccessKeyID != l.creds["ana"].AccessKeyID {
		t.Errorf("%+v", w)
	}
	id := l.session("job", accounts.SessionSpec{By: catalog.ByX509, Identity: "CN=Ana", Limited: true, Groups: []string{"/vo"}})
	l.want("job", "GET", "whoami", "", &w)
	if w.MayManage || w.Session == nil || w.Session.ID != id || !w.Session.Limited || w.Session.Identity != "CN=Ana" {
		t.Errorf("%+v", w)
	}
	l.fails(403, CodeDenied, "", "GET", "whoami", "")
	l.fails(404, CodeNotFound, "ana", "GET", "whoami/", "")
	l.fails(404, CodeNotFound, "ana", "GET", "", "")
	l.fails(405, "MethodNotAllowed", "ana", "POST", "whoami", "")
	l.creds["thief"] = sigv4.Credentials{AccessKeyID: l.creds["ana"].AccessKeyID, SecretAccessKey: "guessed"}
	l.fails(403, "SignatureDoesNotMatch", "thief", "GET", "whoami", "")
}

func TestKeys(t *testing.T) {
	l := newLab(t)
	var k Secret
	l.want("ana", "POST", "keys", `{"label":"laptop","expires_in":3600,"scope":[{"bucket":"box","prefix":"in/","access":"write"}]}`, &k)
	if k.Label != "laptop" || len(k.SecretAccessKey) != 40 || k.Expires.IsZero() || len(k.Scope) != 1 {
		t.Errorf("%+v", k)
	}
	l.creds["scoped"] = sigv4.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.SecretAccessKey}
	l.want("scoped", "GET", "whoami", "", nil)
	var list Keys
	l.Accounts.Used(k.ID, "10.0.0.1", "rclone")
	if err := l.Accounts.FlushUses(ctx, true); err != nil {
		t.Fatal(err)
	}
	l.want("ana", "GET", "keys", "", &list)
	used := 0
	for _, v := range list.Keys {
		if v.LastUsed != nil && v.LastUsed.Agent == "rclone" {
			used++
		}
	}
	if len(list.Keys) != 2 || used != 1 {
		t.Errorf("%+v", list)
	}
	// Others' keys are nobody else's business.
	l.fails(404, CodeNotFound, "ben", "DELETE", "keys/"+k.ID, "")
	l.fails(404, CodeNotFound, "ben", "POST", "keys/"+k.ID+"/rotate", "")
	for _, bad := range []string{
		`{"expires_in":-1}`, `{"expires":"2001-01-01T00:00:00Z"}`, `{"labell":"x"}`, `{"label":"x"}{}`, `[]`, `{`,
		`{"scope":[]}`, `{"scope":[{"bucket":"b","access":"all"}]}`, `{"scope":[{"bucket":"","access":"read"}]}`, `{"label":"a\nb"}`,
	} {
		l.fails(400, CodeInvalid, "ana", "POST", "keys", bad)
	}
	var fresh Secret
	l.want("ana", "POST", "keys/"+k.ID+"/rotate", `{"grace":0}`, &fresh)
	if fresh.Label != "laptop" || fresh.Replaces != k.ID || len(fresh.Scope) != 1 {
		t.Errorf("%+v", fresh)
	}
	l.fails(403, "InvalidAccessKeyId", "scoped", "GET", "whoami", "")
	l.want("ana", "DELETE", "keys/"+fresh.ID, "", nil)
	l.fails(404, CodeNotFound, "ana", "DELETE", "keys/"+fresh.ID, "")
	l.fails(400, CodeInvalid, "ana", "POST", "keys/"+l.creds["ana"].AccessKeyID+"/rotate", `{"grace":-5}`)
}

// TestPrivileges makes every call with credentials that must not make it.
func TestPrivileges(t *testing.T) {
	l := newLab(t)
	l.session("limited", accounts.SessionSpec{Limited: true})
	l.session("narrow", accounts.SessionSpec{Policies: []string{`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`}})
	l.session("full", accounts.SessionSpec{By: catalog.ByX509})
	k, err := l.Accounts.AddKey(ctx, l.users["ana"].ID, accounts.KeySpec{Scope: catalog.Scope{{Bucket: "*", Access: catalog.ReadWrite}}})
	if err != nil {
		t.Fatal(err)
	}
	l.creds["scoped"] = sigv4.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret}
	ok, err := l.Accounts.AddKey(ctx, l.users["op"].ID, accounts.KeySpec{Scope: catalog.Scope{{Bucket: "*", Access: catalog.ReadWrite}}})
	if err != nil {
		t.Fatal(err)
	}
	l.creds["scoped-op"] = sigv4.Credentials{AccessKeyID: ok.ID, SecretAccessKey: ok.Secret}
	for _, rt := range theRoutes {
		path := strings.ReplaceAll(rt.path, "*", "x")
		if rt.who == anyone {
			if path != "usage" {
				l.want("limited", rt.method, path, "", nil)
			}
			continue
		}
		code := CodeDenied
		if rt.who == manager {
			code = ""
		}
		for who, want := range map[string]string{"limited": CodeLimited, "narrow": CodeNarrowed, "scoped": CodeNarrowed} {
			if code != "" {
				want = code // operators' calls are refused first
			}
			l.fails(403, want, who, rt.method, path, "")
		}
		if rt.who == operator || rt.who == governor {
			l.fails(403, CodeDenied, "full", rt.method, path, "")
			l.fails(403, CodeNarrowed, "scoped-op", rt.method, path, "")
		}
		l.fails(403, CodeDenied, "", rt.method, path, "")
	}
	// A presigned URL manages nothing.
	r, err := http.NewRequest("DELETE", l.http.URL+Prefix+"account", nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := http.NewRequest("DELETE", sigv4.Presign(r, l.creds["ana"], "mucura", time.Hour, time.Now()), nil)
	if err != nil {
		t.Fatal(err)
	}
	if status, code := l.send(signed, nil); status != 403 || code != CodeDenied {
		t.Errorf("presigned: %d %s", status, code)
	}
	if a, err := l.Accounts.Account(ctx, l.users["ana"].ID); err != nil || a.State != catalog.Active {
		t.Fatalf("%+v, %v", a, err)
	}
}

func TestSessions(t *testing.T) {
	l := newLab(t)
	one := l.session("one", accounts.SessionSpec{By: catalog.ByX509, Identity: "CN=Ana"})
	l.session("two", accounts.SessionSpec{})
	var list Sessions
	l.want("one", "GET", "sessions", "", &list)
	if len(list.Sessions) != 2 {
		t.Fatalf("%+v", list)
	}
	for _, s := range list.Sessions {
		if s.Current != (s.ID == one) {
			t.Errorf("%+v", s)
		}
	}
	l.fails(404, CodeNotFound, "ben", "DELETE", "sessions/"+one, "")
	l.want("ana", "DELETE", "sessions/"+one, "", nil)
	l.fails(403, "ExpiredToken", "one", "GET", "whoami", "")
	l.want("two", "GET", "whoami", "", nil)
	l.want("ana", "DELETE", "sessions", "", nil)
	l.fails(403, "ExpiredToken", "two", "GET", "whoami", "")
	l.want("ana", "GET", "sessions", "", &list)
	if len(list.Sessions) != 0 {
		t.Errorf("%+v", list)
	}
}

func TestQuota(t *testing.T) {
	l := newLab(t)
	b, err := l.Repo.CreateBucket(ctx, catalog.Bucket{Name: "box", Owner: l.users["ana"].ID})
	if err != nil {
		t.Fatal(err)
	}
	put := func(size int) error {
		_, err := l.Repo.PutObject(ctx, repo.PutObjectInput{Bucket: b, Key: "k", Body: bytes.NewReader(make([]byte, size)), Size: int64(size), Object: catalog.Object{Owner: b.Owner}})
		return err
	}
	if put(2000) == nil {
		t.Fatal("above the quota")
	}
	var q Quota
	l.want("ana", "PUT", "quota", `{"bytes":5000}`, &q)
	if q.Bytes != 5000 || q.Request != nil {
		t.Errorf("%+v", q)
	}
	if err := put(2000); err != nil {
		t.Fatalf("after raising it: %v", err)
	}
	l.fails(409, CodeConflict, "ana", "PUT", "quota", `{"bytes":1999}`)
	l.fails(400, CodeInvalid, "ana", "PUT", "quota", `{"bytes":6000}`) // without a reason
	l.want("ana", "PUT", "quota", `{"bytes":6000,"reason":"a run"}`, &q)
	if q.Bytes != 5000 || q.Request == nil || q.Request.State != "pending" || q.Used != 2000 {
		t.Fatalf("%+v", q)
	}
	var mine Requests
	l.want("ana", "GET", "requests", "", &mine)
	if len(mine.Requests) != 1 || mine.Requests[0].Reason != "a run" {
		t.Errorf("%+v", mine)
	}
	var queue Requests
	l.want("op", "GET", "admin/requests?state=pending", "", &queue)
	if len(queue.Requests) != 1 || queue.Requests[0].Account != "ana" || len(queue.Requests[0].Evidence) == 0 {
		t.Fatalf("%+v", queue)
	}
	var done Request
	l.want("op", "POST", "admin/requests/"+q.Request.ID+"/approve", `{"bytes":5500,"answer":"a little less"}`, &done)
	if done.State != "approved" || done.By != "op" {
		t.Errorf("%+v", done)
	}
	l.fails(409, CodeConflict, "op", "POST", "admin/requests/"+q.Request.ID+"/reject", "")
	l.want("ana", "GET", "quota", "", &q)
	if q.Bytes != 5500 {
		t.Errorf("%+v", q)
	}
	l.want("ana", "PUT", "quota", `{"bytes":2000}`, &q) // lowering is always allowed, down to what is used
	l.fails(400, CodeInvalid, "ana", "PUT", "quota", `{"bytes":-1}`)
	l.fails(400, CodeInvalid, "ana", "PUT", "quota", `{"bytes":-2}`)
}

func TestUsage(t *testing.T) {
	l := newLab(t)
	b, err := l.Repo.CreateBucket(ctx, catalog.Bucket{Name: "box", Owner: l.users["ana"].ID, Versioning: catalog.VersioningEnabled})
	if err != nil {
		t.Fatal(err)
	}
	put := func(key string, size int) {
		t.Helper()
		_, err := l.Repo.PutObject(ctx, repo.PutObjectInput{Bucket: b, Key: key, Body: bytes.NewReader(make([]byte, size)), Size: int64(size), Object: catalog.Object{Owner: b.Owner}})
		if err != nil {
			t.Fatal(err)
		}
	}
	put("a", 10)
	put("a", 20)
	put("a", 30)
	put("gone", 5)
	put("gone", 6)
	if _, err := l.Repo.DeleteObject(ctx, repo.DeleteInput{Bucket: b, Key: "gone", Owner: b.Owner}); err != nil {
		t.Fatal(err)
	}
	up, err := l.Repo.CreateUpload(ctx, repo.CreateUploadInput{Bucket: b, Key: "big", Initiator: b.Owner, Object: catalog.Object{Owner: b.Owner}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Repo.UploadPart(ctx, repo.UploadPartInput{Bucket: b, Key: "big", UploadID: up.ID, Number: 1, Body: bytes.NewReader(make([]byte, 40)), Size: 40}); err != nil {
		t.Fatal(err)
	}
	var u Usage
	l.want("ana", "GET", "usage", "", &u)
	want := BucketUsage{Name: "box", Current: Count{1, 30}, Versions: Count{2, 30}, Trash: Count{2, 11}, Uploads: Count{1, 40}}
	if len(u.Buckets) != 1 || u.Buckets[0] != want || !u.Complete {
		t.Fatalf("%+v, want %+v", u, want)
	}
	// Narrowed credentials learn of what they may list.
	if _, err := l.Repo.CreateBucket(ctx, catalog.Bucket{Name: "secret-plan", Owner: b.Owner}); err != nil {
		t.Fatal(err)
	}
	l.session("guest", accounts.SessionSpec{Policies: []string{`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::box"}}`}})
	k, err := l.Accounts.AddKey(ctx, b.Owner, accounts.KeySpec{Scope: catalog.Scope{{Bucket: "box", Access: catalog.ReadOnly}}})
	if err != nil {
		t.Fatal(err)
	}
	l.creds["lent"] = sigv4.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret}
	for _, who := range []string{"guest", "lent"} {
		var u Usage
		l.want(who, "GET", "usage", "", &u)
		if len(u.Buckets) != 1 || u.Buckets[0].Name != "box" {
			t.Errorf("%s sees %+v", who, u.Buckets)
		}
		var keys Keys
		var sessions Sessions
		l.want(who, "GET", "keys", "", &keys)
		l.want(who, "GET", "sessions", "", &sessions)
		if who == "lent" && (len(keys.Keys) != 1 || keys.Keys[0].ID != k.ID || len(sessions.Sessions) != 0) ||
			who == "guest" && (len(keys.Keys) != 0 || len(sessions.Sessions) != 1 || !sessions.Sessions[0].Current) {
			t.Errorf("%s sees %+v, %+v", who, keys, sessions)
		}
	}
	if u.Used != 30+30+11+40 {
		t.Errorf("used %d is not the sum", u.Used)
	}
}

func TestAdmin(t *testing.T) {
	l := newLab(t)
	var made MadeAccount
	l.want("op", "POST", "admin/accounts", `{"name":"eve","email":"eve@example.org","key":true,"subjects":[{"kind":"certificate","name":"CN=Eve","issuer":"CN=CA"}],"groups":["lab"]}`, &made)
	if made.Account.Quota != 77 || made.Account.QuotaCap != 88 || made.Key == nil || len(made.Account.Subjects) != 1 {
		t.Fatalf("%+v", made)
	}
	l.creds["eve"] = sigv4.Credentials{AccessKeyID: made.Key.ID, SecretAccessKey: made.Key.SecretAccessKey}
	l.want("eve", "GET", "whoami", "", nil)
	l.fails(409, CodeExists, "op", "POST", "admin/accounts", `{"name":"eve"}`)
	l.fails(400, CodeInvalid, "op", "POST", "admin/accounts", `{"name":"e v e"}`)
	l.fails(409, CodeExists, "op", "POST", "admin/accounts", `{"name":"mallory","subjects":[{"kind":"certificate","name":"CN=Eve","issuer":"CN=Other"}]}`)
	var a Account
	l.want("op", "PATCH", "admin/accounts/eve", `{"name":"eva","quota":5,"add_subjects":[{"kind":"oidc","name":"s","issuer":"https://idp"}]}`, &a)
	if a.Name != "eva" || a.Quota != 5 || len(a.Subjects) != 2 || a.Used == nil {
		t.Errorf("%+v", a)
	}
	l.fails(404, CodeNotFound, "op", "GET", "admin/accounts/eve", "")
	l.want("op", "PATCH", "admin/accounts/eva", `{"state":"suspended","why":"stolen laptop"}`, &a)
	if a.State != "suspended" || a.Why != "stolen laptop" {
		t.Errorf("%+v", a)
	}
	l.fails(403, CodeDenied, "eve", "GET", "whoami", "")
	l.fails(400, CodeInvalid, "op", "PATCH", "admin/accounts/eva", `{"state":"closing"}`)
	l.want("op", "PATCH", "admin/accounts/eva", `{"state":"active"}`, &a)
	l.want("eve", "GET", "whoami", "", nil)
	var keys Keys
	l.want("op", "GET", "admin/accounts/eva/keys", "", &keys)
	if len(keys.Keys) != 1 {
		t.Errorf("%+v", keys)
	}
	l.want("op", "DELETE", "admin/accounts/eva/keys/"+made.Key.ID, "", nil)
	l.fails(403, "InvalidAccessKeyId", "eve", "GET", "whoami", "")
	var page Accounts
	names, after := map[string]bool{}, ""
	for n := 0; ; n++ {
		page = Accounts{}
		l.want("op", "GET", "admin/accounts?max=2&after="+after, "", &page)
		for _, a := range page.Accounts {
			names[a.Name] = true
		}
		if after = page.Next; after == "" || n > 9 {
			break
		}
	}
	if len(names) != 4 {
		t.Errorf("%v", names)
	}
	// The last operator stays one.
	l.fails(409, CodeConflict, "op", "PATCH", "admin/accounts/op", `{"role":"member"}`)
	l.fails(409, CodeConflict, "op", "PATCH", "admin/accounts/op", `{"state":"suspended"}`)
	l.fails(409, CodeConflict, "op", "DELETE", "account", "")
	l.want("op", "DELETE", "admin/accounts/eva", "", nil)
	if a, err := l.Accounts.ByName(ctx, "eva"); err != nil || a.State != catalog.Closing {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestAccessLog(t *testing.T) {
	l := newLab(t)
	for i := range 5 {
		l.Audit.Add(&audit.Event{Kind: audit.KindRequest, Time: audit.At(time.Now()), UserID: l.users["ben"].ID, User: "ben", BucketOwnerID: l.users["ana"].ID, Bucket: "box", Key: fmt.Sprint("in/", i), Operation: "REST.GET.OBJECT", HTTPStatus: 200})
		l.Audit.Add(&audit.Event{Kind: audit.KindRequest, Time: audit.At(time.Now()), UserID: l.users["ana"].ID, BucketOwnerID: l.users["ben"].ID, Bucket: "bens", Key: "secret", Operation: "REST.GET.OBJECT"})
	}
	var log AccessLog
	l.want("ana", "GET", "access-log?bucket=box&prefix=in/", "", &log)
	if len(log.Events) != 5 || log.Events[0].Key != "in/4" || log.Events[0].Who != "ben" || !log.Complete {
		t.Fatalf("%+v", log)
	}
	l.want("ana", "GET", "access-log?max=2", "", &log)
	if len(log.Events) != 2 || log.Complete {
		t.Errorf("%+v", log)
	}
	l.want("ana", "GET", "access-log?bucket=bens", "", &log)
	if len(log.Events) != 0 {
		t.Errorf("accesses to ben's objects: %+v", log)
	}
	for _, bad := range []string{"since=yesterday", "max=0", "max=x"} {
		l.fails(400, CodeInvalid, "ana", "GET", "access-log?"+bad, "")
	}
	var of AccessLog
	l.want("op", "GET", "admin/accounts/ana/access-log", "", &of)
	if len(of.Events) != 10 {
		t.Errorf("an operator sees %d", len(of.Events))
	}
	l.Audit = nil
	l.fails(501, CodeOff, "ana", "GET", "access-log", "")
}

func TestExportAndClose(t *testing.T) {
	l := newLab(t)
	if _, err := l.Repo.CreateBucket(ctx, catalog.Bucket{Name: "box", Owner: l.users["ana"].ID}); err != nil {
		t.Fatal(err)
	}
	l.session("job", accounts.SessionSpec{By: catalog.ByX509, Identity: "CN=Ana"})
	var e Export
	l.want("ana", "GET", "export", "", &e)
	if e.Account.Email != "ana@example.org" || len(e.Keys) != 1 || len(e.Sessions) != 1 || len(e.Buckets) != 1 || e.Buckets[0].Name != "box" {
		t.Errorf("%+v", e)
	}
	text, err := json.Marshal(e)
	if err != nil || bytes.Contains(text, []byte(l.creds["ana"].SecretAccessKey)) || bytes.Contains(text, []byte("sealed")) {
		t.Error("the export has secrets")
	}
	l.want("ana", "DELETE", "account", "", nil)
	l.fails(403, CodeDenied, "ana", "GET", "whoami", "")
	l.fails(403, CodeDenied, "job", "GET", "whoami", "")
	l.mu.Lock()
	defer l.mu.Unlock()
	changes := 0
	for _, ev := range l.events {
		if ev.Kind == audit.KindChange && ev.UserID == l.users["ana"].ID {
			changes++
		}
		if strings.Contains(fmt.Sprintf("%+v", ev), l.creds["ana"].SecretAccessKey) {
			t.Error("a secret is in an event")
		}
	}
	if changes != 1 {
		t.Errorf("%d changes recorded", changes)
	}
}

func TestHostile(t *testing.T) {
	l := newLab(t)
	l.fails(413, CodeInvalid, "ana", "POST", "keys", `{"label":"`+strings.Repeat("x", maxBody)+`"}`)
	l.fails(404, CodeNotFound, "ana", "DELETE", "keys/"+strings.Repeat("x", 5000), "")
	l.fails(404, CodeNotFound, "ana", "DELETE", "sessions/%00", "")
	l.fails(404, CodeNotFound, "op", "GET", "admin/accounts/e:ana@example.org", "")
	l.fails(404, CodeNotFound, "op", "POST", "admin/requests/nothing/approve", "")
	l.fails(501, CodeOff, "ana", "POST", "register", "")
}

// TestInvitationsAreNotOffered: a site that registers nobody invites nobody.
func TestInvitationsAreNotOffered(t *testing.T) {
	l := newLab(t)
	l.fails(501, CodeOff, "op", "GET", "admin/invitations", "")
	l.fails(501, CodeOff, "op", "POST", "admin/invitations", "{}")
	l.fails(501, CodeOff, "op", "DELETE", "admin/invitations/x", "")
	l.fails(403, CodeDenied, "ana", "POST", "admin/invitations", "{}")
}
