package sweep

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/repo"
)

// Whether anything holds a content is found out beside writers, without a lock:
//
//   - Within a key a version can move from the current record to the others or
//     back, past somebody who reads one after the other. So the key is read
//     again until its state is the same before and after.
//   - A copy to another key writes references to its source and to itself
//     before its record, so it can hide from one look only: its references may
//     lie behind the cursor of the scan, or its source be gone before its turn.
//     A second look finds its references, and that they are young.
//
// What neither look finds can get no holder any more: a copy needs a source
// that still stands after its references are written.
//
// Two things can hide from both looks.
//
//   - A copy that has opened its source, which is dropped before it writes its
//     references. The release made then is not due for a leeway; but an older one
//     of the same content may be, an intent or that of another holder. For these
//     nothing is concluded before the same was found half a leeway ago: a copy
//     that takes longer looks again whether its source stands.
//   - Where scans lag, a version that has just become a former one: it is no more
//     in the current record, which is read afresh, and not yet in a scan. There
//     the looks are as far apart as scans lag, and the records seen must be the
//     same.

// held tells whether anything refers to the content of a release, and if not
// what was looked at. errBusy when it is not known, because writers changed the
// key all the while.
func (s *Sweeper) held(ctx context.Context, bucketID string, rel *catalog.Release) (held bool, saw *look, err error) {
	for range 2 {
		saw = newLook()
		held, err := s.heldNow(ctx, bucketID, rel, saw)
		if held || err != nil {
			return held, nil, err
		}
	}
	return false, saw, nil
}

// look gathers what a search for holders saw: a digest that is another one
// whenever a version of a key concerned has moved, and how many references.
type look struct {
	sum        hash.Hash
	references int
}

func newLook() *look { return &look{sum: sha256.New()} }

func (l *look) equal(m *look) bool { return bytes.Equal(l.sum.Sum(nil), m.sum.Sum(nil)) }

func (l *look) at(s keyStamp) {
	fmt.Fprintf(l.sum, "%q %q %q\n", s.current, s.newest, s.newestKey)
}

// heldNow looks once: at the key the release names, and at the holder of each
// reference. A reference younger than the leeway counts: its holder may be
// about to be written.
func (s *Sweeper) heldNow(ctx context.Context, bucketID string, rel *catalog.Release, l *look) (bool, error) {
	held, err := s.holds(ctx, bucketID, rel.Key, rel.UploadID, rel.ID, l)
	if held || err != nil {
		return held, err
	}
	young := s.Now().Add(-s.Repo.Leeway)
	err = scanPrefix(ctx, s.Repo.Meta, catalog.References(rel.ID), repo.ReferencePrefix(rel.ID), true, func(e meta.Entry) error {
		ref, err := catalog.DecodeReference(e.Record.Value)
		if err != nil {
			return fmt.Errorf("reference %q: %w", e.Key, err)
		}
		l.references++
		if ref.At.After(young) {
			return errHeld
		}
		held, err := s.holderHolds(ctx, ref, rel.ID, l)
		if held {
			return errHeld
		}
		return err
	})
	return found(err)
}

// errHeld ends a scan that has found a holder.
var errHeld = errors.New("held")

// errBusy says that a key changed each time it was looked at.
var errBusy = errors.New("changed too often")

// found turns the end of a scan for a holder into its result.
func found(err error) (bool, error) {
	if errors.Is(err, errHeld) {
		return true, nil
	}
	return false, err
}

// holderHolds tells whether the holder that a reference names refers to a content.
func (s *Sweeper) holderHolds(ctx context.Context, ref *catalog.Reference, id content.ID, l *look) (bool, error) {
	if ref.Manifest == "" {
		return s.holds(ctx, ref.Bucket, ref.Key, ref.UploadID, id, l)
	}
	rc, err := s.Repo.Content.Open(ctx, ref.Manifest, 0, 1)
	if errors.Is(err, content.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, rc.Close()
}

// maxLooks bounds how often a key that is being changed is read again.
const maxLooks = 20

// holds tells whether any version of a key, or with an upload ID any part of
// that upload, refers to a content. A part becomes a version, never the reverse.
func (s *Sweeper) holds(ctx context.Context, bucketID, key, uploadID string, id content.ID, l *look) (bool, error) {
	p := catalog.InBucket(bucketID)
	if uploadID != "" {
		held, err := s.partsHold(ctx, p, uploadID, id)
		if held || err != nil {
			return held, err
		}
	}
	before, held, err := s.currentHolds(ctx, p, key, id)
	for range maxLooks {
		if held || err != nil {
			return held, err
		}
		if held, err = s.othersHold(ctx, p, key, id); held || err != nil {
			return held, err
		}
		var after keyStamp
		if after, held, err = s.currentHolds(ctx, p, key, id); after == before && err == nil {
			l.at(before)
			return held, nil
		}
		before = after
	}
	return held, errors.Join(err, errBusy)
}

// keyStamp is different whenever the current record of a key was changed
// meanwhile: it is that record's version, or without one the newest of the
// other records, a delete marker that is another one after the key was current.
type keyStamp struct {
	current, newest meta.Version
	newestKey       string
}

// currentHolds tells whether the current version of a key refers to a content.
func (s *Sweeper) currentHolds(ctx context.Context, p meta.Partition, key string, id content.ID) (keyStamp, bool, error) {
	rec, err := s.Repo.Meta.Get(ctx, p, catalog.ObjectKey(key), false)
	if err == nil {
		held, err := s.recordHolds(ctx, rec.Value, id)
		return keyStamp{current: rec.Version}, held, err
	}
	if !errors.Is(err, meta.ErrNotFound) {
		return keyStamp{}, false, err
	}
	prefix := catalog.VersionsPrefix(key)
	page, err := s.Repo.Meta.Scan(ctx, p, meta.Range{From: prefix, Before: meta.PrefixEnd(prefix), Limit: 1})
	if err != nil || len(page.Entries) == 0 {
		return keyStamp{}, false, err
	}
	e := &page.Entries[0]
	return keyStamp{newest: e.Record.Version, newestKey: e.Key}, false, nil
}

// othersHold tells whether a version of a key that is not current refers to a content.
func (s *Sweeper) othersHold(ctx context.Context, p meta.Partition, key string, id content.ID) (bool, error) {
	return found(scanPrefix(ctx, s.Repo.Meta, p, catalog.VersionsPrefix(key), true, func(e meta.Entry) error {
		held, err := s.recordHolds(ctx, e.Record.Value, id)
		if held {
			return errHeld
		}
		return err
	}))
}

func (s *Sweeper) partsHold(ctx context.Context, p meta.Partition, uploadID string, id content.ID) (bool, error) {
	return found(scanPrefix(ctx, s.Repo.Meta, p, catalog.PartsPrefix(uploadID), true, func(e meta.Entry) error {
		part, err := catalog.DecodePart(e.Record.Value)
		if err == nil && segmentsHold(part.Segments, id) {
			return errHeld
		}
		return err
	}))
}

func (s *Sweeper) recordHolds(ctx context.Context, value []byte, id content.ID) (bool, error) {
	o, err := catalog.DecodeObject(value)
	if err != nil {
		return false, err
	}
	return s.objectHolds(ctx, o, id)
}

// objectHolds tells whether an object refers to a content, itself, through its
// manifest, or through a write it still owes.
func (s *Sweeper) objectHolds(ctx context.Context, o *catalog.Object, id content.ID) (bool, error) {
	if o.Manifest == id || segmentsHold(o.Segments, id) {
		return true, nil
	}
	for _, op := range o.Pending {
		if op.Delete || len(op.Key) == 0 || op.Key[:1] != catalog.SpaceVersion {
			continue
		}
		held, err := s.recordHolds(ctx, op.Value, id)
		if held || err != nil {
			return held, err
		}
	}
	if o.Manifest == "" {
		return false, nil
	}
	segments, err := s.Repo.Segments(ctx, o) // kept in memory: thousands of releases may ask
	if err != nil {
		return false, fmt.Errorf("manifest %s: %w", o.Manifest, err)
	}
	return segmentsHold(segments, id), nil
}

func segmentsHold(segments []catalog.Segment, id content.ID) bool {
	for _, seg := range segments {
		if seg.ID == id {
			return true
		}
	}
	return false
}
