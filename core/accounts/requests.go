package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

const (
	// maxReason bounds what a person or an operator writes, bytes.
	maxReason = 1000
	// maxEvidence bounds the evidence of a request, pairs.
	maxEvidence = 64
	// maxOpen is how many requests of one account may be pending.
	maxOpen = 3
)

// The errors of requests.
var (
	// ErrDecided: the request has been decided, otherwise.
	ErrDecided = errors.New("request has been decided")
)

// Ask puts a request in the operators' queue. The account must exist; of a
// person who registers it is in state Requested. Errors: ErrNotFound,
// ErrTooMany (three are pending).
func (s *Service) Ask(ctx context.Context, r catalog.Request) (*catalog.Request, error) {
	a, err := s.account(ctx, r.Account)
	if err != nil {
		return nil, err
	}
	if len(r.Reason) > maxReason || hasControl(r.Reason) || len(r.Evidence) > maxEvidence {
		return nil, invalid(fmt.Errorf("give at most %d bytes of reason, without control characters, and %d pieces of evidence", maxReason, maxEvidence))
	}
	mine, err := s.RequestsBy(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	open := 0
	for i := range mine {
		if mine[i].State == catalog.Pending {
			open++
		}
	}
	if open >= maxOpen {
		return nil, fmt.Errorf("requests pending: %w", ErrTooMany)
	}
	now := s.now()
	r.ID = fmt.Sprintf("%016x", s.Now().UnixNano()) + randomHex(4)
	r.Name, r.State, r.Created = a.Name, catalog.Pending, now
	r.Decided, r.By, r.Answer, r.Done = time.Time{}, "", "", false
	if _, err := s.put(ctx, catalog.RequestsOf(a.ID), r.ID, nil, meta.IfAbsent); err != nil {
		return nil, err
	}
	return &r, s.writeRequest(ctx, &r, meta.IfAbsent)
}

func (s *Service) writeRequest(ctx context.Context, r *catalog.Request, cond meta.Cond) error {
	value, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = s.put(ctx, catalog.Requests, r.ID, value, cond)
	return err
}

func (s *Service) readRequest(ctx context.Context, id string) (*catalog.Request, meta.Version, error) {
	missing := fmt.Errorf("request %s: %w", id, ErrNotFound)
	if id == "" || len(id) > maxAccessKeyID {
		return nil, "", missing
	}
	rec, err := s.Registry.Get(ctx, catalog.Requests, id, false)
	if errors.Is(err, meta.ErrNotFound) {
		return nil, "", missing
	}
	if err != nil {
		return nil, "", fmt.Errorf("read request %s: %w", id, err)
	}
	r := &catalog.Request{}
	if err := json.Unmarshal(rec.Value, r); err != nil {
		return nil, "", fmt.Errorf("request %s: %w", id, err)
	}
	return r, rec.Version, nil
}

// Request reads a request; ErrNotFound when there is none.
func (s *Service) Request(ctx context.Context, id string) (*catalog.Request, error) {
	r, _, err := s.readRequest(ctx, id)
	return r, err
}

// RequestsIn lists the requests in a state ("": in any), oldest first.
func (s *Service) RequestsIn(ctx context.Context, state catalog.RequestState) (list []catalog.Request, err error) {
	err = s.scan(ctx, catalog.Requests, "", func(e meta.Entry) error {
		var r catalog.Request
		if err := json.Unmarshal(e.Record.Value, &r); err != nil {
			return fmt.Errorf("request %s: %w", e.Key, err)
		}
		if state == "" || r.State == state {
			list = append(list, r)
		}
		return nil
	})
	return list, err
}

// RequestsBy lists what an account asked for, oldest first.
func (s *Service) RequestsBy(ctx context.Context, accountID string) (list []catalog.Request, err error) {
	err = s.scan(ctx, catalog.RequestsOf(accountID), "", func(e meta.Entry) error {
		r, _, err := s.readRequest(ctx, e.Key)
		switch {
		case errors.Is(err, ErrNotFound):
			return nil
		case err != nil:
			return err
		}
		list = append(list, *r)
		return nil
	})
	return list, err
}

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
	if len(d.Answer) > maxReason || hasControl(d.Answer) {
		return nil, invalid(fmt.Errorf("answer: give at most %d bytes, without control characters", maxReason))
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
		if d.Bytes != nil {
			r.Bytes = *d.Bytes
		}
		if r.Kind == catalog.AskQuota && r.Bytes < -1 {
			return nil, invalid(errors.New("quota: give -1 for no limit, else 0 or more"))
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
	if err := s.carryOut(ctx, r, &d); err != nil {
		return nil, err
	}
	r.Done = true
	return r, s.writeRequest(ctx, r, meta.Always)
}

// carryOut does what a decision entails; doing it twice changes nothing.
func (s *Service) carryOut(ctx context.Context, r *catalog.Request, d *Decision) error {
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
		return s.admit(ctx, r, d)
	}
	_, err := s.Update(ctx, r.Account, func(a *catalog.Account) error {
		a.Quota = r.Bytes
		if d.Cap != nil {
			a.QuotaCap = *d.Cap
		}
		return nil
	})
	return err
}

// admit makes a requested account active, with its home bucket.
func (s *Service) admit(ctx context.Context, r *catalog.Request, d *Decision) error {
	_, err := s.Update(ctx, r.Account, func(a *catalog.Account) error {
		if a.State != catalog.Requested {
			return nil // suspended since, or admitted before
		}
		a.State, a.Why = catalog.Active, ""
		if r.Bytes != 0 {
			a.Quota = r.Bytes
		}
		if d.Cap != nil {
			a.QuotaCap = *d.Cap
		}
		a.Groups = append(a.Groups, d.Groups...)
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
