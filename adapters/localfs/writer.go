package localfs

import (
	"errors"
	"io"
	"os"

	"github.com/mucura/mucura/core/content"
	"github.com/spf13/afero"
)

// errFinished: the writer was committed or aborted.
var errFinished = errors.New("content is finished")

// writer writes one temporary file. It has no buffer of its own: callers give
// large pieces.
type writer struct {
	store  *Store
	id     content.ID
	file   afero.File // nil when finished
	size   int64      // bytes written
	behind int64      // bytes the kernel was told to write out
	err    error      // the first error; nothing is kept after one
}

// Write appends to the temporary file.
func (w *writer) Write(p []byte) (int, error) {
	if w.file == nil {
		return 0, errFinished
	}
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.file.Write(p)
	w.size += int64(n)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err == nil {
		err = w.writeOut()
	}
	if err != nil {
		w.err = failed("write", w.id, err)
	}
	return n, w.err
}

// writeOut lets the kernel begin to write out what has gathered. An error of
// it is an error of the disk, which fsync might not report a second time.
func (w *writer) writeOut() error {
	n := w.size - w.behind
	if w.store.writeBehind < 0 || n < w.store.writeBehind {
		return nil
	}
	err := startWriting(w.file, w.behind, n)
	w.behind = w.size
	return err
}

// Commit makes the content durable and visible.
func (w *writer) Commit() error {
	if w.file == nil {
		return errFinished
	}
	f, tmp := w.file, w.store.tmpPath(w.id)
	w.file = nil
	err := w.err
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = w.publish(tmp)
	}
	if err == nil {
		return nil
	}
	w.store.fs.Remove(tmp)
	if w.err == nil {
		err = failed("commit", w.id, err)
	}
	return err
}

// publish moves the file to its place and makes that durable. The directory is
// opened first, so that an error of writing it out which comes between the
// rename and the fsync is reported to us.
func (w *writer) publish(tmp string) error {
	path := w.store.path(w.id)
	dir, err := w.store.fs.Open(w.store.data + fanOut(w.id))
	if err != nil {
		return err
	}
	err = w.store.fs.Rename(tmp, path)
	if err == nil {
		err = dir.Sync()
	}
	if cerr := dir.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		w.store.fs.Remove(path)
	}
	return err
}

// Abort removes the temporary file.
func (w *writer) Abort() error {
	if w.file == nil {
		return nil
	}
	f := w.file
	w.file = nil
	f.Close()
	err := w.store.fs.Remove(w.store.tmpPath(w.id))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return failed("abort", w.id, err)
	}
	return nil
}
