package sqlite

import (
	"bytes"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/mucura/mucura/core/meta"
)

const (
	cacheEntries = 4096    // in a generation of the cache
	cacheBytes   = 1 << 20 // the same, bytes of keys and records
	maxCached    = 8 << 10 // no record larger than this is kept, bytes
)

// cache keeps records that were read, without their bodies. All of them are as
// the database is at state; whoever takes one looks whether that is still the
// database's state (walIndex.is), so a Get out of the cache sees every write
// acknowledged before, by whatever process, as one out of the database does.
//
// After a commit of its own the writer changes what the commit has changed and
// goes on to the new state. After one of another process, which cannot be told
// from its header what it changed, all is forgotten.
//
// Entries not used while a generation fills are dropped with it.
type cache struct {
	index *walIndex // nil: nothing is kept

	// writing, from the writer's BEGIN until it has told what it wrote: a reader
	// that finds another state then need not forget all.
	writing atomic.Bool

	mu    sync.RWMutex
	off   bool
	state header
	young generation
	old   generation
}

// place is where a record lies.
type place struct {
	partition int64
	key       string
}

// cached is what is kept of a record.
type cached struct {
	record meta.Record // without body
	bare   bool        // the record is known to have no body
	bulk   int64       // as in rowState; unknownBulk when it was not looked at
}

const unknownBulk = -1

// change is what an operation of a transaction has made of a record.
type change struct {
	at      place
	deleted bool
	record  meta.Record
	bulk    int64
}

type generation struct {
	m     map[place]cached
	bytes int
}

// get gives a record that is kept. Its slices are the caller's own.
func (c *cache) get(at place, withBody bool) (meta.Record, bool) {
	if c.index == nil {
		return meta.Record{}, false
	}
	c.mu.RLock()
	state, young := c.state, true
	e, found := c.young.m[at]
	if !found {
		e, found = c.old.m[at]
		young = false
	}
	c.mu.RUnlock()
	if !found || withBody && !e.bare || !c.index.is(&state) {
		return meta.Record{}, false
	}
	if !young {
		c.mu.Lock()
		if c.state == state {
			c.put(place{at.partition, strings.Clone(at.key)}, e)
		}
		c.mu.Unlock()
	}
	r := e.record
	r.Value, r.Summary = bytes.Clone(r.Value), bytes.Clone(r.Summary)
	return r, true
}

// now is the state of the database, for add.
func (c *cache) now() header {
	if c.index == nil {
		return header{}
	}
	return c.index.read()
}

// add keeps a record read from the database, whose state was before just before
// that.
func (c *cache) add(before *header, at place, r *meta.Record, withBody bool) {
	if *before == (header{}) || len(r.Body) > 0 || len(r.Value) > maxCached {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.off || !c.index.is(before) {
		return // there was a commit meanwhile: the record may be older or newer than that
	}
	if c.state != *before {
		if c.writing.Load() {
			return
		}
		c.forget()
		c.state = *before
	}
	at.key = strings.Clone(at.key) // it may be part of something large
	c.put(at, cached{keepable(r), withBody, unknownBulk})
}

func (c *cache) put(at place, e cached) {
	size := len(at.key) + len(e.record.Value) + len(e.record.Summary)
	if g := &c.young; g.m == nil || len(g.m) >= cacheEntries || g.bytes+size > cacheBytes {
		m := c.old.m
		if clear(m); m == nil {
			m = map[place]cached{}
		}
		c.young, c.old = generation{m: m}, c.young
	}
	c.young.m[at] = e
	c.young.bytes += size
}

func (c *cache) forget() {
	c.young, c.old, c.state = generation{}, generation{}, header{}
}

// stop ends the cache: there may be no connection any more, and the index then
// be replaced by another.
func (c *cache) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget()
	c.off = true
}

// known tells what a key holds, for a transaction that began in the state before
// and has not changed the key.
func (c *cache) known(before *header, at place) (st rowState, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.state != *before {
		return rowState{}, false
	}
	e, found := c.young.m[at]
	if !found {
		e, found = c.old.m[at]
	}
	if !found || e.bulk == unknownBulk {
		return rowState{}, false
	}
	return rowState{found: true, version: e.record.Version, bulk: e.bulk}, true
}

// wrote goes from the state before to after, between which there was nothing but
// a transaction that made changes, in that order. What was written is kept: it is
// often asked for next.
func (c *cache) wrote(before, after *header, changes []change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.off {
		return
	}
	if c.state != *before {
		c.forget()
	}
	for i := range changes {
		ch := &changes[i]
		delete(c.young.m, ch.at)
		delete(c.old.m, ch.at)
		if !ch.deleted && len(ch.record.Value) <= maxCached {
			at := place{ch.at.partition, strings.Clone(ch.at.key)}
			c.put(at, cached{keepable(&ch.record), len(ch.record.Body) == 0, ch.bulk})
		}
	}
	c.state = *after
}

// keepable is a copy of a record without its body.
func keepable(r *meta.Record) meta.Record {
	b := make([]byte, 0, len(r.Value)+len(r.Summary))
	b = append(append(b, r.Value...), r.Summary...)
	n := len(r.Value)
	return meta.Record{Value: b[:n:n], Summary: b[n:], Version: r.Version}
}
