package lambdatest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// initTime is how long an environment may take to ask for its first event.
const initTime = time.Minute

// environment is one process of a function, with a Runtime API of its own.
type environment struct {
	cmd    *exec.Cmd
	api    *http.Server
	freeze bool
	exited chan struct{} // closed when the process has ended
	// polls are questions for the next event, one at a time.
	polls chan chan *invocation
	poll  chan *invocation // the one that waits

	mu      sync.Mutex
	current *invocation
	frozen  bool
	number  int
}

// invocation is one event under way.
type invocation struct {
	id     string
	event  []byte
	end    time.Time
	answer chan *Result // capacity 1
	failed chan error   // capacity 1
	read   chan struct{}
	once   sync.Once
}

// launch starts an environment.
func (f *Function) launch() (*environment, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e := &environment{freeze: f.o.Freeze, exited: make(chan struct{}), polls: make(chan chan *invocation)}
	e.api = &http.Server{Handler: e.routes(), ReadHeaderTimeout: time.Minute}
	go func() { _ = e.api.Serve(l) }() // ends with Close
	e.cmd = exec.Command(f.o.Command[0], f.o.Command[1:]...)
	e.cmd.Env = append(append([]string{}, f.o.Env...), "AWS_LAMBDA_RUNTIME_API="+l.Addr().String(), "AWS_LAMBDA_FUNCTION_NAME=mucura")
	e.cmd.Stdout, e.cmd.Stderr = f.o.Log, f.o.Log
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := e.cmd.Start(); err != nil {
		_ = e.api.Close()
		return nil, err
	}
	go func() {
		_ = e.cmd.Wait() // how it ended does not matter
		close(e.exited)
		_ = e.api.Close()
	}()
	if err := e.waitPoll(initTime); err != nil {
		e.close()
		return nil, fmt.Errorf("init: %w", err)
	}
	return e, nil
}

func (e *environment) ended() bool {
	select {
	case <-e.exited:
		return true
	default:
		return false
	}
}

// waitPoll waits until the process asks for an event.
func (e *environment) waitPoll(d time.Duration) error {
	timeout := time.NewTimer(d)
	defer timeout.Stop()
	select {
	case e.poll = <-e.polls:
		return nil
	case <-e.exited:
		return errors.New("the process has ended")
	case <-timeout.C:
		return errors.New("the process takes too long")
	}
}

// invoke hands the event over and waits for an answer or its beginning. idle is
// called, once, when the environment can take another.
func (e *environment) invoke(event []byte, timeout time.Duration, idle func()) (*Result, error) {
	inv := &invocation{
		event: event, end: time.Now().Add(timeout),
		answer: make(chan *Result, 1), failed: make(chan error, 1), read: make(chan struct{}),
	}
	e.mu.Lock()
	e.number++
	inv.id = fmt.Sprintf("00000000-0000-4000-8000-%012d", e.number)
	e.current = inv
	e.mu.Unlock()
	e.thaw()
	limit := time.AfterFunc(timeout, func() { e.kill() })
	select {
	case e.poll <- inv:
	case <-e.exited:
	}
	var res *Result
	var err error
	select {
	case res = <-inv.answer:
	case err = <-inv.failed:
	case <-e.exited:
		err = errors.New("the process has ended")
	}
	go func() {
		if res != nil {
			<-inv.read
		}
		if e.waitPoll(time.Until(inv.end)+time.Second) == nil && e.freeze {
			e.stop()
		}
		limit.Stop()
		idle()
	}()
	return res, err
}

// stop freezes the process.
func (e *environment) stop() { e.signal(syscall.SIGSTOP, true) }

// thaw lets it go on.
func (e *environment) thaw() { e.signal(syscall.SIGCONT, false) }

func (e *environment) signal(s syscall.Signal, frozen bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.frozen != frozen {
		e.frozen = frozen
		_ = e.cmd.Process.Signal(s) // it may have ended
	}
}

func (e *environment) kill() bool { return e.cmd.Process.Kill() == nil }

// close kills the process and waits for its end.
func (e *environment) close() {
	e.kill()
	<-e.exited
}

// routes is the Runtime API.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
func (e *environment) routes() http.Handler {
	const base = "/2018-06-01/runtime/"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+base+"invocation/next", e.next)
	mux.HandleFunc("POST "+base+"invocation/{id}/response", e.response)
	mux.HandleFunc("POST "+base+"invocation/{id}/error", e.failure)
	mux.HandleFunc("POST "+base+"init/error", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		e.kill()
	})
	return mux
}

func (e *environment) next(w http.ResponseWriter, r *http.Request) {
	poll := make(chan *invocation)
	select {
	case e.polls <- poll:
	case <-r.Context().Done():
		return
	}
	select {
	case inv := <-poll:
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
		h.Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(inv.end.UnixMilli()))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:000000000000:function:mucura")
		_, _ = w.Write(inv.event)
	case <-r.Context().Done():
	}
}

// of finds the event that an answer is for.
func (e *environment) of(w http.ResponseWriter, r *http.Request) *invocation {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.current == nil || e.current.id != r.PathValue("id") {
		http.Error(w, "no such invocation", http.StatusBadRequest)
		return nil
	}
	inv := e.current
	return inv
}

func (e *environment) response(w http.ResponseWriter, r *http.Request) {
	inv := e.of(w, r)
	if inv == nil {
		return
	}
	inv.answer <- &Result{r.Header.Get("Content-Type"), &answerBody{r: r, inv: inv}}
	select {
	case <-inv.read:
	case <-r.Context().Done(): // the process has been killed
	}
	w.WriteHeader(http.StatusAccepted)
}

func (e *environment) failure(w http.ResponseWriter, r *http.Request) {
	inv := e.of(w, r)
	if inv == nil {
		return
	}
	text, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	var why struct{ ErrorMessage, ErrorType string }
	_ = json.Unmarshal(text, &why) // shown if it is there
	inv.failed <- fmt.Errorf("%s: %s", why.ErrorType, why.ErrorMessage)
	w.WriteHeader(http.StatusAccepted)
}

// answerBody is the answer while it comes.
type answerBody struct {
	r   *http.Request
	inv *invocation
}

func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.r.Body.Read(p)
	if err == io.EOF && strings.TrimSpace(b.r.Trailer.Get("Lambda-Runtime-Function-Error-Type")) != "" {
		err = fmt.Errorf("%w: %s", ErrFailed, b.r.Trailer.Get("Lambda-Runtime-Function-Error-Type"))
	} else if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: %w", ErrFailed, err)
	}
	if err != nil {
		b.finish()
	}
	return n, err
}

// Close drops the rest: the platform reads all that the function sends.
func (b *answerBody) Close() error {
	_, _ = io.Copy(io.Discard, b.r.Body)
	b.finish()
	return nil
}

func (b *answerBody) finish() { b.inv.once.Do(func() { close(b.inv.read) }) }
