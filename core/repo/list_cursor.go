package repo

import (
	"context"
	"sort"

	"github.com/mucura/mucura/core/meta"
)

// firstPage and leastPage are numbers of entries to read when much of a page
// may be skipped: at first, and at least.
const (
	firstPage = 16
	leastPage = 4
)

// cursor walks a range of a partition, a page at a time, and can skip. It
// reads more at once while most of a page is of use, and less while it is
// skipped, so a listing by delimiter pays for prefixes, not for what is below.
type cursor struct {
	store  meta.Store
	part   meta.Partition
	from   string // where the next page begins
	before string // "": no bound
	limit  int    // entries of the next page
	most   int    // entries a page has any use for; its user lowers it as it goes
	values bool

	page []meta.Entry
	i    int
	used int  // entries of page that were given or began a skip
	last bool // page is the last one
}

// peek gives the next entry, nil at the end.
func (c *cursor) peek(ctx context.Context) (*meta.Entry, error) {
	for c.i >= len(c.page) {
		if c.last || c.before != "" && c.from >= c.before {
			return nil, nil
		}
		if err := c.load(ctx); err != nil {
			return nil, err
		}
	}
	return &c.page[c.i], nil
}

func (c *cursor) load(ctx context.Context) error {
	if n := len(c.page); n > 0 {
		if c.used*4 >= n {
			c.limit *= 2
		} else {
			c.limit /= 2
		}
	}
	c.limit = min(max(c.limit, leastPage), max(c.most, 1), meta.MaxScan)
	p, err := c.store.Scan(ctx, c.part, meta.Range{From: c.from, Before: c.before, Limit: c.limit, WithValue: c.values})
	if err != nil {
		return wrap(err)
	}
	c.page, c.i, c.used, c.last = p.Entries, 0, 0, !p.More
	if len(p.Entries) > 0 {
		c.from = meta.Next(p.Entries[len(p.Entries)-1].Key)
	}
	return nil
}

// pop takes the entry that peek gave.
func (c *cursor) pop() { c.i, c.used = c.i+1, c.used+1 }

// seek skips to the first key that is to or greater. "" skips everything.
func (c *cursor) seek(to string) {
	c.used++
	if to == "" {
		c.page, c.i, c.last = nil, 0, true
		return
	}
	rest := c.page[min(c.i, len(c.page)):]
	n := sort.Search(len(rest), func(i int) bool { return rest[i].Key >= to })
	c.i += n
	if n == len(rest) && to > c.from {
		c.from = to
	}
}
