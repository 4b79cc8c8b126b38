package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/audit"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/quota"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/sigv4"
)

// Server answers the calls of the API. Its fields are set before the first
// request and not changed.
type Server struct {
	Accounts *accounts.Service
	Repo     *repo.Repo
	Quota    *quota.Keeper
	Verifier *sigv4.Verifier
	// Audit is searched for accesses; nil: there is no log.
	Audit *audit.Log
	// DefaultQuota and DefaultCap are of accounts an operator adds without.
	DefaultQuota, DefaultCap int64
	// Register and Login answer POST register and POST login, which need no
	// account or key; nil: not offered.
	Register, Login http.Handler
	// Inviter is for operators who invite; nil: not offered.
	Inviter Inviter
	Now     func() time.Time
	Log     *slog.Logger
	// Observe is called once per finished request; may be nil. It must not block.
	Observe func(audit.Event, error)
}

// maxBody bounds a request's body, bytes.
const maxBody = 256 << 10

// call is one request under way.
type call struct {
	s         *Server
	w         http.ResponseWriter
	r         *http.Request
	ctx       context.Context
	now       time.Time
	principal *catalog.Principal
	signed    *sigv4.Request
	args      []string // what stands for * in the route
	ev        audit.Event
	err       error
}

// Is tells whether a request is for the API.
func Is(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, Prefix) }

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, Prefix)
	for name, h := range map[string]http.Handler{"register": s.Register, "login": s.Login} {
		if path == name && h != nil && r.Method == http.MethodPost {
			h.ServeHTTP(w, r)
			return
		}
	}
	c := &call{s: s, w: w, r: r, ctx: r.Context(), now: s.Now()}
	c.ev = audit.Event{
		Kind: audit.KindRequest, Time: audit.At(c.now), RequestID: fmt.Sprintf("%016X", rand.Uint64()), Auth: "anonymous",
		RemoteIP: remoteIP(r), UserAgent: r.UserAgent(), Host: r.Host, Operation: "API.unknown",
	}
	defer c.finish()
	h := w.Header()
	h.Set("X-Amz-Request-Id", c.ev.RequestID)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Server", "Mucura")
	result, err := c.run(path)
	if err != nil {
		c.fail(err)
		return
	}
	c.answer(http.StatusOK, result)
}

// run finds the call, and who makes it, and makes it.
func (c *call) run(path string) (any, error) {
	if path == "register" { // a handler of its own answers it where it is offered
		return nil, fault{http.StatusNotImplemented, CodeOff, "This site does not register people here."}
	}
	rt, args, err := find(c.r.Method, path)
	if err != nil {
		return nil, err
	}
	c.args, c.ev.Operation = args, "API."+rt.method+"."+strings.ReplaceAll(rt.path, "/*", "")
	if rt.method != http.MethodGet {
		c.ev.Kind = audit.KindChange
	}
	if len(args) > 0 {
		c.ev.Target = strings.Join(args, "/")
	}
	if c.principal == nil {
		if err := c.authenticate(); err != nil {
			return nil, err
		}
	}
	if err := c.permit(rt.who); err != nil {
		return nil, err
	}
	return rt.handle(c)
}

// authenticate finds who asks.
func (c *call) authenticate() (err error) {
	if c.signed, err = c.s.Accounts.Verify(c.s.Verifier, c.r, c.ev.RemoteIP); err != nil {
		return err
	}
	p, ok := c.signed.Key.Owner.(*catalog.Principal)
	if c.signed.Anonymous || !ok || p.Anonymous() {
		return fault{http.StatusForbidden, CodeDenied, "The request is not signed."}
	}
	c.principal = p
	c.ev.Auth = "sigv4"
	if c.signed.Presigned {
		c.ev.Auth = "presigned"
	}
	c.ev.UserID, c.ev.User, c.ev.AccessKeyID = p.ID(), p.Account.Name, p.AccessKeyID
	if s := p.Session; s != nil {
		c.ev.Identity, c.ev.Limited, c.ev.VO = s.Identity, s.Limited, s.VO()
		if len(s.Groups) > 0 {
			c.ev.PrimaryFQAN = s.Groups[0]
		}
	}
	return nil
}

// read reads the body into v, which must be all of it. An empty body is {}.
func (c *call) read(v any) error {
	b, err := readAll(c.w, io.LimitReader(c.signed.Body, maxBody+1))
	if err != nil {
		return err
	}
	if len(b) > maxBody {
		return fault{http.StatusRequestEntityTooLarge, CodeInvalid, "The body is too large."}
	}
	if len(b) == 0 {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fault{http.StatusBadRequest, CodeInvalid, "The body is not the JSON that is expected: " + err.Error()}
	}
	if _, err := d.Token(); err != io.EOF {
		return fault{http.StatusBadRequest, CodeInvalid, "The body has something behind the JSON."}
	}
	return nil
}

func (c *call) answer(status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		c.fail(err)
		return
	}
	b = append(b, '\n')
	c.ev.HTTPStatus, c.ev.BytesOut = status, int64(len(b))
	h := c.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	c.w.WriteHeader(status)
	_, _ = c.w.Write(b)
}

// fail answers with an error.
func (c *call) fail(err error) {
	f := faultOf(err)
	c.ev.ErrorCode, c.err = f.code, err
	doc := Error{Code: f.code, Message: f.message}
	var slowed *accounts.SlowedError
	if errors.As(err, &slowed) {
		doc.RetryAfter = int(slowed.After.Seconds()) + 1
		c.w.Header().Set("Retry-After", strconv.Itoa(doc.RetryAfter))
	}
	c.answer(f.status, doc)
}

// finish reports the call, whatever happened to it.
func (c *call) finish() {
	if p := recover(); p != nil {
		c.err = fmt.Errorf("panic: %v", p)
		if c.s.Log != nil {
			c.s.Log.Error("call failed", "id", c.ev.RequestID, "panic", p, "stack", string(debug.Stack()))
		}
		if c.ev.HTTPStatus == 0 {
			c.fail(s3err.InternalError.With(c.err))
		}
	}
	c.ev.DurationMS = audit.Milliseconds(c.s.Now().Sub(c.now))
	if c.s.Observe != nil {
		c.s.Observe(c.ev, c.err)
	}
}

func remoteIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
