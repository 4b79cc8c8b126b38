// Package accounts keeps accounts and their access keys in the registry, and
// finds the principal behind an access key.
package accounts

import (
	"context"
	"strings"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/sigv4"
)

// Service reads and changes accounts and access keys.
type Service struct {
	Registry meta.Store
	Now      func() time.Time
	// SiteKey seals secrets at rest: 32 bytes (AES-256-GCM).
	SiteKey []byte
	// OldSiteKeys still open what was sealed before the site key was changed.
	OldSiteKeys [][]byte
	// SessionMax is the longest life of a session; 0: 12 hours.
	SessionMax time.Duration
	// Passwords hashes passwords and compares them; nil: nobody has one.
	Passwords Hasher
	// MakeHome makes the bucket an account gets when it is approved, and tells
	// its name. It may be called again for the same account. nil: none is made.
	MakeHome func(ctx context.Context, a *catalog.Account) (bucket string, err error)
	// Notify is told, after the fact, of every request made or decided, so that
	// people can be written to; nil: nobody is.
	Notify func(ctx context.Context, r *catalog.Request)

	state serviceState
}

// Key implements sigv4.KeySource: the secret of an access key and, as
// Key.Owner, its *catalog.Principal. With a session token the access key is the
// session's, and nothing but the account is read (and the access key the
// session was made with, if it was). s3err.InvalidAccessKeyID for an unknown or
// expired key; s3err.AccessDenied when the account is not active;
// s3err.SessionEnded, s3err.InvalidToken and s3err.ExpiredToken.
func (s *Service) Key(ctx context.Context, accessKeyID, sessionToken string) (sigv4.Key, error) {
	return s.key(ctx, accessKeyID, sessionToken)
}

// Account reads an account by its ID; s3err.AccessDenied-free: the error wraps
// meta.ErrNotFound when there is none.
func (s *Service) Account(ctx context.Context, id string) (*catalog.Account, error) {
	return s.account(ctx, id)
}

// ByCanonicalID, ByEmail and ByName find accounts; the error wraps
// meta.ErrNotFound when there is none.
func (s *Service) ByCanonicalID(ctx context.Context, id string) (*catalog.Account, error) {
	return s.by(ctx, "c:"+id)
}

// ByEmail finds the account with an e-mail address, in any case of letters.
func (s *Service) ByEmail(ctx context.Context, email string) (*catalog.Account, error) {
	return s.by(ctx, "e:"+email)
}

// ByName finds the account of a name.
func (s *Service) ByName(ctx context.Context, name string) (*catalog.Account, error) {
	if strings.Contains(name, ":") { // of another index
		return nil, ErrNotFound
	}
	return s.by(ctx, name)
}
