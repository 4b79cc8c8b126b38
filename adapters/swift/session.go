package swift

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/mucura/mucura/core/content"
	"github.com/ncw/swift/v2"
)

const (
	userAgent = "mucura"
	// authTimeout bounds one request to the identity service.
	authTimeout = 30 * time.Second
	// refusalPause is how long a refusal is believed: Keystone may lock an
	// account that is tried too often.
	refusalPause = time.Second
	// renewBefore is how long before its end a token is not used any more.
	renewBefore = time.Minute
)

// token is what a session found out; it does not change.
type token struct {
	value   string
	url     string // of the account
	expires time.Time
}

func (t *token) usable(now time.Time) bool {
	return t != nil && (t.expires.IsZero() || now.Before(t.expires.Add(-renewBefore)))
}

// session keeps one token for all requests, and takes a new one once, however
// many requests find at the same time that the old one is no good.
type session struct {
	current atomic.Pointer[token]
	lock    chan struct{} // held while authenticating; a channel, so that waiting ends with the context
	conn    *swift.Connection
	refused error // the last refusal, and when
	when    time.Time
	now     func() time.Time
}

func newSession(c *credentials, transport *http.Transport, now func() time.Time) *session {
	conn := c.connection()
	conn.Transport = transport
	conn.ConnectTimeout = authTimeout
	return &session{lock: make(chan struct{}, 1), conn: conn, now: now}
}

// get gives a token that is believed to be good.
func (s *session) get(ctx context.Context) (*token, error) {
	if t := s.current.Load(); t.usable(s.now()) {
		return t, nil
	}
	return s.renew(ctx, s.current.Load())
}

// renew takes a new token, unless somebody has since bad was in use. ErrUnavailable
// when there is none; errRefused, too, when the credentials are no good.
func (s *session) renew(ctx context.Context, bad *token) (*token, error) {
	select {
	case s.lock <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.lock }()
	if t := s.current.Load(); t != bad && t.usable(s.now()) {
		return t, nil
	}
	if s.refused != nil && s.now().Sub(s.when) < refusalPause {
		return nil, s.refused
	}
	s.refused = nil
	s.current.CompareAndSwap(bad, nil)
	s.conn.UnAuthenticate()
	if err := s.conn.Authenticate(ctx); err != nil {
		return nil, s.failed(ctx, err)
	}
	t := &token{value: s.conn.AuthToken, url: s.conn.StorageUrl, expires: s.conn.Expires}
	s.current.Store(t)
	return t, nil
}

// errRefused: the identity service knows the credentials not, or forbids them.
var errRefused = errors.New("the identity service refuses the credentials")

func (s *session) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, refusal := range []error{swift.AuthorizationFailed, swift.Forbidden, swift.BadRequest} {
		if errors.Is(err, refusal) {
			s.refused, s.when = fmt.Errorf("authenticate: %w: %w: %.200s", content.ErrUnavailable, errRefused, err), s.now()
			return s.refused
		}
	}
	return fmt.Errorf("authenticate: %w: %.300s", content.ErrUnavailable, err)
}
