package swift

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mucura/mucura/core/content"
)

const (
	// cleanSlack is by how much the clocks of processes that make IDs may differ.
	cleanSlack = time.Hour
	// cleanPage is the longest page of segments, as there are several in memory.
	cleanPage = 2000
	// cleanAhead is the length of the pages of contents: one costs Swift about
	// what a question to all replicas of one object does.
	cleanAhead = 100
)

// Clean removes segments whose content was never committed, when all of them
// were stored before the given time. A writer whose segments were removed
// cannot commit: Swift looks at them before it takes the manifest.
//
// Segments of each ID are looked at once in the life of the Store; after a start
// that is a page of a listing for a hundred contents, and for each large one at
// the most. Those of an upload that is still going on are looked at again.
//
// Several containers are looked at at once. It begins at any, so that runs which
// ctx cuts short get round.
func (s *Store) Clean(ctx context.Context, before time.Time) (files int, bytes int64, err error) {
	s.mu.Lock()
	from := s.cleaned
	s.mu.Unlock()
	c := cleaning{store: s, before: before, next: minTime(before, s.opts.Now()).Add(-cleanSlack)}
	limit, err := s.listingLimit(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("clean: %w", err)
	}
	if s.opts.pageSize > 0 {
		limit = min(limit, s.opts.pageSize)
	}
	err = s.eachContainer(ctx, rand.N(s.containers), func(ctx context.Context, i int) error {
		in := cleanedContainer{cleaning: &c, name: s.containerAt(i), limit: min(limit, cleanPage), ahead: min(limit, cleanAhead)}
		return in.clean(ctx, from)
	})
	if err != nil {
		return c.files, c.bytes, fmt.Errorf("clean: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.next.After(s.cleaned) {
		s.cleaned = c.next
	}
	return c.files, c.bytes, nil
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// cleaning is one run of Clean.
type cleaning struct {
	store  *Store
	before time.Time

	mu    sync.Mutex // guards what follows
	next  time.Time  // where the next run has to begin
	files int
	bytes int64
}

// cleanedContainer is one run of Clean in one container.
type cleanedContainer struct {
	*cleaning
	name  string
	limit int // most segments of a page
	ahead int // most contents of a page

	shown []entry // contents that the listing shows
	upTo  string  // shown is all of them up to here, from the ID asked for last
}

// group is the segments of one content, as a listing shows them.
type group struct {
	id      content.ID
	entries []entry
}

// clean looks at the segments in the container whose IDs are of from or later.
func (c *cleanedContainer) clean(ctx context.Context, from time.Time) error {
	var g group
	marker := "s/"
	if !from.IsZero() {
		marker += string(content.NewID(from)[:12])
	}
	for {
		page, err := c.store.list(ctx, c.name, marker, "s0", c.limit) // "0" follows "/"
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return c.group(ctx, &g)
		}
		for _, e := range page {
			marker = e.Name
			rest, _ := strings.CutPrefix(e.Name, "s/")
			id, _, _ := strings.Cut(rest, "/")
			if !content.ID(id).Valid() {
				continue // not ours
			}
			if content.ID(id) != g.id {
				if err := c.group(ctx, &g); err != nil {
					return err
				}
				g = group{id: content.ID(id)}
			}
			g.entries = append(g.entries, e)
		}
	}
}

// group removes the segments of a content if they are rubbish.
func (c *cleanedContainer) group(ctx context.Context, g *group) error {
	if len(g.entries) == 0 {
		return nil
	}
	for i := range g.entries {
		if t, err := g.entries[i].modified(); err != nil || !t.Before(c.before) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.next = minTime(c.next, g.id.Time().Add(-cleanSlack))
			return nil
		}
	}
	committed, err := c.committed(ctx, g.id)
	if err != nil || committed {
		return err
	}
	for _, e := range g.entries {
		if err := c.store.remove(ctx, c.name, e.Name, false); err != nil {
			return err
		}
		c.mu.Lock()
		c.files++
		c.bytes += e.Bytes
		c.mu.Unlock()
	}
	return nil
}

// committed tells whether a content exists: it must be missing from the listing
// and from all replicas of the object to be missing. The listing comes first,
// because a page of it speaks for other contents, too; that it may lag does no
// harm, as one that it does not show is asked for. IDs must ascend.
func (c *cleanedContainer) committed(ctx context.Context, id content.ID) (bool, error) {
	// A listing begins behind its marker: the ID without its last character lies
	// just before it.
	for marker := string(id[:len(id)-1]); string(id) > c.upTo; marker = c.upTo {
		page, err := c.store.list(ctx, c.name, marker, behindIDs, c.ahead)
		if err != nil {
			return false, err
		}
		if c.shown, c.upTo = page, behindIDs; len(page) > 0 {
			c.upTo = page[len(page)-1].Name
		}
	}
	if slices.ContainsFunc(c.shown, func(e entry) bool { return e.Name == string(id) }) {
		return true, nil
	}
	_, _, err := c.store.head(ctx, id, true)
	if errors.Is(err, content.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// removeSegments deletes what a listing shows of a content's segments.
func (s *Store) removeSegments(ctx context.Context, id content.ID) (files int, bytes int64, err error) {
	limit, err := s.listingLimit(ctx)
	if err != nil {
		return 0, 0, err
	}
	container, prefix := s.container(id), segmentPrefix(id)
	marker := prefix
	for {
		page, err := s.list(ctx, container, marker, prefix+"~", limit)
		if err != nil || len(page) == 0 {
			return files, bytes, err
		}
		for _, e := range page {
			marker = e.Name
			if err := s.remove(ctx, container, e.Name, false); err != nil {
				return files, bytes, err
			}
			files++
			bytes += e.Bytes
		}
	}
}
