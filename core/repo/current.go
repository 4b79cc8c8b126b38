package repo

import (
	"context"
	"errors"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

// current is what a writer found at a key: its deciding record, and where that
// is absent the newest of the other versions.
type current struct {
	object  *catalog.Object // nil: no current version
	body    []byte          // of object, when it is inline and was asked for
	version meta.Version    // of the deciding record; "" when there is none

	// newest and second are the newest records among the versions that are
	// not current. They are read only toWrite and when object is nil.
	newest, second *versionRecord

	// claim: the deciding record is an empty Gone record of this writer, see claimKey.
	claim bool
	// unclaimed: the other versions were not looked at, because the reader did
	// not mean to write yet; so this is not enough to write by.
	unclaimed bool
}

// versionRecord is a version that is not current, as it lies in its record.
type versionRecord struct {
	key     string
	object  *catalog.Object
	version meta.Version
}

// seq is the newest version number in use for the key.
func (c *current) seq() (seq uint64) {
	if c.object != nil {
		seq = c.object.Ref.Seq
	}
	if c.newest != nil {
		seq = max(seq, c.newest.object.Ref.Seq)
	}
	return seq
}

// versioned tells whether versions of a key other than the current one may
// exist. The bucket's settings may be older than the record.
func versioned(b *catalog.Bucket, cur *catalog.Object) bool {
	return b.Versioning != catalog.Unversioned || cur != nil && !cur.Null
}

// reading tells what a reader of a key is about to do.
type reading uint8

const (
	justLook reading = 0
	toWrite  reading = 1 << iota // a commit follows, or unclaim
	withBody                     // inlined content is wanted in any case
	// claiming, with toWrite: the writer depends on another record (an upload),
	// so it must meet others who do even where the key was never written.
	claiming
)

// readCurrent reads what decides about key for a writer, after finishing what
// an earlier write left pending.
func (r *Repo) readCurrent(ctx context.Context, b *catalog.Bucket, key string, why reading) (*current, error) {
	p := catalog.InBucket(b.ID)
	if b.Versioning != catalog.Unversioned {
		why |= withBody // it may have to move
	}
	var wait owing
	for {
		rec, err := r.Meta.Get(ctx, p, catalog.ObjectKey(key), why&withBody != 0)
		if errors.Is(err, meta.ErrNotFound) {
			return r.readAbsent(ctx, b, key, why)
		}
		if err != nil {
			return nil, err
		}
		o, err := catalog.DecodeObject(rec.Value)
		if err != nil {
			return nil, err
		}
		owes := o.Gone || len(o.Pending) > 0
		if why&withBody == 0 && o.Inline && (owes || !o.Null) {
			why |= withBody
			continue
		}
		if !owes {
			return &current{object: o, body: rec.Body, version: rec.Version}, nil
		}
		if over, err := r.waitFor(ctx, &wait, rec.Version); err != nil || !over {
			if err != nil {
				return nil, err
			}
			continue
		}
		if err := r.rollForward(ctx, p, key, o, rec.Body, rec.Version, time.Time{}); err != nil {
			return nil, err
		}
	}
}

// owing is a record seen to owe work.
type owing struct {
	version meta.Version
	since   time.Time
	tries   int
}

// waitFor gives the process that wrote a record, found at version v and owing
// work, a little time to do it. It tells whether that time is over.
func (r *Repo) waitFor(ctx context.Context, w *owing, v meta.Version) (over bool, err error) {
	if w.version != v {
		*w = owing{version: v, since: time.Now()}
	}
	if time.Since(w.since) >= r.state.patience() {
		return true, nil
	}
	w.tries++
	return false, pause(ctx, freeTries+w.tries)
}

// readAbsent completes the reading of a key without a current version.
func (r *Repo) readAbsent(ctx context.Context, b *catalog.Bucket, key string, why reading) (*current, error) {
	c := new(current)
	if why&claiming != 0 && !r.Meta.Capabilities().Batch {
		return r.claimKey(ctx, b, key)
	}
	if b.Versioning == catalog.Unversioned {
		return c, nil
	}
	if why&toWrite == 0 {
		c.unclaimed = true
		return c, nil
	}
	if err := r.readNewest(ctx, b, key, c); err != nil {
		return nil, err
	}
	if c.newest == nil || r.Meta.Capabilities().Batch {
		return c, nil
	}
	return r.claimKey(ctx, b, key)
}

// claimKey makes an empty Gone record the deciding one, so that on a store
// without batches two writers of a key that has no current version meet on it.
// Who finds such a record removes it, and thereby makes the claimant's commit
// fail and start again.
func (r *Repo) claimKey(ctx context.Context, b *catalog.Bucket, key string) (*current, error) {
	gone := &catalog.Object{Gone: true, WriteID: newWriteID()}
	v, err := r.Meta.Put(ctx, catalog.InBucket(b.ID), catalog.ObjectKey(key), objectRecord(gone, nil), meta.IfAbsent)
	if err != nil {
		return nil, err
	}
	c := &current{version: v, claim: true}
	if err := r.readNewest(ctx, b, key, c); err != nil {
		r.unclaim(ctx, b, key, c)
		return nil, err
	}
	return c, nil
}

// unclaim removes the claim of a writer that changed nothing. A failure is no
// loss: the next writer removes it.
func (r *Repo) unclaim(ctx context.Context, b *catalog.Bucket, key string, c *current) {
	if c != nil && c.claim {
		c.claim = false
		_ = r.Meta.Delete(context.WithoutCancel(ctx), catalog.InBucket(b.ID), catalog.ObjectKey(key), meta.IfMatch(c.version))
	}
}

func (r *Repo) readNewest(ctx context.Context, b *catalog.Bucket, key string, c *current) error {
	found, err := r.newestVersions(ctx, b, key, 2)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		c.newest = found[0]
	}
	if len(found) > 1 {
		c.second = found[1]
	}
	return nil
}

// newestVersions reads up to n versions of key that are not current, newest
// first, without inlined content.
func (r *Repo) newestVersions(ctx context.Context, b *catalog.Bucket, key string, n int) ([]*versionRecord, error) {
	prefix := catalog.VersionsPrefix(key)
	page, err := r.Meta.Scan(ctx, catalog.InBucket(b.ID), meta.Range{
		From: prefix, Before: meta.PrefixEnd(prefix), Limit: n, WithValue: true,
	})
	if err != nil {
		return nil, err
	}
	var found []*versionRecord
	for i := range page.Entries {
		e := &page.Entries[i]
		o, err := catalog.DecodeObject(e.Record.Value)
		if err != nil {
			return nil, err
		}
		found = append(found, &versionRecord{e.Key, o, e.Record.Version})
	}
	return found, nil
}

// nullVersion finds the version "null" among those that are not current; nil
// when there is none. It reads summaries until it meets it.
func (r *Repo) nullVersion(ctx context.Context, b *catalog.Bucket, key string) (*versionRecord, error) {
	p, prefix := catalog.InBucket(b.ID), catalog.VersionsPrefix(key)
	scan := meta.Range{From: prefix, Before: meta.PrefixEnd(prefix)}
	for {
		page, err := r.Meta.Scan(ctx, p, scan)
		if err != nil {
			return nil, err
		}
		for i := range page.Entries {
			e := &page.Entries[i]
			s, err := catalog.DecodeSummary(e.Record.Summary)
			if err != nil {
				return nil, err
			}
			if !s.Null {
				continue
			}
			v, _, err := r.versionAt(ctx, b, e.Key, false)
			if v != nil || err != nil {
				return v, err
			}
		}
		if !page.More || len(page.Entries) == 0 {
			return nil, nil
		}
		scan.From = meta.Next(page.Entries[len(page.Entries)-1].Key)
	}
}

// versionAt reads the record of a version that is not current; nil when there
// is none.
func (r *Repo) versionAt(ctx context.Context, b *catalog.Bucket, recordKey string, withBody bool) (*versionRecord, []byte, error) {
	rec, err := r.Meta.Get(ctx, catalog.InBucket(b.ID), recordKey, withBody)
	if errors.Is(err, meta.ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	o, err := catalog.DecodeObject(rec.Value)
	if err != nil {
		return nil, nil, err
	}
	return &versionRecord{recordKey, o, rec.Version}, rec.Body, nil
}
