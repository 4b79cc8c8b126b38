package api

import (
	"context"
	"net/http"
	"time"

	"github.com/mucura/mucura/core/catalog"
)

// Inviter makes, lists and ends invitations to register. Its errors are those
// of package accounts: ErrInvalid, ErrNotFound.
type Inviter interface {
	Invite(ctx context.Context, in catalog.Invitation) (code string, made *catalog.Invitation, err error)
	Invitations(ctx context.Context) ([]catalog.Invitation, error)
	Withdraw(ctx context.Context, id string) error
}

// maxInvitationDays bounds how long an invitation may be good.
const maxInvitationDays = 3650

func (c *call) inviter() (Inviter, error) {
	if c.s.Inviter == nil {
		return nil, fault{http.StatusNotImplemented, CodeOff, "This site does not register people."}
	}
	return c.s.Inviter, nil
}

func (c *call) invite() (any, error) {
	s, err := c.inviter()
	if err != nil {
		return nil, err
	}
	var in Invite
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if in.Days < 0 || in.Days > maxInvitationDays {
		return nil, invalid("days is not a number from 1 to 3650.")
	}
	wanted := catalog.Invitation{Label: in.Label, By: c.principal.Account.Name, Uses: in.Uses}
	if in.Days > 0 {
		wanted.Expires = c.now.UTC().Add(time.Duration(in.Days) * 24 * time.Hour)
	}
	code, made, err := s.Invite(c.ctx, wanted)
	if err != nil {
		return nil, err
	}
	c.ev.Target = made.ID
	return &MadeInvitation{invitationView(made), code}, nil
}

func (c *call) invitations() (any, error) {
	s, err := c.inviter()
	if err != nil {
		return nil, err
	}
	list, err := s.Invitations(c.ctx)
	if err != nil {
		return nil, err
	}
	out := &Invitations{Invitations: []Invitation{}}
	for i := range list {
		out.Invitations = append(out.Invitations, invitationView(&list[i]))
	}
	return out, nil
}

func (c *call) withdraw() (any, error) {
	s, err := c.inviter()
	if err != nil {
		return nil, err
	}
	return struct{}{}, s.Withdraw(c.ctx, c.args[0])
}

func invitationView(in *catalog.Invitation) Invitation {
	return Invitation{ID: in.ID, Label: in.Label, By: in.By, Uses: in.Uses, Created: in.Created, Expires: in.Expires}
}
