package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/sigv4"
	"github.com/mucura/mucura/core/vcache"
)

// serviceState holds what was decoded from records, by their version. The
// records are read for every request all the same, so nothing stale is used: a
// key removed or an account suspended by another process is refused at once.
type serviceState struct {
	mu   sync.Mutex // held while a ring is made
	ring atomic.Pointer[keyRing]

	keys     vcache.Cache[principalKey]
	accounts vcache.Cache[*catalog.Account]
	uses     uses
	guard    guard
}

// principalKey is an access key ready for use. It holds for the access key
// record it is cached under and the account record at accountVersion.
type principalKey struct {
	record         catalog.AccessKey
	secret         string
	accountVersion meta.Version
	key            sigv4.Key
}

// maxAccessKeyID is the longest access key ID, bytes (as in AWS's IAM API).
const maxAccessKeyID = 128

func (s *Service) key(ctx context.Context, accessKeyID, sessionToken string) (sigv4.Key, error) {
	if sessionToken != "" {
		return s.sessionKey(ctx, accessKeyID, sessionToken)
	}
	if accessKeyID == "" || len(accessKeyID) > maxAccessKeyID {
		return sigv4.Key{}, s3err.InvalidAccessKeyID
	}
	rec, err := s.Registry.Get(ctx, catalog.AccessKeys, accessKeyID, false)
	if err != nil {
		return sigv4.Key{}, refusal(err)
	}
	k, known := s.state.keys.Get(accessKeyID, rec.Version)
	if !known {
		if k, err = s.openKey(accessKeyID, rec.Value); err != nil {
			return sigv4.Key{}, s3err.InternalError.With(err)
		}
	}
	if !k.record.Expires.IsZero() && !s.Now().Before(k.record.Expires) {
		return sigv4.Key{}, s3err.InvalidAccessKeyID
	}
	acct, version, err := s.readAccount(ctx, k.record.Account)
	if err != nil {
		return sigv4.Key{}, refusal(err)
	}
	if acct.State != catalog.Active {
		return sigv4.Key{}, notActive(acct)
	}
	if !known || k.accountVersion != version {
		p := &catalog.Principal{Account: acct, AccessKeyID: accessKeyID, Scope: k.record.Scope}
		k.accountVersion, k.key = version, sigv4.Key{ID: accessKeyID, Secret: k.secret, Owner: p}
		s.state.keys.Put(accessKeyID, rec.Version, k)
	}
	return k.key, nil
}

// notActive tells a client why nothing is allowed: other credentials of the same
// account would not help, so it is no error at which programs get some.
func notActive(a *catalog.Account) error {
	return s3err.AccessDenied.Say("%s", NotActive(a))
}

// NotActive says in a sentence why an account may do nothing.
func NotActive(a *catalog.Account) string {
	switch a.State {
	case catalog.Requested:
		return "The account waits for approval."
	case catalog.Suspended:
		return "The account is suspended."
	}
	return "The account is closing."
}

// refusal is the error for a client whose access key or account could not be read.
func refusal(err error) error {
	if errors.Is(err, meta.ErrNotFound) {
		return s3err.InvalidAccessKeyID
	}
	return s3err.SlowDown.With(err)
}

func (s *Service) openKey(accessKeyID string, value []byte) (k principalKey, err error) {
	if err = json.Unmarshal(value, &k.record); err != nil {
		return k, fmt.Errorf("access key %s: %w", accessKeyID, err)
	}
	k.secret, err = s.secret(&k.record)
	return k, err
}

// secret unseals the secret of an access key.
func (s *Service) secret(k *catalog.AccessKey) (string, error) {
	ring, err := s.ring()
	if err != nil {
		return "", err
	}
	secret, err := ring.box.Open(k.Sealed, []byte(k.ID))
	if err != nil {
		return "", fmt.Errorf("secret of access key %s: %w", k.ID, err)
	}
	return string(secret), nil
}

func (s *Service) account(ctx context.Context, id string) (*catalog.Account, error) {
	a, _, err := s.readAccount(ctx, id)
	return a, err
}

// readAccount reads an account with its version. The result is shared and must
// not be changed.
func (s *Service) readAccount(ctx context.Context, id string) (*catalog.Account, meta.Version, error) {
	if id == "" {
		return nil, "", ErrNotFound
	}
	rec, err := s.Registry.Get(ctx, catalog.Accounts, id, false)
	if errors.Is(err, meta.ErrNotFound) {
		return nil, "", ErrNotFound
	}
	if err != nil {
		return nil, "", fmt.Errorf("read account %s: %w", id, err)
	}
	if a, ok := s.state.accounts.Get(id, rec.Version); ok {
		return a, rec.Version, nil
	}
	a := &catalog.Account{}
	if err := json.Unmarshal(rec.Value, a); err != nil {
		return nil, "", fmt.Errorf("account %s: %w", id, err)
	}
	s.state.accounts.Put(id, rec.Version, a)
	return a, rec.Version, nil
}

// by finds the account behind an index entry. The account's own record
// decides: an entry left by a change that was cut short finds nothing.
func (s *Service) by(ctx context.Context, index string) (*catalog.Account, error) {
	index = fold(index)
	if index == "" || len(index) > meta.MaxKey {
		return nil, ErrNotFound
	}
	rec, err := s.Registry.Get(ctx, catalog.AccountNames, index, false)
	if errors.Is(err, meta.ErrNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find account %s: %w", index, err)
	}
	a, err := s.account(ctx, string(rec.Value))
	if err != nil {
		return nil, err
	}
	for _, own := range indexes(a) {
		if own == index {
			return a, nil
		}
	}
	return nil, ErrNotFound
}

// fold writes the index of an e-mail address in lower case.
func fold(index string) string {
	if strings.HasPrefix(index, emailIndex) {
		return strings.ToLower(index)
	}
	return index
}
