package registration

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/api"
	"github.com/mucura/mucura/core/catalog"
)

// call makes a call of the API as the person who is signed in.
func (v *visit) call(method, path string, in any) (any, error) {
	if v.who == nil {
		return nil, &oops{http.StatusForbidden, "Sign in first.", nil}
	}
	return v.API.Do(v.ctx, v.who, "cookie", v.r, method, path, in)
}

// accountPage is what the account page shows.
type accountPage struct {
	Quota    *api.Quota
	Keys     *api.Keys
	Sessions *api.Sessions
	Requests *api.Requests
	Secret   *api.Secret // of a key just made, shown once
	Endpoint string
	Region   string
	Home     string
	// Password: she has one, and may choose another.
	Password bool
}

func (v *visit) account() error {
	if v.who == nil {
		return v.redirect("/")
	}
	return v.showAccount(nil)
}

func (v *visit) showAccount(made *api.Secret) error {
	p := accountPage{Secret: made, Endpoint: v.Endpoint, Region: v.Region, Home: v.who.Account.Home}
	p.Password = slices.ContainsFunc(v.who.Account.Subjects, func(s catalog.Subject) bool { return s.Kind == catalog.SubjectPassword })
	for path, to := range map[string]func(any){
		"quota":    func(a any) { p.Quota, _ = a.(*api.Quota) },
		"keys":     func(a any) { p.Keys, _ = a.(*api.Keys) },
		"sessions": func(a any) { p.Sessions, _ = a.(*api.Sessions) },
		"requests": func(a any) { p.Requests, _ = a.(*api.Requests) },
	} {
		a, err := v.call(http.MethodGet, path, nil)
		if err != nil {
			return err
		}
		to(a)
	}
	return v.show(http.StatusOK, "account.html", "Your account", p)
}

// setQuota raises or lowers it; above the cap it asks the operators.
func (v *visit) setQuota() error {
	gib, err := strconv.ParseFloat(strings.TrimSpace(v.r.PostForm.Get("gib")), 64)
	if err != nil || !(gib >= 0 && gib <= 1<<30) { // NaN is neither
		return &oops{http.StatusBadRequest, "Give the quota as a number of GiB.", err}
	}
	_, err = v.call(http.MethodPut, "quota", api.SetQuota{Bytes: int64(gib * (1 << 30)), Reason: v.r.PostForm.Get("reason")})
	if err != nil {
		return err
	}
	return v.redirect("/account")
}

// setPassword changes the password, which ends all sessions, and begins another one
// here.
func (v *visit) setPassword() error {
	if v.who == nil {
		return &oops{http.StatusForbidden, "Sign in first.", nil}
	}
	next := v.r.PostForm.Get("password")
	if next != v.r.PostForm.Get("again") {
		return &oops{http.StatusBadRequest, "The two new passwords differ. Nothing was changed.", nil}
	}
	if _, err := v.call(http.MethodPut, "password", api.SetPassword{Current: v.r.PostForm.Get("current"), Password: next}); err != nil {
		return err
	}
	a, err := v.Service.Accounts.Account(v.ctx, v.who.ID())
	if err != nil {
		return err
	}
	return v.signInAs(a, accounts.SessionSpec{By: catalog.ByPassword, Identity: a.Name})
}

func (v *visit) newKey() error {
	in := api.NewKey{Label: v.r.PostForm.Get("label")}
	if days := v.r.PostForm.Get("days"); days != "" {
		n, err := strconv.Atoi(days)
		if err != nil || n < 1 || n > 3650 {
			return &oops{http.StatusBadRequest, "Give the key's life as a number of days.", err}
		}
		in.ExpiresIn = int64(n) * int64((24 * time.Hour).Seconds())
	}
	if b := strings.TrimSpace(v.r.PostForm.Get("bucket")); b != "" {
		in.Scope = catalog.Scope{{Bucket: b, Prefix: v.r.PostForm.Get("prefix"), Access: catalog.Access(v.r.PostForm.Get("access"))}}
	}
	a, err := v.call(http.MethodPost, "keys", in)
	if err != nil {
		return err
	}
	made, _ := a.(*api.Secret)
	return v.showAccount(made)
}

func (v *visit) removeKey() error {
	return v.change(http.MethodDelete, "keys/"+url.PathEscape(v.r.PostForm.Get("id")), nil, "/account")
}

func (v *visit) endSession() error {
	return v.change(http.MethodDelete, "sessions/"+url.PathEscape(v.r.PostForm.Get("id")), nil, "/account")
}

func (v *visit) change(method, path string, in any, then string) error {
	if _, err := v.call(method, path, in); err != nil {
		return err
	}
	return v.redirect(then)
}

// queue is what operators decide.
func (v *visit) queue() error {
	return v.showQueue("")
}

func (v *visit) showQueue(code string) error {
	a, err := v.call(http.MethodGet, "admin/requests?state=pending", nil)
	if err != nil {
		return err
	}
	list, err := v.Service.Invitations(v.ctx)
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, "queue.html", "Requests", struct {
		Requests    any
		Invitations []catalog.Invitation
		Code, Page  string
	}{a, list, code, v.URL + "/register/invitation"})
}

func (v *visit) decide() error {
	what := "reject"
	if v.r.PostForm.Get("decision") == "approve" {
		what = "approve"
	}
	return v.change(http.MethodPost, "admin/requests/"+url.PathEscape(v.r.PostForm.Get("id"))+"/"+what,
		api.Decide{Answer: v.r.PostForm.Get("answer")}, "/queue")
}

// operator makes sure that an operator is signed in, with a session of her own.
func (v *visit) operator() error {
	if v.who == nil || !v.who.IsOperator() || v.who.Limited() || v.who.Narrowed() {
		return &oops{http.StatusForbidden, "This page is for operators.", nil}
	}
	return nil
}

func (v *visit) invite() error {
	if err := v.operator(); err != nil {
		return err
	}
	uses, err := strconv.Atoi(v.r.PostForm.Get("uses"))
	if err != nil {
		return &oops{http.StatusBadRequest, "Give the number of people it is for.", err}
	}
	code, _, err := v.Service.Invite(v.ctx, catalog.Invitation{Label: v.r.PostForm.Get("label"), By: v.who.Account.Name, Uses: uses})
	if err != nil {
		return err
	}
	v.Service.Log.Info("invitation made", "by", v.who.Account.Name, "label", v.r.PostForm.Get("label"), "uses", uses)
	return v.showQueue(code)
}

func (v *visit) withdraw() error {
	if err := v.operator(); err != nil {
		return err
	}
	if err := v.Service.Withdraw(v.ctx, v.r.PostForm.Get("id")); err != nil {
		return err
	}
	return v.redirect("/queue")
}
