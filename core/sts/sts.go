// Package sts is the authentication server: whoever proves who she is, by a
// grid proxy or certificate, an OpenID Connect token or an access key, gets
// time-limited S3 credentials that any S3 client takes.
//
// A certificate chain is proved by mutual TLS, by a signature in the request
// (the protocol of IAM Roles Anywhere), or by a terminator in front that is
// trusted to have asked for it. Every way ends in the same place: the chain is
// verified anew at every request, its owner's distinguished name finds the
// account, and accounts.Service issues the session. Nothing is kept here.
//
// The protocol is that of AWS's Security Token Service where it has one
// (https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html).
package sts

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/gridproxy"
	"github.com/mucura/mucura/core/sigv4"
)

// Trust gives the trust anchors in force; *gridproxy.Loader does.
type Trust interface {
	Trust(ctx context.Context) (*gridproxy.Trust, error)
}

// Signed verifies a request that is signed with the key of a certificate or
// proxy, and gives the chain, leaf first, as DER. It does not judge the chain.
type Signed interface {
	Verify(r *http.Request, body []byte, now time.Time) (chain [][]byte, err error)
}

// WebIdentity verifies OpenID Connect tokens.
type WebIdentity interface {
	// Verify tells who a token speaks for. access is the access token that the
	// issuer gave with it, for what only its userinfo tells; "" for none.
	Verify(ctx context.Context, token, access string) (*WebUser, error)
}

// WebUser is who an OpenID Connect token speaks for.
type WebUser struct {
	Issuer, Subject string
	Audience        string // the one of ours
	Groups          []string
	Expires         time.Time
	// Policy narrows the session, as a session policy, to what the token's
	// scopes give; "" when they say nothing of storage.
	Policy string
}

// Server is the authentication server. Its fields are set before the first
// request and not changed. What is nil is not offered.
type Server struct {
	Accounts *accounts.Service
	// Verifier checks requests signed with access keys; its Service is "sts".
	Verifier *sigv4.Verifier
	// Trust and Options are for certificate chains. nil: no chain is accepted.
	Trust   Trust
	Options gridproxy.Options
	Signed  Signed
	OIDC    WebIdentity
	// Hosts are the names of the authentication host, lower case. A request for
	// one of them on a TLS connection opened for another name gets 421. Empty:
	// whoever reaches the server is right.
	Hosts []string
	// Terminator is the kind of HTTPS terminator that may give the chain in a
	// header, "" for none; From are the addresses it connects from.
	Terminator Terminator
	From       []netip.Prefix
	// RegisterHint is the sentence that tells whom nobody knows where to register.
	RegisterHint string
	Now          func() time.Time
	Log          *slog.Logger
	// Observe is called once per finished request, for log, metrics and audit;
	// may be nil. It must not block.
	Observe func(Event)
}

// Event describes one finished request, without any secret or token.
type Event struct {
	Time    time.Time
	ID      string // of the request
	Op      string // GetCredentials, AssumeRole, …
	Status  int
	Code    string // error code, "" on success
	Reason  string // of a refused certificate: gridproxy's code
	Account string // account ID, "" when nobody was found
	Name    string // of the account
	// AccessKeyID is what the request was signed with, "" when it was not.
	AccessKeyID string
	Auth        string // x509, oidc, sigv4; "" when nothing was proved
	Duration    time.Duration
	Remote      string // IP address of the client
	UserAgent   string
	Host        string
	TLS, Suite  string // version and cipher suite, "" over plain HTTP
	// Chain is the verified chain, nil when there was none.
	Chain *gridproxy.Result
	// Subject is the leaf's or the token's, also of a refused one, where it is known.
	Subject string
	// Session is what was issued; nil when nothing was.
	Session *catalog.Session
	Err     error // cause of a failure, for the log
}

// maxBody bounds a request's body, bytes: a chain in base64 has room.
const maxBody = 120 << 10

// bodyTime is how long a client may take to send its body.
const bodyTime = 30 * time.Second

// call is one request under way.
type call struct {
	s    *Server
	w    http.ResponseWriter
	r    *http.Request
	ctx  context.Context
	now  time.Time
	body []byte
	form form
	ev   Event
	// xml: errors are documents of STS, not JSON.
	xml bool
}

// ServeHTTP answers one request to the authentication host.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.serve(w, r, (*call).route)
}

// ServeActions answers a request for an STS action that came to the S3
// endpoint (POST /): those that need no client certificate.
func (s *Server) ServeActions(w http.ResponseWriter, r *http.Request) {
	s.serve(w, r, func(c *call) error {
		c.xml = true
		return c.action()
	})
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, route func(*call) error) {
	c := &call{s: s, w: w, r: r, ctx: r.Context(), now: s.Now()}
	c.ev = Event{
		Time: c.now, ID: newID(), Remote: remoteIP(r), UserAgent: r.UserAgent(), Host: r.Host,
	}
	c.ev.TLS, c.ev.Suite = connection(r.TLS)
	defer c.finish()
	h := w.Header()
	h.Set("X-Amzn-Requestid", c.ev.ID)
	h.Set("Cache-Control", "no-store")
	h.Set("Server", "Mucura")
	if err := c.run(route); err != nil {
		c.fail(err)
	}
}

func (c *call) run(route func(*call) error) error {
	if err := c.rightHost(); err != nil {
		return err
	}
	if err := c.readBody(); err != nil {
		return err
	}
	return route(c)
}

// route finds what is asked.
func (c *call) route() error {
	switch c.r.URL.Path {
	case "/credentials":
		if c.r.Method == http.MethodGet || c.r.Method == http.MethodPost {
			return c.credentials()
		}
	case "/sessions":
		if c.r.Method == http.MethodPost {
			return c.sessions()
		}
	case "/":
		c.xml = true
		return c.action()
	default:
		return refuse(http.StatusNotFound, "NotFound", "There is GET /credentials, POST /sessions and POST /?Action=….")
	}
	return refuse(http.StatusMethodNotAllowed, "MethodNotAllowed", "The method is not allowed here.")
}

// rightHost refuses a request for the authentication host on a connection that
// was opened for another name: there nobody was asked for a certificate.
func (c *call) rightHost() error {
	if c.r.TLS == nil || len(c.s.Hosts) == 0 {
		return nil
	}
	if host := Hostname(c.r.Host); c.s.IsHost(host) && !strings.EqualFold(c.r.TLS.ServerName, host) {
		return refuse(http.StatusMisdirectedRequest, "MisdirectedRequest", "This connection was opened for another host name; open a new one.")
	}
	return nil
}

// IsHost tells whether a host name, without port, is the authentication host's.
func (s *Server) IsHost(host string) bool {
	for _, h := range s.Hosts {
		if strings.EqualFold(h, host) {
			return true
		}
	}
	return false
}

// Hostname is a Host header without port.
func Hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return host
}

// finish reports the request, whatever happened to it.
func (c *call) finish() {
	if p := recover(); p != nil {
		c.ev.Err = errors.Join(c.ev.Err, errors.New("panic"))
		if c.s.Log != nil {
			c.s.Log.Error("authentication request failed", "id", c.ev.ID, "panic", p, "stack", string(debug.Stack()))
		}
		if c.ev.Status == 0 {
			c.fail(refuse(http.StatusInternalServerError, "InternalFailure", "The request failed inside the server."))
		}
	}
	c.ev.Duration = c.s.Now().Sub(c.now)
	if c.s.Observe != nil {
		c.s.Observe(c.ev)
	}
}

// newID makes a request's ID in the form of STS.
func newID() string {
	const digits = "0123456789abcdef"
	b := []byte("00000000-0000-4000-8000-000000000000")
	for i, ch := range b {
		if ch == '0' {
			b[i] = digits[rand.IntN(len(digits))]
		}
	}
	return string(b)
}

func remoteIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
