// Package weak makes stores keep less than they could, for tests: that core is
// right on every grade of store is shown on stores that really break what they
// do not promise. It wraps a store that keeps everything.
package weak

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mucura/mucura/core/meta"
)

// Meta is a metadata store that keeps no more than Caps say:
//
//   - with CAS none a condition is judged, and the write is made later, so two
//     writers can both win;
//   - without FreshScan a scan shows the state of Lag ago;
//   - without Batch there are none, and what is larger than MaxValue or
//     MaxInline is refused.
type Meta struct {
	meta.Store
	Grade
	Now func() time.Time // nil: time.Now

	mu    sync.Mutex
	stale map[meta.Partition]map[string]former
}

// former is what a key held before the changes that scans do not show yet.
type former struct {
	at     time.Time // of the first of them
	absent bool
	record meta.Record
}

// Grade is how much a metadata store keeps.
type Grade struct {
	Caps meta.Capabilities
	Lag  time.Duration // of scans, where they are not fresh
}

// Large are the grades of metadata stores that a large site may have; the names
// of their engines tell what is weak about them.
func Large() []Grade {
	const inline = 64 << 10
	return []Grade{
		{Caps: meta.Capabilities{Name: "batches", CAS: meta.Linearizable, FreshScan: true, Batch: true, MaxValue: 512 << 10, MaxInline: inline}},
		{Caps: meta.Capabilities{Name: "no-batch", CAS: meta.Linearizable, FreshScan: true, MaxValue: meta.MinValue, MaxInline: inline}},
		{Caps: meta.Capabilities{Name: "no-inline", CAS: meta.Linearizable, FreshScan: true, Batch: true, MaxValue: meta.MinValue}},
		{Caps: meta.Capabilities{Name: "small-inline", CAS: meta.WhenHealthy, FreshScan: true, MaxValue: meta.MinValue, MaxInline: 16}},
		{Caps: meta.Capabilities{Name: "lagging", CAS: meta.WhenHealthy, MaxValue: meta.MinValue, MaxInline: inline}, Lag: time.Minute},
		{Caps: meta.Capabilities{Name: "no-cas", CAS: meta.None, FreshScan: true, MaxValue: meta.MinValue, MaxInline: inline}},
	}
}

// Over is a store of this grade over s, which keeps everything. A MaxValue of 0
// is that of s.
func (g Grade) Over(s meta.Store) *Meta {
	g.Caps.MaxValue = cmp.Or(g.Caps.MaxValue, s.Capabilities().MaxValue)
	return &Meta{Store: s, Grade: g}
}

func (m *Meta) now() time.Time {
	if m.Now != nil {
		return m.Now()
	}
	return time.Now()
}

// Capabilities are what is promised.
func (m *Meta) Capabilities() meta.Capabilities { return m.Caps }

// Put replaces a record.
func (m *Meta) Put(ctx context.Context, p meta.Partition, key string, r meta.Record, cond meta.Cond) (v meta.Version, err error) {
	if err := meta.Check(m.Caps, p, key, r); err != nil {
		return "", err
	}
	if cond, err = m.loosen(ctx, p, key, cond); err != nil {
		return "", err
	}
	err = m.change(ctx, p, key, func() error {
		v, err = m.Store.Put(ctx, p, key, r, cond)
		return err
	})
	return v, err
}

// Delete removes a record.
func (m *Meta) Delete(ctx context.Context, p meta.Partition, key string, cond meta.Cond) error {
	cond, err := m.loosen(ctx, p, key, cond)
	if err != nil {
		return err
	}
	return m.change(ctx, p, key, func() error { return m.Store.Delete(ctx, p, key, cond) })
}

// Batch does all ops or none, or is not supported.
func (m *Meta) Batch(ctx context.Context, p meta.Partition, ops []meta.Op) error {
	if err := meta.CheckBatch(m.Caps, p, ops); err != nil {
		return err
	}
	if m.Lag > 0 {
		return fmt.Errorf("a lagging store with batches: %w", meta.ErrUnsupported)
	}
	return m.Store.Batch(ctx, p, ops)
}

// loosen judges a condition where it is not exact, and gives the one to write
// with after that.
func (m *Meta) loosen(ctx context.Context, p meta.Partition, key string, cond meta.Cond) (meta.Cond, error) {
	if m.Caps.CAS != meta.None || cond.Kind == meta.Any || ctx.Err() != nil {
		return cond, nil
	}
	r, err := m.Store.Get(ctx, p, key, false)
	there := err == nil
	if cond.Kind == meta.Absent && there || cond.Kind == meta.Match && (!there || r.Version != cond.Version) {
		return cond, fmt.Errorf("put %s %q: %w", p, key, meta.ErrConflict)
	}
	runtime.Gosched()
	return meta.Always, nil
}

// change makes a change, and remembers what was there before it.
func (m *Meta) change(ctx context.Context, p meta.Partition, key string, do func() error) error {
	if m.Lag == 0 {
		return do()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.Store.Get(ctx, p, key, false)
	was := former{at: m.now(), absent: err != nil, record: r}
	if err := do(); err != nil {
		return err
	}
	if old, ok := m.stale[p][key]; ok && m.now().Sub(old.at) < m.Lag {
		return nil
	}
	if m.stale == nil {
		m.stale = map[meta.Partition]map[string]former{}
	}
	if m.stale[p] == nil {
		m.stale[p] = map[string]former{}
	}
	m.stale[p][key] = was
	return nil
}

// Scan shows the state of Lag ago, or for keys changed several times since an
// older one.
func (m *Meta) Scan(ctx context.Context, p meta.Partition, r meta.Range) (meta.Page, error) {
	if m.Lag == 0 {
		return m.Store.Scan(ctx, p, r)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for {
		page, err := m.Store.Scan(ctx, p, r)
		if err != nil {
			return page, err
		}
		before, next := r.Before, ""
		if page.More {
			next = meta.Next(page.Entries[len(page.Entries)-1].Key)
			before = next
		}
		page = m.backdate(p, r, before, page)
		if len(page.Entries) > 0 || !page.More {
			return page, nil
		}
		r.From = next
	}
}

// backdate turns a page of the keys below before into what it was.
func (m *Meta) backdate(p meta.Partition, r meta.Range, before string, page meta.Page) meta.Page {
	now := m.now()
	old := map[string]former{}
	for key, f := range m.stale[p] {
		if now.Sub(f.at) >= m.Lag {
			delete(m.stale[p], key)
		} else if key >= r.From && (before == "" || key < before) {
			old[key] = f
		}
	}
	page.Entries = slices.DeleteFunc(page.Entries, func(e meta.Entry) bool { _, ok := old[e.Key]; return ok })
	for key, f := range old {
		if !f.absent {
			e := meta.Entry{Key: key, Record: f.record}
			if !r.WithValue {
				e.Record.Value = nil
			}
			page.Entries = append(page.Entries, e)
		}
	}
	slices.SortFunc(page.Entries, func(a, b meta.Entry) int { return strings.Compare(a.Key, b.Key) })
	if limit := r.Limit; limit > 0 && len(page.Entries) > limit {
		page.Entries, page.More = page.Entries[:limit], true
	}
	if len(page.Entries) > meta.MaxScan {
		page.Entries, page.More = page.Entries[:meta.MaxScan], true
	}
	return page
}
