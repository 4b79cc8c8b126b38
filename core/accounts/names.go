package accounts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

// Prefixes of the indexes that are not account names, in which ':' is not allowed.
const (
	emailIndex     = "e:"
	canonicalIndex = "c:"
	dnIndex        = "d:"
	oidcIndex      = "o:"
)

// indexes are the keys in catalog.AccountNames that belong to an account.
func indexes(a *catalog.Account) []string {
	ix := []string{a.Name, canonicalIndex + a.CanonicalID}
	if a.Email != "" {
		ix = append(ix, emailIndex+strings.ToLower(a.Email))
	}
	for i := range a.Subjects {
		if index := subjectIndex(&a.Subjects[i]); index != "" && !slices.Contains(ix, index) {
			ix = append(ix, index)
		}
	}
	return ix
}

// claim is an index entry this process made for an account.
type claim struct {
	index   string
	version meta.Version
}

// claimAll makes the index entries for an account that are not its own yet,
// all or none. ErrExists names the one that another account has.
func (s *Service) claimAll(ctx context.Context, id string, ix []string) (made []claim, err error) {
	for _, index := range ix {
		var v meta.Version
		v, err = s.claimOne(ctx, id, index)
		if err != nil {
			s.unclaim(ctx, id, made)
			return nil, err
		}
		if v != "" {
			made = append(made, claim{index, v})
		}
	}
	return made, nil
}

// claimOne makes one index entry; the version is "" when it was there already.
func (s *Service) claimOne(ctx context.Context, id, index string) (meta.Version, error) {
	v, err := s.put(ctx, catalog.AccountNames, index, []byte(id), meta.IfAbsent)
	if !errors.Is(err, meta.ErrConflict) {
		return v, err
	}
	rec, err := s.Registry.Get(ctx, catalog.AccountNames, index, false)
	switch {
	case err != nil:
		return "", fmt.Errorf("claim %s: %w", index, err)
	case string(rec.Value) != id:
		return "", fmt.Errorf("%s: %w", describe(index), ErrExists)
	}
	return "", nil
}

// unclaim removes entries that claimAll made for an account that was not
// written, unless they have changed since. Another process may have taken them
// over and written the account: what is that account's stays, or is put back.
// It is done also when the caller has gone away; what it cannot remove stays
// as an entry that finds nothing.
func (s *Service) unclaim(ctx context.Context, id string, made []claim) {
	ctx = context.WithoutCancel(ctx)
	for _, c := range made {
		if s.belongs(ctx, id, c.index) {
			continue
		}
		_ = s.Registry.Delete(ctx, catalog.AccountNames, c.index, meta.IfMatch(c.version))
		if s.belongs(ctx, id, c.index) {
			_, _ = s.claimOne(ctx, id, c.index)
		}
	}
}

// belongs tells whether there is an account of an ID to which index belongs,
// or may be one.
func (s *Service) belongs(ctx context.Context, id, index string) bool {
	a, err := s.account(ctx, id)
	if err != nil {
		return !errors.Is(err, ErrNotFound)
	}
	return slices.Contains(indexes(a), index)
}

// release removes an index entry if it is the account's.
func (s *Service) release(ctx context.Context, id, index string) error {
	rec, err := s.Registry.Get(ctx, catalog.AccountNames, index, false)
	if errors.Is(err, meta.ErrNotFound) || (err == nil && string(rec.Value) != id) {
		return nil
	}
	if err != nil {
		return err
	}
	err = s.Registry.Delete(ctx, catalog.AccountNames, index, meta.IfMatch(rec.Version))
	if errors.Is(err, meta.ErrConflict) {
		return nil
	}
	return err
}

// describe says for people what an index entry is.
func describe(index string) string {
	switch {
	case strings.HasPrefix(index, emailIndex):
		return "e-mail address " + index[len(emailIndex):]
	case strings.HasPrefix(index, canonicalIndex):
		return "canonical ID " + index[len(canonicalIndex):]
	case strings.HasPrefix(index, dnIndex):
		return "the certificate's subject"
	case strings.HasPrefix(index, oidcIndex):
		return "the subject of the identity provider"
	default:
		return "account " + index
	}
}

// check tells what is wrong with an account's particulars.
func check(a *catalog.Account) error {
	switch {
	case !validName(a.Name):
		return fmt.Errorf("account name %q: give 1 to 64 letters, digits or any of . _ - @ +, the first a letter or digit", a.Name)
	case len(a.DisplayName) > 256 || hasControl(a.DisplayName):
		return errors.New("display name: give at most 256 bytes, without control characters")
	case a.Email != "" && !validEmail(a.Email):
		return fmt.Errorf("e-mail address %q is malformed", a.Email)
	case !validCanonicalID(a.CanonicalID):
		return fmt.Errorf("canonical ID %q: give 1 to 128 letters, digits or any of . _ -", a.CanonicalID)
	case a.Role != catalog.Member && a.Role != catalog.Operator:
		return fmt.Errorf("role %q: give %s or %s", a.Role, catalog.Member, catalog.Operator)
	case a.Quota < -1 || a.QuotaCap < -1:
		return fmt.Errorf("quota of %d bytes, cap of %d: give -1 for no limit, else 0 or more", a.Quota, a.QuotaCap)
	}
	if err := checkSubjects(a); err != nil {
		return err
	}
	switch a.State {
	case catalog.Requested, catalog.Active, catalog.Suspended, catalog.Closing:
		return nil
	}
	return fmt.Errorf("state %q is unknown", a.State)
}

func validName(s string) bool {
	return len(s) >= 1 && len(s) <= 64 && alphanumeric(s[0]) && onlyOf(s, "._-@+")
}

func validCanonicalID(s string) bool {
	return len(s) >= 1 && len(s) <= 128 && onlyOf(s, "._-")
}

func validEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && domain != "" && len(s) <= 254 &&
		!strings.ContainsAny(s, " <>,;\"\\") && !strings.Contains(domain, "@") && !hasControl(s)
}

// onlyOf tells whether s is ASCII letters, digits and bytes of extra.
func onlyOf(s, extra string) bool {
	for i := range len(s) {
		if !alphanumeric(s[i]) && strings.IndexByte(extra, s[i]) < 0 {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
