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

// bucketBirth is how long the making of a bucket may take: an entry of
// catalog.BucketsOf younger than this counts as a bucket even without a record.
const bucketBirth = time.Minute

// Remove removes an account and its access keys. ErrOwnsBuckets while it owns
// buckets, ErrNotFound when there is no account of that name.
//
// The account is first marked Closing, and whoever makes a bucket looks at the
// owner's state after writing the entry of catalog.BucketsOf, so no bucket can
// be made for an account that is gone. A Remove that was cut short can be repeated.
func (s *Service) Remove(ctx context.Context, name string) error {
	a, err := s.find(ctx, name)
	if err != nil {
		return err
	}
	was, why := a.State, a.Why
	a, err = s.Update(ctx, a.ID, func(a *catalog.Account) error { a.State = catalog.Closing; return nil })
	if err != nil {
		return err
	}
	if err := s.ownsNothing(ctx, a.ID); err != nil {
		if was == catalog.Closing && why != Closed {
			was = catalog.Active // an earlier Remove had been cut short
		}
		_, undo := s.Update(context.WithoutCancel(ctx), a.ID, func(a *catalog.Account) error { a.State = was; return nil })
		return errors.Join(err, undo)
	}
	return s.erase(ctx, a)
}

// find looks an account up by name, or, when a Remove cut short has already
// taken the name away, among all accounts.
func (s *Service) find(ctx context.Context, name string) (*catalog.Account, error) {
	a, err := s.ByName(ctx, name)
	if !errors.Is(err, ErrNotFound) {
		return a, err
	}
	a = nil
	err = s.scan(ctx, catalog.Accounts, "", func(e meta.Entry) error {
		var c catalog.Account
		if err := json.Unmarshal(e.Record.Value, &c); err != nil {
			return fmt.Errorf("account %s: %w", e.Key, err)
		}
		if c.Name == name && c.State == catalog.Closing {
			a = &c
		}
		return nil
	})
	if err == nil && a == nil {
		err = fmt.Errorf("%s: %w", describe(name), ErrNotFound)
	}
	return a, err
}

// ownsNothing returns ErrOwnsBuckets when the account owns a bucket, or one
// may be on its way.
func (s *Service) ownsNothing(ctx context.Context, id string) error {
	return s.scan(ctx, catalog.BucketsOf(id), "", func(e meta.Entry) error {
		rec, err := s.Registry.Get(ctx, catalog.Buckets, e.Key, false)
		switch {
		case errors.Is(err, meta.ErrNotFound):
			made, err := time.Parse(time.RFC3339Nano, string(e.Record.Value))
			if err != nil || s.Now().Sub(made) > bucketBirth {
				return nil
			}
			return fmt.Errorf("bucket %s is being made: %w", e.Key, ErrOwnsBuckets)
		case err != nil:
			return err
		}
		var b catalog.Bucket
		if err := json.Unmarshal(rec.Value, &b); err != nil {
			return fmt.Errorf("bucket %s: %w", e.Key, err)
		}
		if b.Owner == id {
			return fmt.Errorf("bucket %s: %w", e.Key, ErrOwnsBuckets)
		}
		return nil
	})
}

// erase deletes everything of a closing account, its own record last.
func (s *Service) erase(ctx context.Context, a *catalog.Account) error {
	// By the list, not by the keys there are: removing one may have been cut short.
	err := s.scan(ctx, catalog.KeysOf(a.ID), "", func(e meta.Entry) error {
		if err := s.RemoveKey(ctx, a.ID, e.Key); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		return errors.Join(s.Registry.Delete(ctx, catalog.KeyUses, e.Key, meta.Always), s.Registry.Delete(ctx, catalog.KeysOf(a.ID), e.Key, meta.Always))
	})
	if err != nil {
		return err
	}
	if err := s.Registry.Delete(ctx, catalog.Usages, a.ID, meta.Always); err != nil {
		return err
	}
	err = s.scan(ctx, catalog.SessionsOf(a.ID), "", func(e meta.Entry) error {
		return errors.Join(s.Registry.Delete(ctx, catalog.KeyUses, e.Key, meta.Always), s.Registry.Delete(ctx, catalog.SessionsOf(a.ID), e.Key, meta.Always))
	})
	if err != nil {
		return err
	}
	err = s.scan(ctx, catalog.RequestsOf(a.ID), "", func(e meta.Entry) error {
		return errors.Join(s.Registry.Delete(ctx, catalog.Requests, e.Key, meta.Always), s.Registry.Delete(ctx, catalog.RequestsOf(a.ID), e.Key, meta.Always))
	})
	if err != nil {
		return err
	}
	// It owns no bucket; a deletion that was cut short may have left one's entry.
	err = s.scan(ctx, catalog.BucketsOf(a.ID), "", func(e meta.Entry) error {
		return s.Registry.Delete(ctx, catalog.BucketsOf(a.ID), e.Key, meta.Always)
	})
	if err != nil {
		return err
	}
	for _, index := range indexes(a) {
		if err := s.release(ctx, a.ID, index); err != nil {
			return err
		}
	}
	return s.Registry.Delete(ctx, catalog.Accounts, a.ID, meta.Always)
}
