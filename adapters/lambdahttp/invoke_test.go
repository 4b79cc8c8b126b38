package lambdahttp

import (
	"bytes"
	"context"
	"io"
	"sync"
)

// piped is a sink whose answer is read while it is written.
type piped struct {
	*io.PipeWriter
	kind  chan string
	once  sync.Once
	begun bool
}

func (p *piped) start(kind string) { p.once.Do(func() { p.kind <- kind }) }

func (p *piped) whole(text []byte) error {
	p.begun = true
	p.start(jsonType)
	_, err := p.Write(text)
	return err
}

func (p *piped) begin(prelude []byte) error {
	p.begun = true
	p.start(streamType)
	_, err := p.Write(prelude)
	return err
}

func (p *piped) Flush() error { return nil }

// answered is an answer that is being read.
type answered struct {
	*io.PipeReader
	kind string
	done chan struct{}
}

// Close waits until the event is over.
func (r *answered) Close() error {
	err := r.PipeReader.Close()
	<-r.done
	return err
}

// invoke answers an event without a Runtime API.
func (a *Adapter) invoke(ctx context.Context, event []byte) (*answered, error) {
	pr, pw := io.Pipe()
	out := &piped{PipeWriter: pw, kind: make(chan string, 1)}
	failed, done := make(chan error, 1), make(chan struct{})
	event = bytes.Clone(event)
	go func() {
		defer close(done)
		err := a.handle(ctx, event, out)
		if !out.begun {
			failed <- err
			return
		}
		_ = pw.CloseWithError(err)
		a.after(ctx)
	}()
	select {
	case err := <-failed:
		return nil, err
	case kind := <-out.kind:
		return &answered{pr, kind, done}, nil
	}
}
