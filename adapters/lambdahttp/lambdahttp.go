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
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/aws/aws-lambda-go/lambda"
)

// Adapter serves events. Its fields are set before Start and not changed.
type Adapter struct {
	Handler http.Handler
	// Job runs a scheduled job, {"job":"sweep"}, and gives what to report, which
	// becomes JSON. nil: scheduled events are refused.
	Job func(ctx context.Context, name string) (any, error)
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

// Start serves until the platform ends the process; it does not return.
func (a *Adapter) Start() { lambda.Start(a.handle) }

// handle answers one event.
func (a *Adapter) handle(ctx context.Context, e *event) (*reply, error) {
	switch d := e.door(); d {
	case noDoor:
		if e.Job != "" {
			return a.job(ctx, e.Job)
		}
		return nil, errors.New("neither a request of a load balancer, an HTTP API or a Function URL, nor a job")
	case functionURL:
		if a.Stream {
			return a.stream(ctx, e)
		}
		fallthrough
	default:
		return a.buffered(ctx, e, d)
	}
}

// Invoke answers the event and gives the bytes that go to the Runtime API: for
// tests and other runtimes.
func (a *Adapter) Invoke(ctx context.Context, payload []byte) (io.ReadCloser, error) {
	var e event
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, err
	}
	r, err := a.handle(ctx, &e)
	if err != nil {
		return nil, err // a nil *reply would be a reader to the caller
	}
	return r, nil
}

// job runs a scheduled job. An error of it fails the invocation, so whoever
// scheduled it hears of it.
func (a *Adapter) job(ctx context.Context, name string) (r *reply, err error) {
	if a.Job == nil {
		return nil, fmt.Errorf("this function runs no jobs, %q was asked for", name)
	}
	defer func() {
		if p := recover(); p != nil {
			a.panicked(p)
			err = fmt.Errorf("job %q failed inside", name)
		}
	}()
	report, err := a.Job(ctx, name)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(report)
	if err != nil {
		return nil, err
	}
	return a.reply(ctx, jsonType, text), nil
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

func (a *Adapter) panicked(p any) {
	if a.Log != nil {
		a.Log.Error("handler panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	}
}
