package transfer

import (
	"errors"
	"fmt"
	"os"

	"github.com/mucura/mucura/core/client"
)

// partFile is a file that is not whole yet.
type partFile struct {
	*os.File
	done bool
}

// create opens a new unfinished file of a name that nobody else uses.
func (d *download) create() (*partFile, error) {
	f, err := os.OpenFile(fmt.Sprintf("%s.%d", d.partial(), os.Getpid()), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return nil, err
	}
	return &partFile{File: f}, nil
}

// empty begins anew.
func (f *partFile) empty() error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.Seek(0, 0)
	return err
}

// commit gives the file its name.
func (f *partFile) commit(dest string, in DownloadOptions) error {
	if err := f.Close(); err != nil {
		return err
	}
	f.done = true
	var err error
	if in.NoClobber {
		// Unlike a rename, a link replaces nothing.
		if err = os.Link(f.Name(), dest); errors.Is(err, os.ErrExist) {
			err = &client.ConflictError{Message: dest + ": there is such a file already"}
		}
		_ = os.Remove(f.Name())
		return err
	}
	if err = os.Rename(f.Name(), dest); err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// discard drops the file, unless it has its name.
func (f *partFile) discard() {
	if !f.done {
		f.Close()
		_ = os.Remove(f.Name())
	}
}
