package riak

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/mucura/mucura/core/meta"
)

// Meta is a metadata store in Riak.
type Meta struct {
	client  *client
	records *bucket
	caps    meta.Capabilities
	known   *known

	mu     sync.RWMutex // held for reading by running calls
	closed bool
}

// Get reads without the body as many bytes as a record mostly has without it.
const shortRead = 8 << 10

// A write has its result sent back, for the vclock, when it is no longer.
const shortWrite = 8 << 10

// knownStates bounds what is remembered of records, 1 to 4 KiB each.
const knownStates = 4096

// Capabilities say what a healthy cluster with tokens promises. OpenMeta looks
// whether this one does.
func Capabilities() meta.Capabilities {
	return meta.Capabilities{Name: "riak", CAS: meta.WhenHealthy, MaxValue: maxValue, MaxInline: maxInline}
}

// OpenMeta opens a metadata store. It waits, as long as ctx lets it, until the
// cluster answers, and tries out what conditions are worth.
func OpenMeta(ctx context.Context, o Options) (*Meta, error) {
	c, err := newClient(o)
	if err != nil {
		return nil, err
	}
	m := &Meta{client: c, records: c.bucket("record"), known: newKnown(knownStates)}
	m.caps = Capabilities()
	m.caps.ScanLag = o.ScanLag
	if err := c.ready(ctx); err != nil {
		c.close()
		return nil, err
	}
	if m.caps.CAS, err = c.grade(ctx); err != nil {
		c.close()
		return nil, err
	}
	return m, nil
}

// begin refuses calls on a closed store or with an ended context; end must be
// called when it returns nil.
func (m *Meta) begin(ctx context.Context) error {
	m.mu.RLock()
	if m.closed {
		m.mu.RUnlock()
		return fmt.Errorf("riak is closed: %w", meta.ErrUnavailable)
	}
	if err := ctx.Err(); err != nil {
		m.mu.RUnlock()
		return err
	}
	return nil
}

func (m *Meta) end() { m.mu.RUnlock() }

// Get reads a record.
func (m *Meta) Get(ctx context.Context, p meta.Partition, key string, withBody bool) (meta.Record, error) {
	if err := m.begin(ctx); err != nil {
		return meta.Record{}, err
	}
	defer m.end()
	r, err := m.get(ctx, fullKey(p, key), withBody)
	if err != nil {
		return meta.Record{}, fmt.Errorf("get %s %q: %w", p, key, err)
	}
	return r, nil
}

func (m *Meta) get(ctx context.Context, full string, withBody bool) (meta.Record, error) {
	if len(full) > meta.MaxPartition+1+meta.MaxKey { // no write let it in
		return meta.Record{}, meta.ErrNotFound
	}
	var rr readRange
	if !withBody {
		rr.first = shortRead
	}
	for {
		o, h, b, err := m.read(ctx, full, rr)
		if err != nil {
			return meta.Record{}, err
		}
		if !o.live {
			return meta.Record{}, meta.ErrNotFound
		}
		r, err := h.record(b, withBody)
		if errors.Is(err, errMore) && rr.first > 0 {
			rr.first = 0 // a long value; what is read next may be another version
			continue
		}
		if err != nil {
			return meta.Record{}, fmt.Errorf("%w: %w", meta.ErrUnavailable, err)
		}
		return r, nil
	}
}

// read reads an object, resolves and repairs siblings, and remembers its state.
func (m *Meta) read(ctx context.Context, full string, rr readRange) (state, head, []byte, error) {
	key := encodeKey(full)
	asked := m.client.opts.Now()
	o, err := m.records.get(ctx, key, rr)
	if err != nil {
		m.known.forget(key)
		return state{}, head{}, nil, readError(ctx, err)
	}
	s := state{prior: o.prior(), read: asked}
	if !o.exists() {
		m.known.put(key, s)
		return s, head{}, nil, nil
	}
	i, h, err := resolve(o.siblings)
	if err != nil {
		return state{}, head{}, nil, fmt.Errorf("%w: %w", meta.ErrUnavailable, err)
	}
	s.live, s.version, s.stamp = h.kind == recordKind, h.version, h.stamp
	m.known.put(key, s)
	if len(o.siblings) > 1 {
		m.repair(ctx, full, s.prior, h, o.siblings[i].body)
	}
	return s, h, o.siblings[i].body, nil
}

// repair puts the sibling that counts in the place of all, so that the index
// shows it alone. When it fails the next reader tries again.
func (m *Meta) repair(ctx context.Context, full string, was prior, h head, body []byte) {
	key := encodeKey(full)
	_, err := m.records.put(ctx, key, was, m.value(full, h, body), false)
	m.known.forget(key)
	m.client.opts.Log.InfoContext(ctx, "siblings resolved", slog.Bool("repaired", err == nil), slog.Int("key_bytes", len(full)))
}

// value makes the object of a record or tombstone record.
func (m *Meta) value(full string, h head, body []byte) *value {
	v := &value{meta: h.String(), body: body}
	if h.kind == tombstoneKind {
		v.index = map[string]string{tombstoneIndex: tombTerm(h.stamp)}
	} else {
		v.index = map[string]string{recordIndex: term(full, &h, body[:h.summary])}
	}
	return v
}

// Put replaces a record.
func (m *Meta) Put(ctx context.Context, p meta.Partition, key string, r meta.Record, cond meta.Cond) (meta.Version, error) {
	if err := meta.Check(m.caps, p, key, r); err != nil {
		return "", err
	}
	if err := m.begin(ctx); err != nil {
		return "", err
	}
	defer m.end()
	v, err := m.write(ctx, fullKey(p, key), &r, cond)
	if err != nil {
		return "", fmt.Errorf("put %s %q: %w", p, key, err)
	}
	return v, nil
}

// Delete writes a tombstone record.
func (m *Meta) Delete(ctx context.Context, p meta.Partition, key string, cond meta.Cond) error {
	if err := meta.Check(m.caps, p, key, meta.Record{}); err != nil {
		return err
	}
	if err := m.begin(ctx); err != nil {
		return err
	}
	defer m.end()
	if _, err := m.write(ctx, fullKey(p, key), nil, cond); err != nil {
		return fmt.Errorf("delete %s %q: %w", p, key, err)
	}
	return nil
}

// maxTries bounds how often a write is begun anew because others changed the
// record in between without changing whether the condition holds.
const maxTries = 40

// write replaces the record by r, or by a tombstone record when r is nil. The
// state comes from memory first; a write that it makes fail is judged again by
// what is there.
func (m *Meta) write(ctx context.Context, full string, r *meta.Record, cond meta.Cond) (meta.Version, error) {
	key := encodeKey(full)
	s, remembered := m.known.get(key, m.client.opts.Now())
	for try := range maxTries {
		if !remembered {
			var err error
			if s, _, _, err = m.read(ctx, full, readRange{head: true}); err != nil {
				return "", err
			}
		}
		if !s.holds(cond) {
			if remembered {
				remembered = false
				continue
			}
			return "", meta.ErrConflict
		}
		if r == nil && !s.live {
			if remembered { // created since, perhaps
				remembered = false
				continue
			}
			return "", nil
		}
		v, err := m.writeOver(ctx, full, s, r)
		if !errors.Is(err, errChanged) {
			return v, err
		}
		remembered = false
		if err := pause(ctx, try); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("changed by others %d times: %w", maxTries, meta.ErrUnavailable)
}

func (s *state) holds(cond meta.Cond) bool {
	switch cond.Kind {
	case meta.Absent:
		return !s.live
	case meta.Match:
		return s.live && cond.Version == meta.Version(s.version)
	}
	return true
}

// writeOver writes over the state s; errChanged when that is no longer what is there.
func (m *Meta) writeOver(ctx context.Context, full string, s state, r *meta.Record) (meta.Version, error) {
	key := encodeKey(full)
	stamp := max(m.client.opts.Now().UnixNano(), s.stamp+1)
	h, body := head{kind: tombstoneKind, stamp: stamp, version: newVersion()}, []byte{}
	if r != nil {
		h, body = encodeRecord(r, stamp)
	}
	o, err := m.records.put(ctx, key, s.prior, m.value(full, h, body), len(body) <= shortWrite)
	m.known.forget(key)
	if err != nil {
		if errors.Is(err, errChanged) {
			return "", err
		}
		return "", writeError(ctx, err)
	}
	if o != nil && len(o.siblings) == 1 {
		if back, err := parseHead(o.siblings[0].header.Get(metaHeader)); err == nil && back.version == h.version {
			m.known.put(key, state{prior: o.prior(), live: r != nil, version: h.version, stamp: stamp, read: m.client.opts.Now()})
		}
	}
	return meta.Version(h.version), nil
}

// pause waits a little longer with each try, and not all writers equally long.
func pause(ctx context.Context, try int) error {
	if try == 0 {
		return ctx.Err()
	}
	t := time.NewTimer(rand.N(time.Millisecond << min(try, 6)))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readError and writeError translate what a request met to the port's errors.
func readError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", meta.ErrUnavailable, err)
}

func writeError(ctx context.Context, err error) error {
	if errors.Is(err, errMaybeDone) {
		return fmt.Errorf("%w: %w", meta.ErrOutcomeUnknown, err)
	}
	return readError(ctx, err)
}

// Batch is not supported: Riak changes one object at a time.
func (m *Meta) Batch(ctx context.Context, p meta.Partition, ops []meta.Op) error {
	return meta.CheckBatch(m.caps, p, ops)
}

// Capabilities say what OpenMeta found.
func (m *Meta) Capabilities() meta.Capabilities { return m.caps }

// Ping reads and writes an object.
func (m *Meta) Ping(ctx context.Context) error {
	if err := m.begin(ctx); err != nil {
		return err
	}
	defer m.end()
	if err := m.client.ping(ctx); err != nil {
		return readError(ctx, err)
	}
	return nil
}

// Close waits for running calls.
func (m *Meta) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.client.close()
	return nil
}
