package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// create makes the database at path unless there is a file. It is made whole
// under another name, without waiting for the disk, then synced, and gets its
// name last; so a new database costs two fsyncs, and a crash leaves none, or
// all of it. What a crash leaves under the other name is a few pages that
// nobody looks at.
func create(path string, opts Options) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := noLog(path); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // mode 0600, and SQLite gives the files beside it the same
	if err != nil {
		return err
	}
	defer func() {
		for _, beside := range []string{"", "-journal", "-wal", "-shm"} {
			os.Remove(f.Name() + beside)
		}
	}()
	// The file is closed while no connection is open to it, because to close it
	// is to give up the locks that all of this process have on it (fcntl(2)).
	if err := errors.Join(fill(f.Name(), opts), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := give(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

// link is replaced by tests.
var link = os.Link

// give gives a file a name that no other has: fs.ErrExist when another process was
// first, whose database then counts.
func give(file, name string) error {
	err := link(file, name)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return rename(file, name, err) // file systems such as exFAT have no links
}

// noLog refuses to make a database beside the log of one that is gone, which
// SQLite would take for the new one's.
func noLog(path string) error {
	for _, log := range []string{path + "-wal", path + "-journal"} {
		_, err := os.Lstat(log)
		if err == nil {
			// It may be that of a database another process has just made.
			if _, err := os.Lstat(path); err == nil {
				return nil
			}
			return fmt.Errorf("%s is there without its database: put the database back, or else remove the log", log)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// fill makes the tables in an empty file, and what is to be in them at first.
func fill(path string, opts Options) error {
	fill := opts.Fill
	opts.Fill, opts.unsynced = nil, true
	s, err := open(path, opts)
	if err != nil {
		return err
	}
	if fill != nil {
		err = fill(s)
	}
	if err == nil {
		err = s.writer.run(context.Background(), func(w *writer) error { return w.c.checkpoint() })
	}
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	return logGone(path)
}

// logGone sees that all of a database lies in its file. The last connection to close
// writes the log back and removes it, but nobody is told when that fails: the log is
// left then.
func logGone(path string) error {
	_, err := os.Lstat(path + "-wal")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return errors.New("the log of a new database could not be written back")
}

// syncDir makes durable which names are in a directory.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
