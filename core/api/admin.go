package api

import (
	"context"
	"slices"
	"strconv"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
)

// named is the account that the path names.
func (c *call) named() (*catalog.Account, error) { return c.s.Accounts.ByName(c.ctx, c.args[0]) }

// withUsage is an account as operators see it.
func (c *call) withUsage(a *catalog.Account) (Account, error) {
	v := accountView(a)
	u, err := c.s.Quota.Usage(c.ctx, a.ID)
	v.Used = &u.Bytes
	return v, err
}

func (c *call) listAccounts() (any, error) {
	q := c.r.URL.Query()
	limit := 1000
	if text := q.Get("max"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1000 {
			return nil, invalid("max is not a number from 1 to 1000.")
		}
		limit = n
	}
	page, more, err := c.s.Accounts.List(c.ctx, q.Get("after"), limit)
	if err != nil {
		return nil, err
	}
	out := &Accounts{Accounts: []Account{}}
	state := catalog.State(q.Get("state"))
	for _, a := range page {
		if state != "" && a.State != state {
			continue
		}
		v, err := c.withUsage(a)
		if err != nil {
			return nil, err
		}
		out.Accounts = append(out.Accounts, v)
	}
	if more && len(page) > 0 {
		out.Next = page[len(page)-1].ID
	}
	return out, nil
}

func (c *call) oneAccount() (any, error) {
	a, err := c.named()
	if err != nil {
		return nil, err
	}
	return c.withUsage(a)
}

func subjects(in []Subject) (out []catalog.Subject, err error) {
	for _, s := range in {
		kind := catalog.SubjectKind(s.Kind)
		if kind != catalog.SubjectCertificate && kind != catalog.SubjectOIDC {
			return nil, invalid("A subject is a certificate or oidc; people set their passwords themselves.")
		}
		out = append(out, catalog.Subject{Kind: kind, Name: s.Name, Issuer: s.Issuer})
	}
	return out, nil
}

func (c *call) addAccount() (any, error) {
	var in NewAccount
	if err := c.read(&in); err != nil {
		return nil, err
	}
	c.ev.Target = in.Name
	subs, err := subjects(in.Subjects)
	if err != nil {
		return nil, err
	}
	for i := range subs {
		subs[i].Added = c.now.UTC()
	}
	spec := accounts.NewAccount{
		Name: in.Name, DisplayName: in.DisplayName, Email: in.Email, Role: catalog.Role(in.Role),
		Quota: c.s.DefaultQuota, QuotaCap: c.s.DefaultCap, Groups: in.Groups, Subjects: subs,
	}
	if in.Quota != nil {
		spec.Quota = *in.Quota
	}
	if in.QuotaCap != nil {
		spec.QuotaCap = *in.QuotaCap
	}
	a, err := c.s.Accounts.Add(c.ctx, spec)
	if err != nil {
		return nil, err
	}
	if err := c.s.Accounts.GiveHome(c.ctx, a.ID); err != nil {
		return nil, err
	}
	if a, err = c.s.Accounts.Account(c.ctx, a.ID); err != nil {
		return nil, err
	}
	made := &MadeAccount{Account: accountView(a)}
	if in.Key {
		k, err := c.s.Accounts.AddKey(c.ctx, a.ID, accounts.KeySpec{Label: "first key"})
		if err != nil {
			return nil, err
		}
		if made.Key, err = c.secret(k); err != nil {
			return nil, err
		}
		c.ev.Target = a.Name + "/" + k.ID
	}
	return made, nil
}

func (c *call) changeAccount() (any, error) {
	var in ChangeAccount
	if err := c.read(&in); err != nil {
		return nil, err
	}
	add, err := subjects(in.AddSubjects)
	if err != nil {
		return nil, err
	}
	remove, err := subjects(in.RemoveSubjects)
	if err != nil {
		return nil, err
	}
	a, err := c.named()
	if err != nil {
		return nil, err
	}
	change := func(ctx context.Context) error {
		if err := c.setState(ctx, a, &in); err != nil {
			return err
		}
		_, err := c.s.Accounts.Update(ctx, a.ID, in.apply)
		return err
	}
	if in.takesOperator(a) {
		err = c.s.Accounts.TakeOperator(c.ctx, a.ID, change)
	} else {
		err = change(c.ctx)
	}
	if err != nil {
		return nil, err
	}
	for _, s := range add {
		if err := c.s.Accounts.AddSubject(c.ctx, a.ID, s); err != nil {
			return nil, err
		}
	}
	for _, s := range remove {
		if err := c.s.Accounts.RemoveSubject(c.ctx, a.ID, s); err != nil {
			return nil, err
		}
	}
	if a, err = c.s.Accounts.Account(c.ctx, a.ID); err != nil {
		return nil, err
	}
	return c.withUsage(a)
}

// takesOperator tells whether a change leaves one operator less.
func (in *ChangeAccount) takesOperator(a *catalog.Account) bool {
	if a.Role != catalog.Operator || a.State != catalog.Active {
		return false
	}
	return in.Role != nil && *in.Role != string(catalog.Operator) || in.State != nil && *in.State != string(catalog.Active)
}

// setState suspends an account, or lets it act again.
func (c *call) setState(ctx context.Context, a *catalog.Account, in *ChangeAccount) error {
	if in.State == nil || *in.State == string(a.State) {
		return nil
	}
	why := ""
	if in.Why != nil {
		why = *in.Why
	}
	switch catalog.State(*in.State) {
	case catalog.Suspended:
		return c.s.Accounts.Suspend(ctx, a.ID, why)
	case catalog.Active:
		return c.s.Accounts.Resume(ctx, a.ID)
	}
	return invalid("state: give active or suspended. Requests are approved, and accounts deleted, by calls of their own.")
}

// apply changes what is a matter of the record alone.
func (in *ChangeAccount) apply(a *catalog.Account) error {
	text := func(to *string, v *string) {
		if v != nil {
			*to = *v
		}
	}
	text(&a.Name, in.Name)
	text(&a.DisplayName, in.DisplayName)
	text(&a.Email, in.Email)
	if in.Role != nil {
		a.Role = catalog.Role(*in.Role)
	}
	if in.Quota != nil {
		a.Quota = *in.Quota
	}
	if in.QuotaCap != nil {
		a.QuotaCap = *in.QuotaCap
	}
	if in.Groups != nil {
		a.Groups = slices.Clone(*in.Groups)
	}
	return nil
}
