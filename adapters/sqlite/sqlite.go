// Package sqlite implements the metadata port over one SQLite file
// (https://www.sqlite.org), through github.com/mattn/go-sqlite3. It promises
// everything the port knows: linearizable conditions, fresh scans, batches,
// inlined content.
//
// The file is in WAL mode with synchronous=FULL, so what was acknowledged
// survives a power cut. Several processes of one machine may open it; it must
// lie on a local disk, because WAL needs shared memory.
//
// One goroutine writes. It takes all calls that are waiting into one
// transaction, judges each on its own condition, and answers them after one
// COMMIT and one fsync (group commit). Reads go through a few connections of
// their own and never wait for the writer.
//
// Freed pages are used again; the file itself does not shrink. Backup writes a
// compact copy.
package sqlite

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/mucura/mucura/core/meta"
)

// Options are the settings of a store. The zero value is right for a server.
type Options struct {
	// Readers is the most connections that read at once; they are opened when
	// needed. 0 means two for each processor, but 4 to 8.
	Readers int
	// BusyTimeout is how long a write waits for another process before it gives
	// ErrUnavailable. 0 means 10 s.
	BusyTimeout time.Duration
	// MaxBytes limits the database file; a write beyond it gives ErrFull. 0 is
	// no limit.
	MaxBytes int64
	// Log gets what no call can report, such as a failed checkpoint. nil
	// discards it.
	Log *slog.Logger
	// Fill is given a database that Open has just made, before it has its name,
	// and may write to it. All of that is durable when Open returns, for one
	// fsync; when Fill fails or the process ends before, there is no database. Of
	// several processes that open a missing file at once each calls Fill, and
	// one's database counts.
	Fill func(meta.Store) error

	unsynced bool // nothing need be durable: the file has no name yet
}

// Store is an open SQLite file.
type Store struct {
	path string // of the file itself, beside which SQLite puts the log and its index
	opts Options
	file fs.FileInfo // at path when it was opened

	life   sync.RWMutex // held for reading by every call, for writing by Close
	closed bool

	parts   partitions
	cache   cache
	readers pool
	writer  *writer
}

const (
	maxValue  = 1 << 20
	maxInline = 256 << 10
)

// Open opens the file at path, creating it (readable by its owner only) when
// it is missing; the directory must exist. A file that a newer Mucura wrote,
// or another program, is refused and left as it is. No check of the file's
// integrity is made: see Check.
func Open(path string, opts Options) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if opts.Readers <= 0 {
		opts.Readers = min(max(2*runtime.GOMAXPROCS(0), 4), 8)
	}
	if opts.BusyTimeout <= 0 {
		opts.BusyTimeout = 10 * time.Second
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if err := create(path, opts); err != nil {
		return nil, fmt.Errorf("make %s: %w", path, err)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil, err
	}
	return open(path, opts)
}

// open opens a file that is there.
func open(path string, opts Options) (s *Store, err error) {
	s = &Store{path: path, opts: opts}
	s.readers = pool{free: make(chan struct{}, opts.Readers), open: s.openReader}
	if s.writer, err = s.startWriter(); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return s, nil
}

// connect opens one more connection to the database that was opened.
func (s *Store) connect(readOnly bool, cache int, busy time.Duration) (*conn, error) {
	if err := s.same(); err != nil {
		return nil, err
	}
	return openConn(s.path, readOnly, cache, busy)
}

// same refuses to go on when the database is gone, or another file is in its place,
// as after a restore under a running server: what is written would be lost with the
// old file, and a new connection would play the old one's log into the new one.
func (s *Store) same() error {
	if s.file == nil {
		return nil // it is being opened
	}
	now, err := os.Stat(s.path)
	if err == nil && !os.SameFile(s.file, now) {
		err = fmt.Errorf("%s is not the file that was opened: start anew", s.path)
	}
	return err
}

// Capabilities says what SQLite promises.
func (s *Store) Capabilities() meta.Capabilities {
	return meta.Capabilities{
		Name: "sqlite", CAS: meta.Linearizable, FreshScan: true, Batch: true,
		MaxValue: maxValue, MaxInline: maxInline,
	}
}

// enter begins a call; leave ends it. Close waits for all that have entered.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	s.life.RLock()
	if s.closed {
		s.life.RUnlock()
		return fmt.Errorf("sqlite store is closed: %w", meta.ErrUnavailable)
	}
	return nil
}

func (s *Store) leave() { s.life.RUnlock() }

// Ping reads, and takes the write lock for a moment. It fails with
// ErrUnavailable when either cannot be done.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	if _, _, err := s.partition(ctx, "ping"); err != nil {
		return err
	}
	return s.writer.run(ctx, (*writer).probe)
}

// Close waits for running calls, writes the log back into the database file
// if no other process has it open, and closes it. Calls made later give
// ErrUnavailable. Closing twice does no harm.
func (s *Store) Close() error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.readers.close()
	if werr := s.writer.stop(); werr != nil {
		err = werr
	}
	if s.cache.index != nil {
		if ierr := s.cache.index.close(); err == nil {
			err = ierr
		}
	}
	return err
}
