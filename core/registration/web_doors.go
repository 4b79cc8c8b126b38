package registration

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
)

// ticket carries who somebody has shown to be from one page to the next.
type ticket struct {
	Applicant Applicant
	Expires   time.Time // of the ticket
	Ends      time.Time // of what she showed
	Chain     string    // how deep her proxy is, for the log
}

func (v *visit) issueTicket(a *Applicant, ends, expires time.Time) (string, error) {
	return v.sealText("ticket", ticket{Applicant: *a, Expires: expires, Ends: ends})
}

// fresh is when a ticket expires that is issued to somebody who has just shown who
// she is.
func (v *visit) fresh() time.Time { return v.Service.Now().Add(ticketLife) }

func (v *visit) openTicket() (*ticket, error) {
	var t ticket
	if v.openText("ticket", v.r.PostForm.Get("ticket"), &t) != nil || !v.Service.Now().Before(t.Expires) {
		return nil, &oops{http.StatusForbidden, "This took too long. Begin again.", nil}
	}
	return &t, nil
}

// welcome is the first page: the doors.
func (v *visit) welcome() error {
	if v.who != nil {
		return v.redirect("/account")
	}
	var data struct {
		Providers   []Provider
		Certificate string
		Passwords   bool
	}
	if v.OIDC != nil {
		data.Providers = v.OIDC.Providers()
	}
	data.Certificate, data.Passwords = v.CertificateURL, v.Service.Accounts.Passwords != nil
	return v.show(http.StatusOK, "welcome.html", "Welcome", data)
}

// signIn is by name and password.
func (v *visit) signIn() error {
	a, err := v.Service.Accounts.SignIn(v.ctx, v.r.PostForm.Get("name"), v.r.PostForm.Get("password"), remoteIP(v.r))
	if errors.Is(err, accounts.ErrPassword) || errors.Is(err, accounts.ErrNoPasswords) {
		return &oops{http.StatusForbidden, "Name or password is wrong.", err}
	}
	if err != nil {
		return err
	}
	return v.signInAs(a, accounts.SessionSpec{By: catalog.ByPassword, Identity: a.Name})
}

func (v *visit) signOut() error {
	if v.who != nil && v.who.Session != nil {
		if err := v.Service.Accounts.EndSession(v.ctx, v.who.ID(), v.who.Session.ID); err != nil {
			return err
		}
	}
	v.setCookie(stayCookie, "", 0, http.SameSiteStrictMode)
	return v.redirect("/")
}

// away is the cookie of somebody who is signing in at an issuer.
type away struct {
	Issuer  string
	Proof   Proof
	Expires time.Time
}

func (v *visit) callback() string { return v.URL + "/signin/oidc/callback" }

// toIssuer sends the browser to an institute's login.
func (v *visit) toIssuer() error {
	if v.OIDC == nil {
		return &oops{http.StatusNotFound, "Nobody signs in at an institute here.", nil}
	}
	a := away{v.r.PostForm.Get("issuer"), Proof{rand.Text(), rand.Text(), rand.Text() + rand.Text()}, v.Service.Now().Add(ticketLife)}
	to, err := v.OIDC.Begin(v.ctx, a.Issuer, v.callback(), a.Proof)
	if err != nil {
		return &oops{http.StatusBadGateway, "Your institute's login does not answer. Try again.", err}
	}
	text, err := v.sealText("issuer", a)
	if err != nil {
		return err
	}
	v.setCookie(issuerCookie, text, ticketLife, http.SameSiteLaxMode)
	return v.redirect(to)
}

// fromIssuer is where the browser comes back.
func (v *visit) fromIssuer() error {
	var a away
	q := v.r.URL.Query()
	bad := v.openText("issuer", v.cookie(issuerCookie), &a)
	v.setCookie(issuerCookie, "", 0, http.SameSiteLaxMode)
	switch {
	case v.OIDC == nil || bad != nil || !v.Service.Now().Before(a.Expires) || q.Get("state") != a.Proof.State:
		return &oops{http.StatusForbidden, "This sign-in was not begun in this browser, or took too long. Begin again.", bad}
	case q.Has("iss") && q.Get("iss") != a.Issuer: // RFC 9207: another one's code must not be taken to this one
		return &oops{http.StatusForbidden, "Another institute's login answered than was asked. Begin again.", nil}
	case q.Get("error") != "":
		return &oops{http.StatusForbidden, "Your institute's login refused: " + clipText(q.Get("error_description")+" ("+q.Get("error")+")"), nil}
	}
	l, err := v.OIDC.Finish(v.ctx, a.Issuer, v.callback(), q.Get("code"), a.Proof)
	if err != nil {
		return &oops{http.StatusBadGateway, "Your institute's login could not be verified. Begin again.", err}
	}
	return v.known(FromLogin(l), l.Expires, v.fresh())
}

func clipText(s string) string { return strings.ToValidUTF8(s[:min(len(s), 300)], "") }

// certificate is the door on the host that asks for certificates. It shows who
// the certificate is of, and has the browser carry that to the pages.
func (v *visit) certificate() error {
	res, err := v.Chain(v.r)
	if err != nil {
		return err
	}
	a, err := FromChain(res)
	if err != nil {
		return err
	}
	t, err := v.issueTicket(a, res.NotAfter, v.fresh())
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, "certificate.html", "Your certificate", struct {
		*Applicant
		Ticket, To string
	}{a, t, v.URL + "/enter"})
}

// enter takes who comes from the host that asks for certificates. It does
// nothing yet: another site might have sent the ticket of somebody else.
func (v *visit) enter() error {
	t, err := v.openTicket()
	if err != nil {
		return err
	}
	if v.crumb == "" { // the cookie is not sent across sites; a new one is as good
		v.crumb = rand.Text()
		v.setCookie(crumbCookie, v.crumb, 24*time.Hour, http.SameSiteStrictMode)
	}
	return v.known(&t.Applicant, t.Ends, t.Expires)
}

// known greets an applicant who has an account, and gives the form to one who
// has not. What she showed counts until expires, through however many pages.
func (v *visit) known(a *Applicant, ends, expires time.Time) error {
	acct, err := v.Service.Find(v.ctx, a)
	if err != nil && !errors.Is(err, accounts.ErrNotFound) {
		return err
	}
	t, terr := v.issueTicket(a, ends, expires)
	if terr != nil {
		return terr
	}
	if err == nil {
		return v.show(http.StatusOK, "continue.html", "Welcome back", struct {
			Account *catalog.Account
			Ticket  string
		}{acct, t})
	}
	return v.form(http.StatusOK, a, t, Form{Name: a.Name, DisplayName: a.DisplayName, Email: a.Email}, "")
}

func (v *visit) form(status int, a *Applicant, ticket string, f Form, wrong string) error {
	return v.show(status, "register.html", "Register", struct {
		Applicant *Applicant
		Ticket    string
		Form      Form
		Wrong     string
	}{a, ticket, f, wrong})
}

// signInByTicket signs in whoever said "that is me".
func (v *visit) signInByTicket() error {
	t, err := v.openTicket()
	if err != nil {
		return err
	}
	acct, err := v.Service.Find(v.ctx, &t.Applicant)
	if err != nil {
		return err
	}
	return v.signInAs(acct, t.session())
}

// session is what somebody who came with a certificate or an institute's login
// works with. It does not outlast what she showed.
func (t *ticket) session() accounts.SessionSpec {
	spec := accounts.SessionSpec{Identity: t.Applicant.Subject.Name, Issuer: t.Applicant.Subject.Issuer, Groups: t.Applicant.Groups}
	switch t.Applicant.Subject.Kind {
	case catalog.SubjectCertificate:
		spec.By, spec.NotAfter = catalog.ByX509, t.Ends
	case catalog.SubjectOIDC:
		spec.By = catalog.ByOIDC // an ID token tells who signed in, not for how long
	default:
		spec.By = catalog.ByPassword
	}
	return spec
}

// apply takes the form of somebody who came with a certificate or login.
func (v *visit) apply() error {
	t, err := v.openTicket()
	if err != nil {
		return err
	}
	f := v.filled()
	out, err := v.Service.Apply(v.ctx, &t.Applicant, f)
	if wrong := formProblem(err); wrong != "" {
		return v.form(http.StatusBadRequest, &t.Applicant, v.r.PostForm.Get("ticket"), f, wrong)
	}
	if err != nil {
		return err
	}
	return v.signInAs(out.Account, t.session())
}

func (v *visit) filled() Form {
	p := v.r.PostForm
	return Form{
		Name: p.Get("name"), DisplayName: p.Get("display_name"), Email: p.Get("email"), Reason: p.Get("reason"), Password: p.Get("password"),
	}
}

// formProblem is what to tell somebody about her form; "" when the form is not
// to blame.
func formProblem(err error) string {
	switch {
	case errors.Is(err, accounts.ErrExists):
		return "This name or address is taken. Choose another one."
	case errors.Is(err, accounts.ErrInvalid), errors.Is(err, ErrForm):
		return err.Error()
	}
	return ""
}

func (v *visit) invitationForm() error {
	return v.show(http.StatusOK, "invitation.html", "Register with an invitation", invitationPage{})
}

type invitationPage struct {
	Code  string
	Form  Form
	Wrong string
}

// invitationApply takes an invitation's form.
func (v *visit) invitationApply() error {
	if v.Service.Accounts.Passwords == nil {
		return &oops{http.StatusNotFound, "There are no passwords at this site.", nil}
	}
	code, f := v.r.PostForm.Get("code"), v.filled()
	out, err := v.Service.ApplyInvited(v.ctx, code, f, remoteIP(v.r))
	wrong := formProblem(err)
	if errors.Is(err, ErrInvitation) {
		wrong = "The code is not valid, or is used up."
	}
	if wrong != "" {
		f.Password = ""
		return v.show(http.StatusBadRequest, "invitation.html", "Register with an invitation", invitationPage{code, f, wrong})
	}
	if err != nil {
		return err
	}
	return v.signInAs(out.Account, accounts.SessionSpec{By: catalog.ByPassword, Identity: out.Account.Name})
}

// waiting tells somebody whose account is not active how things stand.
func (v *visit) waiting(a *catalog.Account) error {
	list, err := v.Service.Accounts.RequestsBy(v.ctx, a.ID)
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, "waiting.html", "Your account", struct {
		Account  *catalog.Account
		Requests []catalog.Request
	}{a, list})
}

// ApplyInvited registers whoever brings an invitation's code and chooses a
// password. Guessing codes is slowed by address.
func (s *Service) ApplyInvited(ctx context.Context, code string, f Form, address string) (*Outcome, error) {
	slow := accounts.Slowed{Kind: accounts.SlowCode, Who: address}
	if err := s.Accounts.MayTry(ctx, slow); err != nil {
		return nil, err
	}
	in, err := s.Invitation(ctx, code)
	if err != nil {
		return nil, err
	}
	if err := s.Accounts.Succeeded(ctx, slow); err != nil {
		return nil, err
	}
	if f.Password == "" {
		return nil, fmt.Errorf("%w: choose a password", ErrForm)
	}
	return s.Apply(ctx, FromInvitation(in), f)
}
