package redis

import (
	"context"
	"fmt"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mucura/mucura/core/meta"
)

const (
	valuesAtOnce = 100     // records fetched by one command
	valuesBytes  = 4 << 20 // a page with values ends when it has so many bytes
)

// Scan returns a page. Without values it is one command, so it is what the
// partition was at one moment.
func (s *Store) Scan(ctx context.Context, p meta.Partition, r meta.Range) (meta.Page, error) {
	if len(p) == 0 || len(p) > meta.MaxPartition {
		return meta.Page{}, fmt.Errorf("redis scan: partition name of %d bytes: %w", len(p), meta.ErrTooLarge)
	}
	if err := s.enter(ctx); err != nil {
		return meta.Page{}, err
	}
	defer s.leave()
	if r.Limit <= 0 || r.Limit > meta.MaxScan {
		r.Limit = meta.MaxScan
	}
	if r.Before != "" && r.From >= r.Before {
		return meta.Page{}, nil
	}
	for {
		page, err := s.index(ctx, p, r)
		if err != nil || !r.WithValue || len(page.Entries) == 0 {
			return page, err
		}
		last := page.Entries[len(page.Entries)-1].Key
		if err := s.values(ctx, p, &page); err != nil {
			return meta.Page{}, err
		}
		// All of them may have gone meanwhile; an empty page must be the last.
		if len(page.Entries) > 0 || !page.More {
			return page, nil
		}
		r.From = meta.Next(last)
	}
}

// index reads a page of keys, versions and summaries.
func (s *Store) index(ctx context.Context, p meta.Partition, r meta.Range) (meta.Page, error) {
	_, index := s.a.keysOf(p)
	from, before := "-", "+"
	if r.From != "" {
		from = string(appendEscaped([]byte("["), r.From))
	}
	if r.Before != "" {
		before = string(appendEscaped([]byte("("), r.Before))
	}
	var got *goredis.StringSliceCmd
	if _, err := s.send(ctx, index, 0, func(bool) []goredis.Cmder {
		got = goredis.NewStringSliceCmd(ctx, "zrange", index, from, before, "bylex", "limit", 0, r.Limit+1)
		return []goredis.Cmder{got}
	}, nil); err != nil {
		return meta.Page{}, failedCall(ctx, "scan", err, false)
	}
	members := got.Val()
	page := meta.Page{More: len(members) > r.Limit}
	if page.More {
		members = members[:r.Limit]
	}
	page.Entries = make([]meta.Entry, len(members))
	for i, m := range members {
		var err error
		if page.Entries[i], err = entry(m); err != nil {
			return meta.Page{}, failedCall(ctx, "scan", err, false)
		}
	}
	return page, nil
}

// values replaces the records of a page by what the hash holds now, which may
// be newer, and drops what has gone. It cuts the page when it is long enough.
func (s *Store) values(ctx context.Context, p meta.Partition, page *meta.Page) error {
	records, _ := s.a.keysOf(p)
	all := page.Entries
	page.Entries = all[:0]
	size := 0
	for from := 0; from < len(all); from += valuesAtOnce {
		if size >= valuesBytes && len(page.Entries) > 0 {
			page.More = true
			return nil
		}
		part := all[from:min(from+valuesAtOnce, len(all))]
		args := make([]any, 2, 2+len(part))
		args[0], args[1] = "hmget", records
		for i := range part {
			args = append(args, "r"+part[i].Key)
		}
		var got *goredis.StringSliceCmd // an absent record comes as ""
		if _, err := s.send(ctx, records, 0, func(bool) []goredis.Cmder {
			got = goredis.NewStringSliceCmd(ctx, args...)
			return []goredis.Cmder{got}
		}, nil); err != nil {
			return failedCall(ctx, "scan", err, false)
		}
		for i, text := range got.Val() {
			if text == "" {
				continue
			}
			record, err := decode(bytesOf(text))
			if err != nil {
				return failedCall(ctx, "scan", err, false)
			}
			size += len(text)
			page.Entries = append(page.Entries, meta.Entry{Key: part[i].Key, Record: record})
		}
	}
	return nil
}
