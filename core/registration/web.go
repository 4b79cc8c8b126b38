package registration

import (
	"context"
	"crypto/subtle"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/api"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/gridproxy"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/seal"
)

//go:embed pages/*.html pages/style.css pages/icon.svg
var files embed.FS

// Web is the pages. They must have an origin of their own: what people store is
// not to share one with the pages that manage their keys.
type Web struct {
	Service *Service
	API     *api.Server
	OIDC    OIDC // nil: nobody signs in at an institute
	// Box seals what a browser keeps for us.
	Box *seal.Box
	// URL is where the pages are reached, without a slash at the end.
	URL string
	// CertificateURL is where the door for certificates is, on a host that asks
	// for one; "" when there is none.
	CertificateURL string
	// Chain verifies the certificate of a request; nil without that door.
	Chain func(r *http.Request) (*gridproxy.Result, error)
	// Endpoint and Region are the S3 service's, for client settings.
	Endpoint, Region string
	Site             string

	pages *template.Template
	mux   *http.ServeMux
	doors *http.ServeMux // on the host that asks for certificates
}

const (
	maxForm = 64 << 10 // bytes
	// ticketLife is how long somebody may take over a form.
	ticketLife = 30 * time.Minute
	// stayLife is how long a browser stays signed in.
	stayLife = 8 * time.Hour
)

// Init makes the pages ready; call it once.
func (w *Web) Init() error {
	var err error
	w.pages, err = template.New("").Funcs(template.FuncMap{
		"bytes": bytesText,
		"time":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") },
	}).ParseFS(files, "pages/*.html")
	if err != nil {
		return err
	}
	w.mux = http.NewServeMux()
	page := func(pattern string, h func(*visit) error) { w.mux.HandleFunc(pattern, w.serve(h)) }
	page("GET /{$}", (*visit).welcome)
	page("POST /signin", (*visit).signIn)
	page("POST /signin/oidc", (*visit).toIssuer)
	page("GET /signin/oidc/callback", (*visit).fromIssuer)
	page("POST /enter", (*visit).enter)
	page("POST /signin/ticket", (*visit).signInByTicket)
	page("GET /register/invitation", (*visit).invitationForm)
	page("POST /register/invitation", (*visit).invitationApply)
	page("POST /register", (*visit).apply)
	page("POST /signout", (*visit).signOut)
	page("GET /account", (*visit).account)
	page("POST /account/quota", (*visit).setQuota)
	page("POST /account/password", (*visit).setPassword)
	page("POST /account/keys", (*visit).newKey)
	page("POST /account/keys/remove", (*visit).removeKey)
	page("POST /account/sessions/end", (*visit).endSession)
	page("GET /queue", (*visit).queue)
	page("POST /queue", (*visit).decide)
	page("POST /invitations", (*visit).invite)
	page("POST /invitations/withdraw", (*visit).withdraw)
	page("GET /", (*visit).nothing)
	w.mux.HandleFunc("GET /style.css", w.file("style.css"))
	w.mux.HandleFunc("GET /icon.svg", w.file("icon.svg"))
	w.doors = http.NewServeMux()
	w.doors.HandleFunc("GET /-/register", w.serve((*visit).certificate))
	w.doors.HandleFunc("GET /-/style.css", w.file("style.css"))
	return nil
}

// ServeHTTP answers on the pages' own host.
func (w *Web) ServeHTTP(rw http.ResponseWriter, r *http.Request) { w.mux.ServeHTTP(rw, r) }

// Door answers on the host that asks for certificates; false when the request
// is none of its business.
func (w *Web) Door(rw http.ResponseWriter, r *http.Request) bool {
	if w.Chain == nil || (r.URL.Path != "/-/register" && r.URL.Path != "/-/style.css") {
		return false
	}
	w.doors.ServeHTTP(rw, r)
	return true
}

// visit is one request of a browser.
type visit struct {
	*Web
	w   http.ResponseWriter
	r   *http.Request
	ctx context.Context
	// who is signed in; nil: nobody.
	who *catalog.Principal
	// crumb binds forms to the browser.
	crumb string
}

// headers keep a page from being framed, scripted, cached or leaked.
func headers(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' https: http:; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // with no-referrer, forms would come from "null"
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// serve runs a page, and shows what went wrong with it.
func (w *Web) serve(h func(*visit) error) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		headers(rw.Header())
		v := &visit{Web: w, w: rw, r: r, ctx: r.Context()}
		if err := v.prepare(); err != nil {
			v.problem(err)
			return
		}
		if err := h(v); err != nil {
			v.problem(err)
		}
	}
}

// oops is an error for a person to read.
type oops struct {
	status int
	text   string
	cause  error
}

func (e *oops) Error() string { return e.text }
func (e *oops) Unwrap() error { return e.cause }

// prepare reads cookies and forms, and refuses what another site made the
// browser send.
func (v *visit) prepare() error {
	v.crumb = v.readCrumb()
	if err := v.readStay(); err != nil {
		return err
	}
	if v.r.Method != http.MethodPost {
		return nil
	}
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
	if err := api.InTime(v.w, v.r.ParseForm); err != nil {
		return &oops{http.StatusBadRequest, "The form could not be read.", err}
	}
	if v.r.URL.Path == "/enter" {
		return nil // comes from the host that asks for certificates, with a ticket
	}
	if !v.ours() {
		return &oops{http.StatusForbidden, "The form came from another site.", nil}
	}
	if v.crumb == "" || subtle.ConstantTimeCompare([]byte(v.r.PostForm.Get("crumb")), []byte(v.crumb)) != 1 {
		return &oops{http.StatusForbidden, "The form is too old. Go back, load the page again and send it once more.", nil}
	}
	return nil
}

// ours tells whether a form came from these pages, as far as the browser says. A
// port of its own makes an origin, but cookies know no ports: a page that somebody
// stored in a bucket may set some for us, where the S3 endpoint has the same host
// name. So a crumb alone proves nothing. Such a page can also have its Origin be
// "null"; ours do not.
func (v *visit) ours() bool {
	origin, site := v.r.Header.Get("Origin"), v.r.Header.Get("Sec-Fetch-Site")
	switch {
	case origin != "" && origin != "null" && !strings.EqualFold(origin, v.origin()):
		return false
	case site == "": // an older browser
		return origin != "null"
	}
	return site == "same-origin" || site == "none"
}

// origin is that of the pages.
func (v *visit) origin() string {
	u, err := url.Parse(v.URL)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// page is what every template gets.
type page struct {
	Site, Title string
	Crumb       string
	Who         *catalog.Account
	Operator    bool
	Base        string // of links: "" on the pages' host, their URL elsewhere
	Style       string
	Data        any
}

func (v *visit) show(status int, name, title string, data any) error {
	p := page{Site: v.Site, Title: title, Crumb: v.crumb, Data: data, Style: "/style.css"}
	if strings.HasPrefix(v.r.URL.Path, "/-/") {
		p.Base, p.Style = v.URL, "/-/style.css"
	}
	if v.who != nil {
		p.Who, p.Operator = v.who.Account, v.who.IsOperator()
	}
	var b strings.Builder
	if err := v.pages.ExecuteTemplate(&b, name, p); err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(status)
	_, err := v.w.Write([]byte(b.String()))
	if err != nil {
		return nil // the browser has gone
	}
	return nil
}

// problem shows an error. What a person can do nothing about is logged, and
// not shown.
func (v *visit) problem(err error) {
	status, text := http.StatusInternalServerError, "Something went wrong here. Try again in a minute."
	var o *oops
	var slowed *accounts.SlowedError
	var refused *gridproxy.Refusal
	var failed *api.Error
	switch {
	case errors.As(err, &o):
		status, text = o.status, o.text
	case errors.As(err, &slowed):
		status, text = http.StatusTooManyRequests, "Too many tries. Wait "+slowed.After.Round(time.Second).String()+" and try again."
	case errors.As(err, &refused):
		status, text = http.StatusForbidden, "Your certificate is refused: "+refused.Error()
	case errors.As(err, &failed):
		status, text = failed.Status, failed.Message
	case errors.Is(err, accounts.ErrNotFound):
		status, text = http.StatusNotFound, "There is no such account, key, session or invitation any more. Begin again."
	case errors.Is(err, accounts.ErrOtherIssuer):
		status, text = http.StatusForbidden, "There is an account for this subject, registered with a certificate of another authority. Ask the operators."
	case errors.Is(err, accounts.ErrNotActive):
		status, text = http.StatusForbidden, "The account is not active."
	case errors.Is(err, accounts.ErrInvalid), errors.Is(err, accounts.ErrExists), errors.Is(err, ErrForm), errors.Is(err, ErrLimited), errors.Is(err, ErrInvitation):
		status, text = http.StatusBadRequest, err.Error()
	}
	if status >= 500 {
		v.Service.Log.Error("page failed", "path", v.r.URL.Path, "error", err.Error())
	}
	if serr := v.show(status, "problem.html", "That did not work", text); serr != nil {
		http.Error(v.w, text, status)
	}
}

func (v *visit) redirect(path string) error {
	http.Redirect(v.w, v.r, path, http.StatusSeeOther)
	return nil
}

// nothing answers for pages that there are none of.
func (v *visit) nothing() error {
	return &oops{http.StatusNotFound, "There is no such page.", nil}
}

func (w *Web) file(name string) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		headers(rw.Header())
		rw.Header().Set("Cache-Control", "max-age=3600")
		http.ServeFileFS(rw, r, files, "pages/"+name)
	}
}

// sealText seals a value as text for a cookie or a form field of one purpose.
func (w *Web) sealText(purpose string, value any) (string, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(w.Box.Seal(text, []byte("page "+purpose))), nil
}

// openText is the inverse of sealText.
func (w *Web) openText(purpose, text string, value any) error {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	plain, err := w.Box.Open(b, []byte("page "+purpose))
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, value)
}

// unavailable tells whether an error is the store's, and passes.
func unavailable(err error) bool { return s3err.From(err).Status >= 500 }
