package sqlite

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// transact does calls in one transaction. When it returns an error, none of
// them was done.
func (w *writer) transact(group []*call) error {
	if err := w.begin(); err != nil {
		return err
	}
	w.s.cache.writing.Store(true)
	defer func() {
		w.s.cache.writing.Store(false)
		clear(w.changes)
		if w.changes = w.changes[:0]; cap(w.changes) > 4*maxGroup {
			w.changes = nil
		}
	}()
	if err := w.lookAround(); err != nil {
		return w.undo(err)
	}
	clear(w.fresh)
	for _, c := range group {
		c.err = nil
		if err := w.apply(c); err != nil {
			return w.undo(err)
		}
	}
	if err := w.commit(w.c); err != nil {
		return w.commitFailed(err)
	}
	w.tellCache()
	for p, id := range w.fresh {
		w.s.parts.learn(p, id)
	}
	return nil
}

// begin starts a transaction, waiting for other processes' to end. SQLite's
// own waiting sleeps up to 100 ms at a time, too long for a lock that is
// mostly held for one fsync.
func (w *writer) begin() error {
	if err := w.ready(); err != nil {
		return err
	}
	deadline := time.Now().Add(w.s.opts.BusyTimeout)
	for wait := 200 * time.Microsecond; ; wait = min(2*wait, 4*time.Millisecond) {
		_, err := w.c.exec(beginWrite)
		if err == nil {
			return nil
		}
		if !isBusy(err) || time.Now().After(deadline) {
			return w.undo(err)
		}
		time.Sleep(wait/2 + rand.N(wait))
	}
}

// lookAround notes the state of the database at the beginning of a transaction.
func (w *writer) lookAround() (err error) {
	w.before = w.s.cache.now()
	if w.before != w.after { // others have committed since
		w.dataVersion, err = w.c.dataVersion()
	}
	return err
}

// tellCache tells the cache what a transaction has changed. What it does not hear
// of it notices.
func (w *writer) tellCache() {
	w.after = w.s.cache.now()
	if len(w.changes) > 0 && w.after == w.before && w.after != (header{}) {
		w.s.opts.Log.Error("sqlite: a commit left no trace in "+w.s.path+"-shm; no records are kept in memory", "path", w.s.path)
		w.s.cache.stop() // it is not the index of this database
	}
	if w.after == (header{}) || w.after == w.before {
		return
	}
	// Only if nobody else has committed is that the state that our commit left.
	v, err := w.c.dataVersion()
	if err != nil || v != w.dataVersion {
		w.after = header{}
		return
	}
	w.s.cache.wrote(&w.before, &w.after, w.changes)
}

// dataVersion is a number that is another one after each commit of another
// connection, but not after one of c itself
// (https://www.sqlite.org/pragma.html#pragma_data_version).
func (c *conn) dataVersion() (int64, error) {
	var row [1]driver.Value
	_, err := c.row(dataVersion, row[:])
	return number(row[0]), err
}

// undo rolls back after err, and replaces the connection if err says that it
// is broken.
func (w *writer) undo(err error) error {
	if rerr := w.c.rollback(); rerr != nil || isBroken(err) {
		w.reopen()
	}
	return err
}

// reopen replaces the connection. The new one is opened before the old one is
// closed, so the last handle on the file is never closed over a log in doubt.
func (w *writer) reopen() {
	c, err := w.open()
	if err != nil {
		w.s.opts.Log.Error("sqlite: cannot reopen the database for writing", "path", w.s.path, "error", err)
	}
	if c == nil {
		w.s.cache.stop()
	}
	if w.c != nil {
		w.c.close()
	}
	w.c, w.after = c, header{}
}

// ready makes sure that there is a connection to the database and nothing is unclear.
func (w *writer) ready() error {
	if err := w.s.same(); err != nil {
		return err
	}
	if w.c == nil {
		if w.reopen(); w.c == nil {
			return errors.New("the database cannot be opened for writing")
		}
	}
	if w.unclear {
		return w.settle()
	}
	return nil
}

// errUnclear: a commit failed, and may yet be found done after a crash.
var errUnclear = errors.New("commit failed and could not be undone")

// commitFailed rolls back a transaction whose COMMIT failed. After an I/O
// error (a failed fsync) its pages may lie whole in the log: nobody sees them
// now, but after a crash SQLite would take them for committed. So they are
// overwritten before anyone is told that nothing was written.
func (w *writer) commitFailed(err error) error {
	w.s.opts.Log.Error("sqlite: commit failed", "path", w.s.path, "error", err)
	if !isBroken(err) {
		return w.undo(err)
	}
	w.unclear = true
	if rerr := w.c.rollback(); rerr == nil && w.settle() == nil {
		w.reopen()
		return err
	}
	w.reopen()
	return fmt.Errorf("%w: %w", errUnclear, err)
}

// settle commits a page that changes nothing. It takes the place in the log of
// what a failed commit left there.
func (w *writer) settle() error {
	err := w.c.script(fmt.Sprintf("BEGIN IMMEDIATE; PRAGMA user_version = %d", schemaVersion))
	if err == nil {
		err = w.commit(w.c)
	}
	if err != nil {
		w.c.rollback()
		return err
	}
	w.unclear = false
	return nil
}

// probe tells whether a transaction can begin now.
func (w *writer) probe() error {
	if err := w.begin(); err != nil {
		return failed("ping", err)
	}
	if err := w.c.rollback(); err != nil {
		return failed("ping", err)
	}
	return nil
}
