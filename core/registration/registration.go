// Package registration is how a person gets an account: she shows a
// certificate, signs in at her institute, or brings an invitation. What is
// known of her decides whether a rule approves her at once or an operator does.
// It is a front: an HTTP API for the mucura command and plain pages for
// browsers, which work without script.
package registration

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/api"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

// Provider is an issuer that people can sign in at.
type Provider struct {
	Issuer string // URL
	Name   string // for people
}

// Proof is what binds the end of a sign-in to its beginning.
type Proof struct {
	State, Nonce, Verifier string
}

// Login is who signed in at an issuer.
type Login struct {
	Issuer, Subject string
	Groups          []string
	Expires         time.Time
	Name, UserName  string
	Email           string
	EmailVerified   bool
	Claims          map[string]any
}

// OIDC signs people in at their institutes.
type OIDC interface {
	Providers() []Provider
	// Begin is where the browser is sent; it comes back to redirect.
	Begin(ctx context.Context, issuer, redirect string, p Proof) (string, error)
	// Finish tells who came back with a code.
	Finish(ctx context.Context, issuer, redirect, code string, p Proof) (*Login, error)
}

// Service registers people. Its fields are set before the first request and
// not changed.
type Service struct {
	Accounts *accounts.Service
	// Registry keeps invitations.
	Registry meta.Store
	Rules    []Rule
	// Quota and Cap are of accounts approved without others, bytes.
	Quota, Cap int64
	Now        func() time.Time
	Log        *slog.Logger
}

// Applicant is what is known, and proved, of somebody who wants an account.
type Applicant struct {
	// Subject is how she will be known again; of an invitation a password.
	Subject catalog.Subject
	// Groups are those her proxy or token brings: VOMS FQANs, OIDC groups.
	Groups []string
	VO     string
	// Email is her address if somebody vouches for it.
	Email string
	// Claims are an OIDC token's.
	Claims map[string]any
	// Invitation is the one she brought.
	Invitation *catalog.Invitation
	// Suggested fields, for her to change.
	Name, DisplayName string
}

// Form is what she fills in.
type Form = api.Form

// Outcome is what became of an application.
type Outcome struct {
	Account *catalog.Account
	Request *catalog.Request
	// Rule approved it; "" when it waits for an operator.
	Rule string
	// Known: she had the account before.
	Known bool
}

// ErrTaken: the name or address is another account's.
var ErrTaken = accounts.ErrExists

// Find tells whose account the applicant's subject opens already; the error
// wraps accounts.ErrNotFound when nobody's.
func (s *Service) Find(ctx context.Context, a *Applicant) (*catalog.Account, error) {
	switch a.Subject.Kind {
	case catalog.SubjectCertificate:
		return s.Accounts.ByCertificate(ctx, a.Subject.Name, a.Subject.Issuer)
	case catalog.SubjectOIDC:
		return s.Accounts.ByOIDC(ctx, a.Subject.Issuer, a.Subject.Name)
	}
	return nil, accounts.ErrNotFound
}

// Apply makes an account in state requested, with a request that carries the
// evidence, and approves it if a rule does. Whoever has an account already gets
// to know its state. It may be repeated after a failure: what was cut short is
// finished.
func (s *Service) Apply(ctx context.Context, a *Applicant, f Form) (*Outcome, error) {
	acct, err := s.Find(ctx, a)
	known := err == nil
	if err != nil && !errors.Is(err, accounts.ErrNotFound) {
		return nil, err
	}
	if !known {
		if acct, err = s.add(ctx, a, f); err != nil {
			return nil, err
		}
	}
	out := &Outcome{Account: acct, Known: known}
	if out.Request, err = s.request(ctx, acct, a, f); err != nil || out.Request == nil || out.Request.State != catalog.Pending {
		return out, err
	}
	if rule := s.approving(a); rule != nil {
		out.Rule = rule.String()
		if out.Request, err = s.approve(ctx, out.Request, rule); err != nil {
			return nil, err
		}
		out.Account, err = s.Accounts.Account(ctx, acct.ID)
	}
	s.Log.Info("registration", "account", acct.Name, "id", acct.ID, "subject", a.Subject.Name, "issuer", a.Subject.Issuer, "rule", out.Rule)
	return out, err
}

// add makes the account. The invitation is used up first: it must not be good
// for two who come at once.
func (s *Service) add(ctx context.Context, a *Applicant, f Form) (*catalog.Account, error) {
	if a.Subject.Kind == catalog.SubjectPassword {
		if err := accounts.CheckPassword(f.Password); err != nil {
			return nil, err
		}
	}
	if name := strings.TrimSpace(f.Name); strings.Contains(name, "@") && !strings.EqualFold(name, a.Email) {
		// People sign in by name or address: a name that is somebody else's address
		// would come before her.
		return nil, fmt.Errorf("%w: an account name that is an e-mail address must be the one that is vouched for", ErrForm)
	}
	if a.Invitation != nil {
		if err := s.redeem(ctx, a.Invitation); err != nil {
			return nil, err
		}
	}
	in := accounts.NewAccount{
		Name: strings.TrimSpace(f.Name), DisplayName: strings.TrimSpace(f.DisplayName), Email: strings.TrimSpace(f.Email),
		Quota: s.Quota, QuotaCap: s.Cap, State: catalog.Requested,
	}
	if a.Subject.Kind != catalog.SubjectPassword {
		sub := a.Subject
		sub.Added = s.Now().UTC()
		in.Subjects = []catalog.Subject{sub}
	}
	acct, err := s.Accounts.Add(ctx, in)
	if err == nil && a.Subject.Kind == catalog.SubjectPassword {
		if err = s.Accounts.SetPassword(ctx, acct.ID, f.Password); err != nil {
			err = errors.Join(err, s.Accounts.Remove(ctx, acct.Name))
		}
	}
	if err != nil {
		if a.Invitation != nil {
			s.giveBack(ctx, a.Invitation)
		}
		return nil, err
	}
	return acct, nil
}

// request puts the registration in the queue, unless it is there.
func (s *Service) request(ctx context.Context, acct *catalog.Account, a *Applicant, f Form) (*catalog.Request, error) {
	mine, err := s.Accounts.RequestsBy(ctx, acct.ID)
	if err != nil {
		return nil, err
	}
	for i := range mine {
		if mine[i].Kind == catalog.AskAccount {
			return &mine[i], nil
		}
	}
	if acct.State != catalog.Requested {
		return nil, nil // made by an operator
	}
	return s.Accounts.Ask(ctx, catalog.Request{
		Kind: catalog.AskAccount, Account: acct.ID, Reason: strings.TrimSpace(f.Reason), Evidence: a.evidence(acct),
	})
}

// evidence is what an operator decides by. What she says herself is told apart
// from what somebody vouches for.
func (a *Applicant) evidence(acct *catalog.Account) (list []catalog.Tag) {
	add := func(name, value string) {
		if value != "" {
			list = append(list, catalog.Tag{Key: name, Value: value})
		}
	}
	switch a.Subject.Kind {
	case catalog.SubjectCertificate:
		add("certificate", a.Subject.Name)
		add("issued by", a.Subject.Issuer)
		add("VO", a.VO)
	case catalog.SubjectOIDC:
		add("signed in at", a.Subject.Issuer)
		add("as", a.Subject.Name)
	case catalog.SubjectPassword:
		if a.Invitation != nil {
			add("invitation", a.Invitation.Label)
			add("invited by", a.Invitation.By)
		}
	}
	for i, g := range a.Groups {
		if i == 16 {
			break
		}
		add("group", g)
	}
	add("e-mail, vouched for", a.Email)
	if acct.Email != a.Email {
		add("e-mail, as she says", acct.Email)
	}
	add("name, as she says", acct.DisplayName)
	return list
}

// approving is the first rule that approves an applicant; nil: an operator has to.
func (s *Service) approving(a *Applicant) *Rule {
	for i := range s.Rules {
		if s.Rules[i].approves(a) {
			return &s.Rules[i]
		}
	}
	return nil
}

func (s *Service) approve(ctx context.Context, r *catalog.Request, rule *Rule) (*catalog.Request, error) {
	d := accounts.Decision{Approve: true, By: "rule " + rule.String(), Groups: rule.Groups}
	if rule.Quota != nil {
		d.Bytes = rule.Quota
	}
	d.Cap = rule.Cap
	out, err := s.Accounts.Decide(ctx, r.ID, d)
	if err != nil {
		return nil, fmt.Errorf("approve by rule: %w", err)
	}
	return out, nil
}
