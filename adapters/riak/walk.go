package riak

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// Walk shows the committed contents by their index, which may lag behind.
func (s *Content) Walk(ctx context.Context, from content.ID, fn func(content.Info) error) error {
	// The beginning of from that is of hexadecimal digits leads to the page.
	start := string(from)
	if i := strings.IndexFunc(start, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) }); i >= 0 {
		start = start[:i]
	}
	return s.eachTerm(ctx, s.manifests, contentIndex, start, afterIDs, func(h hit) error {
		id, size, _ := strings.Cut(h.term, ".")
		n, err := strconv.ParseInt(size, 10, 64)
		if err != nil || !content.ID(id).Valid() {
			return fmt.Errorf("%w: %w", content.ErrCorrupt, errTerm)
		}
		if content.ID(id) < from {
			return nil
		}
		return fn(content.Info{ID: content.ID(id), Size: n})
	})
}

// eachTerm calls fn for each term of an index from one to another, in order.
// What is written meanwhile may or may not be seen; a term twice, never.
func (s *Content) eachTerm(ctx context.Context, b *bucket, field, from, to string, fn func(hit) error) error {
	if from == "" {
		from = "0"
	}
	last := ""
	for {
		hits, err := b.index(ctx, field, from, to, meta.MaxScan)
		if err != nil {
			return contentError(ctx, err)
		}
		for _, h := range hits {
			if h.term == last {
				continue
			}
			last = h.term
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := fn(h); err != nil {
				return err
			}
		}
		if len(hits) < meta.MaxScan {
			return ctx.Err()
		}
		from = last + "." // the smallest term after last that there can be
	}
}

// Clean removes what writers begun before the given time left, and what a
// Delete that was cut short left. It returns how many contents and bytes.
func (s *Content) Clean(ctx context.Context, before time.Time) (contents int, bytes int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	drop := func(id content.ID) error {
		n, did, err := s.cleanUp(ctx, id)
		if did {
			contents++
			bytes += n
		}
		return err
	}
	end := firstID(before)
	err = s.eachTerm(ctx, s.manifests, unsettled, "", end, func(h hit) error {
		if id := content.ID(h.term); id.Valid() && h.term < end {
			return drop(id)
		}
		return nil
	})
	if err != nil {
		return contents, bytes, err
	}
	return contents, bytes, s.cleanBlocks(ctx, before, drop)
}

// orphanWindow is how long before the time given to the first Clean of a
// process blocks without a manifest are looked for; the next Clean begins where
// that one ended. Such blocks come about only when one that was given up
// arrives after its content was dropped.
const (
	orphanWindow = 7 * 24 * time.Hour
	orphanSlice  = time.Hour // of IDs that are compared at once
)

// cleanBlocks calls drop for each content that has a block and, as the index
// says, is not committed.
func (s *Content) cleanBlocks(ctx context.Context, before time.Time, drop func(content.ID) error) error {
	s.mu.Lock()
	from := s.cleaned
	s.mu.Unlock()
	if oldest := before.Add(-orphanWindow); from.Before(oldest) {
		from = oldest
	}
	for ; from.Before(before); from = from.Add(orphanSlice) {
		to := from.Add(orphanSlice)
		if to.After(before) {
			to = before
		}
		seen := map[string]bool{}
		err := s.eachTerm(ctx, s.manifests, contentIndex, firstID(from), firstID(to), func(h hit) error {
			seen[h.term[:strings.IndexByte(h.term+".", '.')]] = true
			return nil
		})
		if err != nil {
			return err
		}
		err = s.eachTerm(ctx, s.blocks, blockIndex, firstID(from), firstID(to), func(h hit) error {
			id, _, _ := strings.Cut(h.term, ".")
			if seen[id] || !content.ID(id).Valid() {
				return nil
			}
			seen[id] = true
			return drop(content.ID(id))
		})
		if err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.cleaned = before.Add(-orphanSlice) // again next time: an index may lag
	s.mu.Unlock()
	return nil
}

// firstID is the smallest ID made at the time or later, as far as it goes.
func firstID(t time.Time) string { return string(content.NewID(t))[:12] }

// cleanUp drops a content that is not committed, and tells how many bytes its
// blocks had, and whether there was anything. The manifest decides, not an index.
func (s *Content) cleanUp(ctx context.Context, id content.ID) (bytes int64, did bool, err error) {
	o, m, _, err := s.find(ctx, id, true)
	if err != nil || m.state == committed {
		return 0, false, err
	}
	if m.state == writing {
		m.state = dropped
		_, err := s.manifests.put(ctx, string(id), o.prior(), m.value(id, nil), false)
		if errors.Is(err, errChanged) {
			return 0, false, nil // committed at this moment, or somebody else cleans
		}
		if err == nil {
			o, m, _, err = s.find(ctx, id, true)
		}
		if err != nil {
			return 0, false, contentError(ctx, err)
		}
	}
	n, bytes, err := s.dropListed(ctx, id)
	if err == nil && m.blocks() > 0 {
		err = s.dropBlocks(ctx, id, m.blocks())
	}
	if err == nil && o.exists() {
		err = s.manifests.delete(ctx, string(id), o)
	}
	return bytes, n > 0 || o.exists(), contentError(ctx, err)
}

// dropListed deletes the blocks of a content that the index knows.
func (s *Content) dropListed(ctx context.Context, id content.ID) (blocks int, bytes int64, err error) {
	last := ""
	err = s.eachTerm(ctx, s.blocks, blockIndex, string(id)+".", string(id)+".g", func(h hit) error {
		if h.key == last { // a block that was sent twice
			return nil
		}
		last = h.key
		n, _ := strconv.ParseInt(h.term[strings.LastIndex(h.term, ".")+1:], 10, 64)
		blocks, bytes = blocks+1, bytes+n
		return s.blocks.delete(ctx, h.key, &object{})
	})
	return blocks, bytes, err
}
