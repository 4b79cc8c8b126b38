package localfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/mucura/mucura/core/content"
	"github.com/spf13/afero"
)

// Backup is what a backup did.
type Backup struct {
	Linked  int   // contents that are hard links to the store's own files
	Copied  int   // contents copied, to another file system
	Bytes   int64 // bytes copied
	Present int   // contents that were there already
}

// Backup puts every content there is into the store at destDir, which it makes
// when there is none; restoring is opening (or copying back) that directory.
// On the same file system contents become hard links, which cost no room and
// guard against deletion but not against a failing disk; elsewhere they are
// copied. Contents never change, so what is there already is passed over:
// running it again brings a backup up to date, and one that was cut short goes
// on. What was deleted from the store stays in the backup. It is durable on return.
//
// Take the metadata first: then every content that metadata names is found
// here, unless the backup takes longer than the sweeper's leeway.
func (s *Store) Backup(ctx context.Context, destDir string) (Backup, error) {
	var b Backup
	dest, err := Open(s.fs, destDir, Options{WriteBehind: s.writeBehind})
	if err == nil {
		err = errors.Join(s.layOut(), dest.layOut())
	}
	if err != nil {
		return b, fmt.Errorf("backup: %w", err)
	}
	put := &backup{from: s, to: dest, link: linkerOf(s.fs), done: &b}
	err = eachDir(func(dir string) error {
		before := b.Linked
		var failure error
		err := s.eachName(ctx, dir, func(id content.ID) {
			if failure == nil {
				failure = errors.Join(ctx.Err(), put.one(ctx, id))
			}
		})
		if err = errors.Join(err, failure); err == nil && b.Linked > before {
			err = dest.syncDir(dest.data + dir)
		}
		return err
	})
	if err != nil {
		err = fmt.Errorf("backup: %w", err)
	}
	return b, err
}

// backup is one run of Backup.
type backup struct {
	from, to *Store
	link     func(from, to string) error // nil when links do not work
	done     *Backup
}

// one puts a content into the backup unless it is there or has been deleted.
func (b *backup) one(ctx context.Context, id content.ID) error {
	if b.link != nil {
		err := b.link(b.from.path(id), b.to.path(id))
		switch {
		case err == nil:
			b.done.Linked++
			return nil
		case errors.Is(err, os.ErrExist):
			b.done.Present++
			return nil
		case notThere(err):
			if _, err := b.from.Stat(ctx, id); errors.Is(err, content.ErrNotFound) {
				return nil
			}
		}
		// Another file system, one without links, or too many of them on this file: copy.
	}
	return b.copy(ctx, id)
}

// copy copies a content. One that is in the backup was whole when it was renamed there.
func (b *backup) copy(ctx context.Context, id content.ID) error {
	_, err := b.to.Stat(ctx, id)
	if err == nil {
		b.done.Present++
		return nil
	}
	if !errors.Is(err, content.ErrNotFound) {
		return err
	}
	info, err := b.from.Stat(ctx, id)
	if errors.Is(err, content.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	r, err := b.from.Open(ctx, id, 0, info.Size)
	if errors.Is(err, content.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close()
	// A run that was cut short may have left the temporary file.
	b.to.fs.Remove(b.to.tmpPath(id))
	w, err := b.to.Create(ctx, id, info.Size)
	if err != nil {
		return err
	}
	defer w.Abort()
	n, err := io.CopyBuffer(w, struct{ io.Reader }{r}, make([]byte, 1<<20))
	if err == nil {
		err = w.Commit()
	}
	if err != nil {
		return err
	}
	b.done.Copied++
	b.done.Bytes += n
	return nil
}

// linkerOf gives what makes hard links on fs, which afero has no word for.
func linkerOf(fs afero.Fs) func(from, to string) error {
	switch fs := fs.(type) {
	case interface{ Link(from, to string) error }:
		return fs.Link
	case afero.OsFs, *afero.OsFs:
		return os.Link
	}
	return nil
}
