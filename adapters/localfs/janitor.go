package localfs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mucura/mucura/core/content"
)

// Clean removes temporary files that were last written before the given time;
// so one that is still growing is spared, however long ago it was begun. A
// writer whose file was removed cannot commit.
func (s *Store) Clean(ctx context.Context, before time.Time) (files int, size int64, err error) {
	names, err := s.names(s.tmp)
	if err != nil {
		return 0, 0, failed("clean", "tmp", err)
	}
	for name := range names {
		if err := ctx.Err(); err != nil {
			return files, size, err
		}
		fi, err := s.fs.Stat(s.tmp + name)
		if err == nil && (fi.IsDir() || !fi.ModTime().Before(before)) {
			continue
		}
		if err == nil {
			err = s.fs.Remove(s.tmp + name)
		}
		switch {
		case err == nil:
			files++
			size += fi.Size()
		case !notThere(err): // else it was finished in the meantime
			return files, size, failed("clean", content.ID(name), err)
		}
	}
	return files, size, nil
}

// Ping writes and removes a small file, and looks whether contents are there.
// It makes the directories that Open has left.
func (s *Store) Ping(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.layOut(); err != nil {
		return failed("ping", "data", err)
	}
	if _, err := s.fs.Stat(s.data + "00"); err != nil {
		return failed("ping", "data", err)
	}
	name := s.tmp + "ping-" + rand.Text()
	f, err := s.fs.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return failed("ping", "tmp", err)
	}
	_, err = f.Write([]byte("ping"))
	err = errors.Join(err, f.Close(), s.fs.Remove(name))
	if err != nil {
		return failed("ping", "tmp", err)
	}
	return nil
}

// Space tells the bytes free to an unprivileged writer and the size of the
// file system. errors.ErrUnsupported when the files are not the operating system's.
func (s *Store) Space(ctx context.Context) (free, total int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	f, err := s.fs.Open(s.dir)
	if err != nil {
		return 0, 0, failed("space of", "data", err)
	}
	defer f.Close()
	osFile, ok := f.(*os.File)
	if !ok {
		return 0, 0, fmt.Errorf("space of %s: %w", s.fs.Name(), errors.ErrUnsupported)
	}
	return space(osFile)
}
