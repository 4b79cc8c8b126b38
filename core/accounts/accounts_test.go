package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

var ctx = context.Background()

func siteKey(b byte) []byte { return slices.Repeat([]byte{b}, 32) }

// service is one process over a registry.
func service(registry meta.Store) *accounts.Service {
	return &accounts.Service{Registry: registry, Now: time.Now, SiteKey: siteKey(1)}
}

func add(t *testing.T, s *accounts.Service, name string) *catalog.Account {
	t.Helper()
	a, err := s.Add(ctx, accounts.NewAccount{Name: name, Quota: 100})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func addKey(t *testing.T, s *accounts.Service, a *catalog.Account) *accounts.NewKey {
	t.Helper()
	k, err := s.AddKey(ctx, a.ID, accounts.KeySpec{})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestAddFinds(t *testing.T) {
	s := service(mem.NewMeta())
	in := accounts.NewAccount{Name: "ana", DisplayName: "Ana Ruiz", Email: "Ana@Example.org", CanonicalID: "0123abc", Role: catalog.Operator, Quota: 7}
	a, err := s.Add(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	if a.State != catalog.Active || a.Quota != 7 || a.Role != catalog.Operator || a.Display() != "Ana Ruiz" {
		t.Errorf("added %+v", a)
	}
	finds := map[string]func() (*catalog.Account, error){
		"ID":        func() (*catalog.Account, error) { return s.Account(ctx, a.ID) },
		"name":      func() (*catalog.Account, error) { return s.ByName(ctx, "ana") },
		"e-mail":    func() (*catalog.Account, error) { return s.ByEmail(ctx, "ana@EXAMPLE.org") },
		"canonical": func() (*catalog.Account, error) { return s.ByCanonicalID(ctx, "0123abc") },
	}
	for by, find := range finds {
		if got, err := find(); err != nil || got.ID != a.ID {
			t.Errorf("by %s: %v, %v", by, got, err)
		}
	}
	for _, none := range []string{"", "Ana", "e:ana@example.org", "c:0123abc", "k:root"} {
		if got, err := s.ByName(ctx, none); !errors.Is(err, meta.ErrNotFound) && none != "e:ana@example.org" && none != "c:0123abc" {
			t.Errorf("ByName(%q) = %v, %v", none, got, err)
		}
	}
}

func TestAddRefuses(t *testing.T) {
	s := service(mem.NewMeta())
	if _, err := s.Add(ctx, accounts.NewAccount{Name: "ana", Email: "a@x.org", CanonicalID: "c1"}); err != nil {
		t.Fatal(err)
	}
	taken := []accounts.NewAccount{
		{Name: "ana"},
		{Name: "ben", Email: "A@X.ORG"},
		{Name: "ben", CanonicalID: "c1"},
		{Name: "ben", CanonicalID: "c2", Email: "a@x.org"},
	}
	for _, in := range taken {
		if _, err := s.Add(ctx, in); !errors.Is(err, accounts.ErrExists) {
			t.Errorf("Add(%+v): %v", in, err)
		}
	}
	malformed := []accounts.NewAccount{
		{Name: ""}, {Name: "a b"}, {Name: "a:b"}, {Name: "a/b"}, {Name: "-a"}, {Name: "é"},
		{Name: "ben", Email: "nobody"}, {Name: "ben", Email: "a@b@c"}, {Name: "ben", CanonicalID: "a b"},
		{Name: "ben", Role: "king"}, {Name: "ben", Quota: -2}, {Name: "ben", DisplayName: "a\nb"},
	}
	for _, in := range malformed {
		if _, err := s.Add(ctx, in); err == nil || errors.Is(err, accounts.ErrExists) {
			t.Errorf("Add(%+v): %v", in, err)
		}
	}
	// What was refused half-way left nothing behind.
	if _, err := s.Add(ctx, accounts.NewAccount{Name: "ben", CanonicalID: "c2", Email: "b@x.org"}); err != nil {
		t.Errorf("ben after refusals: %v", err)
	}
}

func TestAddOnce(t *testing.T) {
	registry := mem.NewMeta()
	var wg sync.WaitGroup
	ids := make(chan string, 16)
	for range 16 {
		wg.Go(func() {
			a, err := service(registry).Add(ctx, accounts.NewAccount{Name: "ana", Email: "a@x.org"})
			if err == nil {
				ids <- a.ID
			} else if !errors.Is(err, accounts.ErrExists) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(ids) != 1 {
		t.Fatalf("%d accounts named ana", len(ids))
	}
	a, err := service(registry).ByEmail(ctx, "a@x.org")
	if err != nil || a.ID != <-ids || a.Name != "ana" {
		t.Fatalf("ByEmail = %+v, %v", a, err)
	}
}

func TestUpdate(t *testing.T) {
	s := service(mem.NewMeta())
	a := add(t, s, "ana")
	add(t, s, "ben")
	got, err := s.Update(ctx, a.ID, func(a *catalog.Account) error {
		a.Name, a.Email, a.Quota, a.ID = "anna", "anna@x.org", 5, "forged"
		return nil
	})
	if err != nil || got.ID != a.ID || got.Quota != 5 {
		t.Fatalf("Update = %+v, %v", got, err)
	}
	if _, err := s.ByName(ctx, "ana"); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("the old name still finds: %v", err)
	}
	if b, err := s.ByEmail(ctx, "anna@x.org"); err != nil || b.Name != "anna" {
		t.Errorf("ByEmail = %+v, %v", b, err)
	}
	add(t, s, "ana") // the old name is free again
	_, err = s.Update(ctx, a.ID, func(a *catalog.Account) error { a.Name = "ben"; return nil })
	if !errors.Is(err, accounts.ErrExists) {
		t.Errorf("a taken name: %v", err)
	}
	own := errors.New("mine")
	if _, err = s.Update(ctx, a.ID, func(*catalog.Account) error { return own }); err != own {
		t.Errorf("change's error: %v", err)
	}
	if _, err = s.Update(ctx, "nobody", func(*catalog.Account) error { return nil }); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
}

func TestUpdateConcurrently(t *testing.T) {
	registry := mem.NewMeta()
	a := add(t, service(registry), "ana")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			_, err := service(registry).Update(ctx, a.ID, func(a *catalog.Account) error { a.Quota++; return nil })
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, err := service(registry).Account(ctx, a.ID); err != nil || got.Quota != 108 {
		t.Fatalf("quota %+v, %v; want 108", got, err)
	}
}

func TestList(t *testing.T) {
	s := service(mem.NewMeta())
	want := map[string]bool{}
	for i := range 7 {
		want[add(t, s, fmt.Sprintf("a%d", i)).ID] = true
	}
	after, pages := "", 0
	for {
		page, more, err := s.List(ctx, after, 3)
		if err != nil || len(page) == 0 {
			t.Fatalf("List = %d, %v", len(page), err)
		}
		for _, a := range page {
			if !want[a.ID] || a.ID <= after {
				t.Fatalf("%s listed twice, or out of order", a.ID)
			}
			delete(want, a.ID)
			after = a.ID
		}
		if pages++; !more {
			break
		}
	}
	if len(want) != 0 || pages != 3 {
		t.Fatalf("%d accounts not listed, %d pages", len(want), pages)
	}
}

func TestKey(t *testing.T) {
	registry := mem.NewMeta()
	s, other := service(registry), service(registry)
	a := add(t, s, "ana")
	k := addKey(t, s, a)
	if !regexp.MustCompile(`^MU[A-Z2-7]{18}$`).MatchString(k.ID) || !regexp.MustCompile(`^[A-Za-z0-9]{40}$`).MatchString(k.Secret) {
		t.Errorf("generated pair %s %s", k.ID, k.Secret)
	}
	for range 2 {
		got, err := other.Key(ctx, k.ID, "")
		if err != nil || got.Secret != k.Secret || got.ID != k.ID {
			t.Fatalf("Key = %+v, %v", got, err)
		}
		p, ok := got.Owner.(*catalog.Principal)
		if !ok || p.ID() != a.ID || p.AccessKeyID != k.ID || p.IsOperator() {
			t.Fatalf("owner %+v", got.Owner)
		}
	}
	for _, id := range []string{"", "MUNKNOWN", string(make([]byte, 5000))} {
		if _, err := s.Key(ctx, id, ""); !errors.Is(err, s3err.InvalidAccessKeyID) {
			t.Errorf("Key(%.20q): %v", id, err)
		}
	}
	if _, err := s.Key(ctx, k.ID, "token"); !errors.Is(err, s3err.InvalidToken) {
		t.Errorf("with a session token: %v", err)
	}
}

// What another process does is seen by the next request.
func TestKeySeesChanges(t *testing.T) {
	registry := mem.NewMeta()
	s, other := service(registry), service(registry)
	a := add(t, s, "ana")
	k := addKey(t, s, a)
	setState := func(to catalog.State) {
		t.Helper()
		if _, err := other.Update(ctx, a.ID, func(a *catalog.Account) error { a.State = to; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	check := func(want error) {
		t.Helper()
		if _, err := s.Key(ctx, k.ID, ""); !errors.Is(err, want) {
			t.Fatalf("Key: %v, want %v", err, want)
		}
	}
	check(nil)
	for _, state := range []catalog.State{catalog.Suspended, catalog.Requested, catalog.Closing} {
		setState(state)
		check(s3err.AccessDenied)
		setState(catalog.Active)
		check(nil)
	}
	if _, err := other.Update(ctx, a.ID, func(a *catalog.Account) error { a.Role = catalog.Operator; return nil }); err != nil {
		t.Fatal(err)
	}
	got, err := s.Key(ctx, k.ID, "")
	if err != nil || !got.Owner.(*catalog.Principal).IsOperator() {
		t.Fatalf("the new role is not seen: %v", err)
	}
	if err := other.RemoveKey(ctx, a.ID, k.ID); err != nil {
		t.Fatal(err)
	}
	check(s3err.InvalidAccessKeyID)
	// The same ID with another secret is another key.
	if _, err := other.AddKey(ctx, a.ID, accounts.KeySpec{AccessKeyID: k.ID, SecretAccessKey: "another secret"}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Key(ctx, k.ID, ""); err != nil || got.Secret != "another secret" {
		t.Fatalf("Key = %+v, %v", got, err)
	}
}

func TestKeyExpires(t *testing.T) {
	now := time.Now()
	s := service(mem.NewMeta())
	s.Now = func() time.Time { return now }
	k, err := s.AddKey(ctx, add(t, s, "ana").ID, accounts.KeySpec{Expires: now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Key(ctx, k.ID, ""); err != nil {
		t.Errorf("before: %v", err)
	}
	now = now.Add(time.Hour)
	if _, err := s.Key(ctx, k.ID, ""); !errors.Is(err, s3err.InvalidAccessKeyID) {
		t.Errorf("after: %v", err)
	}
}

func TestAddKeyRefuses(t *testing.T) {
	s := service(mem.NewMeta())
	ana, ben := add(t, s, "ana"), add(t, s, "ben")
	k := addKey(t, s, ana)
	for _, a := range []*catalog.Account{ana, ben} {
		if _, err := s.AddKey(ctx, a.ID, accounts.KeySpec{AccessKeyID: k.ID}); !errors.Is(err, accounts.ErrExists) {
			t.Errorf("%s: a taken ID: %v", a.Name, err)
		}
	}
	if keys, err := s.Keys(ctx, ben.ID); err != nil || len(keys) != 0 {
		t.Errorf("ben's keys: %v, %v", keys, err)
	}
	if keys, err := s.Keys(ctx, ana.ID); err != nil || len(keys) != 1 {
		t.Errorf("ana's keys: %v, %v", keys, err)
	}
	if err := s.RemoveKey(ctx, ben.ID, k.ID); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("removing another's key: %v", err)
	}
	if _, err := s.AddKey(ctx, "nobody", accounts.KeySpec{}); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("for nobody: %v", err)
	}
	for _, spec := range []accounts.KeySpec{
		{AccessKeyID: "a/b/c"}, {AccessKeyID: "ab"}, {AccessKeyID: "a b c"}, {SecretAccessKey: "short"},
		{SecretAccessKey: "with\nnewline"}, {Label: "a\x00b"},
	} {
		if _, err := s.AddKey(ctx, ana.ID, spec); err == nil {
			t.Errorf("took %+v", spec)
		}
	}
}

func TestSiteKeyChanges(t *testing.T) {
	registry := mem.NewMeta()
	s := service(registry)
	k := addKey(t, s, add(t, s, "ana"))
	changed := service(registry)
	changed.SiteKey = siteKey(2)
	if _, err := changed.Key(ctx, k.ID, ""); s3err.From(err).Code != s3err.InternalError {
		t.Errorf("without the old site key: %v", err)
	}
	changed = service(registry)
	changed.SiteKey, changed.OldSiteKeys = siteKey(2), [][]byte{siteKey(1)}
	if got, err := changed.Key(ctx, k.ID, ""); err != nil || got.Secret != k.Secret {
		t.Errorf("with both: %v", err)
	}
}

func TestRemove(t *testing.T) {
	registry := mem.NewMeta()
	s := service(registry)
	a := add(t, s, "ana")
	k := addKey(t, s, a)
	put := func(p meta.Partition, key, value string) {
		t.Helper()
		if _, err := registry.Put(ctx, p, key, meta.Record{Value: []byte(value)}, meta.Always); err != nil {
			t.Fatal(err)
		}
	}
	// A bucket, then one that is being made, then one that has another owner.
	put(catalog.BucketsOf(a.ID), "box", time.Now().Format(time.RFC3339Nano))
	put(catalog.Buckets, "box", `{"owner":"`+a.ID+`"}`)
	for _, refused := range []string{"owns", "is being made"} {
		if err := s.Remove(ctx, "ana"); !errors.Is(err, accounts.ErrOwnsBuckets) {
			t.Fatalf("Remove while it %s a bucket: %v", refused, err)
		}
		if _, err := s.Key(ctx, k.ID, ""); err != nil {
			t.Fatalf("after a refused removal: %v", err)
		}
		if err := registry.Delete(ctx, catalog.Buckets, "box", meta.Always); err != nil {
			t.Fatal(err)
		}
	}
	put(catalog.Buckets, "box", `{"owner":"another"}`)
	put(catalog.BucketsOf(a.ID), "old", time.Now().Add(-time.Hour).Format(time.RFC3339Nano))
	if err := s.Remove(ctx, "ana"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Key(ctx, k.ID, ""); !errors.Is(err, s3err.InvalidAccessKeyID) {
		t.Errorf("the key of a removed account: %v", err)
	}
	if err := s.Remove(ctx, "ana"); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if b := add(t, s, "ana"); b.ID == a.ID {
		t.Error("the new account has the removed one's ID")
	}
}
