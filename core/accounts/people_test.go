package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

func cert(dn, ca string) catalog.Subject {
	return catalog.Subject{Kind: catalog.SubjectCertificate, Name: dn, Issuer: ca}
}

func TestSubjects(t *testing.T) {
	s := service(mem.NewMeta())
	a, err := s.Add(ctx, accounts.NewAccount{Name: "ana", Subjects: []catalog.Subject{cert("CN=Ana,O=X", "CN=CA")}})
	if err != nil {
		t.Fatal(err)
	}
	ben := add(t, s, "ben")
	if got, err := s.ByCertificate(ctx, "CN=Ana,O=X", "CN=CA"); err != nil || got.ID != a.ID {
		t.Fatalf("ByCertificate = %v, %v", got, err)
	}
	if _, err := s.ByCertificate(ctx, "CN=Ana,O=X", "CN=Another CA"); !errors.Is(err, accounts.ErrOtherIssuer) {
		t.Errorf("another CA: %v", err)
	}
	for _, dn := range []string{"CN=ana,O=X", "CN=Ana,O=X ", "CN=Ana", ""} {
		if _, err := s.ByCertificate(ctx, dn, "CN=CA"); !errors.Is(err, accounts.ErrNotFound) {
			t.Errorf("%q: %v", dn, err)
		}
	}
	for _, ca := range []string{"CN=CA", "CN=Another CA"} { // a name is one person's, whoever issues it
		if err := s.AddSubject(ctx, ben.ID, cert("CN=Ana,O=X", ca)); !errors.Is(err, accounts.ErrExists) {
			t.Errorf("taken by another: %v", err)
		}
	}
	if err := s.AddSubject(ctx, a.ID, cert("CN=Ana,O=X", "CN=Another CA")); err != nil {
		t.Fatal(err)
	}
	oidc := catalog.Subject{Kind: catalog.SubjectOIDC, Name: "sub", Issuer: "https://idp"}
	for range 2 {
		if err := s.AddSubject(ctx, a.ID, oidc); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.ByOIDC(ctx, "https://idp", "sub")
	if err != nil || got.ID != a.ID || len(got.Subjects) != 3 {
		t.Fatalf("ByOIDC = %+v, %v", got, err)
	}
	if _, err := s.ByOIDC(ctx, "https://idp/", "sub"); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("another issuer: %v", err)
	}
	c := issue(t, s, accounts.SessionSpec{Account: a.ID})
	if err := s.RemoveSubject(ctx, a.ID, oidc); err != nil {
		t.Fatal(err)
	}
	wantKey(t, s, c, s3err.SessionEnded)
	if err := s.AddSubject(ctx, ben.ID, oidc); err != nil {
		t.Errorf("the subject is not free: %v", err)
	}
	for _, bad := range []catalog.Subject{{Kind: "iris", Name: "x", Issuer: "y"}, cert("", "CN=CA"), cert("CN=x", ""), cert(strings.Repeat("x", 3000), "y"), {Kind: catalog.SubjectPassword, Hash: "x"}} {
		if err := s.AddSubject(ctx, a.ID, bad); err == nil {
			t.Errorf("took %+v", bad)
		}
	}
}

// Of many accounts that want one certificate at once, one gets it.
func TestSubjectOnce(t *testing.T) {
	registry := mem.NewMeta()
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := 0
	for i := range 8 {
		a := add(t, service(registry), fmt.Sprint("a", i))
		wg.Go(func() {
			err := service(registry).AddSubject(ctx, a.ID, cert("CN=Ana", "CN=CA"))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				got++
			} else if !errors.Is(err, accounts.ErrExists) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got != 1 {
		t.Fatalf("%d accounts have the certificate", got)
	}
}

func register(t *testing.T, s *accounts.Service, name string) (*catalog.Account, *catalog.Request) {
	t.Helper()
	a, err := s.Add(ctx, accounts.NewAccount{Name: name, State: catalog.Requested, Quota: 5, Subjects: []catalog.Subject{cert("CN="+name, "CN=CA")}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Ask(ctx, catalog.Request{Kind: catalog.AskAccount, Account: a.ID, Reason: "my thesis", Evidence: []catalog.Tag{{Key: "dn", Value: "CN=" + name}}})
	if err != nil {
		t.Fatal(err)
	}
	return a, r
}

func TestApprove(t *testing.T) {
	s := service(mem.NewMeta())
	homes := 0
	s.MakeHome = func(_ context.Context, a *catalog.Account) (string, error) { homes++; return a.Name + "-home", nil }
	a, r := register(t, s, "ana")
	if list, err := s.RequestsIn(ctx, catalog.Pending); err != nil || len(list) != 1 || list[0].ID != r.ID || list[0].Evidence[0].Value != "CN=ana" {
		t.Fatalf("queue %+v, %v", list, err)
	}
	if _, _, err := s.Issue(ctx, accounts.SessionSpec{Account: a.ID}); !errors.Is(err, accounts.ErrNotActive) {
		t.Errorf("issued to an applicant: %v", err)
	}
	quota, top := int64(100), int64(1000)
	for range 2 {
		got, err := s.Decide(ctx, r.ID, accounts.Decision{Approve: true, By: "root", Bytes: &quota, Cap: &top, Groups: []string{"lab"}})
		if err != nil || !got.Done || got.By != "root" {
			t.Fatalf("Decide = %+v, %v", got, err)
		}
	}
	a, err := s.Account(ctx, a.ID)
	if err != nil || a.State != catalog.Active || a.Quota != 100 || a.QuotaCap != 1000 || a.Home != "ana-home" || !slices.Equal(a.Groups, []string{"lab"}) || homes != 1 {
		t.Fatalf("approved %+v, %v, %d homes", a, err, homes)
	}
	if _, err := s.Decide(ctx, r.ID, accounts.Decision{By: "ben"}); !errors.Is(err, accounts.ErrDecided) {
		t.Errorf("rejected what was approved: %v", err)
	}
	if list, _ := s.RequestsIn(ctx, catalog.Pending); len(list) != 0 {
		t.Errorf("still in the queue: %+v", list)
	}
}

// An approval that was cut short is finished by the next, and says the same.
func TestApproveSurvivesFaults(t *testing.T) {
	for n := range 8 {
		registry := mem.NewMeta()
		s := service(registry)
		a, r := register(t, s, "ana")
		home := func(_ context.Context, a *catalog.Account) (string, error) { return a.Name, nil }
		f := service(failing(registry, n, false))
		s.MakeHome, f.MakeHome = home, home
		yes := accounts.Decision{Approve: true, By: "root"}
		if _, err := f.Decide(ctx, r.ID, yes); err != nil {
			if _, err := s.Decide(ctx, r.ID, yes); err != nil {
				t.Fatalf("write %d: %v", n, err)
			}
		}
		if got, err := s.Account(ctx, a.ID); err != nil || got.State != catalog.Active || got.Home != "ana" {
			t.Fatalf("write %d: %+v, %v", n, got, err)
		}
	}
}

// Of an approval and a rejection at once, one holds.
func TestDecideOnce(t *testing.T) {
	for range 20 {
		registry := mem.NewMeta()
		a, r := register(t, service(registry), "ana")
		errs := make([]error, 2)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { _, errs[i] = service(registry).Decide(ctx, r.ID, accounts.Decision{Approve: i == 1}) })
		}
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("decisions: %v", errs)
		}
		got, err := service(registry).Account(ctx, a.ID)
		if err != nil || (got.State == catalog.Active) != (errs[1] == nil) {
			t.Fatalf("%v: account is %s", errs, got.State)
		}
	}
}

func TestAskQuota(t *testing.T) {
	s := service(mem.NewMeta())
	a := add(t, s, "ana")
	ask := func() (*catalog.Request, error) {
		return s.Ask(ctx, catalog.Request{Kind: catalog.AskQuota, Account: a.ID, Bytes: 1 << 40, Reason: "a run"})
	}
	r, err := ask()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Decide(ctx, r.ID, accounts.Decision{By: "root", Answer: "too much"}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if r, err = ask(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ask(); !errors.Is(err, accounts.ErrTooMany) {
		t.Errorf("a fourth pending request: %v", err)
	}
	if _, err := s.Decide(ctx, r.ID, accounts.Decision{Approve: true}); err != nil {
		t.Fatal(err)
	}
	if a, err = s.Account(ctx, a.ID); err != nil || a.Quota != 1<<40 {
		t.Fatalf("quota %d, %v", a.Quota, err)
	}
	mine, err := s.RequestsBy(ctx, a.ID)
	if err != nil || len(mine) != 4 || mine[0].State != catalog.Rejected || mine[0].Answer != "too much" {
		t.Fatalf("mine %+v, %v", mine, err)
	}
}

func TestRotateKey(t *testing.T) {
	now := time.Now()
	s := service(mem.NewMeta())
	s.Now = func() time.Time { return now }
	a := add(t, s, "ana")
	old, err := s.AddKey(ctx, a.ID, accounts.KeySpec{Label: "laptop", Expires: now.Add(48 * time.Hour), Scope: catalog.Scope{{Bucket: "b", Access: catalog.ReadOnly}}})
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	fresh, err := s.RotateKey(ctx, a.ID, old.ID, time.Hour)
	if err != nil || fresh.Label != "laptop" || len(fresh.Scope) != 1 || fresh.Replaces != old.ID || fresh.Secret == old.Secret {
		t.Fatalf("RotateKey = %+v, %v", fresh, err)
	}
	works := func(id string) bool { _, err := s.Key(ctx, id, ""); return err == nil }
	if !works(old.ID) || !works(fresh.ID) {
		t.Error("one of both does not work")
	}
	now = now.Add(time.Hour)
	if works(old.ID) || !works(fresh.ID) {
		t.Error("after the grace")
	}
	if _, err := s.RotateKey(ctx, a.ID, old.ID, 0); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("rotated an expired key: %v", err)
	}
	now = now.Add(47 * time.Hour)
	if works(fresh.ID) {
		t.Error("the new key lives longer than the old was to")
	}
}

func TestLastUse(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	registry := mem.NewMeta()
	s := service(registry)
	s.Now = func() time.Time { return now }
	k := addKey(t, s, add(t, s, "ana"))
	use := func(address string, want string) {
		t.Helper()
		s.Used(k.ID, address, "rclone/1.76")
		if err := s.FlushUses(ctx, false); err != nil {
			t.Fatal(err)
		}
		got, err := service(registry).LastUse(ctx, k.ID)
		if err != nil || got.Address != want || got.Agent != "rclone/1.76" {
			t.Fatalf("LastUse = %+v, %v; want %s", got, err, want)
		}
	}
	use("10.0.0.1", "10.0.0.1")
	now = now.Add(30 * time.Second)
	use("10.0.0.2", "10.0.0.1") // within the minute
	now = now.Add(30 * time.Second)
	use("10.0.0.3", "10.0.0.3")
	if got, err := s.LastUse(ctx, "never"); err != nil || !got.Time.IsZero() {
		t.Errorf("of a key never used: %+v, %v", got, err)
	}
}

// hashing is a fast Hasher for tests.
type hashing struct{}

func (hashing) Hash(p string) (string, error) { return "old:" + p, nil }
func (hashing) Verify(h, p string) (bool, bool, error) {
	return h == "old:"+p, false, nil
}

func TestPassword(t *testing.T) {
	now := time.Now()
	registry := mem.NewMeta()
	procs := []*accounts.Service{service(registry), service(registry)}
	for _, p := range procs {
		p.Now, p.Passwords = func() time.Time { return now }, hashing{}
	}
	s := procs[0]
	a := add(t, s, "ana")
	if err := s.SetPassword(ctx, a.ID, "short"); err == nil {
		t.Error("took a short password")
	}
	if err := s.SetPassword(ctx, a.ID, "correct horse"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.SignIn(ctx, "ana", "correct horse", "10.0.0.1"); err != nil || got.ID != a.ID {
		t.Fatalf("SignIn = %v, %v", got, err)
	}
	for _, name := range []string{"ana", "nobody"} {
		if _, err := s.SignIn(ctx, name, "wrong", "10.0.0.9"); !errors.Is(err, accounts.ErrPassword) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Guessing is slowed over both processes together, from wherever.
	judged := 0
	var slow *accounts.SlowedError
	for i := range 100 {
		_, err := procs[i%2].SignIn(ctx, "ana", "guess", fmt.Sprint("10.0.1.", i))
		if errors.Is(err, accounts.ErrPassword) {
			judged++
		} else if !errors.As(err, &slow) {
			t.Fatal(err)
		}
	}
	if judged > 6 || slow == nil {
		t.Fatalf("%d of 100 guesses were judged", judged)
	}
	// Nobody is locked out: the wait is bounded.
	now = now.Add(30 * time.Second)
	if _, err := s.SignIn(ctx, "ana", "correct horse", "10.0.0.1"); err != nil {
		t.Fatalf("after the longest wait: %v", err)
	}
	if _, err := s.SignIn(ctx, "ana", "guess", "10.0.0.1"); !errors.Is(err, accounts.ErrPassword) {
		t.Errorf("after a success: %v", err)
	}
}

// Many guesses at once gain nothing.
func TestGuessingAtOnce(t *testing.T) {
	registry := mem.NewMeta()
	var wg sync.WaitGroup
	var mu sync.Mutex
	allowed := 0
	now := time.Now() // as time passes, more may be tried
	for range 64 {
		wg.Go(func() {
			s := service(registry)
			s.Now = func() time.Time { return now }
			if s.MayTry(ctx, accounts.Slowed{Kind: accounts.SlowPassword, Who: "ana"}) == nil {
				mu.Lock()
				allowed++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if allowed > 6 || allowed == 0 {
		t.Fatalf("%d of 64 tries at once were allowed", allowed)
	}
}

// Whoever has one address of IPv6 has a network of them.
func TestGuessingFromANetwork(t *testing.T) {
	s := service(mem.NewMeta())
	for _, tc := range []struct {
		kind accounts.SlowKind
		many bool
		who  func(i int) string
	}{
		{accounts.SlowCode, false, func(i int) string { return fmt.Sprintf("2001:db8:0:1::%x", i) }},
		{accounts.SlowAddress, false, func(i int) string { return fmt.Sprintf("2001:db8:0:2:%x::%%eth0", i+1) }},
		{accounts.SlowCode, true, func(i int) string { return fmt.Sprintf("2001:db8:1:%x::1", i) }},
		{accounts.SlowAddress, true, func(i int) string { return fmt.Sprintf("::ffff:192.0.2.%d", i) }},
	} {
		allowed := 0
		for i := range 60 {
			if s.MayTry(ctx, accounts.Slowed{Kind: tc.kind, Who: tc.who(i)}) == nil {
				allowed++
			}
		}
		if many := allowed == 60; many != tc.many {
			t.Errorf("%s, such as %s: %d of 60 tries were allowed", tc.kind, tc.who(7), allowed)
		}
	}
}

func TestClose(t *testing.T) {
	s := service(mem.NewMeta())
	a := add(t, s, "ana")
	k := addKey(t, s, a)
	c := issue(t, s, accounts.SessionSpec{Account: a.ID})
	if err := s.Erase(ctx, a.ID); err == nil {
		t.Fatal("erased an account nobody closed")
	}
	for range 2 {
		if err := s.Close(ctx, a.ID); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Key(ctx, k.ID, ""); !errors.Is(err, s3err.AccessDenied) {
		t.Errorf("a closing account's key: %v", err)
	}
	wantKey(t, s, c, s3err.AccessDenied)
	for range 2 {
		if err := s.Erase(ctx, a.ID); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.ByName(ctx, "ana"); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("erased, and found: %v", err)
	}
	op, err := s.Add(ctx, accounts.NewAccount{Name: "op", Role: catalog.Operator})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(ctx, op.ID); !errors.Is(err, accounts.ErrLastOperator) {
		t.Errorf("closed the last operator: %v", err)
	}
}
