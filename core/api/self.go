package api

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
)

func accountView(a *catalog.Account) Account {
	v := Account{
		ID: a.ID, Name: a.Name, DisplayName: a.DisplayName, Email: a.Email, CanonicalID: a.CanonicalID,
		Role: string(a.Role), State: string(a.State), Why: a.Why, Since: a.Since, Quota: a.Quota, QuotaCap: a.QuotaCap,
		Groups: a.Groups, Home: a.Home, Created: a.Created,
	}
	for i := range a.Subjects {
		s := &a.Subjects[i]
		v.Subjects = append(v.Subjects, Subject{string(s.Kind), s.Name, s.Issuer, s.Added})
	}
	return v
}

func (c *call) whoami() (any, error) {
	p := c.principal
	w := Whoami{
		Account: accountView(p.Account), AccessKeyID: p.AccessKeyID, Scope: p.Scope,
		MayManage: !p.Limited() && !p.Narrowed(),
	}
	if s := p.Session; s != nil {
		w.Session = &Session{
			ID: s.ID, Issued: s.Issued, Expires: s.Expires, By: s.By, Name: s.Name, Identity: s.Identity,
			Limited: s.Limited, Groups: s.Groups, Key: s.Key, Current: true,
		}
	}
	return w, nil
}

func (c *call) keyView(k *catalog.AccessKey) (Key, error) {
	v := Key{ID: k.ID, Label: k.Label, Created: k.Created, Expires: k.Expires, Scope: k.Scope, Replaces: k.Replaces}
	use, err := c.s.Accounts.LastUse(c.ctx, k.ID)
	if err == nil && !use.Time.IsZero() {
		v.LastUsed = &use
	}
	return v, err
}

// listKeys lists the caller's keys. Credentials that are narrowed may be in other
// hands than hers: they learn of the key they are, or come from, and of no other.
func (c *call) listKeys() (any, error) {
	all, err := c.keys(c.principal.ID())
	if err != nil || !c.principal.Narrowed() {
		return all, err
	}
	own := c.principal.AccessKeyID
	if s := c.principal.Session; s != nil {
		own = s.Key
	}
	all.Keys = slices.DeleteFunc(all.Keys, func(k Key) bool { return k.ID != own })
	return all, nil
}

func (c *call) keys(account string) (*Keys, error) {
	list, err := c.s.Accounts.Keys(c.ctx, account)
	if err != nil {
		return nil, err
	}
	out := &Keys{Keys: []Key{}}
	for i := range list {
		v, err := c.keyView(&list[i])
		if err != nil {
			return nil, err
		}
		out.Keys = append(out.Keys, v)
	}
	return out, nil
}

// maxKeys bounds the access keys a person makes.
const maxKeys = 100

func (c *call) newKey() (any, error) {
	var in NewKey
	if err := c.read(&in); err != nil {
		return nil, err
	}
	spec := accounts.KeySpec{Label: in.Label, Scope: in.Scope}
	switch {
	case !in.Expires.IsZero() && in.ExpiresIn != 0:
		return nil, invalid("Give expires or expires_in, not both.")
	case in.ExpiresIn < 0 || in.ExpiresIn > int64(100*365*24*time.Hour/time.Second):
		return nil, invalid("expires_in is not a number of seconds within a hundred years.")
	case in.ExpiresIn > 0:
		spec.Expires = c.now.Add(time.Duration(in.ExpiresIn) * time.Second)
	case !in.Expires.IsZero() && !in.Expires.After(c.now):
		return nil, invalid("expires has passed.")
	default:
		spec.Expires = in.Expires
	}
	have, err := c.s.Accounts.Keys(c.ctx, c.principal.ID())
	if err != nil {
		return nil, err
	}
	if len(have) >= maxKeys {
		return nil, fault{http.StatusConflict, CodeTooMany, "There are " + strconv.Itoa(len(have)) + " access keys already. Remove some first."}
	}
	k, err := c.s.Accounts.AddKey(c.ctx, c.principal.ID(), spec)
	if err != nil {
		return nil, err
	}
	return c.secret(k)
}

// secret tells a new key with its secret. The log learns only its ID.
func (c *call) secret(k *accounts.NewKey) (*Secret, error) {
	c.ev.Target = k.ID
	return &Secret{
		Key:             Key{ID: k.ID, Label: k.Label, Created: k.Created, Expires: k.Expires, Scope: k.Scope, Replaces: k.Replaces},
		SecretAccessKey: k.Secret,
	}, nil
}

func (c *call) removeKey() (any, error) {
	return struct{}{}, c.s.Accounts.RemoveKey(c.ctx, c.principal.ID(), c.args[0])
}

// defaultGrace is how long the old key of a rotation stays valid.
const defaultGrace = 24 * time.Hour

func (c *call) rotateKey() (any, error) {
	var in Rotate
	if err := c.read(&in); err != nil {
		return nil, err
	}
	grace := defaultGrace
	if in.Grace != nil {
		if *in.Grace < 0 || *in.Grace > int64(accounts.MaxGrace/time.Second) {
			return nil, invalid("grace is not a number of seconds within 30 days.")
		}
		grace = time.Duration(*in.Grace) * time.Second
	}
	k, err := c.s.Accounts.RotateKey(c.ctx, c.principal.ID(), c.args[0], grace)
	if err != nil {
		return nil, err
	}
	return c.secret(k)
}

// listSessions is as listKeys.
func (c *call) listSessions() (any, error) {
	all, err := c.sessions(c.principal.ID())
	if err != nil || !c.principal.Narrowed() {
		return all, err
	}
	all.Sessions = slices.DeleteFunc(all.Sessions, func(s Session) bool { return !s.Current })
	return all, nil
}

func (c *call) sessions(account string) (*Sessions, error) {
	list, err := c.s.Accounts.Sessions(c.ctx, account)
	if err != nil {
		return nil, err
	}
	out := &Sessions{Sessions: []Session{}}
	for i := range list {
		s := &list[i]
		v := Session{
			ID: s.ID, Issued: s.Issued, Expires: s.Expires, By: s.By, Name: s.Name, Identity: s.Identity,
			Limited: s.Limited, Groups: s.Groups, Key: s.Key, Address: s.Address, Agent: s.Agent,
			Current: s.ID == c.principal.AccessKeyID,
		}
		use, err := c.s.Accounts.LastUse(c.ctx, s.ID)
		if err != nil {
			return nil, err
		}
		if !use.Time.IsZero() {
			v.LastUsed = &use
		}
		out.Sessions = append(out.Sessions, v)
	}
	return out, nil
}

func (c *call) endSession() (any, error) {
	return struct{}{}, c.s.Accounts.EndSession(c.ctx, c.principal.ID(), c.args[0])
}

func (c *call) endSessions() (any, error) {
	return struct{}{}, c.s.Accounts.EndSessions(c.ctx, c.principal.ID())
}

// setPassword changes the password of who knows the present one. Guessing is slowed
// as at the door.
func (c *call) setPassword() (any, error) {
	var in SetPassword
	if err := c.read(&in); err != nil {
		return nil, err
	}
	if err := accounts.CheckPassword(in.Password); err != nil {
		return nil, err
	}
	_, err := c.s.Accounts.SignIn(c.ctx, c.principal.Account.Name, in.Current, c.ev.RemoteIP)
	switch {
	case errors.Is(err, accounts.ErrNoPasswords):
		return nil, fault{http.StatusNotImplemented, CodeOff, "There are no passwords at this site."}
	case errors.Is(err, accounts.ErrPassword):
		return nil, fault{http.StatusForbidden, CodeDenied, "The present password is wrong, or the account has none."}
	case err != nil:
		return nil, err
	}
	return struct{}{}, c.s.Accounts.SetPassword(c.ctx, c.principal.ID(), in.Password)
}

func (c *call) closeAccount() (any, error) {
	if err := c.s.Accounts.Close(c.ctx, c.principal.ID()); err != nil {
		return nil, err
	}
	return Closing{c.principal.Account.Name, string(catalog.Closing)}, nil
}
