package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/mucura/mucura/core/meta"
)

const (
	writerCache   = 2 << 20 // memory for pages, bytes
	maxGroup      = 256     // most calls in a transaction
	maxGroupBytes = 8 << 20 // no call is added to a group of more than this
	queueLen      = 256     // calls that wait without holding up their callers' goroutines
)

// writer is the goroutine that writes, and what it uses. Only that goroutine
// touches the fields below the line.
type writer struct {
	s     *Store
	queue chan *call
	tasks chan func()
	quit  chan struct{}
	ended chan error
	check *checkpointer

	// ----
	c       *conn // nil when it was broken and could not be opened again
	group   []*call
	states  []rowState               // of the operations of one call
	fresh   map[meta.Partition]int64 // partitions this transaction made
	changes []change                 // that this transaction made

	// The state of the database as this transaction began, as the one before it
	// ended (the zero header: not known), and the conn's dataVersion at both.
	before, after header
	dataVersion   int64

	head    []byte              // reused
	pages   int                 // about how many were written since the last checkpoint
	unclear bool                // a commit failed such that it may yet come back: see settle
	commit  func(c *conn) error // replaced by tests
}

// startWriter opens the file for writing, prepares it, and starts the
// goroutine.
func (s *Store) startWriter() (*writer, error) {
	w := &writer{
		s:      s,
		queue:  make(chan *call, queueLen),
		tasks:  make(chan func()),
		quit:   make(chan struct{}),
		ended:  make(chan error, 1),
		fresh:  map[meta.Partition]int64{},
		commit: func(c *conn) error { _, err := c.exec(commit); return err },
	}
	var err error
	if w.c, err = w.open(); err != nil {
		return nil, err
	}
	if s.file, err = os.Stat(s.path); err != nil {
		return nil, errors.Join(err, w.c.close())
	}
	if s.cache.index, err = openWALIndex(s.path); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		s.opts.Log.Warn("sqlite: no records are kept in memory", "path", s.path, "error", err)
	}
	w.check = startCheckpointer(w)
	go w.loop()
	return w, nil
}

func (w *writer) open() (*conn, error) {
	c, err := w.s.connect(false, writerCache, w.s.opts.BusyTimeout)
	if err != nil {
		return nil, err
	}
	if w.s.opts.unsynced {
		err = c.script("PRAGMA synchronous = OFF")
	}
	if err == nil {
		err = prepareFile(c, w.s.opts.BusyTimeout)
	}
	if err == nil {
		// Checkpoints are the checkpointer's; SQLite's own are a net below it.
		err = c.script(fmt.Sprintf("PRAGMA wal_autocheckpoint = %d; PRAGMA journal_size_limit = %d; PRAGMA temp_store = MEMORY; PRAGMA busy_timeout = 0",
			4*checkpointPages, 4*checkpointPages*pageSize))
	}
	if err == nil && w.s.opts.MaxBytes > 0 {
		err = c.limit(w.s.opts.MaxBytes)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// limit sets the most bytes of the database file.
func (c *conn) limit(bytes int64) error {
	return c.script(fmt.Sprintf("PRAGMA max_page_count = %d", max(bytes/pageSize, 1)))
}

// stop ends the goroutine. No call is under way or will come.
func (w *writer) stop() error {
	close(w.quit)
	err := <-w.ended
	w.check.stop()
	if w.c != nil {
		err = errors.Join(err, w.c.close())
	}
	return err
}

// run has the goroutine call fn between two transactions.
func (w *writer) run(ctx context.Context, fn func(*writer) error) error {
	done := make(chan error, 1)
	select {
	case w.tasks <- func() { done <- fn(w) }:
		return <-done
	case <-ctx.Done():
		return fmt.Errorf("sqlite: %w", ctx.Err())
	}
}

func (w *writer) loop() {
	for {
		select {
		case c := <-w.queue:
			// Callers just answered, and others that are ready, come first:
			// with few clients that nearly doubles the group.
			runtime.Gosched()
			w.collect(c)
			w.commitGroup()
			w.check.wrote()
		case task := <-w.tasks:
			task()
		case <-w.quit:
			w.ended <- nil
			return
		}
	}
}

// collect takes the calls that are waiting, without waiting for more.
func (w *writer) collect(first *call) {
	w.group = w.group[:0]
	size := 0
	for c := first; ; {
		if c.state.CompareAndSwap(waiting, taken) {
			w.group = append(w.group, c)
			size += c.size
		} else {
			c.recycle()
		}
		if len(w.group) >= maxGroup || size > maxGroupBytes {
			return
		}
		select {
		case c = <-w.queue:
		default:
			return
		}
	}
}

// commitGroup does the calls of w.group in one transaction and answers them.
func (w *writer) commitGroup() {
	if len(w.group) == 0 {
		return
	}
	err := w.transact(w.group)
	if isFull(err) && len(w.group) > 1 {
		// One call that needs space must not fail others that free some.
		for i := range w.group {
			w.answer(w.group[i:i+1], w.transact(w.group[i:i+1]))
		}
	} else {
		w.answer(w.group, err)
	}
	clear(w.group)
}

// answer tells callers the outcome: err, or else what each call has of its own.
func (w *writer) answer(group []*call, err error) {
	for _, c := range group {
		if err != nil {
			c.err = failed(c.what, err)
			if errors.Is(err, errUnclear) {
				c.err = fmt.Errorf("sqlite %s: %w: %w", c.what, meta.ErrOutcomeUnknown, err)
			}
		}
		c.done <- struct{}{}
	}
}
