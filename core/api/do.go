package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"

	"github.com/mucura/mucura/core/audit"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/sigv4"
)

// Do makes a call for a principal that another front has authenticated - the
// pages, by their cookie - with the same permissions, limits and audit as one
// that is signed. r tells address and agent; path is below Prefix; in may be nil.
// The error is an *Error.
func (s *Server) Do(ctx context.Context, p *catalog.Principal, auth string, r *http.Request, method, path string, in any) (any, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	if in == nil {
		body = nil
	}
	asked := r.Clone(ctx)
	asked.Method = method
	asked.URL.Path, asked.URL.RawQuery, _ = strings.Cut(path, "?")
	path = asked.URL.Path
	c := &call{s: s, r: asked, ctx: ctx, now: s.Now(), principal: p}
	c.signed = &sigv4.Request{Body: io.NopCloser(strings.NewReader(string(body)))}
	c.ev = audit.Event{
		Kind: audit.KindRequest, Time: audit.At(c.now), RequestID: fmt.Sprintf("%016X", rand.Uint64()), Auth: auth,
		RemoteIP: remoteIP(r), UserAgent: r.UserAgent(), Host: r.Host, Operation: "API.unknown",
		UserID: p.ID(), User: p.Account.Name, AccessKeyID: p.AccessKeyID,
	}
	result, err := c.run(path)
	c.ev.HTTPStatus = http.StatusOK
	if err != nil {
		f := faultOf(err)
		c.ev.HTTPStatus, c.ev.ErrorCode, c.err = f.status, f.code, err
		err = &Error{Code: f.code, Message: f.message, Status: f.status}
	}
	c.ev.DurationMS = audit.Milliseconds(s.Now().Sub(c.now))
	if s.Observe != nil {
		s.Observe(c.ev, c.err)
	}
	return result, err
}

// Error is the text for people.
func (e *Error) Error() string { return e.Message }
