package api

import (
	"errors"
	"net/http"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/audit"
	"github.com/mucura/mucura/core/catalog"
)

func (c *call) deleteAccount() (any, error) {
	a, err := c.named()
	if err != nil {
		return nil, err
	}
	if err := c.s.Accounts.Close(c.ctx, a.ID); err != nil {
		return nil, err
	}
	return Closing{a.Name, string(catalog.Closing)}, nil
}

func (c *call) keysOf() (any, error) {
	a, err := c.named()
	if err != nil {
		return nil, err
	}
	return c.keys(a.ID)
}

func (c *call) removeKeyOf() (any, error) {
	a, err := c.named()
	if err != nil {
		return nil, err
	}
	return struct{}{}, c.s.Accounts.RemoveKey(c.ctx, a.ID, c.args[1])
}

func (c *call) sessionsOf() (any, error) {
	a, err := c.named()
	if err != nil {
		return nil, err
	}
	return c.sessions(a.ID)
}

func (c *call) endSessionsOf() (any, error) {
	a, err := c.named()
	if err != nil {
		return nil, err
	}
	return struct{}{}, c.s.Accounts.EndSessions(c.ctx, a.ID)
}

// accessLogOf is for operators who have to find out who did something.
func (c *call) accessLogOf() (any, error) {
	a, err := c.named()
	if err != nil {
		return nil, err
	}
	return c.events(audit.Query{Owner: a.ID, User: a.ID})
}

func (c *call) allRequests() (any, error) {
	state := catalog.RequestState(c.r.URL.Query().Get("state"))
	switch state {
	case "", catalog.Pending, catalog.Approved, catalog.Rejected:
	default:
		return nil, invalid("state: give pending, approved or rejected.")
	}
	list, err := c.s.Accounts.RequestsIn(c.ctx, state)
	return requestsView(list), err
}

func (c *call) approve() (any, error) { return c.decide(true) }
func (c *call) reject() (any, error)  { return c.decide(false) }

func (c *call) decide(approve bool) (any, error) {
	var in Decide
	if err := c.read(&in); err != nil {
		return nil, err
	}
	r, err := c.s.Accounts.Decide(c.ctx, c.args[0], accounts.Decision{
		Approve: approve, By: c.principal.Account.Name, Answer: in.Answer, Bytes: in.Bytes, Cap: in.Cap, Groups: in.Groups,
	})
	if errors.Is(err, accounts.ErrDecided) {
		return nil, fault{http.StatusConflict, CodeConflict, "The request has been decided otherwise."}
	}
	if err != nil {
		return nil, err
	}
	return requestView(r), nil
}
