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
	// private: of a name that no other try will look at.
	private bool
	done    bool
}

// openPartial opens the unfinished file, with what an earlier try left in it.
// While another process is at the same download it is a file apart.
func (d *download) openPartial() (*partFile, error) {
	f, err := openLocked(d.partial(), 0o666)
	if err == nil {
		return &partFile{File: f}, nil
	}
	if !errors.Is(err, errLocked) {
		return nil, err
	}
	if f, err = os.OpenFile(fmt.Sprintf("%s.%d", d.partial(), os.Getpid()), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666); err != nil {
		return nil, err
	}
	return &partFile{File: f, private: true}, nil
}

// empty begins anew.
func (f *partFile) empty() error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.Seek(0, 0)
	return err
}

// commit gives the file its name. It is still locked meanwhile.
func (f *partFile) commit(dest string, in DownloadOptions) (err error) {
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	f.done = true
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
		_ = os.Remove(f.Name()) // while it is locked
		f.Close()
	}
}
