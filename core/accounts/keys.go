package accounts

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/session"
)

// KeySpec says what access key to add. Both parts of the pair are generated
// when empty.
type KeySpec struct {
	AccessKeyID     string
	SecretAccessKey string
	Label           string
	Expires         time.Time     // zero: never
	Scope           catalog.Scope // nil: everything the account may do
	replaces        string
}

// NewKey is an access key with its secret, which is told once.
type NewKey struct {
	catalog.AccessKey
	Secret string
}

// AddKey makes an access key for an account. Errors: ErrNotFound (the account),
// ErrExists (the access key ID is taken).
func (s *Service) AddKey(ctx context.Context, accountID string, spec KeySpec) (*NewKey, error) {
	if _, err := s.account(ctx, accountID); err != nil {
		return nil, err
	}
	if spec.Label == rootLabel {
		return nil, invalid(fmt.Errorf("label %q is reserved", rootLabel))
	}
	k, err := s.sealKey(accountID, spec)
	if err != nil {
		return nil, err
	}
	if err := s.writeKey(ctx, &k.AccessKey); err != nil {
		return nil, err
	}
	return k, nil
}

// sealKey makes the record of an access key, generating what spec leaves out.
func (s *Service) sealKey(accountID string, spec KeySpec) (*NewKey, error) {
	if spec.AccessKeyID == "" {
		spec.AccessKeyID = generateID()
	}
	if spec.SecretAccessKey == "" {
		spec.SecretAccessKey = generateSecret()
	}
	if err := checkPair(spec); err != nil {
		return nil, invalid(err)
	}
	ring, err := s.ring()
	if err != nil {
		return nil, err
	}
	return &NewKey{
		AccessKey: catalog.AccessKey{
			ID: spec.AccessKeyID, Account: accountID, Label: spec.Label,
			Sealed:  ring.box.Seal([]byte(spec.SecretAccessKey), []byte(spec.AccessKeyID)),
			Created: s.Now().UTC().Truncate(time.Millisecond), Expires: spec.Expires,
			Scope: spec.Scope, Replaces: spec.replaces,
		},
		Secret: spec.SecretAccessKey,
	}, nil
}

// writeKey stores a new access key; the entry in the account's list comes
// first, so that no key can exist that Keys does not show.
func (s *Service) writeKey(ctx context.Context, k *catalog.AccessKey) error {
	value, err := json.Marshal(k)
	if err != nil {
		return err
	}
	listed, err := s.put(ctx, catalog.KeysOf(k.Account), k.ID, nil, meta.IfAbsent)
	if err != nil && !errors.Is(err, meta.ErrConflict) {
		return err
	}
	_, err = s.put(ctx, catalog.AccessKeys, k.ID, value, meta.IfAbsent)
	if !errors.Is(err, meta.ErrConflict) {
		return err
	}
	if rec, getErr := s.Registry.Get(ctx, catalog.AccessKeys, k.ID, false); listed != "" && getErr == nil {
		var other catalog.AccessKey
		if json.Unmarshal(rec.Value, &other) == nil && other.Account != k.Account {
			_ = s.Registry.Delete(ctx, catalog.KeysOf(k.Account), k.ID, meta.IfMatch(listed))
		}
	}
	return fmt.Errorf("access key %s: %w", k.ID, ErrExists)
}

// Keys lists an account's access keys by ID, secrets sealed.
func (s *Service) Keys(ctx context.Context, accountID string) (keys []catalog.AccessKey, err error) {
	err = s.scan(ctx, catalog.KeysOf(accountID), "", func(e meta.Entry) error {
		k, _, err := s.readKey(ctx, accountID, e.Key)
		if err == nil {
			keys = append(keys, *k)
		}
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return err
	})
	return keys, err
}

// RemoveKey removes an access key of an account; it is refused from then on,
// by every process. ErrNotFound when the account has no such key.
func (s *Service) RemoveKey(ctx context.Context, accountID, accessKeyID string) error {
	_, version, err := s.readKey(ctx, accountID, accessKeyID)
	if err != nil {
		return err
	}
	// Before the key itself: EnsureRoot must not bring it back.
	if err := s.forgetRoot(ctx, accessKeyID); err != nil {
		return err
	}
	err = s.Registry.Delete(ctx, catalog.AccessKeys, accessKeyID, meta.IfMatch(version))
	if err != nil && !errors.Is(err, meta.ErrConflict) {
		return fmt.Errorf("remove access key %s: %w", accessKeyID, err)
	}
	if err != nil { // somebody replaced it in between
		return s.RemoveKey(ctx, accountID, accessKeyID)
	}
	if err := s.Registry.Delete(ctx, catalog.KeyUses, accessKeyID, meta.Always); err != nil {
		return err
	}
	return s.Registry.Delete(ctx, catalog.KeysOf(accountID), accessKeyID, meta.Always)
}

// readKey reads an access key of an account; ErrNotFound when it is not the account's.
func (s *Service) readKey(ctx context.Context, accountID, accessKeyID string) (*catalog.AccessKey, meta.Version, error) {
	missing := fmt.Errorf("access key %s: %w", accessKeyID, ErrNotFound)
	if accessKeyID == "" || len(accessKeyID) > maxAccessKeyID {
		return nil, "", missing
	}
	rec, err := s.Registry.Get(ctx, catalog.AccessKeys, accessKeyID, false)
	if errors.Is(err, meta.ErrNotFound) {
		return nil, "", missing
	}
	if err != nil {
		return nil, "", fmt.Errorf("read access key %s: %w", accessKeyID, err)
	}
	k := &catalog.AccessKey{}
	if err := json.Unmarshal(rec.Value, k); err != nil {
		return nil, "", fmt.Errorf("access key %s: %w", accessKeyID, err)
	}
	if k.Account != accountID {
		return nil, "", missing
	}
	return k, rec.Version, nil
}

// checkPair tells what is wrong with a key pair. The slash and the comma are
// refused because the ID stands in a credential scope.
func checkPair(spec KeySpec) error {
	switch {
	case len(spec.AccessKeyID) < 3 || len(spec.AccessKeyID) > maxAccessKeyID || !onlyOf(spec.AccessKeyID, "._-"):
		return fmt.Errorf("access key ID %q: give 3 to %d letters, digits or any of . _ -", spec.AccessKeyID, maxAccessKeyID)
	case len(spec.SecretAccessKey) < 8 || len(spec.SecretAccessKey) > 256 || hasControl(spec.SecretAccessKey):
		return errors.New("secret access key: give 8 to 256 bytes, without control characters")
	case len(spec.Label) > 256 || hasControl(spec.Label):
		return errors.New("label: give at most 256 bytes, without control characters")
	case session.Is(spec.AccessKeyID):
		return fmt.Errorf("access key ID %q has the form of a session's", spec.AccessKeyID)
	}
	return CheckScope(spec.Scope)
}

// generateID makes an access key ID: "MU" and 18 letters and digits (90 random bits).
func generateID() string {
	var b [12]byte
	rand.Read(b[:])
	return "MU" + base32.StdEncoding.EncodeToString(b[:])[:18]
}

// generateSecret makes a secret of 40 letters and digits; no '/' or '+', which
// tools and people have trouble with.
func generateSecret() string {
	var out strings.Builder
	for out.Len() < 40 {
		var b [30]byte
		rand.Read(b[:])
		for _, c := range base64.RawURLEncoding.EncodeToString(b[:]) {
			if c != '-' && c != '_' && out.Len() < 40 {
				out.WriteRune(c)
			}
		}
	}
	return out.String()
}
