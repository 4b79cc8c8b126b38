package localfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/mucura/mucura/core/content"
)

// Nobody but the owner of the process reads contents.
const (
	fileMode = 0o600
	dirMode  = 0o700
)

const hexDigits = "0123456789abcdef"

// fanOut names the directory of an ID: its last two digits.
func fanOut(id content.ID) string { return string(id[len(id)-2:]) }

// path is where a committed content lies.
func (s *Store) path(id content.ID) string {
	return s.data + fanOut(id) + string(filepath.Separator) + string(id)
}

// tmpPath is where a content lies until it is committed.
func (s *Store) tmpPath(id content.ID) string { return s.tmp + string(id) }

// eachDir calls fn with the name of every fan-out directory.
func eachDir(fn func(name string) error) error {
	for i := range 256 {
		if err := fn(string([]byte{hexDigits[i>>4], hexDigits[i&15]})); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes the directories that the others are in.
func (s *Store) prepare() error {
	if err := s.makeDir(s.dir); err != nil {
		return err
	}
	return errors.Join(s.mkdir(s.data), s.mkdir(s.tmp))
}

// layOut makes the directories of contents and makes all durable, unless it has
// succeeded before, so that a commit has no directory but its own to fsync. It
// syncs also what it finds: another process may have made it a moment ago and
// not have come that far. It is not part of Open because 256 directories can take
// a file system longer than all else of a first start.
func (s *Store) layOut() error {
	if s.laidOut.Load() {
		return nil
	}
	s.laying.Lock()
	defer s.laying.Unlock()
	if s.laidOut.Load() {
		return nil
	}
	have, err := s.names(s.data)
	if err != nil {
		return err
	}
	err = eachDir(func(name string) error {
		if have[name] {
			return nil
		}
		return s.mkdir(s.data + name)
	})
	if err != nil {
		return err
	}
	if err := errors.Join(s.syncDir(s.data), s.syncDir(s.dir)); err != nil {
		return err
	}
	s.laidOut.Store(true)
	return nil
}

// makeDir makes dir and what is missing above it, durably.
func (s *Store) makeDir(dir string) error {
	parent := filepath.Dir(dir)
	err := s.fs.Mkdir(dir, dirMode)
	if errors.Is(err, fs.ErrNotExist) && parent != dir {
		if err = s.makeDir(parent); err == nil {
			err = s.fs.Mkdir(dir, dirMode)
		}
	}
	if err == nil {
		return s.syncDir(parent)
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	fi, err := s.fs.Stat(dir)
	if err == nil && !fi.IsDir() {
		err = fmt.Errorf("%s: %w", dir, syscall.ENOTDIR)
	}
	return err
}

// mkdir makes one directory unless it is there.
func (s *Store) mkdir(dir string) error {
	if err := s.fs.Mkdir(filepath.Clean(dir), dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// names gives the names in a directory.
func (s *Store) names(dir string) (map[string]bool, error) {
	f, err := s.fs.Open(filepath.Clean(dir))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	set := make(map[string]bool, len(list))
	for _, name := range list {
		set[name] = true
	}
	return set, nil
}

// syncDir makes durable which names are in a directory.
func (s *Store) syncDir(dir string) error {
	f, err := s.fs.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// failed wraps an error of the file system: ErrFull when there is no room,
// else ErrUnavailable.
func failed(what string, id content.ID, err error) error {
	kind := content.ErrUnavailable
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		kind = content.ErrFull
	}
	return fmt.Errorf("%s content %s: %w: %w", what, id, kind, err)
}

// missing wraps an error of a look-up: ErrNotFound when the content is not
// there, but its directory is. Without the directory (a disk that is not
// mounted) nothing can be said about the content, least of all that it is gone.
func (s *Store) missing(what string, id content.ID, err error) error {
	if !errors.Is(err, os.ErrNotExist) {
		return failed(what, id, err)
	}
	if lerr := s.layOut(); lerr != nil {
		return failed(what, id, lerr)
	}
	if _, derr := s.fs.Stat(s.data + fanOut(id)); derr != nil {
		return failed(what, id, derr)
	}
	return fmt.Errorf("%s content %s: %w", what, id, content.ErrNotFound)
}
