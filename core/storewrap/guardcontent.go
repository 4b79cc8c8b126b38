package storewrap

import (
	"context"
	"crypto/md5"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/mucura/mucura/core/content"
)

// GuardedContent is a content store with a guard around each call. A content that
// is read or written keeps its place in the limit until it is closed, committed
// or aborted. Without a limit readers are the store's own. Optional interfaces
// are found by content.As; calls of those are not guarded.
type GuardedContent struct {
	content.Store
	Guard *Guard
}

// Unwrap gives the store below.
func (s *GuardedContent) Unwrap() content.Store { return s.Store }

// Create begins a new content.
func (s *GuardedContent) Create(ctx context.Context, id content.ID, size int64) (content.Writer, error) {
	start, err := s.Guard.begin(ctx, Create)
	if err != nil {
		return nil, err
	}
	w, err := s.Store.Create(ctx, id, size)
	if err != nil {
		s.Guard.end(Create, start, err)
		return nil, err
	}
	return &guardedWriter{Writer: w, guard: s.Guard, start: start}, nil
}

// guardedWriter ends its call once.
type guardedWriter struct {
	content.Writer
	guard *Guard
	start time.Time
	ended bool
	err   error // the first of a Write
}

func (w *guardedWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil && w.err == nil {
		w.err = err
	}
	return n, err
}

// MD5 tells the writer below, if that wants to know.
func (w *guardedWriter) MD5(sum [md5.Size]byte) {
	if t, ok := w.Writer.(content.Told); ok {
		t.MD5(sum)
	}
}

func (w *guardedWriter) Commit() error {
	err := w.Writer.Commit()
	w.end(err)
	return err
}

func (w *guardedWriter) Abort() error {
	err := w.Writer.Abort()
	if w.err == nil {
		w.err = errGaveUp // nothing is known of the store
	}
	w.end(w.err)
	return err
}

func (w *guardedWriter) end(err error) {
	if !w.ended {
		w.ended = true
		w.guard.end(Create, w.start, err)
	}
}

// Open reads a range.
func (s *GuardedContent) Open(ctx context.Context, id content.ID, offset, length int64) (io.ReadCloser, error) {
	start, err := s.Guard.begin(ctx, Open)
	if err != nil {
		return nil, err
	}
	rc, err := s.Store.Open(ctx, id, offset, length)
	if err != nil || s.Guard.Limit == nil {
		s.Guard.end(Open, start, err)
		return rc, err
	}
	s.Guard.leave(Open, start, nil)
	held := &heldReader{ReadCloser: rc, release: sync.OnceFunc(s.Guard.Limit.release)}
	if to, ok := rc.(io.WriterTo); ok {
		return &heldWriterTo{held, to}, nil
	}
	return held, nil
}

// heldReader gives its place back when it is closed.
type heldReader struct {
	io.ReadCloser
	release func()
}

func (r *heldReader) Close() error {
	defer r.release()
	return r.ReadCloser.Close()
}

// heldWriterTo keeps that a reader can write itself, by sendfile where it can.
type heldWriterTo struct {
	*heldReader
	io.WriterTo
}

// Delete removes the content.
func (s *GuardedContent) Delete(ctx context.Context, id content.ID) error {
	start, err := s.Guard.begin(ctx, Delete)
	if err != nil {
		return err
	}
	err = s.Store.Delete(ctx, id)
	s.Guard.end(Delete, start, err)
	return err
}

// Walk calls fn for each content. What fn returns is not the store's outcome.
func (s *GuardedContent) Walk(ctx context.Context, from content.ID, fn func(content.Info) error) error {
	start, err := s.Guard.begin(ctx, Walk)
	if err != nil {
		return err
	}
	var own error
	err = s.Store.Walk(ctx, from, func(i content.Info) error {
		own = fn(i)
		return own
	})
	outcome := err
	if own != nil && errors.Is(err, own) {
		outcome = errGaveUp
	}
	s.Guard.end(Walk, start, outcome)
	return err
}
