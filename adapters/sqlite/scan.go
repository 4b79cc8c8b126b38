package sqlite

import (
	"context"
	"database/sql/driver"

	"github.com/mucura/mucura/core/meta"
)

// maxPageBytes ends a page with values early, so that large values do not
// fill the memory.
const maxPageBytes = 4 << 20

// Scan returns a page. Its entries are one consistent state of the partition.
// A page with values ends early when it holds 4 MiB.
func (s *Store) Scan(ctx context.Context, p meta.Partition, r meta.Range) (meta.Page, error) {
	if err := s.enter(ctx); err != nil {
		return meta.Page{}, err
	}
	defer s.leave()
	id, found, err := s.partition(ctx, p)
	if err != nil || !found {
		return meta.Page{}, err
	}
	if r.Limit <= 0 || r.Limit > meta.MaxScan {
		r.Limit = meta.MaxScan
	}
	c, err := s.readers.take(ctx)
	if err != nil {
		return meta.Page{}, err
	}
	var page meta.Page
	if r.WithValue {
		page, err = c.scanValues(id, r)
	} else {
		page, err = c.scan(id, r)
	}
	s.readers.give(c, err)
	if err != nil {
		return meta.Page{}, failed("scan", err)
	}
	return page, nil
}

// scan reads a page as one row; one entry more than wanted tells whether more
// follow.
func (c *conn) scan(partition int64, r meta.Range) (meta.Page, error) {
	var row [1]driver.Value
	var err error
	if limit := int64(r.Limit + 1); r.Before == "" {
		_, err = c.row(scanAll, row[:], partition, r.From, limit)
	} else {
		_, err = c.row(scanBefore, row[:], partition, r.From, r.Before, limit)
	}
	if err != nil {
		return meta.Page{}, err
	}
	entries, err := parsePage(bytesOf(row[0]))
	if err != nil {
		return meta.Page{}, err
	}
	if len(entries) > r.Limit {
		return meta.Page{Entries: entries[:r.Limit:r.Limit], More: true}, nil
	}
	return meta.Page{Entries: entries}, nil
}

// scanValues reads a page row by row.
func (c *conn) scanValues(partition int64, r meta.Range) (page meta.Page, err error) {
	var row [3]driver.Value
	var bad error
	size := 0
	take := func() bool {
		if len(page.Entries) == r.Limit || size > maxPageBytes {
			page.More = true
			return false
		}
		e := meta.Entry{Key: text(row[0])}
		e.Record.Version, e.Record.Summary, bad = parseHead(bytesOf(row[1]))
		e.Record.Value = bytesOf(row[2])
		size += len(e.Key) + len(e.Record.Summary) + len(e.Record.Value)
		page.Entries = append(page.Entries, e)
		return bad == nil
	}
	if limit := int64(r.Limit + 1); r.Before == "" {
		err = c.rows(scanValues, row[:], take, partition, r.From, limit)
	} else {
		err = c.rows(scanValuesBefore, row[:], take, partition, r.From, r.Before, limit)
	}
	if err == nil {
		err = bad
	}
	if err != nil {
		return meta.Page{}, err
	}
	return page, nil
}
