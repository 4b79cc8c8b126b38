package swift

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/mucura/mucura/core/content"
)

// cleanSlack is by how much the clocks of processes that make IDs may differ.
const cleanSlack = time.Hour

// Clean removes segments whose content was never committed, when all of them
// were stored before the given time. A writer whose segments were removed
// cannot commit: Swift looks at them before it takes the manifest.
//
// Segments of each ID are looked at once in the life of the Store; the longer
// contents of a site cost a HEAD each after a start. Those of an upload that
// is still going on are looked at again.
//
// It begins at any container, so that runs which ctx cuts short get round.
func (s *Store) Clean(ctx context.Context, before time.Time) (files int, bytes int64, err error) {
	s.mu.Lock()
	from := s.cleaned
	s.mu.Unlock()
	c := cleaning{store: s, before: before, next: minTime(before, s.opts.Now()).Add(-cleanSlack)}
	if c.limit, err = s.listingLimit(ctx); err != nil {
		return 0, 0, fmt.Errorf("clean: %w", err)
	}
	if s.opts.pageSize > 0 {
		c.limit = min(c.limit, s.opts.pageSize)
	}
	first := rand.N(s.containers)
	for i := range s.containers {
		if err := c.container(ctx, s.containerAt((first+i)%s.containers), from); err != nil {
			return c.files, c.bytes, fmt.Errorf("clean: %w", err)
		}
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
	next   time.Time // where the next run has to begin
	limit  int
	files  int
	bytes  int64
}

// group is the segments of one content, as a listing shows them.
type group struct {
	id      content.ID
	entries []entry
}

// container looks at the segments in one container whose IDs are of from or later.
func (c *cleaning) container(ctx context.Context, name string, from time.Time) error {
	var g group
	marker := "s/"
	if !from.IsZero() {
		marker += string(content.NewID(from)[:12])
	}
	for {
		page, err := c.store.list(ctx, name, marker, "s0", c.limit) // "0" follows "/"
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return c.group(ctx, name, &g)
		}
		for _, e := range page {
			marker = e.Name
			rest, _ := strings.CutPrefix(e.Name, "s/")
			id, _, _ := strings.Cut(rest, "/")
			if !content.ID(id).Valid() {
				continue // not ours
			}
			if content.ID(id) != g.id {
				if err := c.group(ctx, name, &g); err != nil {
					return err
				}
				g = group{id: content.ID(id)}
			}
			g.entries = append(g.entries, e)
		}
	}
}

// group removes the segments of a content if they are rubbish.
func (c *cleaning) group(ctx context.Context, container string, g *group) error {
	if len(g.entries) == 0 {
		return nil
	}
	for i := range g.entries {
		if t, err := g.entries[i].modified(); err != nil || !t.Before(c.before) {
			c.next = minTime(c.next, g.id.Time().Add(-cleanSlack))
			return nil
		}
	}
	committed, err := c.store.committed(ctx, container, g.id)
	if err != nil || committed {
		return err
	}
	for _, e := range g.entries {
		if err := c.store.remove(ctx, container, e.Name, false); err != nil {
			return err
		}
		c.files++
		c.bytes += e.Bytes
	}
	return nil
}

// committed tells whether a content exists, asking all replicas of the object
// and the listing: it must be missing from both to be missing.
func (s *Store) committed(ctx context.Context, container string, id content.ID) (bool, error) {
	_, _, err := s.head(ctx, id, true)
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, content.ErrNotFound) {
		return false, err
	}
	page, err := s.list(ctx, container, string(id[:len(id)-1]), string(id)+"\x01", 1)
	for i := range page {
		if page[i].Name == string(id) {
			return true, nil
		}
	}
	return false, err
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
