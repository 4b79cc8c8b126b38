package lambdahttp

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// The loop over the Runtime API: ask for an event, answer it, and so on. One
// connection serves both questions, and the goroutine that reads from it calls
// the handler: an event costs the two exchanges and no more.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

const (
	apiPath = "/2018-06-01/runtime/invocation/"
	// maxEvent bounds an event, bytes. The platform's own limit is 6 MiB.
	maxEvent = 16 << 20
	// staleAfter is how long a connection may lie idle while an event is handled:
	// an answer is not risked on one that the other end may have given up.
	staleAfter = 5 * time.Second
	// writeBuffer is how much of a streamed answer is gathered, bytes, unless the
	// handler flushes.
	writeBuffer = 32 << 10
)

// Run answers the events that the Runtime API at address has, as many at once as
// the platform wants, until ctx ends, which gives nil, or the API fails.
func (a *Adapter) Run(ctx context.Context, address string) error {
	if strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r == '/' || r > '~' }) {
		return fmt.Errorf("runtime API: bad address %q", address)
	}
	n := max(lambdacontext.MaxConcurrency(), 1)
	if n == 1 {
		return a.loop(ctx, address)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, n)
	for range n {
		go func() { ended <- a.loop(ctx, address) }()
	}
	err := <-ended
	cancel() // the others end after the event they have
	for range n - 1 {
		err = errors.Join(err, <-ended)
	}
	return err
}

// loop answers events one after another.
func (a *Adapter) loop(ctx context.Context, address string) error {
	c := &apiConn{address: address}
	defer c.drop()
	for {
		in, err := c.next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("runtime API: next event: %w", err)
		}
		if err := a.answer(c, in); err != nil {
			return err
		}
	}
}

// answer answers an event. An error ends the process: the platform starts another.
func (a *Adapter) answer(c *apiConn, in *invocation) error {
	ctx, cancel := context.WithDeadline(context.Background(), in.deadline)
	defer cancel()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: in.id, InvokedFunctionArn: in.arn})
	p := &post{c: c, id: in.id}
	panicked, err := a.guarded(ctx, in.payload, p)
	if err := p.end(err); err != nil {
		var s *apiStatus
		if errors.As(err, &s) && s.code >= 500 { // "non-recoverable"
			return err
		}
		// The platform knows that this event has no answer. The next one may.
		a.warn("answer not taken", "request", in.id, "error", err.Error())
	}
	a.after(ctx)
	if panicked {
		return err
	}
	return nil
}

// guarded handles an event; a panic outside of the handler's own becomes an error.
func (a *Adapter) guarded(ctx context.Context, payload []byte, out sink) (panicked bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			a.panicked(p)
			panicked, err = true, errors.New("panic outside of the handler")
		}
	}()
	return false, a.handle(ctx, payload, out)
}

func (a *Adapter) warn(text string, args ...any) {
	if a.Log != nil {
		a.Log.Warn(text, args...)
	}
}

// invocation is an event as the Runtime API gives it. Its payload is valid until
// the next one is asked for.
type invocation struct {
	id, arn  string
	deadline time.Time
	payload  []byte
}

// apiConn is a connection to the Runtime API, or none before it is needed.
type apiConn struct {
	address string
	conn    net.Conn
	in      *bufio.Reader
	used    time.Time // when the last answer came
	event   []byte    // memory of the last event, used again
	out     []byte    // and of the last request
}

// apiStatus is an answer that the Runtime API should not give.
type apiStatus struct {
	code int
	text string
}

func (e *apiStatus) Error() string { return fmt.Sprintf("runtime API: %d: %s", e.code, e.text) }

// ready connects, unless there is a connection that can be relied upon. fresh
// tells that it is a new one.
func (c *apiConn) ready(ctx context.Context) (fresh bool, err error) {
	if c.conn != nil && time.Since(c.used) < staleAfter {
		return false, nil
	}
	c.drop()
	if c.conn, err = new(net.Dialer).DialContext(ctx, "tcp", c.address); err != nil {
		c.conn = nil
		return false, err
	}
	if c.in == nil {
		c.in = bufio.NewReader(c.conn)
	} else {
		c.in.Reset(c.conn)
	}
	return true, nil
}

func (c *apiConn) drop() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// next waits for an event. A question that nothing came back to is asked again
// over a new connection, once.
func (c *apiConn) next(ctx context.Context) (*invocation, error) {
	for {
		fresh, err := c.ready(ctx)
		if err != nil {
			return nil, err
		}
		conn := c.conn                                                                       // as c may have dropped it when the function below runs
		stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) }) // wakes the reader
		c.begin("GET", "next")
		c.out = append(c.out, "\r\n"...)
		if _, err = c.conn.Write(c.out); err == nil {
			_, err = c.in.Peek(1)
		}
		stop()
		if err == nil {
			return c.readEvent()
		}
		c.drop()
		if fresh || ctx.Err() != nil {
			return nil, err
		}
	}
}

// readEvent reads the answer that begins.
func (c *apiConn) readEvent() (*invocation, error) {
	resp, err := c.response()
	if err != nil {
		return nil, err
	}
	if c.event, err = readAll(c.event[:0], resp, maxEvent); err != nil {
		return nil, err
	}
	c.done(resp)
	if resp.StatusCode != http.StatusOK {
		return nil, &apiStatus{resp.StatusCode, firstOf(c.event)}
	}
	in := &invocation{id: resp.Header.Get("Lambda-Runtime-Aws-Request-Id"), arn: resp.Header.Get("Lambda-Runtime-Invoked-Function-Arn"), payload: c.event}
	if in.id == "" || strings.ContainsFunc(in.id, func(r rune) bool { return r <= ' ' || r == '/' || r == '?' || r > '~' }) {
		return nil, fmt.Errorf("request ID %q", in.id)
	}
	ms, err := strconv.ParseInt(resp.Header.Get("Lambda-Runtime-Deadline-Ms"), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("deadline: %w", err)
	}
	in.deadline = time.UnixMilli(ms)
	return in, nil
}

// response reads the head of an answer.
func (c *apiConn) response() (*http.Response, error) {
	for {
		resp, err := http.ReadResponse(c.in, nil)
		if err != nil {
			c.drop()
			return nil, err
		}
		if resp.StatusCode >= 200 { // else it is informational
			return resp, nil
		}
	}
}

// done ends an exchange whose answer has been read whole.
func (c *apiConn) done(resp *http.Response) {
	if resp.Close {
		c.drop()
	}
	c.used = time.Now()
}

// readAll appends a body to b.
func readAll(b []byte, resp *http.Response, limit int) ([]byte, error) {
	if n := resp.ContentLength; n > int64(cap(b)) && n <= int64(limit) {
		b = make([]byte, 0, n+512) // room to see the end in
	}
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := resp.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case err == io.EOF:
			return b, nil
		case err != nil:
			return b, err
		case len(b) > limit:
			return b, fmt.Errorf("more than %d bytes", limit)
		}
	}
}

func firstOf(text []byte) string { return string(text[:min(len(text), 200)]) }

// begin begins a request; its head is not ended.
func (c *apiConn) begin(method, what string) {
	c.out = append(append(c.out[:0], method...), " "+apiPath...)
	c.out = append(append(c.out, what...), " HTTP/1.1\r\nHost: "...)
	c.out = append(append(c.out, c.address...), "\r\nUser-Agent: mucura\r\n"...)
}

// sink takes an answer on its way to the Runtime API: a whole one, or a
// streamed one that begins with its prelude.
type sink interface {
	whole(text []byte) error
	begin(prelude []byte) error
	io.Writer
	Flush() error
}

// post sends the answer of an event.
type post struct {
	c       *apiConn
	id      string
	begun   bool // the answer is streamed, and has begun
	sent    bool // whole
	failure error
}

// open begins the request.
func (p *post) open(what, kind string) error {
	if _, err := p.c.ready(context.Background()); err != nil {
		p.failure = err
		return err
	}
	p.c.begin("POST", p.id+what)
	p.c.out = append(append(p.c.out, "Content-Type: "...), kind...)
	p.c.out = append(p.c.out, "\r\n"...)
	return nil
}

func (p *post) whole(text []byte) error {
	p.sent = true
	return p.send("/response", "", text)
}

// send sends a request with a body of JSON.
func (p *post) send(what, header string, text []byte) error {
	if err := p.open(what, jsonType); err != nil {
		return err
	}
	p.c.out = strconv.AppendInt(append(append(p.c.out, header...), "Content-Length: "...), int64(len(text)), 10)
	p.c.out = append(p.c.out, "\r\n\r\n"...)
	return p.write(text)
}

// write sends what has been gathered, and b.
func (p *post) write(b []byte) error {
	if p.failure != nil {
		return p.failure
	}
	if len(b) <= writeBuffer {
		p.c.out = append(p.c.out, b...)
		_, p.failure = p.c.conn.Write(p.c.out)
	} else {
		both := net.Buffers{p.c.out, b}
		_, p.failure = both.WriteTo(p.c.conn)
	}
	p.c.out = p.c.out[:0]
	return p.failure
}

// begin begins a streamed answer. Trailers tell at its end if it is not whole.
func (p *post) begin(prelude []byte) error {
	if err := p.open("/response", streamType); err != nil {
		return err
	}
	p.begun = true
	p.c.out = append(p.c.out, "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\nTrailer: "+errorType+", "+errorBody+"\r\n\r\n"...)
	_, err := p.Write(prelude)
	return err
}

// Write adds to a streamed answer.
func (p *post) Write(b []byte) (int, error) {
	if len(b) == 0 || p.failure != nil {
		return 0, p.failure
	}
	p.c.out = append(strconv.AppendInt(p.c.out, int64(len(b)), 16), "\r\n"...)
	if len(p.c.out)+len(b) < writeBuffer {
		p.c.out = append(p.c.out, b...)
	} else if err := p.write(b); err != nil {
		return 0, err
	}
	p.c.out = append(p.c.out, "\r\n"...)
	return len(b), nil
}

// Flush sends what has been gathered.
func (p *post) Flush() error { return p.write(nil) }

const (
	errorType = "Lambda-Runtime-Function-Error-Type"
	errorBody = "Lambda-Runtime-Function-Error-Body"
	failed    = "Function.Failed"
)

// end ends the answer, with err if it is not whole, and waits until the Runtime
// API has taken it.
func (p *post) end(err error) error {
	switch {
	case p.begun:
		p.c.out = append(p.c.out, "0\r\n"...)
		if err != nil {
			p.c.out = append(p.c.out, errorType+": "+failed+"\r\n"+errorBody+": "...)
			p.c.out = append(base64.StdEncoding.AppendEncode(p.c.out, failure(err)), "\r\n"...)
		}
		p.c.out = append(p.c.out, "\r\n"...)
		err = p.write(nil)
	case p.sent:
		err = p.failure
	case err == nil:
		err = errors.New("no answer")
		fallthrough
	default:
		err = p.send("/error", errorType+": "+failed+"\r\n", failure(err))
	}
	if err != nil {
		p.c.drop()
		return err
	}
	return p.taken()
}

// taken reads the Runtime API's word that it has the answer.
func (p *post) taken() error {
	resp, err := p.c.response()
	if err != nil {
		return err
	}
	text, err := readAll(nil, resp, 64<<10)
	if err != nil {
		p.c.drop()
		return err
	}
	p.c.done(resp)
	if resp.StatusCode != http.StatusAccepted {
		return &apiStatus{resp.StatusCode, firstOf(text)}
	}
	return nil
}

// failure is how an error is told.
func failure(err error) []byte {
	text, jerr := json.Marshal(messages.InvokeResponse_Error{Message: err.Error(), Type: failed})
	if jerr != nil { // strings: it cannot be
		return []byte(`{"errorType":"` + failed + `"}`)
	}
	return text
}

func (a *Adapter) panicked(p any) {
	if a.Log != nil {
		a.Log.Error("handler panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	}
}
