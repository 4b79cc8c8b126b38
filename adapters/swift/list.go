package swift

import (
	"bytes"
	"container/heap"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mucura/mucura/core/content"
	"golang.org/x/sync/errgroup"
)

// entry is a line of a listing.
type entry struct {
	Name     string `json:"name"`
	Bytes    int64  `json:"bytes"`
	Modified string `json:"last_modified"` // UTC, to the microsecond
}

func (e *entry) modified() (time.Time, error) {
	return time.Parse("2006-01-02T15:04:05.999999", e.Modified)
}

// list gives a page of the names in a container that are greater than marker
// and less than before; none at the end, and where there is no container.
func (s *Store) list(ctx context.Context, container, marker, before string, limit int) ([]entry, error) {
	b, err := s.read(ctx, &request{
		method: http.MethodGet, container: container,
		query: url.Values{"format": {"json"}, "marker": {marker}, "end_marker": {before}, "limit": {strconv.Itoa(limit)}},
	}, 16<<20)
	if errors.Is(err, content.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var page []entry
	if len(bytes.TrimSpace(b)) > 0 { // 204 has no body
		if err := json.Unmarshal(b, &page); err != nil {
			return nil, fmt.Errorf("list %s: %w: %w", container, content.ErrUnavailable, err)
		}
	}
	return page, nil
}

// info reads what the site's Swift says of itself.
func (s *Store) info(ctx context.Context, t *token) ([]byte, error) {
	u, err := url.Parse(t.url)
	if err != nil {
		return nil, errors.New("malformed storage URL")
	}
	u.Path, u.RawPath, u.RawQuery = "/info", "", ""
	// It is below another URL than the account's, and needs no token.
	at := *t
	at.url = u.String()
	res, err := s.attempt(ctx, &at, &request{method: http.MethodGet})
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return io.ReadAll(io.LimitReader(res.Body, 1<<20))
}

// cursor goes through the contents of one container.
type cursor struct {
	container string
	marker    string
	page      []found
	done      bool
}

// found is an entry in little memory: Walk holds a page of every container.
type found struct {
	id   [16]byte
	size int64
}

// behindIDs sorts behind all IDs, which are hexadecimal.
const behindIDs = "g"

// fill gets the next page when there is none. Pages are asked for until one is
// empty: in a container that was divided into shards a page may be short.
func (c *cursor) fill(ctx context.Context, s *Store, from content.ID, limit int) error {
	for len(c.page) == 0 && !c.done {
		entries, err := s.list(ctx, c.container, c.marker, behindIDs, limit)
		if err != nil {
			return err
		}
		c.done = len(entries) == 0
		for i := range entries {
			e := &entries[i]
			c.marker = e.Name
			if id := content.ID(e.Name); id.Valid() && id >= from {
				f := found{size: e.Bytes}
				hex.Decode(f.id[:], []byte(id))
				c.page = append(c.page, f)
			}
		}
	}
	return nil
}

const (
	walkMemory = 250_000 // most entries Walk holds
	listings   = 8       // most containers whose listings are asked for at once
)

// Walk shows the contents in order of their IDs, by merging the containers'
// listings page by page. These may lag behind what was stored and deleted.
func (s *Store) Walk(ctx context.Context, from content.ID, fn func(content.Info) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	limit, err := s.pageLimit(ctx)
	if err != nil {
		return fmt.Errorf("walk: %w", err)
	}
	cursors, err := s.firstPages(ctx, from, limit)
	if err != nil {
		return fmt.Errorf("walk: %w", err)
	}
	heap.Init(&cursors)
	for len(cursors) > 0 {
		c := cursors[0]
		f := c.page[0]
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(content.Info{ID: content.ID(hex.EncodeToString(f.id[:])), Size: f.size}); err != nil {
			return err
		}
		if c.page = c.page[1:]; len(c.page) == 0 {
			if err := c.fill(ctx, s, from, limit); err != nil {
				return fmt.Errorf("walk: %w", err)
			}
		}
		if len(c.page) == 0 {
			heap.Pop(&cursors)
		} else {
			heap.Fix(&cursors, 0)
		}
	}
	return ctx.Err()
}

// pageLimit is the length of pages that keeps a walk within walkMemory.
func (s *Store) pageLimit(ctx context.Context) (int, error) {
	most, err := s.listingLimit(ctx)
	if s.opts.pageSize > 0 {
		most = min(most, s.opts.pageSize)
	}
	return min(most, max(100, walkMemory/s.containers)), err
}

// eachContainer calls fn for every container, from the first on and round, several
// at a time, until one fails; ctx ends then for the others.
func (s *Store) eachContainer(ctx context.Context, first int, fn func(ctx context.Context, i int) error) error {
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(listings)
	for i := range s.containers {
		all.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return fn(ctx, (first+i)%s.containers)
		})
	}
	return all.Wait()
}

// firstPages gives a cursor with a page for every container that has one.
func (s *Store) firstPages(ctx context.Context, from content.ID, limit int) (merged, error) {
	// The listing begins behind its marker: the ID without its last character
	// lies just before it.
	marker := ""
	if from != "" {
		marker = strings.TrimRight(string(from[:len(from)-1]), "\x00")
	}
	all := make([]cursor, s.containers)
	err := s.eachContainer(ctx, 0, func(ctx context.Context, i int) error {
		c := &all[i]
		c.container, c.marker = s.containerAt(i), marker
		return c.fill(ctx, s, from, limit)
	})
	if err != nil {
		return nil, err
	}
	var cursors merged
	for i := range all {
		if len(all[i].page) > 0 {
			cursors = append(cursors, &all[i])
		}
	}
	return cursors, ctx.Err()
}

// merged is a heap of cursors, the one with the smallest ID on top.
type merged []*cursor

func (m merged) Len() int           { return len(m) }
func (m merged) Less(i, j int) bool { return bytes.Compare(m[i].page[0].id[:], m[j].page[0].id[:]) < 0 }
func (m merged) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }

// Push is not used: the heap does not grow.
func (m *merged) Push(any) {}

// Pop removes the last cursor.
func (m *merged) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}
