package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"

	"github.com/mucura/mucura/adapters/plugin/internal/wire"
	pb "github.com/mucura/mucura/adapters/plugin/storepb"
	"github.com/mucura/mucura/core/content"
)

// errFinished: the writer was committed or aborted.
var errFinished = errors.New("content is finished")

// writer sends one content. What Write has taken may still be on its way to
// the plug-in; Commit waits for all of it.
type writer struct {
	store  *contentStore
	id     content.ID
	ctx    context.Context // of the stream; ends with the caller's
	guard  guard
	stream grpc.BidiStreamingClient[pb.WriteRequest, pb.WriteResponse]
	done   bool
	err    error // the first error; nothing is kept after one
}

// Create begins a content and waits until the plug-in has. When ctx ends before
// Commit returns, the upload is dropped.
func (s *contentStore) Create(ctx context.Context, id content.ID, size int64) (content.Writer, error) {
	if err := errors.Join(content.CheckID(id), ctx.Err()); err != nil {
		return nil, err
	}
	p, err := s.current()
	if err != nil {
		return nil, err
	}
	inner, cancel := context.WithCancelCause(ctx)
	w := &writer{store: s, id: id, ctx: inner, guard: guard{s.opts.StreamTimeout, cancel}}
	done := w.guard.watch()
	defer done()
	if w.stream, err = p.content.Write(inner); err == nil {
		begin := &pb.WriteRequest_Begin{Id: string(id), Size: size}
		err = w.exchange("create", &pb.WriteRequest{Step: &pb.WriteRequest_Begin_{Begin: begin}})
	} else {
		err = s.fail(inner, "create", true, err)
	}
	if err != nil {
		w.guard.cancel(errFinished)
		return nil, err
	}
	return w, nil
}

// send sends one step. gRPC says io.EOF when the stream has ended; the reason
// comes with the answer.
func (w *writer) send(what string, m *pb.WriteRequest) error {
	err := w.stream.Send(m)
	if err == io.EOF {
		if _, rerr := w.stream.Recv(); rerr != nil {
			err = rerr
		}
	}
	if err != nil {
		return w.fail(what, err)
	}
	return nil
}

// exchange sends one step and waits for the answer.
func (w *writer) exchange(what string, m *pb.WriteRequest) error {
	if err := w.send(what, m); err != nil {
		return err
	}
	if _, err := w.stream.Recv(); err != nil {
		return w.fail(what, err)
	}
	return nil
}

func (w *writer) fail(what string, err error) error {
	if err == io.EOF {
		return w.store.bad("an answer that ends early")
	}
	return w.store.fail(w.ctx, fmt.Sprintf("%s content %s", what, w.id), true, err)
}

// Write sends p in chunks. It waits when the plug-in does not keep up.
func (w *writer) Write(p []byte) (n int, err error) {
	if w.done {
		return 0, errFinished
	}
	for len(p) > 0 && w.err == nil {
		chunk := p[:min(len(p), wire.MaxChunk)]
		done := w.guard.watch()
		w.err = w.send("write", &pb.WriteRequest{Step: &pb.WriteRequest_Data{Data: chunk}})
		done()
		if w.err == nil {
			n += len(chunk)
			p = p[len(chunk):]
		}
	}
	return n, w.err
}

// Commit makes the content durable and visible. When the plug-in dies right
// then the content may be there: rubbish that nobody's record names.
func (w *writer) Commit() error {
	if w.done {
		return errFinished
	}
	w.done = true
	defer w.guard.cancel(errFinished)
	if w.err != nil {
		return w.err
	}
	done := w.guard.watch()
	defer done()
	err := w.exchange("commit", &pb.WriteRequest{Step: &pb.WriteRequest_Commit_{Commit: &pb.WriteRequest_Commit{}}})
	return err
}

// Abort drops the upload and waits until the plug-in has dropped it. An upload
// that failed before was dropped then.
func (w *writer) Abort() error {
	if w.done {
		return nil
	}
	w.done = true
	defer w.guard.cancel(errFinished)
	if w.err != nil || w.ctx.Err() != nil {
		return nil
	}
	done := w.guard.watch()
	defer done()
	return w.exchange("abort", &pb.WriteRequest{Step: &pb.WriteRequest_Abort_{Abort: &pb.WriteRequest_Abort{}}})
}

// reader reads a range of a content.
type reader struct {
	store  *contentStore
	id     content.ID
	ctx    context.Context
	guard  guard
	stream grpc.ServerStreamingClient[pb.ReadResponse]
	chunk  []byte // what was received and not yet read
	length int64  // bytes asked for; -1 for all
	got    int64  // bytes received
	err    error  // what ends the reader, io.EOF when all is well
}

// Open waits for the first chunk, so what cannot be read fails here.
func (s *contentStore) Open(ctx context.Context, id content.ID, offset, length int64) (io.ReadCloser, error) {
	if err := errors.Join(content.CheckID(id), ctx.Err()); err != nil {
		return nil, err
	}
	if offset < 0 || length < -1 {
		return nil, fmt.Errorf("content %s: malformed range: %d bytes from %d", id, length, offset)
	}
	p, err := s.current()
	if err != nil {
		return nil, err
	}
	inner, cancel := context.WithCancelCause(ctx)
	r := &reader{store: s, id: id, ctx: inner, guard: guard{s.opts.StreamTimeout, cancel}, length: length}
	if r.stream, err = p.content.Read(inner, &pb.ReadRequest{Id: string(id), Offset: offset, Length: length}); err != nil {
		r.err = s.fail(inner, "open", false, err)
	} else {
		r.next()
	}
	if r.err != nil {
		cancel(errFinished)
		if r.err == io.EOF || r.err == io.ErrUnexpectedEOF {
			return nil, s.bad("no answer to a read")
		}
		return nil, r.err
	}
	return r, nil
}

// next receives a chunk, or the end.
func (r *reader) next() {
	done := r.guard.watch()
	m, err := r.stream.Recv()
	done()
	switch {
	case err == io.EOF && r.length >= 0 && r.got < r.length:
		r.err = io.ErrUnexpectedEOF
	case err == io.EOF:
		r.err = io.EOF
	case err != nil:
		r.err = r.store.fail(r.ctx, fmt.Sprintf("read content %s", r.id), false, err)
	default:
		r.chunk = m.GetData()
		r.got += int64(len(r.chunk))
		if r.length >= 0 && r.got > r.length {
			r.chunk, r.err = nil, r.store.bad("more bytes than were asked for")
		}
	}
}

func (r *reader) Read(p []byte) (int, error) {
	for len(r.chunk) == 0 && r.err == nil {
		r.next()
	}
	n := copy(p, r.chunk)
	r.chunk = r.chunk[n:]
	if n > 0 {
		return n, nil
	}
	return 0, r.err
}

// WriteTo spares a copy of each chunk.
func (r *reader) WriteTo(w io.Writer) (n int64, err error) {
	for {
		for len(r.chunk) == 0 && r.err == nil {
			r.next()
		}
		if len(r.chunk) == 0 {
			if r.err == io.EOF {
				return n, nil
			}
			return n, r.err
		}
		m, err := w.Write(r.chunk)
		n += int64(m)
		r.chunk = r.chunk[m:]
		if err != nil {
			return n, err
		}
	}
}

// Close ends the stream; the plug-in closes its side.
func (r *reader) Close() error {
	r.guard.cancel(errFinished)
	if r.err == nil {
		r.err = errFinished
	}
	r.chunk = nil
	return nil
}
