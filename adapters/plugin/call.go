package plugin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/mucura/mucura/adapters/plugin/internal/wire"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// errSlow is why we gave up a call ourselves.
var errSlow = errors.New("no answer in time")

func unavailable(p wire.Port) error {
	if p == wire.Meta {
		return meta.ErrUnavailable
	}
	return content.ErrUnavailable
}

// unary does one call within the time calls may take.
func unary[R any](ctx context.Context, s *supervisor, what string, write bool, timeout time.Duration, f func(context.Context, *process) (R, error)) (R, error) {
	var none R
	p, err := s.enter(ctx)
	if err != nil {
		return none, err
	}
	defer s.leave()
	limited, cancel := context.WithTimeoutCause(ctx, timeout, errSlow)
	defer cancel()
	r, err := f(limited, p)
	if err != nil {
		return none, s.fail(limited, what, write, err)
	}
	return r, nil
}

// fail makes the port's error of what a call gave; ctx is that of the call.
// A write of metadata about which nothing is known may have happened.
func (s *supervisor) fail(ctx context.Context, what string, write bool, err error) error {
	what = fmt.Sprintf("plug-in %s: %s", s.spec.name(), what)
	known := wire.FromStatus(s.port, err)
	settle(ctx, err)
	ended := context.Cause(ctx)
	switch {
	case known != nil && ended == errSlow && errors.Is(known, context.DeadlineExceeded):
		// The plug-in kept our deadline; the caller knows nothing of it.
		return fmt.Errorf("%s: %w: %w", what, errSlow, unavailable(s.port))
	case known != nil:
		return fmt.Errorf("%s: %w", what, known)
	case write && s.port == wire.Meta && ended != nil:
		return fmt.Errorf("%s: %w: %w", what, meta.ErrOutcomeUnknown, ended)
	case ended == errSlow:
		return fmt.Errorf("%s: %w: %w", what, errSlow, unavailable(s.port))
	case ended != nil:
		return fmt.Errorf("%s: %w", what, ended)
	case status.Code(err) == codes.Unimplemented:
		return fmt.Errorf("%s: %w", what, ErrNoSuchPort)
	case write && s.port == wire.Meta:
		return fmt.Errorf("%s: %s: %w", what, words(err), meta.ErrOutcomeUnknown)
	}
	return fmt.Errorf("%s: %s: %w", what, words(err), unavailable(s.port))
}

// settle waits for the call's own deadline when the other end has seen it first:
// both count the same time. The store there then says so, or its gRPC resets the
// stream.
func settle(ctx context.Context, err error) {
	deadline, limited := ctx.Deadline()
	if code := status.Code(err); !limited || code != codes.Canceled && code != codes.DeadlineExceeded {
		return
	}
	if time.Until(deadline) < time.Second {
		<-ctx.Done()
	}
}

// words is what a status says, fit for a log.
func words(err error) string { return wire.Clean(status.Convert(err).Message(), wire.MaxErrorText) }

// guard ends a stream that makes no progress: the time runs only while the host
// waits for the plug-in, not while the plug-in waits for the host.
type guard struct {
	timeout time.Duration
	cancel  context.CancelCauseFunc
}

// watch begins to wait; call what it returns when the step is done.
func (g guard) watch() (done func() bool) {
	return time.AfterFunc(g.timeout, func() { g.cancel(errSlow) }).Stop
}
