package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/storewrap"
)

// failing is a registry of which the n-th write (from 0) fails: before it is
// done, or, when after is set, its answer is lost.
func failing(inner meta.Store, n int, after bool) *storewrap.Fault {
	hook := func(fault error) func(storewrap.Op, meta.Partition, string) error {
		return func(op storewrap.Op, _ meta.Partition, _ string) error {
			if op != storewrap.Put && op != storewrap.Delete {
				return nil
			}
			if n--; n == -1 {
				return fault
			}
			return nil
		}
	}
	if after {
		return &storewrap.Fault{Store: inner, After: hook(meta.ErrOutcomeUnknown)}
	}
	return &storewrap.Fault{Store: inner, Before: hook(meta.ErrUnavailable)}
}

// Whichever write fails, adding the same account again succeeds, or it was added.
func TestAddSurvivesFaults(t *testing.T) {
	in := accounts.NewAccount{Name: "ana", Email: "a@x.org", CanonicalID: "c1"}
	for _, after := range []bool{false, true} {
		for n := range 6 {
			t.Run(fmt.Sprintf("write %d, after %v", n, after), func(t *testing.T) {
				registry := mem.NewMeta()
				a, err := service(failing(registry, n, after)).Add(ctx, in)
				s := service(registry)
				if err != nil {
					if a, err = s.Add(ctx, in); err != nil {
						t.Fatalf("again: %v", err)
					}
				}
				got, err := s.ByEmail(ctx, in.Email)
				if err != nil || got.ID != a.ID || got.CanonicalID != "c1" {
					t.Fatalf("ByEmail = %+v, %v", got, err)
				}
				if err := s.Remove(ctx, "ana"); err != nil {
					t.Fatal(err)
				}
				if _, err := s.Add(ctx, accounts.NewAccount{Name: "ben", Email: "a@x.org", CanonicalID: "c1"}); err != nil {
					t.Fatalf("the e-mail address is not free: %v", err)
				}
			})
		}
	}
}

// A start that fails anywhere is put right by the next one.
func TestRootSurvivesFaults(t *testing.T) {
	for _, settings := range []string{"", "admin"} {
		secret := ""
		if settings != "" {
			secret = "given secret"
		}
		for n := range 9 {
			for _, after := range []bool{false, true} {
				registry := mem.NewMeta()
				if settings != "" { // there is something to replace
					ensure(t, service(registry), "", "")
				}
				_, _, _, _ = service(failing(registry, n, after)).EnsureRoot(ctx, settings, secret)
				s := service(registry)
				_, key, _ := ensure(t, s, settings, secret)
				if key == "" || settings != "" && key != settings {
					t.Fatalf("write %d: key %q", n, key)
				}
				root, err := s.ByName(ctx, accounts.RootName)
				if err != nil {
					t.Fatal(err)
				}
				if keys, err := s.Keys(ctx, root.ID); err != nil || len(keys) != 1 {
					t.Fatalf("write %d (after %v): root has %d keys, %v", n, after, len(keys), err)
				}
			}
		}
	}
}

func TestRemoveCanBeRepeated(t *testing.T) {
	for n := range 10 {
		registry := mem.NewMeta()
		s := service(registry)
		k := addKey(t, s, add(t, s, "ana"))
		err := service(failing(registry, n, false)).Remove(ctx, "ana")
		if err != nil {
			if err := s.Remove(ctx, "ana"); err != nil {
				t.Fatalf("write %d: again: %v", n, err)
			}
		}
		if _, err := s.Key(ctx, k.ID, ""); err == nil {
			t.Fatalf("write %d: the key still works", n)
		}
		add(t, s, "ana")
	}
}

func TestStoreDown(t *testing.T) {
	registry := mem.NewMeta()
	s := service(registry)
	k := addKey(t, s, add(t, s, "ana"))
	down := service(&storewrap.Fault{Store: registry, Before: func(storewrap.Op, meta.Partition, string) error { return meta.ErrUnavailable }})
	if _, err := down.Key(ctx, k.ID, ""); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("Key: %v", err)
	}
	if _, err := down.ByName(ctx, "ana"); !errors.Is(err, meta.ErrUnavailable) {
		t.Errorf("ByName: %v", err)
	}
	if _, _, err := down.List(ctx, "", 0); !errors.Is(err, meta.ErrUnavailable) {
		t.Errorf("List: %v", err)
	}
	if _, _, _, err := down.EnsureRoot(ctx, "", ""); !errors.Is(err, meta.ErrUnavailable) {
		t.Errorf("EnsureRoot: %v", err)
	}
}

func BenchmarkKey(b *testing.B) {
	s := service(mem.NewMeta())
	a, err := s.Add(ctx, accounts.NewAccount{Name: "ana"})
	if err != nil {
		b.Fatal(err)
	}
	k, err := s.AddKey(ctx, a.ID, accounts.KeySpec{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Key(ctx, k.ID, ""); err != nil {
			b.Fatal(err)
		}
	}
}
