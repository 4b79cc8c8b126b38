// Package localfs is a content store on a local file system: one file a content.
//
// Layout, below the directory given to Open:
//
//	data/00 … data/ff   committed contents; the directory is the last two
//	                    digits of the ID, which are random
//	tmp/                files being written; a crash leaves them, Clean removes them
//
// One level of 256 directories, all made before the first write (or by Ping),
// keeps all others free of mkdir and of the fsync of a parent that a new
// directory costs: a commit is an fsync of the file, a rename and an fsync of one
// directory. Ten million contents are some 40 000 names a directory, which the
// indexed directories of ext4, XFS and btrfs take well. Taking the random end of
// the ID rather than its time spreads the directory locks of concurrent writers
// and deletions.
//
// Commit acknowledges only when both fsyncs have succeeded, so the content
// survives a power cut. A failed fsync is never repeated: the kernel may have
// dropped the pages it could not write and would then report success. The
// content is removed and the write refused.
//
// Large pieces pass by the page cache (O_DIRECT) where the file system can; what
// was just written is then read from the disk the first time.
//
// Delete is not made durable: a power cut may bring a deleted content back, as
// rubbish that the sweeper finds again.
//
// A file shorter than a range asked for ends with io.ErrUnexpectedEOF; an I/O
// error of the device while reading (on btrfs also a checksum that does not
// match) is content.ErrCorrupt. Bytes changed silently below a file system
// without checksums cannot be noticed here.
//
// Any number of processes may use one directory. The whole directory must lie
// on one file system, one that supports fsync of directories.
package localfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/mucura/mucura/core/content"
	"github.com/spf13/afero"
)

// Options tune a Store. The zero value is right for a local disk.
type Options struct {
	// WriteBehind is after how many bytes of a long content the kernel is told
	// to begin writing them out, so that Commit has little left to wait for. 0 means 8 MiB;
	// negative leaves it to the kernel.
	WriteBehind int64
}

// Store keeps contents in files. All file access goes through its afero.Fs.
type Store struct {
	fs          afero.Fs
	dir         string      // absolute or relative, cleaned
	data        string      // dir/data, with a separator at its end
	tmp         string      // dir/tmp, with a separator at its end
	writeBehind int64       // bytes
	walkBatch   int         // most IDs Walk holds in memory
	noDirect    atomic.Bool // the file system takes no direct writes
	directAlign int         // bytes that memory, place and length of those are multiples of
	laying      sync.Mutex  // held while layOut works
	laidOut     atomic.Bool // all directories are there, durably
}

// Store promises these.
var (
	_ content.Store   = (*Store)(nil)
	_ content.Stat    = (*Store)(nil)
	_ content.Janitor = (*Store)(nil)
	_ content.Space   = (*Store)(nil)
)

// Open opens the store in dir, and makes it when it is not there yet: all but
// the directories of contents, which the first call that needs one makes.
func Open(fs afero.Fs, dir string, opts Options) (*Store, error) {
	s := newStore(fs, dir, opts)
	if err := s.prepare(); err != nil {
		return nil, fmt.Errorf("open content directory: %w", err)
	}
	return s, nil
}

func newStore(fs afero.Fs, dir string, opts Options) *Store {
	if opts.WriteBehind == 0 {
		opts.WriteBehind = 8 << 20
	}
	dir = filepath.Clean(dir)
	const sep = string(filepath.Separator)
	return &Store{
		fs: fs, dir: dir,
		data:        filepath.Join(dir, "data") + sep,
		tmp:         filepath.Join(dir, "tmp") + sep,
		writeBehind: opts.WriteBehind,
		walkBatch:   1 << 20,
		directAlign: 4 << 10, // no sector and no page of memory is larger
	}
}

// Create begins a new content. The size is not used: file systems with delayed
// allocation place a file well without being told.
func (s *Store) Create(ctx context.Context, id content.ID, _ int64) (content.Writer, error) {
	if err := errors.Join(content.CheckID(id), ctx.Err()); err != nil {
		return nil, err
	}
	if err := s.layOut(); err != nil {
		return nil, failed("create", id, err)
	}
	f, err := s.fs.OpenFile(s.tmpPath(id), os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return nil, failed("create", id, err)
	}
	return &writer{store: s, id: id, file: f}, nil
}

// Open reads a range of a content.
func (s *Store) Open(ctx context.Context, id content.ID, offset, length int64) (io.ReadCloser, error) {
	if err := errors.Join(content.CheckID(id), ctx.Err()); err != nil {
		return nil, err
	}
	if offset < 0 || length < -1 {
		return nil, fmt.Errorf("content %s: malformed range: %d bytes from %d", id, length, offset)
	}
	f, err := s.fs.Open(s.path(id))
	if err != nil {
		return nil, s.missing("open", id, err)
	}
	if offset > 0 {
		if _, err := f.Seek(offset, io.SeekStart); err != nil {
			f.Close()
			return nil, failed("seek in", id, err)
		}
	}
	return newReader(f, id, length), nil
}

// Delete removes the content; a power cut may bring it back.
func (s *Store) Delete(ctx context.Context, id content.ID) error {
	if err := errors.Join(content.CheckID(id), ctx.Err()); err != nil {
		return err
	}
	if err := s.fs.Remove(s.path(id)); err != nil {
		if err = s.missing("delete", id, err); !errors.Is(err, content.ErrNotFound) {
			return err
		}
	}
	return nil
}

// Stat gives the size of a content.
func (s *Store) Stat(ctx context.Context, id content.ID) (content.Info, error) {
	if err := errors.Join(content.CheckID(id), ctx.Err()); err != nil {
		return content.Info{}, err
	}
	fi, err := s.fs.Stat(s.path(id))
	if err != nil {
		return content.Info{}, s.missing("stat", id, err)
	}
	return content.Info{ID: id, Size: fi.Size()}, nil
}

// Capabilities say that walking is cheap.
func (s *Store) Capabilities() content.Capabilities {
	return content.Capabilities{Name: "file", CheapWalk: true}
}

// Close does nothing: the store holds no files open between calls.
func (s *Store) Close() error { return nil }
