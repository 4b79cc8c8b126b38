package setup

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"html/template"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/mucura/mucura/appliance/internal/disks"
	"github.com/mucura/mucura/appliance/internal/site"
	"github.com/mucura/mucura/appliance/internal/spec"
)

//go:embed page.html style.css
var assets embed.FS

var pages = template.Must(template.ParseFS(assets, "page.html"))

// authorityPath is where mucurad gives its authority's certificate away, too.
const authorityPath = "/-/ca.pem"

// cookie cannot be set by other hosts, nor over plain HTTP.
const cookie = "__Host-setup"

// maxForm bounds a form: certificates are its largest part.
const maxForm = 256 << 10

// Handler is everything that HTTPS serves.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.ask)
	mux.HandleFunc("POST /{$}", s.enter)
	mux.HandleFunc("GET /setup", s.show)
	mux.HandleFunc("POST /setup", s.take)
	mux.HandleFunc("GET "+authorityPath, s.giveAuthority)
	mux.HandleFunc("GET /-/live", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("set-up\n")) })
	mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, assets, "style.css") })
	guarded := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		guarded.ServeHTTP(w, r)
	})
}

// plainHandler is everything that HTTP serves: the authority to trust, and the
// way to HTTPS.
func (s *Server) plainHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+authorityPath, s.giveAuthority)
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		name := r.Host
		if h, _, err := net.SplitHostPort(r.Host); err == nil {
			name = h
		}
		if _, port, err := net.SplitHostPort(s.Listen); err == nil && port != "443" && port != "0" {
			name = net.JoinHostPort(name, port)
		}
		http.Redirect(w, r, (&url.URL{Scheme: "https", Host: name, Path: "/"}).String(), http.StatusFound)
	})
	return mux
}

func (s *Server) giveAuthority(w http.ResponseWriter, _ *http.Request) {
	s.certMu.Lock()
	ca := s.authority
	s.certMu.Unlock()
	w.Header().Set("Content-Type", "application/x-pem-file")
	w.Header().Set("Content-Disposition", `attachment; filename="mucura-ca.pem"`)
	_, _ = w.Write(ca)
}

// view is what the page shows; which of its parts follows from Step.
type view struct {
	Step     string // code, form, done, late
	Problems []string
	Token    string
	Form     *form
	Disks    []choice
	State    *disks.Status
	Key      site.Key
	Endpoint string
	People   string
	Print    string // fingerprint of the authority
	Internal bool
}

func (s *Server) render(w http.ResponseWriter, status int, v *view) {
	s.certMu.Lock()
	v.Print = s.fingerprint
	s.certMu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if err := pages.Execute(w, v); err != nil {
		s.Log("page: %v", err) // the reader has gone
	}
}

func (s *Server) ask(w http.ResponseWriter, _ *http.Request) {
	s.render(w, http.StatusOK, &view{Step: "code"})
}

// enter takes the code and gives a session for it.
func (s *Server) enter(w http.ResponseWriter, r *http.Request) {
	if wait := s.limiter.wait(r.RemoteAddr); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		s.render(w, http.StatusTooManyRequests, &view{Step: "code", Problems: []string{"Too many wrong codes. Wait " + wait.Round(time.Second).String() + "."}})
		return
	}
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the form cannot be read", http.StatusBadRequest)
		return
	}
	if !same(normal(r.PostForm.Get("code")), normal(s.code)) {
		s.limiter.failed(r.RemoteAddr)
		s.Log("wrong set-up code from %s", r.RemoteAddr)
		s.render(w, http.StatusForbidden, &view{Step: "code", Problems: []string{"This is not the code that the console shows."}})
		return
	}
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: s.sessions.start(), Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	http.Redirect(w, r, "/setup", http.StatusSeeOther)
}

// session gives the session of a request, "" when it has none.
func (s *Server) session(r *http.Request) string {
	c, err := r.Cookie(cookie)
	if err != nil || !s.sessions.valid(c.Value) {
		return ""
	}
	return c.Value
}

func (s *Server) show(w http.ResponseWriter, r *http.Request) {
	session := s.session(r)
	if session == "" {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	s.showForm(w, r, session, formOf(s.Preset), nil)
}

func (s *Server) showForm(w http.ResponseWriter, r *http.Request, session string, f *form, problems []string) {
	v := &view{Step: "form", Problems: problems, Form: f, Token: token(session)}
	var err error
	if v.State, err = disks.Recorded(s.Site.Host); err != nil {
		v.State = &disks.Status{State: disks.Volatile, Message: "the state of the data disk is unknown"}
	}
	if v.State.State == disks.Volatile {
		if v.Disks, err = s.choices(r.Context(), f); err != nil {
			v.Problems = append(v.Problems, "The disks cannot be listed: "+err.Error())
		}
	}
	status := http.StatusOK
	if len(problems) > 0 {
		status = http.StatusUnprocessableEntity
	}
	s.render(w, status, v)
}

// take claims the appliance with what the form says.
func (s *Server) take(w http.ResponseWriter, r *http.Request) {
	session := s.session(r)
	if session == "" {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the form cannot be read", http.StatusBadRequest)
		return
	}
	if !same(r.PostForm.Get("token"), token(session)) {
		http.Error(w, "this form is not from here", http.StatusForbidden)
		return
	}
	f := readForm(r.PostForm)
	c, problems := f.config(s.Preset)
	if len(problems) > 0 {
		s.showForm(w, r, session, f, problems)
		return
	}
	key, st, err := s.claim(context.WithoutCancel(r.Context()), c, f)
	if errors.Is(err, site.ErrClaimed) {
		s.render(w, http.StatusConflict, &view{Step: "late"})
		return
	}
	if err != nil {
		s.Log("claim: %v", err)
		s.showForm(w, r, session, f, []string{err.Error()})
		return
	}
	s.Log("claimed from %s", r.RemoteAddr)
	name := r.Host
	if len(c.Names) > 0 {
		name = c.Names[0]
	} else if h, _, err := net.SplitHostPort(r.Host); err == nil {
		name = h
	}
	s.render(w, http.StatusOK, &view{Step: "done", Key: key, State: st, Endpoint: "https://" + name,
		People: "https://" + net.JoinHostPort(name, spec.WebPort) + "/", Internal: c.TLS.Mode == "" || c.TLS.Mode == "internal"})
	s.claimed <- claimed{c}
}

// claim prepares the disks that were chosen and claims the appliance. Of two
// browsers one wins, however they interleave.
func (s *Server) claim(ctx context.Context, c *spec.Config, f *form) (site.Key, *disks.Status, error) {
	s.claimMu.Lock()
	defer s.claimMu.Unlock()
	if s.Site.Claimed() {
		return site.Key{}, nil, site.ErrClaimed
	}
	st, err := disks.Recorded(s.Site.Host)
	if err != nil {
		return site.Key{}, nil, err
	}
	switch {
	case len(f.Disks) > 0 && st.State == disks.Volatile:
		if st, err = s.Disks.Adopt(ctx, f.Disks, false); err != nil {
			return site.Key{}, nil, err
		}
	case st.State != disks.OK && st.State != disks.Degraded && !f.Volatile:
		return site.Key{}, nil, errors.New("choose a disk, or confirm that everything may be lost when the machine stops")
	}
	key, err := s.Site.Claim(ctx, c)
	return key, st, err
}

// token ties a form to its session.
func token(session string) string {
	m := hmac.New(sha256.New, []byte(session))
	m.Write([]byte("set-up form"))
	return hex.EncodeToString(m.Sum(nil))
}

// sessions are the browsers that have shown the code.
type sessions struct {
	Now func() time.Time

	mu    sync.Mutex
	until map[[sha256.Size]byte]time.Time
}

const (
	sessionLife = 2 * time.Hour
	maxSessions = 16
)

func (s *sessions) start() string {
	id := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Now()
	for k, t := range s.until {
		if now.After(t) {
			delete(s.until, k)
		}
	}
	if s.until == nil || len(s.until) >= maxSessions {
		s.until = map[[sha256.Size]byte]time.Time{}
	}
	s.until[sha256.Sum256([]byte(id))] = now.Add(sessionLife)
	return id
}

// valid looks the hash up, so the time it takes tells nothing of an ID.
func (s *sessions) valid(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.until[sha256.Sum256([]byte(id))]
	return ok && s.Now().Before(t)
}
