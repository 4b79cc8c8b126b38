package accounts

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

// The errors of the management calls, wrapped with what they concern.
var (
	// ErrNotFound: there is no such account or access key. It wraps meta.ErrNotFound.
	ErrNotFound = fmt.Errorf("no such account or key: %w", meta.ErrNotFound)
	// ErrExists: the name, e-mail address, canonical ID or access key ID is taken.
	ErrExists = errors.New("already exists")
	// ErrOwnsBuckets: the account owns buckets, so it cannot be removed.
	ErrOwnsBuckets = errors.New("account owns buckets")
)

// NewAccount says what account to add. Name is required; the zero values of
// the others mean: no display name or e-mail, a random canonical ID, a member.
type NewAccount struct {
	Name        string
	DisplayName string
	Email       string
	CanonicalID string
	Role        catalog.Role
	Quota       int64 // bytes; -1 is no limit
	QuotaCap    int64 // up to what the person raises it herself, bytes; -1 is no limit
	Subjects    []catalog.Subject
	Groups      []string
	// State is Active or Requested; "" is Active.
	State catalog.State
}

// Add makes an active account. ErrExists when its name, e-mail address or
// canonical ID belongs to another one.
//
// The index entries are written before the account, whose record decides. An
// Add that was cut short leaves entries that find nothing; adding the same
// name again takes them over.
func (s *Service) Add(ctx context.Context, in NewAccount) (*catalog.Account, error) {
	a := catalog.Account{
		ID: randomHex(12), Name: in.Name, DisplayName: in.DisplayName, Email: in.Email,
		CanonicalID: in.CanonicalID, Role: in.Role, State: in.State, Quota: in.Quota, QuotaCap: in.QuotaCap,
		Subjects: in.Subjects, Groups: in.Groups, Created: s.now(),
	}
	if a.State == "" {
		a.State = catalog.Active
	}
	if a.CanonicalID == "" {
		a.CanonicalID = randomHex(32)
	}
	if a.Role == "" {
		a.Role = catalog.Member
	}
	if a.Name == RootName && a.Role != catalog.Operator {
		// EnsureRoot takes the account of this name for the administrator's.
		return nil, invalid(fmt.Errorf("account name %q is the administrator's", a.Name))
	}
	if err := check(&a); err != nil {
		return nil, invalid(err)
	}
	if err := s.adoptID(ctx, &a); err != nil {
		return nil, err
	}
	made, err := s.claimAll(ctx, a.ID, indexes(&a))
	if err != nil {
		return nil, err
	}
	value, err := json.Marshal(&a)
	if err != nil {
		return nil, err
	}
	v, err := s.put(ctx, catalog.Accounts, a.ID, value, meta.IfAbsent)
	if err != nil {
		s.unclaim(ctx, a.ID, made)
		if errors.Is(err, meta.ErrConflict) { // somebody took the same entries over, and was quicker
			return nil, fmt.Errorf("%s: %w", describe(a.Name), ErrExists)
		}
		return nil, err
	}
	// Whoever shared the ID may have failed and removed the entries it made.
	if _, err := s.claimAll(ctx, a.ID, indexes(&a)); err != nil {
		_ = s.Registry.Delete(context.WithoutCancel(ctx), catalog.Accounts, a.ID, meta.IfMatch(v))
		return nil, err
	}
	return &a, nil
}

// adoptID gives a the ID that an entry of its name holds for an account that
// was never written. ErrExists when it was.
func (s *Service) adoptID(ctx context.Context, a *catalog.Account) error {
	rec, err := s.Registry.Get(ctx, catalog.AccountNames, a.Name, false)
	if errors.Is(err, meta.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find account %s: %w", a.Name, err)
	}
	_, err = s.account(ctx, string(rec.Value))
	if errors.Is(err, ErrNotFound) {
		a.ID = string(rec.Value)
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%s: %w", describe(a.Name), ErrExists)
}

// Update changes an account. change gets a copy of its own and may run several
// times; its error is returned as it is. ID and Created do not change. Errors:
// ErrNotFound, ErrExists (a new name, e-mail address or canonical ID is taken).
func (s *Service) Update(ctx context.Context, id string, change func(*catalog.Account) error) (*catalog.Account, error) {
	for range maxTries {
		old, version, err := s.readAccount(ctx, id)
		if err != nil {
			return nil, err
		}
		a := old.Clone()
		if err := change(a); err != nil {
			return nil, err
		}
		a.ID, a.Created = old.ID, old.Created
		s.settleState(old, a)
		if err := check(a); err != nil {
			return nil, invalid(err)
		}
		err = s.replace(ctx, old, a, version)
		if err == nil {
			return a, nil
		}
		if !errors.Is(err, meta.ErrConflict) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("update account %s: %w", id, meta.ErrConflict)
}

// settleState does what goes with every change of an account: who is no longer
// active has no sessions, and sessions that have expired need not be remembered
// as ended.
func (s *Service) settleState(old, a *catalog.Account) {
	now := s.now()
	if a.State != old.State {
		a.Since = now
		if old.State == catalog.Active {
			a.SessionEpoch++
		}
	}
	if a.SessionEpoch != old.SessionEpoch {
		a.Revoked = nil
	}
	a.Revoked = slices.DeleteFunc(a.Revoked, func(r catalog.RevokedSession) bool { return now.After(r.Expires) })
}

// now is the time to write in records.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// replace writes a changed account: new index entries before it, old ones removed after.
func (s *Service) replace(ctx context.Context, old, a *catalog.Account, version meta.Version) error {
	made, err := s.claimAll(ctx, a.ID, indexes(a))
	if err != nil {
		return err
	}
	value, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if _, err = s.put(ctx, catalog.Accounts, a.ID, value, meta.IfMatch(version)); err != nil {
		s.unclaim(ctx, a.ID, made)
		return err
	}
	kept := indexes(a)
	for _, index := range indexes(old) {
		if !slices.Contains(kept, index) {
			// The record is changed already: an entry left over finds nothing.
			_ = s.release(context.WithoutCancel(ctx), a.ID, index)
		}
	}
	return nil
}

// List gives accounts in the order of their IDs, those above after, at most
// max; more tells that others follow.
func (s *Service) List(ctx context.Context, after string, max int) (accts []*catalog.Account, more bool, err error) {
	from := ""
	if after != "" {
		from = meta.Next(after)
	}
	if max < 1 || max > meta.MaxScan {
		max = meta.MaxScan
	}
	page, err := s.Registry.Scan(ctx, catalog.Accounts, meta.Range{From: from, Limit: max, WithValue: true})
	if err != nil {
		return nil, false, fmt.Errorf("list accounts: %w", err)
	}
	for _, e := range page.Entries {
		a := &catalog.Account{}
		if err := json.Unmarshal(e.Record.Value, a); err != nil {
			return nil, false, fmt.Errorf("account %s: %w", e.Key, err)
		}
		accts = append(accts, a)
	}
	return accts, page.More, nil
}

// randomHex gives n random bytes as lower-case hexadecimal digits.
func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}
