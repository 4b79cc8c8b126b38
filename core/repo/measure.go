package repo

import (
	"context"
	"errors"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

// Count is a number of objects (versions, parts) and their bytes.
type Count struct{ Objects, Bytes int64 }

func (c *Count) add(bytes int64) { c.Objects++; c.Bytes += bytes }

// Figures tell what a bucket holds. Their sum is what counts against the quota.
type Figures struct {
	Current  Count // what a listing shows
	Versions Count // older versions of objects that a listing shows
	Trash    Count // versions of objects that were deleted
	Uploads  Count // parts of uploads in progress
}

// Measure counts what a bucket holds, by reading a summary of every record: a
// second or so for a hundred thousand. It stops when ctx ends, with its error.
func (r *Repo) Measure(ctx context.Context, b *catalog.Bucket) (Figures, error) {
	m := &measuring{r: r, b: b, running: map[string]bool{}}
	// Uploads come before their parts, and current objects before versions.
	for _, space := range []string{catalog.SpaceUpload, catalog.SpaceObject, catalog.SpacePart, catalog.SpaceVersion} {
		if err := m.scan(ctx, space); err != nil {
			return Figures{}, err
		}
	}
	return m.figures, nil
}

type measuring struct {
	r       *Repo
	b       *catalog.Bucket
	figures Figures
	running map[string]bool // uploads in progress
	key     string          // whose versions are being counted
	trash   bool            // no current version of key
	looked  bool
}

func (m *measuring) scan(ctx context.Context, space string) error {
	in := meta.Range{From: space, Before: meta.PrefixEnd(space), WithValue: space == catalog.SpacePart}
	for {
		page, err := m.r.Meta.Scan(ctx, catalog.InBucket(m.b.ID), in)
		if err != nil {
			return wrap(err)
		}
		for i := range page.Entries {
			if err := m.take(ctx, &page.Entries[i]); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if !page.More || len(page.Entries) == 0 {
			return nil
		}
		in.From = meta.Next(page.Entries[len(page.Entries)-1].Key)
	}
}

func (m *measuring) take(ctx context.Context, e *meta.Entry) error {
	switch e.Key[:1] {
	case catalog.SpaceUpload:
		_, id, err := catalog.ParseUploadKey(e.Key)
		m.running[id] = true
		return err
	case catalog.SpacePart:
		id, _, err := catalog.ParsePartKey(e.Key)
		if err != nil || !m.running[id] {
			return err // left over from an upload that has ended
		}
		p, err := catalog.DecodePart(e.Record.Value)
		if err == nil {
			m.figures.Uploads.add(p.Size)
		}
		return err
	}
	sum, err := catalog.DecodeSummary(e.Record.Summary)
	if err != nil || sum.Gone || sum.DeleteMarker {
		return err
	}
	if e.Key[:1] == catalog.SpaceObject {
		m.figures.Current.add(sum.Size)
		return nil
	}
	return m.version(ctx, e.Key, sum.Size)
}

// version counts a version that is not current.
func (m *measuring) version(ctx context.Context, at string, size int64) error {
	key, _, err := catalog.ParseVersionKey(at)
	if err != nil {
		return err
	}
	if key != m.key || !m.looked {
		m.key, m.looked = key, true
		rec, err := m.r.Meta.Get(ctx, catalog.InBucket(m.b.ID), catalog.ObjectKey(key), false)
		switch {
		case errors.Is(err, meta.ErrNotFound):
			m.trash = true
		case err != nil:
			return wrap(err)
		default:
			o, err := catalog.DecodeObject(rec.Value)
			if err != nil {
				return err
			}
			m.trash = o.Gone
		}
	}
	if m.trash {
		m.figures.Trash.add(size)
	} else {
		m.figures.Versions.add(size)
	}
	return nil
}
