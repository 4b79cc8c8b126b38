package accounts

import (
	"context"
	"errors"
	"fmt"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

// Decision is an operator's, or a rule's, on a request.
type Decision struct {
	Approve bool
	By      string // name of the account, or rule
	Answer  string // for the person
	// Bytes is the quota given, Cap up to what she may raise it herself. nil:
	// what was asked for, and the cap stays.
	Bytes, Cap *int64
	// Groups are added to an account approved.
	Groups []string
}

// Decide decides a request, and does what follows: an approved registration
// makes the account active and gives it its home bucket; an approved quota is
// set. Deciding the same way again finishes what was cut short. Errors:
// ErrNotFound, ErrDecided.
func (s *Service) Decide(ctx context.Context, id string, d Decision) (*catalog.Request, error) {
	if err := d.check(); err != nil {
		return nil, invalid(err)
	}
	state := catalog.Rejected
	if d.Approve {
		state = catalog.Approved
	}
	r, version, err := s.readRequest(ctx, id)
	if err != nil {
		return nil, err
	}
	if r.State == catalog.Pending {
		r.State, r.Decided, r.By, r.Answer = state, s.now(), d.By, d.Answer
		r.Cap, r.Groups = d.Cap, d.Groups
		if d.Bytes != nil {
			r.Bytes = *d.Bytes
		}
		if err := s.writeRequest(ctx, r, meta.IfMatch(version)); err != nil {
			if errors.Is(err, meta.ErrConflict) { // somebody else decides this moment
				return nil, fmt.Errorf("request %s: %w", id, ErrDecided)
			}
			return nil, err
		}
	}
	if r.State != state {
		return nil, fmt.Errorf("request %s: %w", id, ErrDecided)
	}
	if r.Done {
		return r, nil
	}
	if err := s.carryOut(ctx, r); err != nil {
		return nil, err
	}
	r.Done = true
	return r, s.writeRequest(ctx, r, meta.Always)
}

// check tells what is wrong with a decision: once it is written it must be
// possible to carry it out.
func (d *Decision) check() error {
	switch {
	case len(d.Answer) > maxReason || hasControl(d.Answer):
		return fmt.Errorf("answer: give at most %d bytes, without control characters", maxReason)
	case d.Bytes != nil && *d.Bytes < -1 || d.Cap != nil && *d.Cap < -1:
		return errors.New("quota and cap: give -1 for no limit, else 0 or more")
	}
	return checkSubjects(&catalog.Account{Groups: d.Groups})
}

// carryOut does what a decision entails; doing it twice changes nothing.
func (s *Service) carryOut(ctx context.Context, r *catalog.Request) error {
	switch {
	case r.State == catalog.Rejected && r.Kind == catalog.AskAccount:
		_, err := s.Update(ctx, r.Account, func(a *catalog.Account) error {
			if a.State == catalog.Requested {
				a.Why = "rejected"
			}
			return nil
		})
		return err
	case r.State == catalog.Rejected:
		return nil
	case r.Kind == catalog.AskAccount:
		return s.admit(ctx, r)
	}
	_, err := s.Update(ctx, r.Account, func(a *catalog.Account) error {
		a.Quota = r.Bytes
		if r.Cap != nil {
			a.QuotaCap = *r.Cap
		}
		return nil
	})
	return err
}

// admit makes a requested account active, with its home bucket.
func (s *Service) admit(ctx context.Context, r *catalog.Request) error {
	_, err := s.Update(ctx, r.Account, func(a *catalog.Account) error {
		if a.State != catalog.Requested {
			return nil // suspended since, or admitted before
		}
		a.State, a.Why = catalog.Active, ""
		if r.Bytes != 0 {
			a.Quota = r.Bytes
		}
		if r.Cap != nil {
			a.QuotaCap = *r.Cap
		}
		a.Groups = append(a.Groups, r.Groups...)
		return nil
	})
	if err != nil {
		return err
	}
	return s.GiveHome(ctx, r.Account)
}

// GiveHome makes the home bucket of an active account that has none, where the
// site gives them.
func (s *Service) GiveHome(ctx context.Context, accountID string) error {
	a, err := s.account(ctx, accountID)
	if err != nil || s.MakeHome == nil || a.Home != "" || a.State != catalog.Active {
		return err
	}
	name, err := s.MakeHome(ctx, a)
	if err != nil {
		return fmt.Errorf("home bucket of %s: %w", a.Name, err)
	}
	_, err = s.Update(ctx, accountID, func(a *catalog.Account) error { a.Home = name; return nil })
	return err
}
