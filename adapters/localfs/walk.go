package localfs

import (
	"bytes"
	"container/heap"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"slices"

	"github.com/mucura/mucura/core/content"
	"github.com/spf13/afero"
)

// rawID is an ID as bytes; in the same order as the IDs themselves.
type rawID [16]byte

// Walk shows all contents in order. The directories are not in that order, so
// Walk reads all their names in passes, each of which keeps the smallest
// million IDs that are still to be shown: at most 16 MiB of memory, and for
// ten million contents ten readings of the names. Sizes are looked up one by
// one as they are shown.
func (s *Store) Walk(ctx context.Context, from content.ID, fn func(content.Info) error) error {
	if err := s.layOut(); err != nil {
		return failed("walk", "data", err)
	}
	for {
		batch, err := s.smallest(ctx, from)
		if err != nil {
			return err
		}
		for _, raw := range batch {
			id := content.ID(hex.EncodeToString(raw[:]))
			info, err := s.Stat(ctx, id)
			if errors.Is(err, content.ErrNotFound) {
				continue // deleted since
			}
			if err == nil {
				err = fn(info)
			}
			if err != nil {
				return err
			}
		}
		if len(batch) < s.walkBatch {
			return ctx.Err()
		}
		last := batch[len(batch)-1]
		from = content.ID(hex.EncodeToString(last[:])) + "\x00"
	}
}

// smallest gives, in order, the walkBatch smallest IDs that are at least from.
func (s *Store) smallest(ctx context.Context, from content.ID) ([]rawID, error) {
	found := selection{most: s.walkBatch}
	err := eachDir(func(dir string) error {
		return s.eachName(ctx, dir, func(id content.ID) {
			if id >= from {
				found.add(id)
			}
		})
	})
	slices.SortFunc(found.ids, func(a, b rawID) int { return bytes.Compare(a[:], b[:]) })
	return found.ids, err
}

// eachName calls fn for every content in a fan-out directory, in any order.
// Names that are no content's are passed over.
func (s *Store) eachName(ctx context.Context, dir string, fn func(content.ID)) error {
	f, err := s.fs.Open(s.data + dir)
	if err != nil {
		return failed("walk", "data/"+content.ID(dir), err)
	}
	defer f.Close()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		names, err := f.Readdirnames(4096)
		for _, name := range names {
			if id := content.ID(name); id.Valid() && fanOut(id) == dir {
				fn(id)
			}
		}
		if err == io.EOF || err == nil && len(names) == 0 {
			return nil
		}
		if err != nil {
			return failed("walk", "data/"+content.ID(dir), err)
		}
	}
}

// Exists tells whether there is a store in dir, which may have no contents.
func Exists(fs afero.Fs, dir string) (bool, error) {
	return afero.DirExists(fs, newStore(fs, dir, Options{}).data)
}

// Holds tells whether there are contents in the store in dir, which need not be
// there and is not made.
func Holds(ctx context.Context, fs afero.Fs, dir string) (bool, error) {
	s, found := newStore(fs, dir, Options{}), false
	enough := errors.New("enough")
	err := eachDir(func(dir string) error {
		err := s.eachName(ctx, dir, func(content.ID) { found = true })
		if found {
			return enough
		}
		if notThere(err) {
			return nil
		}
		return err
	})
	if found {
		err = nil
	}
	return found, err
}

// selection keeps the smallest of the IDs added. Once it is full it is a heap
// with the greatest on top, which a smaller one replaces.
type selection struct {
	ids  []rawID
	most int
}

func (h *selection) add(id content.ID) {
	var raw rawID
	hex.Decode(raw[:], []byte(id))
	switch {
	case len(h.ids) < h.most:
		h.ids = append(h.ids, raw)
		if len(h.ids) == h.most {
			heap.Init(h)
		}
	case bytes.Compare(raw[:], h.ids[0][:]) < 0:
		h.ids[0] = raw
		heap.Fix(h, 0)
	}
}

// The five methods of heap.Interface; the heap never grows or shrinks.
func (h *selection) Len() int           { return len(h.ids) }
func (h *selection) Less(i, j int) bool { return bytes.Compare(h.ids[i][:], h.ids[j][:]) > 0 }
func (h *selection) Swap(i, j int)      { h.ids[i], h.ids[j] = h.ids[j], h.ids[i] }
func (h *selection) Push(any)           {}
func (h *selection) Pop() any           { return nil }

// notThere tells whether a file is gone.
func notThere(err error) bool { return errors.Is(err, os.ErrNotExist) }
