package accounts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mucura/mucura/core/catalog"
)

// Suspend stops an account: its keys and sessions are refused from then on by
// every process, and uploads under way are refused when they end. Why is for
// people. An account that is closing stays so. Errors: ErrNotFound.
func (s *Service) Suspend(ctx context.Context, accountID, why string) error {
	_, err := s.Update(ctx, accountID, func(a *catalog.Account) error {
		if a.State == catalog.Closing {
			return fmt.Errorf("account %s is closing: %w", a.Name, ErrNotActive)
		}
		a.State, a.Why = catalog.Suspended, why
		return nil
	})
	return err
}

// Resume lets a suspended account act again. Its keys work again; its sessions
// stay ended.
func (s *Service) Resume(ctx context.Context, accountID string) error {
	_, err := s.Update(ctx, accountID, func(a *catalog.Account) error {
		if a.State != catalog.Suspended {
			return fmt.Errorf("account %s is %s, not suspended: %w", a.Name, a.State, ErrNotActive)
		}
		a.State, a.Why = catalog.Active, ""
		return nil
	})
	return err
}

// Closed is why an account is closing when everything of it is to be deleted.
const Closed = "to be deleted with everything"

// Close ends an account for good: nothing works any longer, and the sweeper
// deletes its objects, its buckets and at last its record (Erase). The last
// active operator cannot go. It may be repeated.
func (s *Service) Close(ctx context.Context, accountID string) error {
	a, err := s.account(ctx, accountID)
	if err != nil {
		return err
	}
	if a.Role == catalog.Operator { // first what can be taken back
		demote := func(ctx context.Context) error {
			_, err := s.Update(ctx, accountID, func(a *catalog.Account) error { a.Role = catalog.Member; return nil })
			return err
		}
		if err := s.TakeOperator(ctx, accountID, demote); err != nil {
			return err
		}
	}
	_, err = s.Update(ctx, accountID, func(a *catalog.Account) error {
		a.State, a.Why = catalog.Closing, Closed
		return nil
	})
	return err
}

// ErrLastOperator: without this account nobody could operate the site.
var ErrLastOperator = errors.New("the last operator")

// TakeOperator makes a change after which an account operates the site no more: its
// role or its state is another. ErrLastOperator when nobody else does. It looks
// after the change once more, and takes it back when others have made the same
// of each other meanwhile: that fails for both rather than for nobody.
func (s *Service) TakeOperator(ctx context.Context, accountID string, change func(context.Context) error) error {
	if err := s.keepsOperator(ctx, accountID); err != nil {
		return err
	}
	before, err := s.account(ctx, accountID)
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // not to end in between
	if err := change(ctx); err != nil {
		return err
	}
	caps := s.Registry.Capabilities()
	time.Sleep(caps.ScanSettles())
	kept := s.keepsOperator(ctx, accountID)
	if !errors.Is(kept, ErrLastOperator) {
		return kept
	}
	_, err = s.Update(ctx, accountID, func(a *catalog.Account) error {
		a.Role, a.State, a.Why = before.Role, before.State, before.Why
		return nil
	})
	return errors.Join(kept, err)
}

// keepsOperator makes sure that there is an active operator besides one account:
// ErrLastOperator.
func (s *Service) keepsOperator(ctx context.Context, accountID string) error {
	after := ""
	for more := true; more; {
		var page []*catalog.Account
		var err error
		if page, more, err = s.List(ctx, after, 0); err != nil {
			return err
		}
		for _, a := range page {
			after = a.ID
			if a.ID != accountID && a.Role == catalog.Operator && a.State == catalog.Active {
				return nil
			}
		}
	}
	return ErrLastOperator
}

// Erase deletes what is left of an account that was closed, once it owns no
// bucket: its keys, sessions, requests, usage, names and at last its record.
// ErrOwnsBuckets while it owns one. It may be repeated.
func (s *Service) Erase(ctx context.Context, accountID string) error {
	a, err := s.account(ctx, accountID)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if a.State != catalog.Closing || a.Why != Closed {
		return fmt.Errorf("account %s was not closed", a.Name)
	}
	if err := s.ownsNothing(ctx, a.ID); err != nil {
		return err
	}
	return s.erase(ctx, a)
}
