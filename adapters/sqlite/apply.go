package sqlite

import (
	"database/sql/driver"
	"fmt"
	"slices"

	"github.com/mucura/mucura/core/meta"
)

// rowState is what a key holds before an operation.
type rowState struct {
	found   bool
	version meta.Version
	bulk    int64 // 0: none
}

// apply does one call within the transaction. A condition that does not hold
// is the call's own error; an error returned is SQLite's and ends the
// transaction.
func (w *writer) apply(c *call) error {
	part, found, err := w.partition(c.p, needsPartition(c.ops))
	if err != nil {
		return err
	}
	// All conditions are judged before anything is written, so a call that
	// fails leaves nothing to undo.
	w.states = w.states[:0]
	for i := range c.ops {
		op := &c.ops[i]
		var st rowState
		if found {
			if st, err = w.state(place{part, op.Key}); err != nil {
				return err
			}
		}
		if !holds(op.Cond, st) {
			c.err = fmt.Errorf("sqlite %s %s %q: %w", c.what, c.p, op.Key, meta.ErrConflict)
			return nil
		}
		w.states = append(w.states, st)
	}
	for i := range c.ops {
		if err := w.do(part, &c.ops[i], w.states[i], c); err != nil {
			return err
		}
	}
	return nil
}

// needsPartition: something is put that need not be there before.
func needsPartition(ops []meta.Op) bool {
	for i := range ops {
		if !ops[i].Delete && ops[i].Cond.Kind != meta.Match {
			return true
		}
	}
	return false
}

// partition finds a partition's number and, with create, gives it one. What
// is given is known to others only after the commit.
func (w *writer) partition(p meta.Partition, create bool) (id int64, found bool, err error) {
	if id, ok := w.s.parts.known(p); ok {
		return id, true, nil
	}
	if id, ok := w.fresh[p]; ok {
		return id, true, nil
	}
	id, found, err = w.c.partition(p)
	if err == nil && !found && create {
		id, err = w.c.exec(addPartition, string(p))
		found = true
	}
	if err != nil {
		return 0, false, err
	}
	if found {
		w.fresh[p] = id
	}
	return id, found, nil
}

// state finds what a key holds now.
func (w *writer) state(at place) (st rowState, err error) {
	if !w.mayHaveChanged(at) {
		if st, ok := w.s.cache.known(&w.before, at); ok {
			return st, nil
		}
	}
	var row [2]driver.Value
	st.found, err = w.c.row(findRecord, row[:], at.partition, at.key)
	if err != nil || !st.found {
		return rowState{}, err
	}
	st.version, _, err = parseHead(bytesOf(row[0]))
	st.bulk = number(row[1])
	return st, err
}

// mayHaveChanged tells whether this transaction has changed a key, or so many
// that it is not worth looking.
func (w *writer) mayHaveChanged(at place) bool {
	return len(w.changes) > 64 || slices.ContainsFunc(w.changes, func(c change) bool { return c.at == at })
}

func holds(cond meta.Cond, st rowState) bool {
	switch cond.Kind {
	case meta.Absent:
		return !st.found
	case meta.Match:
		return st.found && st.version == cond.Version
	}
	return true
}

// do writes one operation. What lies in bulk is written, or dropped, before
// the row that refers to it.
func (w *writer) do(part int64, op *meta.Op, was rowState, c *call) error {
	if op.Delete {
		if !was.found {
			return nil
		}
		return w.remove(place{part, op.Key}, was)
	}
	c.version = newVersion()
	w.head = appendHead(w.head[:0], c.version, op.Key, op.Record.Summary)
	value, bulk, err := w.putBulk(op, was)
	if err != nil {
		return err
	}
	q := insertRecord
	if was.found {
		q = updateRecord
	}
	w.pages += 1 + (len(op.Record.Value)+len(op.Record.Body)+pageSize-1)/pageSize
	if _, err = w.c.exec(q, w.head, value, bulk, part, op.Key); err != nil {
		return err
	}
	r := op.Record
	r.Version = versionString(c.version)
	w.changes = append(w.changes, change{at: place{part, op.Key}, record: r, bulk: number(bulk)})
	return nil
}

// putBulk writes what a row cannot hold, and returns what it does hold: the
// value, or the number of the bulk row, the other being nil.
func (w *writer) putBulk(op *meta.Op, was rowState) (value, bulk driver.Value, err error) {
	r := &op.Record
	switch {
	case len(r.Body) == 0 && len(op.Key)+len(w.head)+len(r.Value) <= maxRow:
		if was.bulk != 0 {
			_, err = w.c.exec(deleteBulk, was.bulk)
		}
		return r.Value, nil, err
	case was.bulk != 0:
		_, err = w.c.exec(updateBulk, r.Value, r.Body, was.bulk)
		return nil, was.bulk, err
	default:
		id, err := w.c.exec(insertBulk, r.Value, r.Body)
		return nil, id, err
	}
}

func (w *writer) remove(at place, was rowState) error {
	if was.bulk != 0 {
		if _, err := w.c.exec(deleteBulk, was.bulk); err != nil {
			return err
		}
	}
	w.pages++
	if _, err := w.c.exec(deleteRecord, at.partition, at.key); err != nil {
		return err
	}
	w.changes = append(w.changes, change{at: at, deleted: true})
	return nil
}
