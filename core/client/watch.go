package client

import (
	"context"
	"errors"
	"io"
	"net/url"
	"time"
)

// errStalled ends an attempt in which nothing moved.
var errStalled = errors.New("nothing was sent or received for too long")

// watch ends the context of an attempt when no byte has moved for a time. A
// limit on the whole attempt would end large bodies on slow lines.
type watch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
}

func newWatch(ctx context.Context, limit time.Duration) *watch {
	w := &watch{limit: limit}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.timer = time.AfterFunc(limit, func() { w.cancel(errStalled) })
	return w
}

func (w *watch) moved() { w.timer.Reset(w.limit) }

func (w *watch) stop() {
	w.timer.Stop()
	w.cancel(context.Canceled)
}

// explain makes a *NetError of what the transport said, unless the caller's own
// context or its credentials ended the attempt.
func (w *watch) explain(err error) error {
	if errors.Is(context.Cause(w.ctx), errStalled) {
		return &NetError{Err: errStalled}
	}
	if w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	return Transport(err)
}

type watchedReader struct {
	r io.Reader
	w *watch
}

func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.w.moved()
	return n, err
}

// watchedBody is the body of an answer; its errors are a *NetError.
type watchedBody struct {
	io.ReadCloser
	w *watch
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.w.moved()
	if err != nil && err != io.EOF {
		err = b.w.explain(err)
	}
	return n, err
}

func (b *watchedBody) Close() error {
	err := b.ReadCloser.Close()
	b.w.stop()
	return err
}

// Transport makes a *NetError of what an HTTP client said, unless the caller's
// context ended the request. For requests that are not made by Client.
func Transport(err error) error {
	var known *NetError
	if errors.As(err, &known) {
		return known
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	return &NetError{Err: err}
}
