package localfs

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/mucura/mucura/core/content"
	"github.com/spf13/afero"
)

// reader reads a range of a file, from where the file stands.
type reader struct {
	file  afero.File
	left  io.LimitedReader // over file
	id    content.ID
	asked bool // a length was asked for, so bytes must not be missing
}

func newReader(f afero.File, id content.ID, length int64) *reader {
	r := &reader{file: f, id: id, asked: length >= 0}
	r.left.R, r.left.N = f, length
	if !r.asked {
		r.left.N = math.MaxInt64
	}
	return r
}

// Read reads from the range.
func (r *reader) Read(p []byte) (int, error) {
	n, err := r.left.Read(p)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		err = io.EOF
		if e := r.short(); e != nil {
			err = e
		}
	default:
		err = unreadable(r.id, err)
	}
	return n, err
}

// WriteTo copies what is left of the range. w sees an *io.LimitedReader over the
// file itself, so a network connection uses sendfile.
func (r *reader) WriteTo(w io.Writer) (int64, error) {
	n, err := io.Copy(w, &r.left)
	if err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
		return n, r.short()
	}
	if damaged(err) {
		err = unreadable(r.id, err)
	}
	return n, err
}

// short is the error when the file ended before the range did.
func (r *reader) short() error {
	if r.asked && r.left.N > 0 {
		return fmt.Errorf("content %s: %d bytes missing: %w", r.id, r.left.N, io.ErrUnexpectedEOF)
	}
	return nil
}

// Close closes the file.
func (r *reader) Close() error { return r.file.Close() }

// unreadable wraps an error of reading.
func unreadable(id content.ID, err error) error {
	if damaged(err) {
		return fmt.Errorf("read content %s: %w: %w", id, content.ErrCorrupt, err)
	}
	return failed("read", id, err)
}
