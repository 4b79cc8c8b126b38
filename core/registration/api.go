package registration

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/api"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/gridproxy"
	"github.com/mucura/mucura/core/session"
)

// API is registration and sign-in for programs: JSON, below api.Prefix.
type API struct {
	Service *Service
	// Chain verifies the certificate a request came with: of the connection, or
	// by which it is signed. body is the request's. nil: no certificates. The
	// error is a *gridproxy.Refusal, or ErrNoCertificate.
	Chain func(r *http.Request, body []byte) (*gridproxy.Result, error)
	// Token tells who an OpenID Connect token speaks for; nil: nobody's counts.
	Token func(r *http.Request, token string) (*Login, error)
}

// ErrNoCertificate: the request came without one.
var ErrNoCertificate = errors.New("the request came without a certificate")

// LoginAnswer is credentials as a credential_process gives them.
type LoginAnswer struct {
	Version         int
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      time.Time
}

// Register answers POST register.
func (s *API) Register(w http.ResponseWriter, r *http.Request) {
	var in api.RegisterRequest
	body, ok := read(w, r, &in)
	if !ok {
		return
	}
	out, err := s.register(r, &in, body)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	a := api.RegisterAnswer{Account: out.Account.Name, State: string(out.Account.State), Home: out.Account.Home, Rule: out.Rule, Known: out.Known}
	if out.Request != nil {
		a.Request = out.Request.ID
	}
	write(w, http.StatusOK, a)
}

func (s *API) register(r *http.Request, in *api.RegisterRequest, body []byte) (*Outcome, error) {
	switch {
	case in.Invitation != "":
		return s.Service.ApplyInvited(r.Context(), in.Invitation, in.Form, remoteIP(r))
	case in.Token != "":
		if s.Token == nil {
			return nil, &api.Error{Code: api.CodeOff, Message: "This site does not accept OpenID Connect tokens.", Status: http.StatusNotImplemented}
		}
		l, err := s.Token(r, in.Token)
		if err != nil {
			return nil, err
		}
		return s.apply(r, FromLogin(l), in.Form)
	case s.Chain == nil:
		return nil, &api.Error{Code: api.CodeOff, Message: "This site does not accept certificates.", Status: http.StatusNotImplemented}
	}
	res, err := s.Chain(r, body)
	if err != nil {
		return nil, err
	}
	a, err := FromChain(res)
	if err != nil {
		return nil, err
	}
	return s.apply(r, a, in.Form)
}

// apply fills what was left empty from what is known.
func (s *API) apply(r *http.Request, a *Applicant, f Form) (*Outcome, error) {
	if f.Name == "" {
		f.Name = a.Name
	}
	if f.DisplayName == "" {
		f.DisplayName = a.DisplayName
	}
	if f.Email == "" {
		f.Email = a.Email
	}
	return s.Service.Apply(r.Context(), a, f)
}

// Login answers POST login.
func (s *API) Login(w http.ResponseWriter, r *http.Request) {
	var in api.LoginRequest
	if _, ok := read(w, r, &in); !ok {
		return
	}
	creds, err := s.login(r, &in)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	write(w, http.StatusOK, LoginAnswer{1, creds.AccessKeyID, creds.SecretAccessKey, creds.SessionToken, creds.Expiration})
}

func (s *API) login(r *http.Request, in *api.LoginRequest) (session.Credentials, error) {
	a, err := s.Service.Accounts.SignIn(r.Context(), in.Name, in.Password, remoteIP(r))
	if err != nil {
		return session.Credentials{}, err
	}
	life := time.Duration(in.Duration) * time.Second
	if life != 0 && (in.Duration < 0 || in.Duration > int64(s.Service.Accounts.LongestSession()/time.Second)) {
		return session.Credentials{}, &api.Error{Code: api.CodeInvalid, Message: "The duration is too long."}
	}
	creds, _, err := s.Service.Accounts.Issue(r.Context(), accounts.SessionSpec{
		Account: a.ID, Lifetime: life, By: catalog.ByPassword, Identity: a.Name, Address: remoteIP(r), Agent: r.UserAgent(),
	})
	return creds, err
}

// read reads a JSON body; it answers itself when that fails.
func read(w http.ResponseWriter, r *http.Request, into any) ([]byte, bool) {
	var body []byte
	err := api.InTime(w, func() (err error) {
		body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
		return err
	})
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		write(w, http.StatusBadRequest, api.Error{Code: api.CodeInvalid, Message: "The body is not the JSON that is expected."})
		return nil, false
	}
	return body, true
}

func write(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// fail answers with an error.
func (s *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, doc := http.StatusInternalServerError, api.Error{Code: "InternalError", Message: "Something went wrong here. Try again."}
	var slowed *accounts.SlowedError
	var refused *gridproxy.Refusal
	var own *api.Error
	var token interface{ Refusal() string } // of an OpenID Connect token
	switch {
	case errors.As(err, &slowed):
		status, doc = http.StatusTooManyRequests, api.Error{Code: api.CodeSlowDown, Message: "Too many tries.", RetryAfter: int(slowed.After.Seconds()) + 1}
		w.Header().Set("Retry-After", strconv.Itoa(doc.RetryAfter))
	case errors.As(err, &refused):
		status, doc = http.StatusForbidden, api.Error{Code: string(refused.Code), Message: refused.Error()}
	case errors.As(err, &token):
		status, doc = http.StatusForbidden, api.Error{Code: "InvalidIdentityToken", Message: token.Refusal()}
	case errors.As(err, &own):
		status, doc = http.StatusBadRequest, *own
		if own.Status != 0 {
			status = own.Status
		}
	case errors.Is(err, ErrLimited):
		status, doc = http.StatusForbidden, api.Error{Code: api.CodeLimited, Message: err.Error()}
	case errors.Is(err, ErrNoCertificate), errors.Is(err, accounts.ErrPassword), errors.Is(err, ErrInvitation), errors.Is(err, accounts.ErrOtherIssuer):
		status, doc = http.StatusForbidden, api.Error{Code: api.CodeDenied, Message: err.Error()}
	case errors.Is(err, accounts.ErrNotActive):
		status, doc = http.StatusForbidden, api.Error{Code: api.CodeDenied, Message: "The account is not active."}
	case errors.Is(err, accounts.ErrExists):
		status, doc = http.StatusConflict, api.Error{Code: api.CodeExists, Message: err.Error()}
	case errors.Is(err, accounts.ErrInvalid), errors.Is(err, ErrForm):
		status, doc = http.StatusBadRequest, api.Error{Code: api.CodeInvalid, Message: err.Error()}
	case errors.Is(err, accounts.ErrNoPasswords):
		status, doc = http.StatusNotImplemented, api.Error{Code: api.CodeOff, Message: err.Error()}
	default:
		s.Service.Log.Error("registration failed", "path", r.URL.Path, "error", err.Error())
		if unavailable(err) {
			status, doc.Code = http.StatusServiceUnavailable, api.CodeUnavailable
		}
	}
	write(w, status, doc)
}

func remoteIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
