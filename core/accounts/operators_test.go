package accounts_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/storewrap"
)

// TestOperatorsDemoteEachOther has two operators take each other's role, suspend and
// close each other at the same moment: one must be left, however their calls meet.
func TestOperatorsDemoteEachOther(t *testing.T) {
	for name, take := range map[string]func(s *accounts.Service, id string) error{
		"role": func(s *accounts.Service, id string) error {
			return s.TakeOperator(ctx, id, func(ctx context.Context) error {
				_, err := s.Update(ctx, id, func(a *catalog.Account) error { a.Role = catalog.Member; return nil })
				return err
			})
		},
		"suspend": func(s *accounts.Service, id string) error {
			return s.TakeOperator(ctx, id, func(ctx context.Context) error { return s.Suspend(ctx, id, "") })
		},
		"close": func(s *accounts.Service, id string) error { return s.Close(ctx, id) },
	} {
		t.Run(name, func(t *testing.T) {
			met := false
			for delay := range 12 {
				synctest.Test(t, func(t *testing.T) {
					store := mem.NewMeta()
					slow := &storewrap.Fault{Store: store, Delay: func(storewrap.Op, meta.Partition, string) time.Duration { return time.Second }}
					var ids [2]string
					for i, n := range []string{"ana", "ben"} {
						a, err := service(store).Add(ctx, accounts.NewAccount{Name: n, Role: catalog.Operator})
						if err != nil {
							t.Fatal(err)
						}
						ids[i] = a.ID
					}
					var wg sync.WaitGroup
					var errs [2]error
					for i := range ids {
						wg.Go(func() {
							time.Sleep(time.Duration(i*delay) * 700 * time.Millisecond)
							errs[i] = take(service(slow), ids[i])
						})
					}
					wg.Wait()
					left, refused := 0, 0
					for i, id := range ids {
						a, err := service(store).Account(ctx, id)
						if err != nil {
							t.Fatal(err)
						}
						if a.Role == catalog.Operator && a.State == catalog.Active {
							left++
						}
						if errors.Is(errs[i], accounts.ErrLastOperator) {
							refused++
						} else if errs[i] != nil {
							t.Error(errs[i])
						}
					}
					if left == 0 || left != refused {
						t.Errorf("delay %d: %d operators are left, %d changes were refused", delay, left, refused)
					}
					met = met || refused == 2
				})
			}
			if !met {
				t.Error("they never met")
			}
		})
	}
}
