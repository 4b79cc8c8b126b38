// Package mem implements both ports in memory. It is the reference the other
// adapters are compared with, and what tests run on. Nothing survives the
// process.
package mem

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/mucura/mucura/core/meta"
)

// Meta is a metadata store in memory. Conditions, scans and batches are exact.
// An insertion moves up to all of a partition's keys, so it suits partitions
// of up to some 100,000 records.
type Meta struct {
	caps meta.Capabilities

	mu     sync.RWMutex
	closed bool
	last   uint64 // the last version given
	parts  map[meta.Partition]*partition
}

// partition holds the records of one partition and their keys in order.
type partition struct {
	keys    []string
	records map[string]meta.Record
}

// NewMeta makes an empty store that promises everything.
func NewMeta() *Meta {
	return NewMetaWith(meta.Capabilities{CAS: meta.Linearizable, FreshScan: true, Batch: true, MaxInline: 64 << 10})
}

// NewMetaWith makes an empty store that promises only what caps says, so that
// tests see how core does without the rest. An empty Name becomes "mem", a
// MaxValue of 0 becomes 1 MiB. CAS and FreshScan change what is promised, not
// what is done.
func NewMetaWith(caps meta.Capabilities) *Meta {
	if caps.Name == "" {
		caps.Name = "mem"
	}
	if caps.MaxValue == 0 {
		caps.MaxValue = 1 << 20
	}
	return &Meta{caps: caps, parts: map[meta.Partition]*partition{}}
}

// Capabilities returns what the store was made with.
func (m *Meta) Capabilities() meta.Capabilities { return m.caps }

// Get reads a record.
func (m *Meta) Get(ctx context.Context, p meta.Partition, key string, withBody bool) (meta.Record, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if err := m.ready(ctx); err != nil {
		return meta.Record{}, err
	}
	r, ok := m.lookup(p, key)
	if !ok {
		return meta.Record{}, fmt.Errorf("get %s %q: %w", p, key, meta.ErrNotFound)
	}
	return copyOf(r, true, withBody), nil
}

// Put replaces a record.
func (m *Meta) Put(ctx context.Context, p meta.Partition, key string, r meta.Record, cond meta.Cond) (meta.Version, error) {
	if err := meta.Check(m.caps, p, key, r); err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.ready(ctx); err != nil {
		return "", err
	}
	if !m.holds(p, key, cond) {
		return "", fmt.Errorf("put %s %q: %w", p, key, meta.ErrConflict)
	}
	return m.put(p, key, r), nil
}

// Delete removes a record.
func (m *Meta) Delete(ctx context.Context, p meta.Partition, key string, cond meta.Cond) error {
	if err := meta.Check(m.caps, p, key, meta.Record{}); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.ready(ctx); err != nil {
		return err
	}
	if !m.holds(p, key, cond) {
		return fmt.Errorf("delete %s %q: %w", p, key, meta.ErrConflict)
	}
	m.remove(p, key)
	return nil
}

// Batch does all ops or none.
func (m *Meta) Batch(ctx context.Context, p meta.Partition, ops []meta.Op) error {
	if err := meta.CheckBatch(m.caps, p, ops); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.ready(ctx); err != nil {
		return err
	}
	for i := range ops {
		if !m.holds(p, ops[i].Key, ops[i].Cond) {
			return fmt.Errorf("batch %s %q: %w", p, ops[i].Key, meta.ErrConflict)
		}
	}
	for i := range ops {
		if ops[i].Delete {
			m.remove(p, ops[i].Key)
		} else {
			m.put(p, ops[i].Key, ops[i].Record)
		}
	}
	return nil
}

// Scan returns a page of a range.
func (m *Meta) Scan(ctx context.Context, p meta.Partition, r meta.Range) (meta.Page, error) {
	limit := r.Limit
	if limit <= 0 || limit > meta.MaxScan {
		limit = meta.MaxScan
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if err := m.ready(ctx); err != nil {
		return meta.Page{}, err
	}
	part := m.parts[p]
	if part == nil {
		return meta.Page{}, nil
	}
	var page meta.Page
	first, _ := slices.BinarySearch(part.keys, r.From)
	for _, key := range part.keys[first:] {
		if r.Before != "" && key >= r.Before {
			break
		}
		if len(page.Entries) == limit {
			page.More = true
			break
		}
		page.Entries = append(page.Entries, meta.Entry{Key: key, Record: copyOf(part.records[key], r.WithValue, false)})
	}
	return page, nil
}

// Ping fails only when the store is closed.
func (m *Meta) Ping(ctx context.Context) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.ready(ctx)
}

// Close drops everything.
func (m *Meta) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed, m.parts = true, nil
	return nil
}

// ready tells whether a call may go on. m.mu is held.
func (m *Meta) ready(ctx context.Context) error {
	if m.closed {
		return fmt.Errorf("mem is closed: %w", meta.ErrUnavailable)
	}
	return ctx.Err()
}

func (m *Meta) lookup(p meta.Partition, key string) (meta.Record, bool) {
	part := m.parts[p]
	if part == nil {
		return meta.Record{}, false
	}
	r, ok := part.records[key]
	return r, ok
}

func (m *Meta) holds(p meta.Partition, key string, cond meta.Cond) bool {
	r, ok := m.lookup(p, key)
	switch cond.Kind {
	case meta.Absent:
		return !ok
	case meta.Match:
		return ok && r.Version == cond.Version
	}
	return true
}

func (m *Meta) put(p meta.Partition, key string, r meta.Record) meta.Version {
	part := m.parts[p]
	if part == nil {
		part = &partition{records: map[string]meta.Record{}}
		m.parts[p] = part
	}
	if i, found := slices.BinarySearch(part.keys, key); !found {
		part.keys = slices.Insert(part.keys, i, key)
	}
	m.last++
	r = copyOf(r, true, true)
	r.Version = meta.Version(binary.BigEndian.AppendUint64(nil, m.last))
	part.records[key] = r
	return r.Version
}

func (m *Meta) remove(p meta.Partition, key string) {
	part := m.parts[p]
	if part == nil {
		return
	}
	if i, found := slices.BinarySearch(part.keys, key); found {
		part.keys = slices.Delete(part.keys, i, i+1)
		delete(part.records, key)
	}
}

// copyOf is a record that shares no slice with r.
func copyOf(r meta.Record, withValue, withBody bool) meta.Record {
	out := meta.Record{Version: r.Version, Summary: bytes.Clone(r.Summary)}
	if withValue {
		out.Value = bytes.Clone(r.Value)
	}
	if withBody {
		out.Body = bytes.Clone(r.Body)
	}
	return out
}

// Partitions names the partitions that hold records, in order.
func (m *Meta) Partitions() (names []meta.Partition) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for p, part := range m.parts {
		if len(part.keys) > 0 {
			names = append(names, p)
		}
	}
	slices.Sort(names)
	return names
}
