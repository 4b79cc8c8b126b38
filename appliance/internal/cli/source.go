package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/mucura/mucura/core/client"
	"github.com/mucura/mucura/core/client/login"
	"github.com/mucura/mucura/core/client/profile"
	"github.com/mucura/mucura/core/sigv4"
)

// source signs with what there is: keys that were given, the session of "mucura
// login", or credentials got for the grid proxy or token that is found, and got
// anew before they expire. A job that outlives its first proxy goes on.
type source struct {
	session *session

	mu      sync.Mutex
	keys    *login.Credentials
	issued  bool      // by the authentication server, for what was found
	refresh time.Time // zero: never
}

// Credentials implements client.Source.
func (s *source) Credentials(ctx context.Context) (sigv4.Credentials, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.session.app.now()
	if s.keys == nil || !s.refresh.IsZero() && now.After(s.refresh) {
		switch err := s.renew(ctx, now); {
		case err == nil:
		case s.keys == nil || now.After(s.keys.Expiration):
			return sigv4.Credentials{}, err
		default:
			s.refresh = now.Add(time.Minute) // they still hold; not at every request
		}
	}
	return s.keys.Keys(), nil
}

func (s *source) renew(ctx context.Context, now time.Time) error {
	st := s.session.settings
	static := &login.Credentials{AccessKeyID: st.AccessKeyID, SecretAccessKey: st.SecretAccessKey, SessionToken: st.SessionToken}
	if st.AccessKeyID != "" && !st.KeysOfAWS {
		s.keys = static
		return nil
	}
	kept, kerr := s.session.loadLogin()
	if kerr == nil && now.Before(login.Refresh(kept.Issued, kept.Expiration)) {
		s.keys, s.refresh = &kept.Credentials, login.Refresh(kept.Issued, kept.Expiration)
		return nil
	}
	fresh, err := (*login.Credentials)(nil), error(errNothingToShow)
	if st.Auth != "" {
		fresh, err = s.session.issue(ctx, issueOptions{})
	}
	switch {
	case err == nil:
		s.issued = true
		s.keys, s.refresh = fresh, now.Add(fresh.Expiration.Sub(now)*4/5)
		return nil
	case kerr == nil && now.Before(kept.Expiration):
		s.keys, s.refresh = &kept.Credentials, kept.Expiration
		return nil
	case !errors.Is(err, errNothingToShow):
		return err
	case st.AccessKeyID != "":
		s.keys, s.refresh = static, time.Time{}
		return nil
	case kerr == nil:
		return &client.AuthError{Message: fmt.Sprintf("your session expired at %s; run \"mucura login\"", kept.Expiration.UTC().Format(time.RFC3339))}
	}
	return &client.AuthError{Message: "no credentials: run \"mucura login\", set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or have a grid proxy or token and name the authentication server (MUCURA_AUTH)"}
}

// forget drops cached credentials that the server does not take any more, as
// those of a session that was revoked: the next command gets others.
func (s *source) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.issued {
		_, _ = (&login.Cache{Dir: s.session.app.env.CacheDir()}).Clear()
	}
}

// errNothingToShow: neither proxy, certificate nor token was found.
var errNothingToShow = errors.New("neither grid proxy nor token was found")

// issueOptions say how and which credentials are to be got.
type issueOptions struct {
	login.Options
	scopes []string
	// proxy, cert, key and tokenFile name what to show; all "": what is found.
	proxy, cert, key, tokenFile string
	signed                      bool // a signed request instead of mutual TLS
	fresh                       bool // not from the cache
	alive                       bool // from the cache only what the server still takes
}

func (o *issueOptions) named() bool {
	return o.proxy != "" || o.cert != "" || o.tokenFile != ""
}

// issue gets credentials for a proxy, certificate or token, from the cache where
// that has some.
func (s *session) issue(ctx context.Context, o issueOptions) (*login.Credentials, error) {
	if err := o.narrow(); err != nil {
		return nil, err
	}
	server, err := s.authServer()
	if err != nil {
		return nil, err
	}
	show, identity, err := s.shown(server, o)
	if err != nil {
		return nil, err
	}
	cache := &login.Cache{Dir: s.app.env.CacheDir(), Now: s.app.now}
	if o.alive {
		cache.Alive = server.Alive
	}
	if o.fresh {
		return show(ctx)
	}
	key := login.Key(server.URL.String(), identity, o.Policy, o.Lifetime.String())
	return cache.Get(ctx, key, show)
}

func (o *issueOptions) narrow() (err error) {
	if len(o.scopes) > 0 {
		if o.Policy, err = login.Policy(o.scopes); err != nil {
			return usagef("%v", err)
		}
	}
	return nil
}

// proof is what tells who the person is: a certificate or proxy, else a token.
type proof struct {
	certificate *login.Certificate
	token       string
}

// find finds a proof, and judges what of it can be judged here.
func (s *session) find(server *login.Server, o issueOptions) (proof, error) {
	if o.tokenFile == "" {
		cert, err := s.certificate(o)
		if err != nil {
			return proof{}, err
		}
		if cert != nil && (o.named() || server.URL.Scheme == "https") {
			return proof{certificate: cert}, cert.Check(s.app.now())
		}
	}
	token, from, err := s.token(o)
	if err != nil {
		return proof{}, err
	}
	if token == "" {
		return proof{}, errNothingToShow
	}
	return proof{token: token}, login.CheckToken(token, from, s.app.now())
}

// shown is how credentials are got for what is found. identity tells what it
// was, for the cache: another proxy may have other groups, so each counts for
// itself.
func (s *session) shown(server *login.Server, o issueOptions) (show func(context.Context) (*login.Credentials, error), identity string, err error) {
	what, err := s.find(server, o)
	if err != nil {
		return nil, "", err
	}
	if cert := what.certificate; cert != nil {
		by := server.ByTLS
		if o.signed {
			by = server.BySignature
		}
		return func(ctx context.Context) (*login.Credentials, error) { return by(ctx, cert, o.Options) }, "x509:" + string(cert.Leaf.Raw), nil
	}
	return func(ctx context.Context) (*login.Credentials, error) {
		return server.ByToken(ctx, login.Tokens{ID: what.token}, o.Options)
	}, "token:" + what.token, nil
}

func (s *session) certificate(o issueOptions) (*login.Certificate, error) {
	switch {
	case o.proxy != "":
		return login.Load(o.proxy, o.proxy, s.app.unlock)
	case o.cert != "" && o.key == "":
		return login.Load(o.cert, o.cert, s.app.unlock)
	case o.cert != "":
		return login.Load(o.cert, o.key, s.app.unlock)
	}
	return login.Find(s.app.env.Get, s.app.unlock)
}

func (s *session) token(o issueOptions) (token, from string, err error) {
	get := s.app.env.Get
	if o.tokenFile != "" {
		get = func(name string) string {
			if name == "BEARER_TOKEN_FILE" {
				return o.tokenFile
			}
			return ""
		}
	}
	return login.FindToken(get)
}

// authServer is the authentication server; where none is named the S3 endpoint
// may answer for it.
func (s *session) authServer() (*login.Server, error) {
	address := s.settings.Auth
	if address == "" {
		address = s.settings.Server
	}
	server, err := s.server(address)
	if err != nil {
		return nil, &usageError{"authentication server: " + err.Error()}
	}
	return server, nil
}

// server is whoever issues credentials and accounts at an address.
func (s *session) server(address string) (*login.Server, error) {
	u, err := client.ParseEndpoint(address)
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	return &login.Server{
		URL: u, Region: s.settings.Region, UserAgent: s.app.userAgent(), Attempts: s.app.attempts, Now: s.app.now,
		HTTP: func(c *login.Certificate) *http.Client {
			if c == nil {
				return client.NewHTTP(2, s.roots, nil)
			}
			return client.NewHTTP(2, s.roots, &c.Certificate)
		},
	}, nil
}

// keptLogin is the session of "mucura login", one for each profile.
type keptLogin struct {
	login.Credentials
	Issued time.Time
	Server string
	How    string
}

func (s *session) loginFile() string {
	return filepath.Join(s.app.env.StateDir(), "sessions", s.settings.Profile+".json")
}

// loadLogin reads the kept session. One of another server is none.
func (s *session) loadLogin() (*keptLogin, error) {
	b, err := os.ReadFile(s.loginFile())
	if err != nil {
		return nil, err
	}
	k := new(keptLogin)
	if err := json.Unmarshal(b, k); err != nil {
		return nil, err
	}
	if k.Server != s.settings.Server {
		return nil, fmt.Errorf("the session is of %s", k.Server)
	}
	return k, nil
}

func (s *session) saveLogin(c *login.Credentials, how string) error {
	b, err := json.Marshal(&keptLogin{*c, s.app.now(), s.settings.Server, how})
	if err != nil {
		return err
	}
	return profile.WriteFile(s.loginFile(), append(b, '\n'))
}
