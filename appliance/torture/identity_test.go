package torture

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
	"github.com/mucura/mucura/core/sigv4"
)

// sts asks for an action, signed with a client's credentials.
func sts(t *testing.T, c *harness.Client, action string, values ...string) *harness.Answer {
	t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2011-06-15"}}
	for i := 0; i < len(values); i += 2 {
		form.Set(values[i], values[i+1])
	}
	body := form.Encode()
	r := newRequest(t, "POST", c.Endpoint+"/", body)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256([]byte(body))
	sigv4.SignFor("sts", r, c.Creds, harness.Region, hex.EncodeToString(sum[:]), time.Now())
	a, err := send(c, r)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// session gets temporary credentials with a client's access key.
func session(t *testing.T, c *harness.Client) *harness.Client {
	t.Helper()
	a := sts(t, c, "GetSessionToken")
	var doc struct {
		Result struct {
			Credentials struct{ AccessKeyId, SecretAccessKey, SessionToken string }
		} `xml:"GetSessionTokenResult"`
	}
	if err := xml.Unmarshal(a.Body, &doc); err != nil || a.Status != 200 {
		t.Fatalf("%d %s, %v", a.Status, a.Body, err)
	}
	k := doc.Result.Credentials
	s := c.As(k.AccessKeyId, k.SecretAccessKey)
	s.Creds.SessionToken = k.SessionToken
	return s
}

// TestForgedTokens sends a thousand tokens that were not issued, or not like
// that, and wants every one refused, the servers alive, and no secret told.
func TestForgedTokens(t *testing.T) {
	t.Parallel()
	log := new(logBuffer)
	data := filepath.Join(t.TempDir(), "data")
	var servers []*harness.Server
	for range 2 {
		s := &harness.Server{Bin: binary, Data: data, Args: []string{"--log-level", "debug"}, Log: log}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Kill)
		servers = append(servers, s)
	}
	one, other := servers[0], servers[1]
	newBucket(t, one.NewClient())
	id, secret := keyPair(t, on(t, one, "account", "add", "mia"))
	mia := one.NewClient().As(id, secret)
	good, second := session(t, mia), session(t, mia)
	stranger, strangersSecret := keyPair(t, on(t, start(t), "account", "add", "mia")) // another site's
	at := func(c *harness.Client, s *harness.Server) *harness.Client {
		moved := *c
		moved.Endpoint = s.Endpoint
		return &moved
	}
	newMine := "b-" + strings.ToLower(id[2:10])
	if _, err := good.Must(ctx, "PUT", newMine, "", "", nil, 200); err != nil {
		t.Fatal(err)
	}
	for _, s := range servers {
		if _, err := at(good, s).Must(ctx, "GET", newMine, "", "", nil, 200); err != nil {
			t.Fatal(err)
		}
	}
	rnd := rand.New(rand.NewPCG(7, 7))
	flip := func(s string) string {
		b := []byte(s)
		for {
			c := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[rnd.IntN(64)]
			if i := rnd.IntN(len(b)); b[i] != c {
				b[i] = c
				return string(b)
			}
		}
	}
	forge := []func(c *sigv4.Credentials){
		func(c *sigv4.Credentials) { c.SessionToken = flip(c.SessionToken) },
		func(c *sigv4.Credentials) { c.SessionToken = c.SessionToken[:rnd.IntN(len(c.SessionToken)-1)+1] },
		func(c *sigv4.Credentials) { c.SessionToken += flip("AAAA") },
		func(c *sigv4.Credentials) { c.SessionToken = second.Creds.SessionToken },
		func(c *sigv4.Credentials) { c.AccessKeyID = second.Creds.AccessKeyID },
		func(c *sigv4.Credentials) { c.AccessKeyID = flip(c.AccessKeyID) },
		func(c *sigv4.Credentials) { c.AccessKeyID, c.SecretAccessKey = id, secret },
		func(c *sigv4.Credentials) { c.AccessKeyID, c.SecretAccessKey = stranger, strangersSecret },
		func(c *sigv4.Credentials) { c.SessionToken = "" },
		func(c *sigv4.Credentials) { c.SessionToken = strings.Repeat("A", 20+rnd.IntN(9000)) },
	}
	codes := map[string]int{}
	for n := range 1000 {
		c := at(good, servers[n%2])
		forge[n%len(forge)](&c.Creds)
		var a *harness.Answer
		var err error
		if n%3 == 0 { // in the query
			r := newRequest(t, "GET", c.Endpoint+"/"+newMine, "")
			a, err = send(c, newRequest(t, "GET", sigv4.Presign(r, c.Creds, harness.Region, time.Hour, time.Now()), ""))
		} else {
			a, err = c.Do(ctx, "GET", newMine, "", "", nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		if a.Status != 400 && a.Status != 403 {
			t.Fatalf("forgery %d: %d %s", n%len(forge), a.Status, a.Body)
		}
		codes[a.Code()]++
	}
	for _, want := range []string{"InvalidToken", "InvalidAccessKeyId"} {
		if codes[want] == 0 {
			t.Errorf("no %s: %v", want, codes)
		}
	}
	// Replayed: the request of an hour ago, and after the session was ended.
	old, err := good.Request(ctx, "GET", newMine, "", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	sigv4.Sign(old, good.Creds, harness.Region, sigv4.UnsignedPayload, time.Now().Add(-time.Hour))
	a, err := send(good, old)
	wantAnswer(t, "replayed an hour later", a, err, 403, "RequestTimeTooSkewed")
	on(t, one, "account", "set", "mia", "--state", "suspended")
	on(t, one, "account", "set", "mia", "--state", "active")
	for _, s := range servers {
		a, err := at(good, s).Do(ctx, "GET", newMine, "", "", nil)
		wantAnswer(t, "ended session", a, err, 403, "ExpiredToken")
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}
	text := log.String() + auditLog(t, other)
	for name, value := range map[string]string{
		"secret": secret, "session secret": good.Creds.SecretAccessKey, "second secret": second.Creds.SecretAccessKey,
		"session token": good.Creds.SessionToken[:60], "second token": second.Creds.SessionToken[:60],
	} {
		if i := strings.Index(text, value); i >= 0 {
			t.Errorf("the log holds the %s: %q", name, text[max(0, i-200):min(len(text), i+100)])
		}
	}
	if strings.Contains(text, "panic") {
		t.Error("a server panicked")
	}
}

// trickle is a body that never ends by itself.
type trickle struct {
	ctx  context.Context
	sent *atomic.Int64
}

func (b *trickle) Read(p []byte) (int, error) {
	select {
	case <-b.ctx.Done():
		return 0, io.ErrUnexpectedEOF
	case <-time.After(50 * time.Millisecond):
	}
	n := min(len(p), 1024)
	b.sent.Add(int64(n))
	return n, nil
}

// TestSuspensionOverTwoProcesses suspends a person by a third process: her keys
// and sessions are refused by both servers at their next request, and uploads
// that would go on for ever are ended by the servers.
func TestSuspensionOverTwoProcesses(t *testing.T) {
	t.Parallel()
	one, other := two(t)
	id, secret := keyPair(t, on(t, one, "account", "add", "mia"))
	key := one.NewClient().As(id, secret)
	newBucket(t, key)
	job := session(t, key)
	run, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	var uploads sync.WaitGroup
	var sent atomic.Int64
	for i, s := range []*harness.Server{one, other, one, other} {
		creds := key.Creds
		if i > 1 {
			creds = job.Creds
		}
		r, err := http.NewRequestWithContext(run, "PUT", s.Endpoint+"/"+bucket+fmt.Sprint("/running", i), &trickle{run, &sent})
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = 1 << 30
		sigv4.Sign(r, creds, harness.Region, sigv4.UnsignedPayload, time.Now())
		uploads.Go(func() {
			a, err := send(s.NewClient(), r)
			// The server answers while we are still sending: some transports
			// then see the connection break before the answer.
			if run.Err() != nil || (err == nil && a.Status != 403) {
				t.Errorf("upload %d: %v, %+v, %v", i, err, a, run.Err())
			}
		})
	}
	eventually(t, "uploads run", func() bool { return sent.Load() > 100<<10 })
	on(t, one, "account", "set", "mia", "--state", "suspended")
	for _, s := range []*harness.Server{one, other} {
		for name, creds := range map[string]sigv4.Credentials{"key": key.Creds, "session": job.Creds} {
			c := s.NewClient()
			c.Creds = creds
			a, err := c.Do(ctx, "GET", bucket, "", "", nil)
			wantAnswer(t, name+" of a suspended account", a, err, 403, "AccessDenied")
		}
	}
	uploads.Wait()
	if keys := list(t, one.NewClient()); len(keys) != 0 {
		t.Errorf("stored for a suspended account: %v", keys)
	}
	eventually(t, "nothing is reserved", func() bool { return used(t, one, "mia") == 0 })
	fsck(t, one)
}

// TestSiteKeyRotation changes the site key by its file while two servers are
// under load: no request is refused, with keys or sessions old or new.
func TestSiteKeyRotation(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	var servers [2]*harness.Server
	var logs [2]logBuffer
	for i := range servers {
		servers[i] = &harness.Server{Bin: binary, Data: data, Log: &logs[i]}
		if err := servers[i].Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(servers[i].Kill)
	}
	one, other := servers[0], servers[1]
	id, secret := keyPair(t, on(t, one, "account", "add", "mia"))
	mia := one.NewClient().As(id, secret)
	newBucket(t, mia)
	old := session(t, mia)
	run, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	var served atomic.Int64
	for w := range 6 {
		wg.Go(func() {
			s := []*harness.Server{one, other}[w%2]
			for n := 0; run.Err() == nil; n++ {
				creds := []sigv4.Credentials{mia.Creds, old.Creds}[n%2]
				if n%5 == 4 { // issued by one server, used at the other
					from := *mia
					from.Endpoint = []*harness.Server{other, one}[w%2].Endpoint
					creds = session(t, &from).Creds
				}
				c := s.NewClient()
				c.Creds = creds
				if a, err := c.Do(ctx, "PUT", bucket, fmt.Sprint("k", w), "", []byte("x")); err != nil || a.Status != 200 {
					t.Errorf("%v, %+v", err, a)
					return
				}
				c.HTTP.CloseIdleConnections()
				served.Add(1)
			}
		})
	}
	path := filepath.Join(one.Data, "site.key")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first, fresh := strings.TrimSpace(string(text)), strings.Repeat("5a", 32)
	const reloaded = `"msg":"site keys reloaded","keys":2`
	times := 0
	replace := func(lines ...string) {
		t.Helper()
		if err := os.WriteFile(path+".new", []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		times++
		for i := range logs {
			eventually(t, "the keys are in force", func() bool { return strings.Count(logs[i].String(), reloaded) == times })
		}
		n := served.Load()
		eventually(t, "requests are served", func() bool { return served.Load() > n+20 || t.Failed() })
	}
	replace(first, fresh) // known everywhere, before it seals anywhere
	replace(fresh, first)
	if out := on(t, one, "key", "reseal"); !strings.HasPrefix(out, "2 secrets") { // root's and mia's
		t.Error(out)
	}
	n := served.Load()
	eventually(t, "requests are served", func() bool { return served.Load() > n+20 || t.Failed() })
	stop()
	wg.Wait()
	if err := one.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(fresh+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := one.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := mia.Must(ctx, "GET", bucket, "", "", nil, 200); err != nil {
		t.Errorf("without the old site key: %v", err)
	}
	a, err := old.Do(ctx, "GET", bucket, "", "", nil)
	wantAnswer(t, "a session of the old site key", a, err, 403, "InvalidAccessKeyId")
}

// TestGuessingIsSlowed: wrong signatures are slowed, and said in the metrics.
func TestGuessingIsSlowed(t *testing.T) {
	t.Parallel()
	s := start(t)
	id, secret := keyPair(t, on(t, s, "account", "add", "mia"))
	c := s.NewClient().As(id, "guess-"+secret)
	codes := map[string]int{}
	for range 100 {
		a, err := c.Do(ctx, "GET", "", "", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		codes[a.Code()]++
	}
	if codes["SignatureDoesNotMatch"] > 30 || codes["SlowDown"] < 60 || len(codes) != 2 {
		t.Errorf("%v", codes)
	}
	resp, err := http.Get(s.Admin + "/-/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf(`mucura_slowed_total{kind="signature"} %d`, codes["SlowDown"]),
		fmt.Sprintf(`mucura_auth_failures_total{code="SignatureDoesNotMatch",reason=""} %d`, codes["SignatureDoesNotMatch"]),
	} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}
