package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/session"
)

// Limits of sessions.
const (
	// MinSession and DefaultSession are what clients of AWS's STS expect.
	MinSession     = 15 * time.Minute
	DefaultSession = time.Hour
	maxSession     = 12 * time.Hour
	// maxRevoked bounds the sessions of an account that are ended one by one:
	// its record is read with every request.
	maxRevoked = 100
	// maxParents bounds how far a session may be from the first.
	maxParents = 4
	// MaxSessionPolicies bounds all session policies of a session together, bytes.
	MaxSessionPolicies = 4096
	maxSessionGroups   = 100
)

// The errors of sessions.
var (
	// ErrNotActive: the account exists, and may do nothing.
	ErrNotActive = errors.New("account is not active")
	// ErrTooMany: a list has become too long.
	ErrTooMany = errors.New("too many")
)

// SessionSpec says what session to issue. Who asks was made sure of by the caller.
type SessionSpec struct {
	Account string // account ID
	// Lifetime is what was asked for; 0: DefaultSession. It ends at NotAfter at
	// the latest, unless that is zero, and after SessionMax in any case.
	Lifetime time.Duration
	NotAfter time.Time
	// The rest is as in catalog.Session.
	By, Name, Identity, Issuer string
	Limited                    bool
	Groups                     []string
	Key                        string
	Parents                    []string
	Policies                   []string
	// Address and Agent are of the client, for the list of sessions.
	Address, Agent string
}

// LongestSession is the longest life of a session.
func (s *Service) LongestSession() time.Duration {
	if s.SessionMax > 0 {
		return s.SessionMax
	}
	return maxSession
}

// Issue makes the credentials of a session, and writes it to the account's
// list. Errors: ErrNotFound, ErrNotActive, ErrTooMany (groups, policies,
// sessions got from one another).
func (s *Service) Issue(ctx context.Context, spec SessionSpec) (session.Credentials, *catalog.Session, error) {
	var none session.Credentials
	acct, err := s.account(ctx, spec.Account)
	if err != nil {
		return none, nil, err
	}
	if acct.State != catalog.Active {
		return none, nil, fmt.Errorf("account %s is %s: %w", acct.Name, acct.State, ErrNotActive)
	}
	if err := spec.check(); err != nil {
		return none, nil, err
	}
	now := s.now()
	sess := &catalog.Session{
		Account: acct.ID, Epoch: acct.SessionEpoch, Issued: now, Expires: s.sessionEnd(now, &spec),
		By: spec.By, Name: spec.Name, Identity: spec.Identity, Issuer: spec.Issuer, Limited: spec.Limited,
		Groups: spec.Groups, Key: spec.Key, Parents: spec.Parents, Policies: spec.Policies,
	}
	ring, err := s.ring()
	if err != nil {
		return none, nil, err
	}
	c, err := ring.codec.Issue(sess)
	if err != nil {
		return none, nil, fmt.Errorf("%w: %w", ErrTooMany, err)
	}
	return c, sess, s.listSession(ctx, sess, &spec)
}

func (spec *SessionSpec) check() error {
	size := 0
	for _, p := range spec.Policies {
		size += len(p)
	}
	switch {
	case size > MaxSessionPolicies:
		return fmt.Errorf("session policies of %d bytes, at most %d: %w", size, MaxSessionPolicies, ErrTooMany)
	case len(spec.Parents) > maxParents:
		return fmt.Errorf("session got from a session, %d times: %w", len(spec.Parents), ErrTooMany)
	case len(spec.Groups) > maxSessionGroups:
		return fmt.Errorf("%d groups: %w", len(spec.Groups), ErrTooMany)
	}
	return nil
}

func (s *Service) sessionEnd(now time.Time, spec *SessionSpec) time.Time {
	life := spec.Lifetime
	if life <= 0 {
		life = DefaultSession
	}
	end := now.Add(min(life, s.LongestSession()))
	if !spec.NotAfter.IsZero() && spec.NotAfter.Before(end) {
		end = spec.NotAfter
	}
	return end.UTC().Truncate(time.Second) // clients are told seconds
}

// listSession writes the entry of a session that is about to be handed out.
func (s *Service) listSession(ctx context.Context, sess *catalog.Session, spec *SessionSpec) error {
	value, err := json.Marshal(catalog.SessionEntry{
		ID: sess.ID, Issued: sess.Issued, Expires: sess.Expires, By: sess.By, Name: sess.Name,
		Identity: sess.Identity, Limited: sess.Limited, Groups: sess.Groups, Key: sess.Key,
		Address: spec.Address, Agent: clip(spec.Agent),
	})
	if err != nil {
		return err
	}
	_, err = s.put(ctx, catalog.SessionsOf(sess.Account), sess.ID, value, meta.IfAbsent)
	return err
}

// Sessions lists the sessions of an account that are good still.
func (s *Service) Sessions(ctx context.Context, accountID string) (list []catalog.SessionEntry, err error) {
	now := s.Now()
	err = s.scan(ctx, catalog.SessionsOf(accountID), "", func(e meta.Entry) error {
		var entry catalog.SessionEntry
		if err := json.Unmarshal(e.Record.Value, &entry); err != nil {
			return fmt.Errorf("session %s: %w", e.Key, err)
		}
		if now.Before(entry.Expires) {
			list = append(list, entry)
		}
		return nil
	})
	return list, err
}

// EndSession ends a session, and those got from it, before its time. They are
// refused from then on by every process. ErrNotFound when the account has no
// such session; ErrTooMany when so many were ended one by one that only
// EndSessions is left.
func (s *Service) EndSession(ctx context.Context, accountID, id string) error {
	missing := fmt.Errorf("session %s: %w", id, ErrNotFound)
	if !session.Is(id) {
		return missing
	}
	rec, err := s.Registry.Get(ctx, catalog.SessionsOf(accountID), id, false)
	if errors.Is(err, meta.ErrNotFound) {
		return missing
	}
	if err != nil {
		return fmt.Errorf("read session %s: %w", id, err)
	}
	var entry catalog.SessionEntry
	if err := json.Unmarshal(rec.Value, &entry); err != nil {
		return fmt.Errorf("session %s: %w", id, err)
	}
	_, err = s.Update(ctx, accountID, func(a *catalog.Account) error {
		for i := range a.Revoked {
			if a.Revoked[i].ID == id {
				return nil
			}
		}
		if len(a.Revoked) >= maxRevoked {
			return fmt.Errorf("sessions ended one by one: %w", ErrTooMany)
		}
		// What was got from it may have been issued the moment before, and lasts no longer.
		a.Revoked = append(a.Revoked, catalog.RevokedSession{ID: id, Expires: entry.Expires})
		return nil
	})
	if err != nil {
		return err
	}
	return s.Registry.Delete(ctx, catalog.SessionsOf(accountID), id, meta.Always)
}

// EndSessions ends all sessions of an account, at once and for every process.
func (s *Service) EndSessions(ctx context.Context, accountID string) error {
	if _, err := s.Update(ctx, accountID, func(a *catalog.Account) error { a.SessionEpoch++; return nil }); err != nil {
		return err
	}
	return s.clear(ctx, catalog.SessionsOf(accountID))
}

// clear deletes every record of a partition.
func (s *Service) clear(ctx context.Context, p meta.Partition) error {
	return s.scan(ctx, p, "", func(e meta.Entry) error { return s.Registry.Delete(ctx, p, e.Key, meta.Always) })
}

// maxAgent is how much of a client's user agent is kept, bytes.
const maxAgent = 256

func clip(agent string) string { return agent[:min(len(agent), maxAgent)] }
