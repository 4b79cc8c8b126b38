package localfs

import (
	"errors"
	"io"
	"os"
	"syscall"
	"unsafe"

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
	direct bool       // writes of the file pass by the page cache
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
	n, err := w.write(p)
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

// directFrom is the shortest piece, in bytes, that passes by the page cache.
const directFrom = 256 << 10

// write appends p. A large piece goes from p to the disk itself as far as it is
// whole pages (O_DIRECT): to copy it into fresh pages of the cache and to write
// those out costs several times as much CPU, and would push out what others
// read. What such a disk or file system will not take goes through the cache.
func (w *writer) write(p []byte) (n int, err error) {
	if whole := w.wholePages(p); whole > 0 && w.setDirect(true) == nil {
		n, err = w.file.Write(p[:whole])
		w.behind = w.size + int64(n)
		switch {
		case errors.Is(err, syscall.EINVAL):
			w.store.noDirect.Store(true) // it wants another alignment
		case err != nil:
			return n, err
		}
		p = p[n:]
	}
	if len(p) == 0 {
		return n, nil
	}
	if err := w.setDirect(false); err != nil {
		return n, err
	}
	m, err := w.file.Write(p)
	return n + m, err
}

// wholePages is how much of p, from its beginning, may pass by the page cache.
func (w *writer) wholePages(p []byte) int {
	align := w.store.directAlign
	aligned := (uintptr(unsafe.Pointer(unsafe.SliceData(p)))|uintptr(w.size))%uintptr(align) == 0
	if len(p) < directFrom || !aligned || w.store.noDirect.Load() {
		return 0
	}
	return len(p) - len(p)%align
}

// setDirect makes writes pass by the page cache, or through it again.
func (w *writer) setDirect(on bool) error {
	if on == w.direct {
		return nil
	}
	err := errors.ErrUnsupported
	if f, ok := w.file.(*os.File); ok {
		err = setDirect(f, on)
	}
	if err == nil {
		w.direct = on
	} else if on {
		w.store.noDirect.Store(true) // a file system without it
	}
	return err
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
