// Package lambdatest stands in for AWS Lambda, for tests and trials on one
// machine: it runs the real bootstrap program as execution environments, speaks
// the Runtime API to each, and turns HTTP requests into the events of a load
// balancer, an HTTP API and a Function URL, with the limits and the losses of
// these services. What it does with a request was read in AWS's documentation
// and in events that others have published; nothing here talks to AWS.
//
// An environment handles one event at a time. It is frozen (SIGSTOP) between
// events, and can be killed at any moment, as the platform does.
package lambdatest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// Options of a function.
type Options struct {
	// Command is the bootstrap and its arguments.
	Command []string
	// Env is its whole environment, but for what the platform adds.
	Env []string
	// Environments is how many run at once, at least 1. They start when they are
	// first needed.
	Environments int
	// Freeze stops them between events.
	Freeze bool
	// Timeout is the function's: an environment that needs longer is killed. 0
	// means a minute.
	Timeout time.Duration
	// Log gets what they write; nil discards it.
	Log io.Writer
}

// Function is a function with its environments.
type Function struct {
	o     Options
	slots []*slot
	free  chan *slot
}

// slot is a place for an environment; run is nil before the first start.
type slot struct{ run atomic.Pointer[environment] }

// New makes a function. Close it.
func New(o Options) *Function {
	if o.Environments < 1 {
		o.Environments = 1
	}
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	f := &Function{o: o, free: make(chan *slot, o.Environments)}
	for range o.Environments {
		s := new(slot)
		f.slots = append(f.slots, s)
		f.free <- s
	}
	return f
}

// ErrFailed is wrapped by errors of Invoke when the function failed or its
// environment ended: the doors answer 502.
var ErrFailed = errors.New("function failed")

// Result is what the function answered.
type Result struct {
	ContentType string
	// Body must be read to its end, or closed. Read gives ErrFailed when the
	// function broke off a streamed answer.
	Body io.ReadCloser
}

// Invoke has an environment handle an event. Environments take turns; one that
// has ended is replaced.
func (f *Function) Invoke(ctx context.Context, event []byte) (*Result, error) {
	var s *slot
	select {
	case s = <-f.free:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	run := s.run.Load()
	if run == nil || run.ended() {
		var err error
		if run, err = f.launch(); err != nil {
			f.free <- s
			return nil, fmt.Errorf("%w: %w", ErrFailed, err)
		}
		s.run.Store(run)
	}
	res, err := run.invoke(event, f.o.Timeout, func() { f.free <- s })
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFailed, err)
	}
	return res, nil
}

// Kill kills the n-th environment, whatever it is doing, frozen or not. It
// tells whether there was one.
func (f *Function) Kill(n int) bool {
	e := f.slots[n].run.Load()
	return e != nil && e.kill()
}

// Close kills all environments.
func (f *Function) Close() {
	for range f.slots {
		s := <-f.free
		if e := s.run.Load(); e != nil {
			e.close()
		}
	}
}
