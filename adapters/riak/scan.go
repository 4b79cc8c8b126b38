package riak

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/mucura/mucura/core/meta"
)

// scanReaders is how many objects of a page are read at once when a scan wants values.
const scanReaders = 16

// Scan returns a page of a range: one index query. It may lag behind writes,
// as the index is asked of one replica.
func (m *Meta) Scan(ctx context.Context, p meta.Partition, r meta.Range) (meta.Page, error) {
	if err := m.begin(ctx); err != nil {
		return meta.Page{}, err
	}
	defer m.end()
	page, err := m.scan(ctx, p, r)
	if err != nil {
		return meta.Page{}, fmt.Errorf("scan %s from %q: %w", p, r.From, err)
	}
	return page, nil
}

func (m *Meta) scan(ctx context.Context, p meta.Partition, r meta.Range) (meta.Page, error) {
	if len(p) == 0 || len(p) > meta.MaxPartition || r.Before != "" && r.From >= r.Before {
		return meta.Page{}, nil
	}
	if len(r.From) > meta.MaxKey {
		r.From = r.From[:meta.MaxKey] + "\xff" // above every key that begins so; a key is no longer
	}
	if len(r.Before) > meta.MaxKey {
		r.Before = r.Before[:meta.MaxKey] + "\x00"
	}
	limit := r.Limit
	if limit <= 0 || limit > meta.MaxScan {
		limit = meta.MaxScan
	}
	for {
		page, err := m.scanOnce(ctx, p, r, limit)
		if err != nil || len(page.Entries) > 0 || !page.More {
			return page.Page, err
		}
		r.From = page.next // all were deleted since: go on
	}
}

// pageAt is a page, and where the next one begins.
type pageAt struct {
	meta.Page
	next string
}

func (m *Meta) scanOnce(ctx context.Context, p meta.Partition, r meta.Range, limit int) (pageAt, error) {
	from, to := termRange(p, r)
	hits, err := m.records.index(ctx, recordIndex, from, to, limit+1)
	if err != nil {
		return pageAt{}, readError(ctx, err)
	}
	var page pageAt
	page.More = len(hits) > limit
	for _, h := range hits[:min(len(hits), limit)] {
		e, err := parseTerm(h.term, p)
		if err != nil {
			return pageAt{}, fmt.Errorf("%w: %w", meta.ErrUnavailable, err)
		}
		page.next = meta.Next(e.Key)
		if n := len(page.Entries); n > 0 && page.Entries[n-1].Key == e.Key {
			// Siblings have a term each. The record itself tells which counts.
			page.Entries[n-1].Record = meta.Record{}
			continue
		}
		page.Entries = append(page.Entries, e)
	}
	return page, m.fillIn(ctx, p, &page, r.WithValue)
}

// fillIn reads the records of the entries that need it: all when values are
// wanted, else those of which the index told two versions. What turns out to
// be deleted is taken out.
func (m *Meta) fillIn(ctx context.Context, p meta.Partition, page *pageAt, withValue bool) error {
	errs := make([]error, len(page.Entries))
	turn := make(chan struct{}, scanReaders)
	var wg sync.WaitGroup
	for i := range page.Entries {
		e := &page.Entries[i]
		if !withValue && e.Record.Version != "" {
			continue
		}
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			e.Record, errs[i] = m.get(ctx, fullKey(p, e.Key), false)
			if !withValue {
				e.Record.Value = nil
			}
		})
	}
	wg.Wait()
	kept := page.Entries[:0]
	for i, e := range page.Entries {
		if errors.Is(errs[i], meta.ErrNotFound) {
			continue
		}
		if errs[i] != nil {
			return errs[i]
		}
		kept = append(kept, e)
	}
	page.Entries = kept
	return nil
}

// index asks an index for the first limit terms from and to, both included.
func (b *bucket) index(ctx context.Context, field, from, to string, limit int) ([]hit, error) {
	a, err := b.client.do(ctx, &request{
		method: http.MethodGet,
		path:   b.path + "/index/" + field + "/" + from + "/" + to,
		query:  "return_terms=true&max_results=" + strconv.Itoa(limit), // without max_results Riak does not sort
		header: http.Header{},
	})
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, fmt.Errorf("%w: %w", errRiak, a.refusal())
	}
	return parseHits(a.body)
}
