package accounts

import (
	"context"
	"errors"
	"fmt"

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
	if a.Role == catalog.Operator {
		if err := s.KeepsOperator(ctx, accountID); err != nil {
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

// KeepsOperator makes sure that there is an active operator besides one account:
// ErrLastOperator.
func (s *Service) KeepsOperator(ctx context.Context, accountID string) error {
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
