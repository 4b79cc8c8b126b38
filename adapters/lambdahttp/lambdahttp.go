// Package lambdahttp serves an http.Handler as an AWS Lambda function: it turns
// the events of an Application Load Balancer, of an API Gateway HTTP API
// (payload format 2.0) and of a Function URL into requests, the answers into
// what each of these doors expects, and scheduled events into calls of jobs.
//
// A request comes to the handler as it would over a socket of net/http: Host is
// what the client sent, the path has the client's encoding as far as the door
// has kept it, ContentLength is that of the body, RemoteAddr has a port, and TLS
// is set when the client came by TLS. So Signature V4 verifies. What a door
// loses on the way is told at the type of the door.
//
// Nothing is kept between events, and any number of them may be served at once.
package lambdahttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// Adapter serves events. Its fields are set before Run and not changed.
type Adapter struct {
	Handler http.Handler
	// Job runs a scheduled job, {"job":"sweep"} or {"job":"sweep","budget":"8m"},
	// and gives what to report, which becomes JSON. The budget is how long it may
	// go on, 0 for as long as the event's deadline leaves. nil: scheduled events
	// are refused.
	Job func(ctx context.Context, name string, budget time.Duration) (any, error)
	// Stream says that a Function URL has InvokeMode RESPONSE_STREAM. The event
	// does not tell, and either form of answer is rubbish in the other mode.
	Stream bool
	// ClientCertificates says that the load balancer does mutual TLS in
	// passthrough mode: the chain it names in a header becomes that of the
	// request's TLS connection. Without mutual TLS a client could send this
	// header itself, so it must be asked for.
	ClientCertificates bool
	// After is called when an answer has been sent and before the process may
	// be frozen; may be nil.
	After func(ctx context.Context)
	Log   *slog.Logger
}

// handle answers one event. After an error nothing has been answered, or a
// streamed answer is not whole.
func (a *Adapter) handle(ctx context.Context, payload []byte, out sink) error {
	var e event
	if err := e.parse(payload); err != nil {
		return err
	}
	switch d := e.door(); d {
	case noDoor:
		if e.job != "" {
			return a.job(ctx, &e, out)
		}
		return errors.New("neither a request of a load balancer, an HTTP API or a Function URL, nor a job")
	case functionURL:
		if a.Stream {
			return a.stream(ctx, &e, out)
		}
		fallthrough
	default:
		return a.buffered(ctx, &e, d, out)
	}
}

// job runs a scheduled job. An error of it fails the invocation, so whoever
// scheduled it hears of it.
func (a *Adapter) job(ctx context.Context, e *event, out sink) (err error) {
	if a.Job == nil {
		return fmt.Errorf("this function runs no jobs, %q was asked for", e.job)
	}
	budget := time.Duration(0)
	if e.budget != "" {
		if budget, err = time.ParseDuration(e.budget); err != nil || budget < time.Second {
			return fmt.Errorf("job %q: the budget %q is no duration of a second or more, such as 90s or 8m", e.job, e.budget)
		}
	}
	report, err := a.runJob(ctx, e.job, budget)
	if err != nil {
		return err
	}
	text, err := json.Marshal(report)
	if err != nil {
		return err
	}
	return out.whole(text)
}

func (a *Adapter) runJob(ctx context.Context, name string, budget time.Duration) (report any, err error) {
	defer func() {
		if p := recover(); p != nil {
			a.panicked(p)
			err = fmt.Errorf("job %q failed inside", name)
		}
	}()
	return a.Job(ctx, name, budget)
}

func (a *Adapter) after(ctx context.Context) {
	if a.After != nil {
		a.After(ctx)
	}
}

// serve calls the handler. A panic is logged, and told: the answer is not whole.
func (a *Adapter) serve(w http.ResponseWriter, r *http.Request) (whole bool) {
	defer func() {
		if p := recover(); p != nil {
			whole = false
			if p != http.ErrAbortHandler {
				a.panicked(p)
			}
		}
	}()
	a.Handler.ServeHTTP(w, r)
	return true
}
