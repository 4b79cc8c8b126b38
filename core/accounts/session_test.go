package accounts_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/session"
	"github.com/mucura/mucura/core/storewrap"
)

func issue(t testing.TB, s *accounts.Service, spec accounts.SessionSpec) session.Credentials {
	t.Helper()
	c, sess, err := s.Issue(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	if sess.ID != c.AccessKeyID || !sess.Expires.Equal(c.Expiration) {
		t.Fatalf("session %+v, credentials of %s", sess, c.AccessKeyID)
	}
	return c
}

// wantKey asks a service for a session's key.
func wantKey(t *testing.T, s *accounts.Service, c session.Credentials, want error) *catalog.Principal {
	t.Helper()
	k, err := s.Key(ctx, c.AccessKeyID, c.SessionToken)
	if !errors.Is(err, want) || want == nil && err != nil {
		t.Fatalf("Key: %v, want %v", err, want)
	}
	if want != nil {
		if k.Secret != "" || k.Owner != nil {
			t.Fatal("a refused key tells its secret")
		}
		return nil
	}
	if k.Secret != c.SecretAccessKey || k.ID != c.AccessKeyID {
		t.Fatalf("Key = %+v", k)
	}
	return k.Owner.(*catalog.Principal)
}

func TestSession(t *testing.T) {
	registry := mem.NewMeta()
	s, other := service(registry), service(registry)
	a := add(t, s, "ana")
	c := issue(t, s, accounts.SessionSpec{Account: a.ID, By: catalog.ByX509, Identity: "CN=Ana", Limited: true, Groups: []string{"/vo"}, Policies: []string{"{}"}})
	for range 2 {
		p := wantKey(t, other, c, nil)
		if p.ID() != a.ID || !p.Limited() || !p.Narrowed() || p.Session.Identity != "CN=Ana" || p.Groups()[0] != "/vo" {
			t.Fatalf("principal %+v", p)
		}
	}
	if first, again := wantKey(t, other, c, nil), wantKey(t, other, c, nil); first != again {
		t.Error("the same credentials give another principal each time")
	}
	list, err := other.Sessions(ctx, a.ID)
	if err != nil || len(list) != 1 || list[0].ID != c.AccessKeyID || list[0].Identity != "CN=Ana" {
		t.Fatalf("Sessions = %+v, %v", list, err)
	}
	wrong := c
	wrong.SessionToken = c.SessionToken[:len(c.SessionToken)-1]
	wantKey(t, s, wrong, s3err.InvalidToken)
	wrong = c
	wrong.AccessKeyID = issue(t, s, accounts.SessionSpec{Account: a.ID}).AccessKeyID
	wantKey(t, s, wrong, s3err.InvalidToken)                 // opened before
	wantKey(t, service(registry), wrong, s3err.InvalidToken) // and not
	if _, err := s.Key(ctx, c.AccessKeyID, ""); !errors.Is(err, s3err.InvalidAccessKeyID) {
		t.Errorf("without its token: %v", err)
	}
	if _, err := s.Key(ctx, "MUNKNOWN", c.SessionToken); !errors.Is(err, s3err.InvalidAccessKeyID) {
		t.Errorf("with an unknown key: %v", err)
	}
	if _, err := s.AddKey(ctx, a.ID, accounts.KeySpec{AccessKeyID: c.AccessKeyID}); err == nil {
		t.Error("an access key may have a session's ID")
	}
}

func TestSessionLife(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	s := service(mem.NewMeta())
	s.Now = func() time.Time { return now }
	a := add(t, s, "ana")
	for _, c := range []struct {
		life, notAfter, want time.Duration
	}{
		{0, 0, time.Hour}, {2 * time.Hour, 0, 2 * time.Hour}, {48 * time.Hour, 0, 12 * time.Hour},
		{2 * time.Hour, 20 * time.Minute, 20 * time.Minute}, {time.Hour, 5 * time.Hour, time.Hour},
	} {
		spec := accounts.SessionSpec{Account: a.ID, Lifetime: c.life}
		if c.notAfter > 0 {
			spec.NotAfter = now.Add(c.notAfter)
		}
		if got := issue(t, s, spec).Expiration; !got.Equal(now.Add(c.want)) {
			t.Errorf("%v, not after %v: %v", c.life, c.notAfter, got.Sub(now))
		}
	}
	c := issue(t, s, accounts.SessionSpec{Account: a.ID})
	now = now.Add(time.Hour - time.Second)
	wantKey(t, s, c, nil)
	now = now.Add(time.Second)
	wantKey(t, s, c, s3err.ExpiredToken)
	wantKey(t, service(mem.NewMeta()), c, s3err.InvalidAccessKeyID) // the account is not here
}

// What ends a session ends it for every process at its next request.
func TestSessionEnds(t *testing.T) {
	registry := mem.NewMeta()
	s, other := service(registry), service(registry)
	a := add(t, s, "ana")
	fresh := func() session.Credentials {
		c := issue(t, s, accounts.SessionSpec{Account: a.ID})
		wantKey(t, other, c, nil)
		return c
	}
	one, two := fresh(), fresh()
	child := issue(t, s, accounts.SessionSpec{Account: a.ID, Parents: []string{one.AccessKeyID}})
	wantKey(t, other, child, nil)
	if err := s.EndSession(ctx, a.ID, one.AccessKeyID); err != nil {
		t.Fatal(err)
	}
	wantKey(t, other, one, s3err.SessionEnded)
	wantKey(t, other, child, s3err.SessionEnded)
	wantKey(t, other, two, nil)
	if err := s.EndSession(ctx, a.ID, one.AccessKeyID); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("ended twice: %v", err)
	}
	ben := add(t, s, "ben")
	if err := s.EndSession(ctx, ben.ID, two.AccessKeyID); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("another's session: %v", err)
	}
	if err := s.EndSessions(ctx, a.ID); err != nil {
		t.Fatal(err)
	}
	wantKey(t, other, two, s3err.SessionEnded)
	wantKey(t, other, one, s3err.SessionEnded)
	three := fresh()
	if err := s.Suspend(ctx, a.ID, "asked"); err != nil {
		t.Fatal(err)
	}
	wantKey(t, other, three, s3err.AccessDenied)
	if _, _, err := other.Issue(ctx, accounts.SessionSpec{Account: a.ID}); !errors.Is(err, accounts.ErrNotActive) {
		t.Errorf("issued to a suspended account: %v", err)
	}
	if err := s.Resume(ctx, a.ID); err != nil {
		t.Fatal(err)
	}
	wantKey(t, other, three, s3err.SessionEnded) // does not come back
	fresh()
}

// A session made with an access key is good as long as the key, and no further.
func TestSessionOfKey(t *testing.T) {
	registry := mem.NewMeta()
	s, other := service(registry), service(registry)
	a := add(t, s, "ana")
	k, err := s.AddKey(ctx, a.ID, accounts.KeySpec{Scope: catalog.Scope{{Bucket: "box", Access: catalog.ReadOnly}}})
	if err != nil {
		t.Fatal(err)
	}
	c := issue(t, s, accounts.SessionSpec{Account: a.ID, By: catalog.ByKey, Key: k.ID})
	if p := wantKey(t, other, c, nil); len(p.Scope) != 1 || !p.Narrowed() {
		t.Fatalf("the key's scope is lost: %+v", p)
	}
	if err := s.RemoveKey(ctx, a.ID, k.ID); err != nil {
		t.Fatal(err)
	}
	wantKey(t, other, c, s3err.InvalidAccessKeyID)
}

func TestManyEnded(t *testing.T) {
	s := service(mem.NewMeta())
	a := add(t, s, "ana")
	var err error
	n := 0
	for ; err == nil && n < 1000; n++ {
		err = s.EndSession(ctx, a.ID, issue(t, s, accounts.SessionSpec{Account: a.ID}).AccessKeyID)
	}
	if !errors.Is(err, accounts.ErrTooMany) || n < 50 {
		t.Fatalf("after %d: %v", n, err)
	}
	if err := s.EndSessions(ctx, a.ID); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Sessions(ctx, a.ID); err != nil || len(list) != 0 {
		t.Fatalf("%d sessions left, %v", len(list), err)
	}
	if err := s.EndSession(ctx, a.ID, issue(t, s, accounts.SessionSpec{Account: a.ID}).AccessKeyID); err != nil {
		t.Errorf("the list of ended sessions is not empty again: %v", err)
	}
}

// A session costs no read of the registry beyond the account's.
func TestSessionReads(t *testing.T) {
	registry := mem.NewMeta()
	c := issue(t, service(registry), accounts.SessionSpec{Account: add(t, service(registry), "ana").ID})
	var reads atomic.Int64
	s := service(&storewrap.Fault{Store: registry, Before: func(op storewrap.Op, p meta.Partition, _ string) error {
		if reads.Add(1); op != storewrap.Get || p != catalog.Accounts {
			t.Errorf("%v of %s", op, p)
		}
		return nil
	}})
	for range 3 {
		wantKey(t, s, c, nil)
	}
	if reads.Load() != 3 {
		t.Errorf("%d reads for 3 requests", reads.Load())
	}
}

// TestSiteKeyRotation changes the site key of two processes, one step at a time,
// while both issue and check keys and sessions: nothing is refused.
func TestSiteKeyRotation(t *testing.T) {
	registry := mem.NewMeta()
	procs := []*accounts.Service{service(registry), service(registry)}
	a := add(t, procs[0], "ana")
	k := addKey(t, procs[0], a)
	old := issue(t, procs[0], accounts.SessionSpec{Account: a.ID})
	run, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	var served atomic.Int64
	for w := range 4 {
		wg.Go(func() {
			for run.Err() == nil {
				c, _, err := procs[w%2].Issue(ctx, accounts.SessionSpec{Account: a.ID})
				if err != nil {
					t.Error(err)
					return
				}
				for _, p := range procs {
					if got, err := p.Key(ctx, k.ID, ""); err != nil || got.Secret != k.Secret {
						t.Errorf("key: %v", err)
					}
					if _, err := p.Key(ctx, c.AccessKeyID, c.SessionToken); err != nil {
						t.Errorf("fresh session: %v", err)
					}
					if _, err := p.Key(ctx, old.AccessKeyID, old.SessionToken); err != nil {
						t.Errorf("old session: %v", err)
					}
				}
				served.Add(1)
			}
		})
	}
	wait := func() {
		for n := served.Load(); served.Load() < n+20 && !t.Failed(); time.Sleep(time.Millisecond) {
		}
	}
	for _, keys := range [][][]byte{{siteKey(1), siteKey(2)}, {siteKey(2), siteKey(1)}} {
		for _, p := range procs {
			wait()
			if err := p.SetSiteKeys(keys[0], keys[1:]...); err != nil {
				t.Fatal(err)
			}
		}
	}
	wait()
	if n, err := procs[0].Reseal(ctx); err != nil || n != 1 {
		t.Errorf("Reseal = %d, %v; want the one key", n, err)
	}
	wait()
	stop()
	wg.Wait()
	if n, err := procs[1].Reseal(ctx); err != nil || n != 0 {
		t.Errorf("again: %d, %v", n, err)
	}
	last := service(registry)
	last.SiteKey = siteKey(2)
	if got, err := last.Key(ctx, k.ID, ""); err != nil || got.Secret != k.Secret {
		t.Errorf("without the old site key: %v", err)
	}
	wantKey(t, last, old, s3err.InvalidAccessKeyID)
}

// A secret under a site key that is lost does not keep the others from being
// sealed anew, and is told of.
func TestResealPastALostKey(t *testing.T) {
	registry := mem.NewMeta()
	lost, s := service(registry), service(registry)
	lost.SiteKey, s.SiteKey = siteKey(9), siteKey(1)
	a := add(t, s, "ana")
	gone := addKey(t, lost, a)
	var kept []*accounts.NewKey
	for range 8 { // before and after it, in the order of their IDs
		kept = append(kept, addKey(t, s, a))
	}
	if err := s.SetSiteKeys(siteKey(2), siteKey(1)); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Reseal(ctx); n != len(kept) || err == nil || !strings.Contains(err.Error(), gone.ID) || !strings.HasPrefix(err.Error(), "1 secrets") {
		t.Errorf("Reseal = %d, %v", n, err)
	}
	last := service(registry)
	last.SiteKey = siteKey(2)
	for _, k := range kept {
		if got, err := last.Key(ctx, k.ID, ""); err != nil || got.Secret != k.Secret {
			t.Errorf("without the old site key: %v", err)
		}
	}
}

// BenchmarkSession beside BenchmarkKey: a session must not cost more.
func BenchmarkSession(b *testing.B) {
	s := service(mem.NewMeta())
	a, err := s.Add(ctx, accounts.NewAccount{Name: "ana"})
	if err != nil {
		b.Fatal(err)
	}
	c := issue(b, s, accounts.SessionSpec{Account: a.ID})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Key(ctx, c.AccessKeyID, c.SessionToken); err != nil {
			b.Fatal(err)
		}
	}
}
