package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/api"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/gridproxy"
	"github.com/mucura/mucura/core/registration"
	"github.com/mucura/mucura/core/seal"
	"github.com/mucura/mucura/core/sts"
	"github.com/mucura/mucura/core/x509sig"
)

// Parts are what people are known by, made by adapters. What is nil is not
// offered.
type Parts struct {
	OIDC interface {
		registration.OIDC
		sts.WebIdentity
		// Login tells who a token speaks for, to register her.
		Login(ctx context.Context, token string) (*registration.Login, error)
	}
	Passwords accounts.Hasher
	Mailer    registration.Mailer
}

// Register adds registration, with parts made by adapters. Call it once, before
// serving.
func (a *App) Register(p Parts) error {
	c := a.Config
	if p.Passwords != nil {
		a.Accounts.Passwords = p.Passwords
	}
	a.Auth.Signed = signedRequests{signedHosts(c)}
	svc := &registration.Service{
		Accounts: a.Accounts, Registry: a.Accounts.Registry, Quota: int64(c.DefaultQuota), Cap: int64(c.DefaultQuotaCap), Now: time.Now, Log: a.Log,
	}
	for _, text := range c.Approve {
		rule, err := registration.ParseRule(text, config.ParseSize)
		if err != nil {
			return err
		}
		svc.Rules = append(svc.Rules, rule)
	}
	web := c.WebURL
	if c.WebListen == "off" {
		web = ""
	}
	site := c.SiteName
	if site == "" {
		site = "Mucura"
	}
	if p.Mailer != nil {
		n := &registration.Notices{Service: svc, Mailer: p.Mailer, Operators: c.Operators, URL: web, Site: site}
		a.Accounts.Notify = n.Notify
	}
	box, err := seal.New(a.Stores.SiteKey, a.Stores.OldSiteKeys...)
	if err != nil {
		return err
	}
	a.OnSiteKeys(box.Set)
	a.Web = &registration.Web{
		Service: svc, API: a.API, Box: box, URL: web, Endpoint: c.Endpoint, Region: c.Region, Site: site,
	}
	programs := &registration.API{Service: svc}
	if p.OIDC != nil {
		a.Web.OIDC, a.Auth.OIDC = p.OIDC, p.OIDC
		programs.Token = func(r *http.Request, token string) (*registration.Login, error) {
			return p.OIDC.Login(r.Context(), token)
		}
	}
	if a.Trust != nil {
		programs.Chain = a.signedChain
		if c.AuthURL != "" && web != "" {
			a.Web.CertificateURL, a.Web.Chain = c.AuthURL+"/-/register", a.shownChain
		}
	}
	a.API.Register = http.HandlerFunc(programs.Register)
	a.API.Login = http.HandlerFunc(programs.Login)
	a.API.Inviter = inviter{svc}
	if a.Auth.RegisterHint == "" && web != "" {
		a.Auth.RegisterHint = "Register at " + web + " or with \"mucura register\"."
	}
	return a.Web.Init()
}

// inviter gives the API the errors it knows.
type inviter struct{ *registration.Service }

func (i inviter) Invite(ctx context.Context, in catalog.Invitation) (string, *catalog.Invitation, error) {
	code, made, err := i.Service.Invite(ctx, in)
	if errors.Is(err, registration.ErrForm) {
		err = fmt.Errorf("%w: %s", accounts.ErrInvalid, strings.TrimPrefix(err.Error(), registration.ErrForm.Error()+": "))
	}
	return code, made, err
}

func (i inviter) Withdraw(ctx context.Context, id string) error {
	err := i.Service.Withdraw(ctx, id)
	if errors.Is(err, registration.ErrInvitation) {
		err = fmt.Errorf("%w: %w", accounts.ErrNotFound, err)
	}
	return err
}

// signedRequests verifies requests signed with a certificate's key.
type signedRequests struct{ hosts []string }

func (s signedRequests) Verify(r *http.Request, body []byte, now time.Time) ([][]byte, error) {
	return x509sig.Verify(r, body, now, s.hosts)
}

// shownChain verifies the certificate that a browser showed in the handshake,
// or a trusted terminator tells of.
func (a *App) shownChain(r *http.Request) (*gridproxy.Result, error) {
	chain, err := a.Auth.Chain(r)
	if err != nil {
		return nil, err
	}
	return a.verified(r.Context(), chain)
}

// signedChain is shownChain, or the chain by which a request is signed.
func (a *App) signedChain(r *http.Request, body []byte) (*gridproxy.Result, error) {
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-X509-") {
		return a.shownChain(r)
	}
	chain, err := a.Auth.Signed.Verify(r, body, time.Now())
	if err != nil {
		return nil, &api.Error{Code: api.CodeDenied, Message: err.Error(), Status: http.StatusForbidden}
	}
	return a.verified(r.Context(), chain)
}

func (a *App) verified(ctx context.Context, chain [][]byte) (*gridproxy.Result, error) {
	if chain == nil {
		return nil, registration.ErrNoCertificate
	}
	trust, err := a.Trust.Trust(ctx)
	if err != nil {
		return nil, err
	}
	return gridproxy.Verify(chain, time.Now(), trust, a.Auth.Options)
}

// Pages is the handler of the pages' own listener.
func (a *App) Pages() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.Auth.Strip(r)
		a.Web.ServeHTTP(w, r)
	})
}

// authHost answers on the host that asks for certificates: the door for
// certificates, registration by program, and the authentication server.
func (a *App) authHost(w http.ResponseWriter, r *http.Request) {
	if api.Is(r) && strings.TrimPrefix(r.URL.Path, api.Prefix) == "register" && a.API.Register != nil {
		a.API.Register.ServeHTTP(w, r)
		return
	}
	if a.Web != nil && a.Web.Door(w, r) {
		return
	}
	a.Auth.ServeHTTP(w, r)
}
