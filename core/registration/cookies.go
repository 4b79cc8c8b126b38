package registration

import (
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
)

// Names of cookies. Over HTTPS they carry the prefix that ties them to their
// host (RFC 6265bis, section 4.1.3).
const (
	stayCookie   = "mucura-stay"
	crumbCookie  = "mucura-crumb"
	issuerCookie = "mucura-issuer"
)

func (v *visit) secure() bool { return strings.HasPrefix(v.URL, "https:") }

func (v *visit) cookieName(name string) string {
	if v.secure() {
		return "__Host-" + name
	}
	return name
}

// setCookie sets a cookie no script can read. An empty value removes it.
func (v *visit) setCookie(name, value string, life time.Duration, mode http.SameSite) {
	c := &http.Cookie{
		Name: v.cookieName(name), Value: value, Path: "/", HttpOnly: true, Secure: v.secure(), SameSite: mode, MaxAge: int(life / time.Second),
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(v.w, c)
}

func (v *visit) cookie(name string) string {
	c, err := v.r.Cookie(v.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

// readCrumb gives the random text that forms must repeat; a browser that has
// none yet gets one. Other sites cannot read it.
func (v *visit) readCrumb() string {
	if c := v.cookie(crumbCookie); len(c) == len(rand.Text()) {
		return c
	}
	if v.r.Method != http.MethodGet {
		return ""
	}
	c := rand.Text()
	v.setCookie(crumbCookie, c, 24*time.Hour, http.SameSiteStrictMode)
	return c
}

// stay is what the cookie of somebody who signed in holds: a session, which is
// checked at every request as that of an S3 client.
type stay struct {
	ID, Token string
}

func (v *visit) readStay() error {
	text := v.cookie(stayCookie)
	if text == "" {
		return nil
	}
	var s stay
	if v.openText("stay", text, &s) != nil {
		v.setCookie(stayCookie, "", 0, http.SameSiteStrictMode)
		return nil
	}
	key, err := v.Service.Accounts.Key(v.ctx, s.ID, s.Token)
	if err != nil {
		if unavailable(err) {
			return err
		}
		v.setCookie(stayCookie, "", 0, http.SameSiteStrictMode) // ended, expired or suspended
		return nil
	}
	v.who, _ = key.Owner.(*catalog.Principal)
	return nil
}

// signInAs begins a session of an account and has the browser keep it. An
// account that is not active gets a page that says so.
func (v *visit) signInAs(a *catalog.Account, spec accounts.SessionSpec) error {
	if a.State != catalog.Active {
		return v.waiting(a)
	}
	spec.Account, spec.Lifetime, spec.Name = a.ID, stayLife, "browser"
	spec.Address, spec.Agent = remoteIP(v.r), v.r.UserAgent()
	creds, _, err := v.Service.Accounts.Issue(v.ctx, spec)
	if errors.Is(err, accounts.ErrNotActive) {
		return &oops{http.StatusForbidden, "The account is not active.", err}
	}
	if err != nil {
		return err
	}
	text, err := v.sealText("stay", stay{creds.AccessKeyID, creds.SessionToken})
	if err != nil {
		return err
	}
	v.setCookie(stayCookie, text, stayLife, http.SameSiteStrictMode)
	// A page, not a redirect: whoever comes from another site's page would not
	// send this cookie along with it.
	return v.show(http.StatusOK, "signedin.html", "Signed in", a)
}
