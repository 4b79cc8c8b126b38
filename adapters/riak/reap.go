package riak

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mucura/mucura/core/meta"
)

// reapAge is the least age of a tombstone record that may be reaped. Whoever
// believes for longer that there is nothing at a key (see absentFor), or is
// still at a write begun before, would lose it.
const reapAge = 24 * time.Hour

// Clean removes the tombstone records of before the given time, and of at
// least a day ago, from Riak, and returns how many it did. A record that is
// created anew at the same time stays: Riak keeps what its DELETE has not seen.
func (m *Meta) Clean(ctx context.Context, before time.Time) (records int, err error) {
	if err := m.begin(ctx); err != nil {
		return 0, err
	}
	defer m.end()
	if day := m.client.opts.Now().Add(-reapAge); before.After(day) {
		before = day
	}
	from, to := tombTerm(0), tombTerm(before.UnixNano())
	for {
		hits, err := m.records.index(ctx, tombstoneIndex, from, to, meta.MaxScan)
		if err != nil {
			return records, readError(ctx, err)
		}
		for _, h := range hits {
			did, err := m.reap(ctx, h.key, before)
			if err != nil {
				return records, fmt.Errorf("reap: %w", err)
			}
			if did {
				records++
			}
		}
		if len(hits) < meta.MaxScan {
			return records, nil
		}
		// Terms of one nanosecond that do not fit a page wait for the next Clean.
		from = hits[len(hits)-1].term + "0"
	}
}

// reap deletes the object at key if it is a tombstone record of before then.
func (m *Meta) reap(ctx context.Context, key string, before time.Time) (bool, error) {
	if _, err := decodeKey(key); err != nil {
		return false, nil
	}
	o, err := m.records.get(ctx, key, readRange{head: true})
	if err != nil {
		return false, readError(ctx, err)
	}
	if !o.exists() {
		return false, nil // the index lags
	}
	_, h, err := resolve(o.siblings)
	if errors.Is(err, errNoRecord) || h.kind != tombstoneKind || h.stamp > before.UnixNano() {
		return false, nil
	}
	m.known.forget(key)
	if err := m.records.delete(ctx, key, o); err != nil {
		return false, readError(ctx, err)
	}
	return true, nil
}
