package accounts_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

func ensure(t *testing.T, s *accounts.Service, id, secret string) (created bool, key, sec string) {
	t.Helper()
	created, key, sec, err := s.EnsureRoot(ctx, id, secret)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		if got, err := s.Key(ctx, key, ""); err != nil || got.Secret != sec {
			t.Fatalf("root's key %s: %v", key, err)
		}
		if id, again, err := s.RootKey(ctx); err != nil || id != key || again != sec {
			t.Fatalf("RootKey = %s, %v", id, err)
		}
	}
	return created, key, sec
}

func TestRootGenerated(t *testing.T) {
	registry := mem.NewMeta()
	created, key, secret := ensure(t, service(registry), "", "")
	if !created || len(key) != 20 || len(secret) != 40 {
		t.Fatalf("EnsureRoot = %v, %q, %q", created, key, secret)
	}
	created, again, secretAgain := ensure(t, service(registry), "", "")
	if created || again != key || secretAgain != secret {
		t.Fatal("the second start made another pair")
	}
	root, err := service(registry).ByName(ctx, accounts.RootName)
	if err != nil || root.Role != "operator" || root.Quota != -1 {
		t.Fatalf("root %+v, %v", root, err)
	}
}

// Whoever registers as root where there is none (it was removed, or nobody has
// started a server yet) would be given the administrator's keys.
func TestNobodyRegistersAsRoot(t *testing.T) {
	s := service(mem.NewMeta())
	if _, err := s.Add(ctx, accounts.NewAccount{Name: accounts.RootName, State: catalog.Requested}); !errors.Is(err, accounts.ErrInvalid) {
		t.Fatalf("somebody became root: %v", err)
	}
	ensure(t, s, "ADMIN", "the administrator's secret")
	if root, err := s.ByName(ctx, accounts.RootName); err != nil || root.Role != catalog.Operator {
		t.Errorf("%+v, %v", root, err)
	}
}

// quicker is a registry to which another process writes the entry of root's name
// right before this one does, and nothing more yet.
type quicker struct {
	meta.Store
	once sync.Once
}

func (q *quicker) Put(ctx context.Context, p meta.Partition, key string, r meta.Record, cond meta.Cond) (meta.Version, error) {
	if p == catalog.AccountNames && key == accounts.RootName {
		q.once.Do(func() {
			_, _ = q.Store.Put(ctx, p, key, meta.Record{Value: []byte("0123456789abcdef01234567")}, meta.IfAbsent)
		})
	}
	return q.Store.Put(ctx, p, key, r, cond)
}

func TestRootWhileAnotherStarts(t *testing.T) {
	if created, _, _ := ensure(t, service(&quicker{Store: mem.NewMeta()}), "", ""); !created {
		t.Error("no pair was made")
	}
}

func TestRootFromSettings(t *testing.T) {
	registry := mem.NewMeta()
	s := service(registry)
	_, generated, _ := ensure(t, s, "", "")
	if created, key, _ := ensure(t, s, "admin", "first secret"); !created || key != "admin" {
		t.Fatalf("EnsureRoot = %v, %s", created, key)
	}
	if _, err := s.Key(ctx, generated, ""); !errors.Is(err, s3err.InvalidAccessKeyID) {
		t.Errorf("the generated key still works: %v", err)
	}
	if created, _, _ := ensure(t, s, "admin", "first secret"); created {
		t.Error("the same settings made a new pair")
	}
	if _, _, secret := ensure(t, s, "admin", "second secret"); secret != "second secret" {
		t.Errorf("secret %q", secret)
	}
	if _, _, _, err := s.EnsureRoot(ctx, "admin", ""); err == nil {
		t.Error("took an ID without a secret")
	}
	k := addKey(t, s, add(t, s, "ana"))
	if _, _, _, err := s.EnsureRoot(ctx, k.ID, "some secret"); !errors.Is(err, accounts.ErrExists) {
		t.Errorf("another account's access key ID: %v", err)
	}
	if created, key, _ := ensure(t, s, "", ""); created || key != "admin" {
		t.Errorf("without settings: %v, %s", created, key)
	}
}

// An administrator who removed the generated key does not get it back.
func TestRootKeyRemoved(t *testing.T) {
	s := service(mem.NewMeta())
	_, key, _ := ensure(t, s, "", "")
	root, err := s.ByName(ctx, accounts.RootName)
	if err != nil {
		t.Fatal(err)
	}
	own := addKey(t, s, root)
	if err := s.RemoveKey(ctx, root.ID, key); err != nil {
		t.Fatal(err)
	}
	if created, again, _ := ensure(t, s, "", ""); created || again != "" {
		t.Errorf("EnsureRoot = %v, %s", created, again)
	}
	if _, err := s.Key(ctx, key, ""); !errors.Is(err, s3err.InvalidAccessKeyID) {
		t.Errorf("the removed key: %v", err)
	}
	if err := s.RemoveKey(ctx, root.ID, own.ID); err != nil {
		t.Fatal(err)
	}
	if created, _, _ := ensure(t, s, "", ""); !created {
		t.Error("root without any key got none")
	}
}

func TestRootOnce(t *testing.T) {
	registry := mem.NewMeta()
	var wg sync.WaitGroup
	var mu sync.Mutex
	keys, created := map[string]bool{}, 0
	for range 12 {
		wg.Go(func() {
			made, key, _, err := service(registry).EnsureRoot(ctx, "", "")
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if keys[key] = true; made {
				created++
			}
		})
	}
	wg.Wait()
	if len(keys) != 1 || created != 1 {
		t.Fatalf("%d pairs, %d made", len(keys), created)
	}
	root, err := service(registry).ByName(ctx, accounts.RootName)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := service(registry).Keys(ctx, root.ID); err != nil || len(all) != 1 {
		t.Fatalf("root has %d keys, %v", len(all), err)
	}
}
