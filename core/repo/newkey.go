package repo

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

// newKeys counts, for the buckets of each stripe, how many objects in a row went
// to keys that held none. After surelyNew of them the next one, if it is small or a
// copy, is written without a look at what it replaces, on the condition that there
// is nothing; the look would cost as much as a tenth of the write. If there is
// something after all, the write was tried once in vain.
type newKeys [stripes]atomic.Int32

const surelyNew = 4

var newKeysSeed = maphash.MakeSeed()

func (n *newKeys) of(b *catalog.Bucket) *atomic.Int32 {
	return &n[maphash.String(newKeysSeed, b.ID)%stripes]
}

func (n *newKeys) expect(b *catalog.Bucket) bool { return n.of(b).Load() >= surelyNew }

// saw takes in whether an object replaced another.
func (n *newKeys) saw(b *catalog.Bucket, done *replaced) {
	if b.Versioning != catalog.Unversioned {
		return
	}
	c := n.of(b)
	if done.freedObjects > 0 {
		c.Store(0)
	} else if c.Load() < surelyNew {
		c.Add(1)
	}
}

// expectNew tells whether to write to b without looking first. Nothing that the
// look would have found may matter but that there is something.
func (r *Repo) expectNew(b *catalog.Bucket, cond *WriteCond) bool {
	return b.Versioning == catalog.Unversioned && cond.empty() &&
		r.Meta.Capabilities().CAS == meta.Linearizable && r.state.newKeys.expect(b)
}
