package accounts

import (
	"context"
	"errors"
	"strings"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/session"
	"github.com/mucura/mucura/core/sigv4"
)

// sessionKey is Key for a request with a session token.
func (s *Service) sessionKey(ctx context.Context, accessKeyID, token string) (sigv4.Key, error) {
	o, err := s.openToken(ctx, accessKeyID, token)
	if err != nil {
		return sigv4.Key{}, err
	}
	if !s.Now().Before(o.session.Expires) {
		return sigv4.Key{}, s3err.ExpiredToken
	}
	acct, version, err := s.readAccount(ctx, o.session.Account)
	if err != nil {
		return sigv4.Key{}, refusal(err)
	}
	if acct.State != catalog.Active {
		return sigv4.Key{}, notActive(acct)
	}
	if acct.Ended(o.session) {
		return sigv4.Key{}, s3err.SessionEnded
	}
	var parent *catalog.AccessKey
	var parentVersion meta.Version
	if o.session.Key != "" {
		if parent, parentVersion, err = s.parentKey(ctx, o.session); err != nil {
			return sigv4.Key{}, err
		}
	}
	return sigv4.Key{ID: o.session.ID, Secret: o.secret, Owner: o.bind(acct, version, parent, parentVersion)}, nil
}

// openToken opens a token, or finds it among those opened before.
func (s *Service) openToken(ctx context.Context, accessKeyID, token string) (*opened, error) {
	ring, err := s.ring()
	if err != nil {
		return nil, s3err.InternalError.With(err)
	}
	o := ring.sessions.get(token)
	if o == nil {
		sess, secret, err := ring.codec.Open(accessKeyID, token)
		switch {
		case errors.Is(err, session.ErrUnknownKey):
			return nil, s.notSession(ctx, accessKeyID)
		case err != nil:
			return nil, s3err.InvalidToken
		}
		o = &opened{session: sess, secret: secret}
		ring.sessions.put(strings.Clone(token), o)
	}
	if o.session.ID != accessKeyID {
		return nil, s3err.InvalidToken
	}
	return o, nil
}

// notSession is the error for a token that came with an access key ID of no
// session: of an access key it is the token that is wrong.
func (s *Service) notSession(ctx context.Context, accessKeyID string) error {
	if accessKeyID == "" || len(accessKeyID) > maxAccessKeyID || session.Is(accessKeyID) {
		return s3err.InvalidAccessKeyID
	}
	_, err := s.Registry.Get(ctx, catalog.AccessKeys, accessKeyID, false)
	if err != nil {
		return refusal(err)
	}
	return s3err.InvalidToken
}

// parentKey reads the access key a session was made with: without it, the
// session is not good any longer.
func (s *Service) parentKey(ctx context.Context, sess *catalog.Session) (*catalog.AccessKey, meta.Version, error) {
	k, version, err := s.readKey(ctx, sess.Account, sess.Key)
	if err != nil {
		return nil, "", refusal(err)
	}
	if !k.Expires.IsZero() && !s.Now().Before(k.Expires) {
		return nil, "", s3err.InvalidAccessKeyID
	}
	return k, version, nil
}

// bind gives the principal of the token, which most requests share.
func (o *opened) bind(acct *catalog.Account, version meta.Version, parent *catalog.AccessKey, parentVersion meta.Version) *catalog.Principal {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.principal == nil || o.account != version || o.parent != parentVersion {
		p := &catalog.Principal{Account: acct, AccessKeyID: o.session.ID, Session: o.session, SessionPolicies: o.session.Policies}
		if parent != nil {
			p.Scope = parent.Scope
		}
		o.account, o.parent, o.principal = version, parentVersion, p
	}
	return o.principal
}

// StillValid looks whether a principal that was let in a while ago would be
// still, but for the expiry of key or session: s3err.AccessDenied when its
// account is not active, s3err.SessionEnded, s3err.InvalidAccessKeyID when its
// access key is gone. It is for requests that take long.
func (s *Service) StillValid(ctx context.Context, p *catalog.Principal) error {
	acct, _, err := s.readAccount(ctx, p.ID())
	if err != nil {
		return refusal(err)
	}
	if acct.State != catalog.Active {
		return notActive(acct)
	}
	key := p.AccessKeyID
	if p.Session != nil {
		if acct.Ended(p.Session) {
			return s3err.SessionEnded
		}
		key = p.Session.Key
	}
	if key == "" {
		return nil
	}
	if _, _, err = s.readKey(ctx, acct.ID, key); err != nil {
		return refusal(err)
	}
	return nil
}
