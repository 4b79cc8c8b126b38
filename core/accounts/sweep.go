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
	// keepDecided is how long a decided request is kept: as long as audit logs usually are.
	keepDecided = 400 * 24 * time.Hour
	// keepRejected is how long a person sees that her registration was rejected.
	keepRejected = 30 * 24 * time.Hour
)

// Swept tells what a Sweep removed.
type Swept struct {
	Sessions int // entries of sessions that have expired
	Finished int // decisions carried out that had been cut short
	Requests int // requests decided long ago
	Rejected int // accounts of people rejected a month ago
}

// Sweep removes what time has made useless: entries of expired sessions, tries
// that no longer count, requests decided long ago; and finishes decisions that
// were cut short. It is safe to run twice at once, and to be killed.
func (s *Service) Sweep(ctx context.Context) (Swept, error) {
	var done Swept
	var errs []error
	after := ""
	for more := true; more; {
		page, next, err := s.List(ctx, after, 0)
		if err != nil {
			return done, errors.Join(append(errs, err)...)
		}
		for _, a := range page {
			after = a.ID
			n, err := s.sweepSessions(ctx, a.ID)
			done.Sessions += n
			if err != nil {
				errs = append(errs, err)
			}
		}
		more = next
	}
	return done, errors.Join(append(errs, s.sweepFailures(ctx), s.sweepRequests(ctx, &done))...)
}

func (s *Service) sweepSessions(ctx context.Context, accountID string) (n int, err error) {
	p := catalog.SessionsOf(accountID)
	now := s.Now()
	err = s.scan(ctx, p, "", func(e meta.Entry) error {
		var entry catalog.SessionEntry
		if err := json.Unmarshal(e.Record.Value, &entry); err == nil && now.Before(entry.Expires) {
			return nil
		}
		if err := s.Registry.Delete(ctx, catalog.KeyUses, e.Key, meta.Always); err != nil {
			return err
		}
		n++
		return s.Registry.Delete(ctx, p, e.Key, meta.Always)
	})
	return n, err
}

func (s *Service) sweepRequests(ctx context.Context, done *Swept) error {
	list, err := s.RequestsIn(ctx, "")
	if err != nil {
		return err
	}
	var errs []error
	for i := range list {
		if err := s.sweepRequest(ctx, &list[i], done); err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrDecided) {
			errs = append(errs, fmt.Errorf("request %s: %w", list[i].ID, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Service) sweepRequest(ctx context.Context, r *catalog.Request, done *Swept) error {
	if r.State == catalog.Pending {
		return nil
	}
	age := s.Now().Sub(r.Decided)
	switch {
	case !r.Done && age > time.Minute: // whoever decided it has had the time
		_, err := s.Decide(ctx, r.ID, Decision{Approve: r.State == catalog.Approved})
		done.Finished++
		return err
	case r.Kind == catalog.AskAccount && r.State == catalog.Rejected && age > keepRejected:
		return s.forgetRejected(ctx, r, done)
	case age > keepDecided:
		done.Requests++
		return errors.Join(s.Registry.Delete(ctx, catalog.Requests, r.ID, meta.Always),
			s.Registry.Delete(ctx, catalog.RequestsOf(r.Account), r.ID, meta.Always))
	}
	return nil
}

// forgetRejected erases the account of a person who was rejected, unless she
// has asked again.
func (s *Service) forgetRejected(ctx context.Context, r *catalog.Request, done *Swept) error {
	a, err := s.account(ctx, r.Account)
	if errors.Is(err, ErrNotFound) {
		return s.Registry.Delete(ctx, catalog.Requests, r.ID, meta.Always)
	}
	if err != nil || a.State != catalog.Requested {
		return err
	}
	mine, err := s.RequestsBy(ctx, a.ID)
	if err != nil {
		return err
	}
	for i := range mine {
		if mine[i].State == catalog.Pending {
			return nil
		}
	}
	if err := s.Close(ctx, a.ID); err != nil {
		return err
	}
	done.Rejected++
	return s.Erase(ctx, a.ID)
}
