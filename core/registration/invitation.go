package registration

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

// ErrInvitation: there is no such invitation, or it is used up or has expired.
// Which of these is not told.
var ErrInvitation = errors.New("the invitation is not valid")

const (
	maxInvitationUses = 10_000
	maxTries          = 20
)

// invitationKey is where an invitation lies: only a hash of its code is kept,
// so reading the registry invites nobody.
func invitationKey(code string) string {
	sum := sha256.Sum256([]byte("invitation\x00" + strings.ToUpper(strings.TrimSpace(code))))
	return hex.EncodeToString(sum[:])
}

// Invite makes an invitation and returns its code, which is told this once. Uses
// and Expires of in count; what is zero becomes one use and 14 days.
func (s *Service) Invite(ctx context.Context, in catalog.Invitation) (code string, made *catalog.Invitation, err error) {
	now := s.Now().UTC()
	if in.Uses == 0 {
		in.Uses = 1
	}
	if in.Expires.IsZero() {
		in.Expires = now.Add(14 * 24 * time.Hour)
	}
	if in.Uses < 1 || in.Uses > maxInvitationUses || len(in.Label) > 200 || !in.Expires.After(now) {
		return "", nil, fmt.Errorf("%w: give 1 to %d uses, a label of at most 200 bytes, and an end in the future", ErrForm, maxInvitationUses)
	}
	text := rand.Text() // 130 bits
	code = text[:6] + "-" + text[6:13] + "-" + text[13:20] + "-" + text[20:]
	in.ID, in.Created = invitationKey(code), now
	value, err := json.Marshal(in)
	if err != nil {
		return "", nil, err
	}
	_, err = s.Registry.Put(ctx, catalog.Invitations, in.ID, meta.Record{Value: value}, meta.IfAbsent)
	if err != nil && !errors.Is(err, meta.ErrOutcomeUnknown) {
		return "", nil, fmt.Errorf("make invitation: %w", err)
	}
	return code, &in, nil
}

// Invitation finds the invitation of a code: ErrInvitation.
func (s *Service) Invitation(ctx context.Context, code string) (*catalog.Invitation, error) {
	in, _, err := s.invitation(ctx, invitationKey(code))
	if err != nil {
		return nil, err
	}
	return in, nil
}

func (s *Service) invitation(ctx context.Context, id string) (*catalog.Invitation, meta.Version, error) {
	rec, err := s.Registry.Get(ctx, catalog.Invitations, id, false)
	if errors.Is(err, meta.ErrNotFound) {
		return nil, "", ErrInvitation
	}
	if err != nil {
		return nil, "", fmt.Errorf("read invitation: %w", err)
	}
	in := &catalog.Invitation{}
	if err := json.Unmarshal(rec.Value, in); err != nil {
		return nil, "", fmt.Errorf("read invitation: %w", err)
	}
	if in.Uses < 1 || !s.Now().Before(in.Expires) {
		return nil, "", ErrInvitation
	}
	return in, rec.Version, nil
}

// redeem uses an invitation once.
func (s *Service) redeem(ctx context.Context, in *catalog.Invitation) error {
	return s.changeUses(ctx, in.ID, -1)
}

// giveBack undoes redeem when no account came of it. If that fails the
// invitation has one use less, which harms nobody but her.
func (s *Service) giveBack(ctx context.Context, in *catalog.Invitation) {
	if err := s.changeUses(context.WithoutCancel(ctx), in.ID, +1); err != nil && !errors.Is(err, ErrInvitation) {
		s.Log.Warn("invitation not given back", "label", in.Label, "error", err.Error())
	}
}

func (s *Service) changeUses(ctx context.Context, id string, by int) error {
	for range maxTries {
		rec, err := s.Registry.Get(ctx, catalog.Invitations, id, false)
		if errors.Is(err, meta.ErrNotFound) {
			return ErrInvitation
		}
		if err != nil {
			return fmt.Errorf("read invitation: %w", err)
		}
		var in catalog.Invitation
		if err := json.Unmarshal(rec.Value, &in); err != nil {
			return fmt.Errorf("read invitation: %w", err)
		}
		if by < 0 && (in.Uses < 1 || !s.Now().Before(in.Expires)) {
			return ErrInvitation
		}
		in.Uses += by
		value, err := json.Marshal(in)
		if err != nil {
			return err
		}
		_, err = s.Registry.Put(ctx, catalog.Invitations, id, meta.Record{Value: value}, meta.IfMatch(rec.Version))
		if err == nil {
			return nil
		}
		if !errors.Is(err, meta.ErrConflict) {
			// Unknown counts as used: never two for one use.
			return fmt.Errorf("use invitation: %w", err)
		}
	}
	return fmt.Errorf("use invitation: %w", meta.ErrConflict)
}

// Invitations lists those that are still good.
func (s *Service) Invitations(ctx context.Context) (list []catalog.Invitation, err error) {
	r := meta.Range{WithValue: true}
	for {
		page, err := s.Registry.Scan(ctx, catalog.Invitations, r)
		if err != nil {
			return nil, fmt.Errorf("list invitations: %w", err)
		}
		for _, e := range page.Entries {
			var in catalog.Invitation
			if err := json.Unmarshal(e.Record.Value, &in); err != nil {
				return nil, fmt.Errorf("invitation %s: %w", e.Key, err)
			}
			if in.Uses > 0 && s.Now().Before(in.Expires) {
				list = append(list, in)
			}
		}
		if !page.More || len(page.Entries) == 0 {
			return list, nil
		}
		r.From = meta.Next(page.Entries[len(page.Entries)-1].Key)
	}
}

// Withdraw ends an invitation: ErrInvitation when there is none.
func (s *Service) Withdraw(ctx context.Context, id string) error {
	if len(id) != 2*sha256.Size {
		return ErrInvitation
	}
	if _, _, err := s.invitation(ctx, id); err != nil {
		return err
	}
	return s.Registry.Delete(ctx, catalog.Invitations, id, meta.Always)
}
