package repo

import (
	"context"
	"errors"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

// maxLeft is how many records of used parts a completed upload clears up itself
// on a store without batches. They hold nothing the object does not, so the
// sweeper can do it.
const maxLeft = 64

// dropParts clears up after an upload has ended. The contents of parts that
// went into the object (used, by number) are the object's; those of others are
// released and no longer count. Whoever removes a part's record books it, so
// it is booked once. What is removed is taken out of used.
func (r *Repo) dropParts(ctx context.Context, b *catalog.Bucket, key, uploadID string, used map[int]usedPart) error {
	ctx = context.WithoutCancel(ctx)
	for range maxTries {
		again, err := r.dropPartsOnce(ctx, b, key, uploadID, used)
		if err != nil || !again {
			return err
		}
	}
	return meta.ErrConflict
}

// dropPartsOnce goes through the parts once; again tells that some changed
// under its hands.
func (r *Repo) dropPartsOnce(ctx context.Context, b *catalog.Bucket, key, uploadID string, used map[int]usedPart) (again bool, err error) {
	batches := r.Meta.Capabilities().Batch
	c := r.partsAfter(b, uploadID, 0, meta.MaxScan)
	var ops []meta.Op
	var unused []catalog.Segment
	var numbers []int // of the parts of ops
	var bytes int64
	flush := func() error {
		releases := r.releaseOps(holder{bucket: b, key: key, uploadID: uploadID}, false, contentsIn(unused)...)
		err := r.dropBatch(ctx, b, append(releases, ops...))
		if errors.Is(err, meta.ErrConflict) {
			again, err = true, nil
		} else if err == nil {
			r.charge(ctx, b, bytes, 0)
			for _, n := range numbers {
				delete(used, n) // a part that comes now takes no place of it
			}
		}
		ops, unused, numbers, bytes = nil, nil, nil, 0
		return err
	}
	for {
		e, err := c.peek(ctx)
		if err != nil {
			return again, err
		}
		if e == nil {
			return again, flush()
		}
		c.pop()
		p, err := catalog.DecodePart(e.Record.Value)
		if err != nil {
			return again, damaged(b, e.Key, err)
		}
		u, isUsed := used[p.Number]
		taken := isUsed && u.writeID == p.WriteID
		if taken && !batches && len(used) > maxLeft {
			continue
		}
		if !taken {
			// Where the part took the place of one that was used, its writer
			// booked the bytes of that one as freed.
			bytes += u.size - p.Size
			unused = append(unused, p.Segments...)
		}
		ops, numbers = append(ops, meta.Op{Key: e.Key, Delete: true, Cond: meta.IfMatch(e.Record.Version)}), append(numbers, p.Number)
		if len(ops)+len(unused) > meta.MaxBatch/2 || !batches {
			if err := flush(); err != nil {
				return again, err
			}
		}
	}
}

// dropBatch does releases and removals, all or none where there are batches;
// elsewhere ops are of one part.
func (r *Repo) dropBatch(ctx context.Context, b *catalog.Bucket, ops []meta.Op) error {
	p := catalog.InBucket(b.ID)
	if !r.Meta.Capabilities().Batch {
		for i := range ops {
			if err := r.apply(ctx, p, &ops[i]); err != nil {
				return err
			}
		}
		return nil
	}
	switch len(ops) {
	case 0:
		return nil
	case 1:
		return r.apply(ctx, p, &ops[0])
	}
	return r.Meta.Batch(ctx, p, ops)
}
