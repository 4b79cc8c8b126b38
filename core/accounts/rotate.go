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

// MaxGrace is how long the old key of a rotation may stay valid.
const MaxGrace = 30 * 24 * time.Hour

// RotateKey makes an access key to follow another, with its label, scope and
// lifetime; the other one stays valid for grace, or until it expires if that
// is sooner. Root's own key is changed by the settings. Errors: ErrNotFound.
func (s *Service) RotateKey(ctx context.Context, accountID, accessKeyID string, grace time.Duration) (*NewKey, error) {
	old, _, err := s.readKey(ctx, accountID, accessKeyID)
	if err != nil {
		return nil, err
	}
	if old.Label == rootLabel {
		return nil, invalid(errors.New("root's own key is changed by the settings"))
	}
	if grace < 0 || grace > MaxGrace {
		return nil, invalid(fmt.Errorf("grace: give at most %d days", int(MaxGrace.Hours()/24)))
	}
	now := s.now()
	if !old.Expires.IsZero() && !now.Before(old.Expires) {
		return nil, fmt.Errorf("access key %s has expired: %w", accessKeyID, ErrNotFound)
	}
	spec := KeySpec{Label: old.Label, Scope: old.Scope, replaces: old.ID}
	if !old.Expires.IsZero() {
		spec.Expires = now.Add(old.Expires.Sub(old.Created))
	}
	k, err := s.AddKey(ctx, accountID, spec)
	if err != nil {
		return nil, err
	}
	if err := s.expireKey(ctx, accountID, accessKeyID, now.Add(grace)); err != nil {
		return nil, errors.Join(err, s.RemoveKey(context.WithoutCancel(ctx), accountID, k.ID))
	}
	return k, nil
}

// expireKey makes a key expire at a time, unless it does sooner.
func (s *Service) expireKey(ctx context.Context, accountID, accessKeyID string, at time.Time) error {
	return s.changeKey(ctx, accountID, accessKeyID, func(k *catalog.AccessKey) (bool, error) {
		if !k.Expires.IsZero() && k.Expires.Before(at) {
			return false, nil
		}
		k.Expires = at
		return true, nil
	})
}

// changeKey changes the record of an access key. change tells whether there is
// anything to write; it may run several times.
func (s *Service) changeKey(ctx context.Context, accountID, accessKeyID string, change func(*catalog.AccessKey) (bool, error)) error {
	for range maxTries {
		k, version, err := s.readKey(ctx, accountID, accessKeyID)
		if err != nil {
			return err
		}
		changed, err := change(k)
		if err != nil || !changed {
			return err
		}
		value, err := json.Marshal(k)
		if err != nil {
			return err
		}
		_, err = s.put(ctx, catalog.AccessKeys, k.ID, value, meta.IfMatch(version))
		if !errors.Is(err, meta.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("access key %s: %w", accessKeyID, meta.ErrConflict)
}

// Reseal seals every secret anew that is sealed under an older site key, and
// tells how many it was. After it, secrets need the older keys no longer;
// sessions do until they expire, and contents encrypted at rest (SSE-S3) as
// long as they are kept. It may be repeated. Secrets that cannot be opened, such
// as those of a key that is lost, are left as they are and told in the error,
// after all others are done.
func (s *Service) Reseal(ctx context.Context) (resealed int, err error) {
	ring, err := s.ring()
	if err != nil {
		return 0, err
	}
	shut, first := 0, error(nil)
	reseal := func(k *catalog.AccessKey) (bool, error) {
		if ring.box.Current(k.Sealed) {
			return false, nil
		}
		secret, err := s.secret(k)
		if err != nil {
			shut++
			if first == nil {
				first = err
			}
			return false, nil
		}
		k.Sealed = ring.box.Seal([]byte(secret), []byte(k.ID))
		return true, nil
	}
	err = s.scan(ctx, catalog.AccessKeys, "", func(e meta.Entry) error {
		var k catalog.AccessKey
		if err := json.Unmarshal(e.Record.Value, &k); err != nil {
			return fmt.Errorf("access key %s: %w", e.Key, err)
		}
		err := s.changeKey(ctx, k.Account, k.ID, func(k *catalog.AccessKey) (bool, error) {
			changed, err := reseal(k)
			if changed {
				resealed++
			}
			return changed, err
		})
		if errors.Is(err, ErrNotFound) { // removed this moment
			return nil
		}
		return err
	})
	if err != nil {
		return resealed, err
	}
	if err := s.resealRoot(ctx, reseal); err != nil {
		return resealed, err
	}
	if first != nil {
		return resealed, fmt.Errorf("%d secrets cannot be opened; the first: %w", shut, first)
	}
	return resealed, nil
}

func (s *Service) resealRoot(ctx context.Context, reseal func(*catalog.AccessKey) (bool, error)) error {
	k, version, err := s.readRoot(ctx)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	changed, err := reseal(k)
	if err != nil || !changed {
		return err
	}
	value, err := json.Marshal(k)
	if err != nil {
		return err
	}
	_, err = s.put(ctx, catalog.AccountNames, rootIndex, value, meta.IfMatch(version))
	return err
}
