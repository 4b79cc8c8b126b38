package main

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"github.com/pkg/sftp"

	"github.com/mucura/mucura/core/content"
)

// errFinished: the writer was committed or aborted.
var errFinished = errors.New("content is finished")

// writer writes one draft, over the connection it began with.
type writer struct {
	store   *store
	ctx     context.Context
	session *session
	id      content.ID
	file    *sftp.File // nil when finished
	err     error      // the first error; nothing is kept after one
}

// Write sends p in packets, many at once, and waits for all answers.
func (w *writer) Write(p []byte) (int, error) {
	if w.file == nil {
		return 0, errFinished
	}
	if w.err == nil {
		w.err = w.ctx.Err()
	}
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.file.Write(p)
	if err != nil {
		w.err = w.store.failed(w.session, "write", w.id, err)
	}
	return n, w.err
}

// Commit makes the content durable and visible.
func (w *writer) Commit() error {
	if w.file == nil {
		return errFinished
	}
	f := w.file
	w.file = nil
	err := w.err
	if err == nil && w.store.syncs {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = w.publish()
	}
	if err == nil {
		return nil
	}
	_ = w.session.Remove(w.store.draftOf(w.id))
	if w.err != nil {
		return w.err
	}
	return w.store.failed(w.session, "commit", w.id, err)
}

// publish moves the draft to its place and makes that durable.
func (w *writer) publish() error {
	dir, path := w.store.dirOf(w.id), w.store.pathOf(w.id)
	err := w.rename(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = w.makeDir(dir); err == nil {
			err = w.rename(path)
		}
	}
	if err != nil {
		return err
	}
	if w.store.syncs {
		err = syncDir(w.session, dir)
	}
	if err != nil {
		_ = w.session.Remove(path)
	}
	return err
}

// rename replaces nothing, because an ID is never used twice; where the server
// has the atomic rename of POSIX, that is meant.
func (w *writer) rename(path string) error {
	if _, ok := w.session.HasExtension("posix-rename@openssh.com"); ok {
		return w.session.PosixRename(w.store.draftOf(w.id), path)
	}
	return w.session.Rename(w.store.draftOf(w.id), path)
}

func (w *writer) makeDir(dir string) error {
	err := makeDir(w.session, dir)
	if err == nil && w.store.syncs {
		err = syncDir(w.session, w.store.data)
	}
	return err
}

// Abort removes the draft.
func (w *writer) Abort() error {
	if w.file == nil {
		return nil
	}
	f := w.file
	w.file = nil
	_ = f.Close()
	if err := w.session.Remove(w.store.draftOf(w.id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unavailable("abort "+string(w.id), err)
	}
	return nil
}

// reader reads a range and opens it again, where it is, when the connection is
// lost: contents never change.
type reader struct {
	store  *store
	ctx    context.Context
	id     content.ID
	file   *sftp.File // nil when closed
	offset int64      // of the next byte
	left   int64      // bytes of the range not yet read; -1: to the end
	err    error      // what ended it
}

func (r *reader) open() error {
	err := r.store.link.do(r.ctx, func(c *session) error {
		f, err := c.Open(r.store.pathOf(r.id))
		if err != nil {
			return err
		}
		if _, err := f.Seek(r.offset, io.SeekStart); err != nil {
			return errors.Join(err, f.Close())
		}
		r.file = f
		return nil
	})
	return r.store.missing(r.ctx, "open", r.id, err)
}

func (r *reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.left >= 0 && int64(len(p)) > r.left {
		p = p[:r.left]
	}
	if r.left == 0 {
		r.err = io.EOF
		return 0, io.EOF
	}
	if r.err = r.ctx.Err(); r.err != nil {
		return 0, r.err
	}
	n, err := r.file.Read(p)
	if n == 0 && err != nil && err != io.EOF && !answered(err) {
		if r.err = r.open(); r.err != nil {
			return 0, r.err
		}
		n, err = r.file.Read(p)
	}
	r.offset += int64(n)
	if r.left > 0 {
		r.left -= int64(n)
	}
	switch {
	case n > 0: // an error comes again with the next call
		return n, nil
	case err == io.EOF && r.left > 0:
		r.err = io.ErrUnexpectedEOF
	case err == io.EOF:
		r.err = io.EOF
	case err != nil:
		r.err = unavailable("read "+string(r.id), err)
	}
	return 0, r.err
}

func (r *reader) Close() error {
	if r.file == nil {
		return nil
	}
	_ = r.file.Close() // nothing was written
	r.file, r.err = nil, errFinished
	return nil
}
