package swift

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mucura/mucura/core/content"
)

// request is one request to Swift. Everything asked of Swift here may be done
// twice: names are never used for other bytes.
type request struct {
	method            string
	container, object string
	query             url.Values
	header            map[string]string
	body              *buffer // nil: none
	once              bool    // do not repeat it
}

func (r *request) String() string {
	path := r.container
	if r.object != "" {
		path += "/" + r.object
	}
	return r.method + " " + path
}

// do sends a request until it is answered with success (2xx) or finally
// refused, and returns the answer, whose body the caller closes. Errors are
// those of package content, of the context, or a *status.
func (s *Store) do(ctx context.Context, r *request) (*http.Response, error) {
	begun := s.opts.Now()
	renewed := false
	for n := 1; ; n++ {
		t, err := s.session.get(ctx)
		var res *http.Response
		if err == nil {
			res, err = s.attempt(ctx, t, r)
		}
		if err == nil {
			return res, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s: %w", r, ctx.Err())
		}
		var st *status
		if errors.As(err, &st) && st.code == http.StatusUnauthorized {
			// The token has expired, or was revoked. The body is sent again
			// from its beginning. A new token that is not believed either is a
			// matter of Swift's caches: it gets the time of any failure.
			if _, rerr := s.session.renew(ctx, t); rerr != nil {
				err = rerr
			} else if !renewed {
				renewed = true
				n--
				continue
			}
		}
		again := retryable(err) && !r.once && n < s.opts.attempts && s.opts.Now().Sub(begun) < s.opts.RetryFor
		if !again || s.pause(ctx, n, st) != nil {
			return nil, fmt.Errorf("%s: %w", r, err)
		}
	}
}

// attempt sends a request once. The buffer of its body is not in use any more
// when it returns.
func (s *Store) attempt(ctx context.Context, t *token, r *request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	watch := watchdog{s.opts.Timeout, time.AfterFunc(s.opts.Timeout, func() { cancel(errIdle) })}
	var used net.Conn
	traced := ctx
	if r.method == http.MethodGet {
		traced = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { used = i.Conn }})
	}
	req, err := http.NewRequestWithContext(traced, r.method, r.url(t), nil)
	if err != nil {
		cancel(nil)
		return nil, errors.New("malformed storage URL")
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	req.Header.Set("X-Auth-Token", t.value)
	req.Header.Set("User-Agent", userAgent)
	client := s.control
	if r.method == http.MethodGet {
		client = s.reading
	}
	var body *sentBody
	if r.body != nil {
		body = r.body.reader(watch)
		req.Body, req.ContentLength = body, r.body.size
		if r.body.size > expectAbove {
			req.Header.Set("Expect", "100-continue")
		}
		if r.body.size == 0 {
			req.Body = http.NoBody
			body = nil
		}
	}
	res, err := client.Do(req)
	if err == nil && res.StatusCode/100 != 2 {
		err = newStatus(r, res) // ends the connection if the body is not sent yet
	}
	if body != nil {
		<-body.closed // the transport may let go of it later than it returns
	}
	watch.stop()
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		cancel(nil)
		return nil, unavailable(err)
	}
	b := &watchedBody{ReadCloser: res.Body, watch: watch, ctx: ctx, cancel: cancel, left: res.ContentLength}
	if used != nil {
		b.mark = setLowWater(used, res.ContentLength)
		b.conn, _ = used.(*conn)
	}
	res.Body = b
	return res, nil
}

func (r *request) url(t *token) string {
	u := t.url
	if r.container != "" {
		u += "/" + r.container
		if r.object != "" {
			u += "/" + r.object
		}
	}
	if len(r.query) > 0 {
		u += "?" + r.query.Encode()
	}
	return u
}

// expectAbove is the length of a body above which Swift is asked whether it
// wants it: with an expired token it does not.
const expectAbove = 256 << 10

// errIdle: Swift neither took nor gave a byte for Options.Timeout.
var errIdle = errors.New("no progress")

// status is an answer other than success.
type status struct {
	code        int
	text        string
	transaction string // Swift's name for the request in its logs
	retryAfter  time.Duration
	size        int64 // of the object, from a 416; -1 unknown
}

// newStatus reads and closes the answer.
func newStatus(r *request, res *http.Response) *status {
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, 200))
	st := &status{code: res.StatusCode, transaction: res.Header.Get("X-Trans-Id"), size: -1}
	st.text = strings.Join(strings.Fields(string(text)), " ")
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
		st.retryAfter = time.Duration(min(seconds, 3600)) * time.Second
	}
	if total, ok := strings.CutPrefix(res.Header.Get("Content-Range"), "bytes */"); ok {
		if n, err := strconv.ParseInt(total, 10, 64); err == nil {
			st.size = n
		}
	}
	return st
}

func (st *status) Error() string {
	return fmt.Sprintf("%d %s %q (transaction %s)", st.code, http.StatusText(st.code), st.text, st.transaction)
}

// Is says which of the port's errors an answer is.
func (st *status) Is(target error) bool {
	switch st.code {
	case http.StatusNotFound:
		return target == content.ErrNotFound
	case http.StatusRequestEntityTooLarge, http.StatusInsufficientStorage: // a quota, a device
		return target == content.ErrFull
	case http.StatusConflict: // a manifest whose segments are not what it says
		return target == content.ErrCorrupt
	case http.StatusBadRequest, http.StatusRequestedRangeNotSatisfiable, http.StatusPreconditionFailed:
		return false
	}
	return target == content.ErrUnavailable
}

// statusRateLimited and statusClientGone are Swift's own codes.
const (
	statusRateLimited = 498
	statusClientGone  = 499
)

// retryable tells whether the same request may succeed later. 422 is a body
// that was damaged on its way.
func retryable(err error) bool {
	var st *status
	if errors.As(err, &st) {
		switch st.code {
		case http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusUnprocessableEntity, statusRateLimited, statusClientGone:
			return true
		}
		return st.code >= 500 && st.code != http.StatusNotImplemented && st.code != http.StatusInsufficientStorage
	}
	return errors.Is(err, content.ErrUnavailable) && !errors.Is(err, errRefused)
}

// unavailable makes errors of the network content.ErrUnavailable.
func unavailable(err error) error {
	var st *status
	if errors.As(err, &st) || errors.Is(err, content.ErrUnavailable) {
		return err
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the URL
	}
	return fmt.Errorf("%w: %w", content.ErrUnavailable, err)
}

// pause waits before repetition n: a random time up to a limit that doubles
// ("full jitter"), or what Swift asks for where that is longer.
func (s *Store) pause(ctx context.Context, n int, st *status) error {
	d := rand.N(min(s.opts.pauseMax, s.opts.pauseBase<<min(n, 20)) + 1)
	if st != nil {
		d = max(d, min(st.retryAfter, s.opts.pauseMax))
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// succeed sends a request whose answer holds nothing of interest but headers.
func (s *Store) succeed(ctx context.Context, r *request) (http.Header, error) {
	res, err := s.do(ctx, r)
	if err != nil {
		return nil, err
	}
	io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection can be used again
	return res.Header, res.Body.Close()
}

// read sends a request and reads its answer, of at most limit bytes.
func (s *Store) read(ctx context.Context, r *request, limit int64) ([]byte, error) {
	for n := 1; ; n++ {
		res, err := s.do(ctx, r)
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
		res.Body.Close()
		switch {
		case err == nil && int64(len(b)) > limit:
			return nil, fmt.Errorf("%s: the answer is longer than %d bytes", r, limit)
		case err == nil:
			return b, nil
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%s: %w", r, ctx.Err())
		case n == s.opts.attempts || s.pause(ctx, n, nil) != nil:
			return nil, fmt.Errorf("%s: %w", r, unavailable(err))
		}
	}
}
