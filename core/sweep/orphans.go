package sweep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/course"
	"github.com/mucura/mucura/core/meta"
)

// sliceSize is how many contents are usually compared with the records at a time; it
// bounds the memory of the job to some tens of MiB, however many there are.
const sliceSize = 200_000

// orphans frees contents that no record and no release ever named: what a
// crash between content and record leaves. A content must be seen unnamed
// twice, a leeway apart, so one whose record was being written while the
// records were read is never taken. Stores that are not cheap to walk are
// walked only when asked to: their writes leave an intent, so that nothing
// should be found.
func (s *Sweeper) orphans(ctx context.Context, rep *Report) error {
	if !s.Repo.Content.Capabilities().CheapWalk && !s.Walk {
		return nil
	}
	due, err := s.dueAgain(ctx, "orphans", s.OrphanEvery)
	if err != nil || !due {
		return err
	}
	seen := map[content.ID]bool{}
	old := s.Now().Add(-s.Repo.Leeway)
	from := string(s.at().Key)
	err = s.unnamed(ctx, content.ID(from), func(id content.ID) error {
		seen[id] = true
		return s.suspect(ctx, id, old, rep)
	}, func(before string) error {
		if err := s.forgetSuspects(ctx, from, before, seen); err != nil || before == "" {
			return err
		}
		clear(seen)
		from = before
		s.move(course.Place{Key: []byte(from)})
		return s.pause()
	})
	if err != nil {
		return err
	}
	return s.ranNow(ctx, "orphans")
}

// Unnamed calls fn for every content older than the leeway that no record and
// no release names, comparing a slice of the contents at a time. A record that
// moves while the records are read can hide from the reader, so what seems
// unnamed is looked for once more.
func (s *Sweeper) Unnamed(ctx context.Context, fn func(content.ID) error) error {
	return s.unnamed(ctx, "", fn, func(string) error { return nil })
}

// unnamed is Unnamed from an ID on. It calls done after each slice, when all
// contents before the ID that it is given are judged, or all with "".
func (s *Sweeper) unnamed(ctx context.Context, from content.ID, fn func(content.ID) error, done func(before string) error) error {
	old := s.Now().Add(-s.Repo.Leeway)
	most := cmp.Or(s.slice, sliceSize)
	slice := make(map[content.ID]bool)
	flush := func(before string) error {
		for range 2 {
			if len(slice) == 0 {
				break
			}
			if err := s.Named(ctx, func(id content.ID) { delete(slice, id) }); err != nil {
				return err
			}
		}
		for id := range slice {
			if err := fn(id); err != nil {
				return err
			}
		}
		clear(slice)
		return done(before)
	}
	err := s.Repo.Content.Walk(ctx, from, func(info content.Info) error {
		if info.ID.Time().After(old) {
			return nil
		}
		slice[info.ID] = true
		if len(slice) < most {
			return nil
		}
		return flush(meta.Next(string(info.ID)))
	})
	if err != nil {
		return err
	}
	return flush("")
}

// suspect notes an unnamed content, or frees it when it was noted a leeway ago.
func (s *Sweeper) suspect(ctx context.Context, id content.ID, old time.Time, rep *Report) error {
	rec, err := s.Repo.Meta.Get(ctx, catalog.Orphans, string(id), false)
	if errors.Is(err, meta.ErrNotFound) {
		stamp, err := s.Now().MarshalText()
		if err != nil {
			return err
		}
		rep.Suspects++
		_, err = s.Repo.Meta.Put(ctx, catalog.Orphans, string(id), meta.Record{Value: stamp}, meta.Always)
		return err
	}
	if err != nil {
		return err
	}
	var first time.Time
	if err := first.UnmarshalText(rec.Value); err != nil {
		return fmt.Errorf("orphan %s: %w", id, err)
	}
	if first.After(old) {
		return nil
	}
	if err := s.remove(ctx, id, &rep.Orphans, rep); err != nil {
		return err
	}
	return s.Repo.Meta.Delete(ctx, catalog.Orphans, string(id), meta.Always)
}

// forgetSuspects drops the notes of contents in a range of IDs that are named
// after all, or gone.
func (s *Sweeper) forgetSuspects(ctx context.Context, from, before string, seen map[content.ID]bool) error {
	return scan(ctx, s.Repo.Meta, catalog.Orphans, from, before, false, func(e meta.Entry) error {
		if seen[content.ID(e.Key)] {
			return nil
		}
		return s.Repo.Meta.Delete(ctx, catalog.Orphans, e.Key, meta.Always)
	})
}

// Named calls fn for every content that a record or a release names, some
// several times.
func (s *Sweeper) Named(ctx context.Context, fn func(content.ID)) error {
	return s.partitions(ctx, func(bucketID string) error {
		return scan(ctx, s.Repo.Meta, catalog.InBucket(bucketID), "", "", true, func(e meta.Entry) error {
			if err := s.namedBy(ctx, e, fn); err != nil {
				return fmt.Errorf("record %q of bucket %s: %w", e.Key, bucketID, err)
			}
			return nil
		})
	})
}

func (s *Sweeper) namedBy(ctx context.Context, e meta.Entry, fn func(content.ID)) error {
	switch e.Key[:1] {
	case catalog.SpaceObject, catalog.SpaceVersion:
		o, err := catalog.DecodeObject(e.Record.Value)
		if err != nil {
			return err
		}
		return s.namedByObject(ctx, o, fn)
	case catalog.SpacePart:
		p, err := catalog.DecodePart(e.Record.Value)
		if err != nil {
			return err
		}
		for _, seg := range p.Segments {
			fn(seg.ID)
		}
	case catalog.SpaceRelease:
		rel, err := catalog.DecodeRelease(e.Record.Value)
		if err != nil {
			return err
		}
		fn(rel.ID)
		if rel.Manifest {
			return s.namedByManifest(ctx, rel.ID, fn)
		}
	}
	return nil
}

func (s *Sweeper) namedByObject(ctx context.Context, o *catalog.Object, fn func(content.ID)) error {
	for _, seg := range o.Segments {
		fn(seg.ID)
	}
	for _, op := range o.Pending {
		if op.Delete {
			continue
		}
		if err := s.namedBy(ctx, meta.Entry{Key: op.Key, Record: meta.Record{Value: op.Value}}, fn); err != nil {
			return err
		}
	}
	if o.Manifest == "" {
		return nil
	}
	fn(o.Manifest)
	return s.namedByManifest(ctx, o.Manifest, fn)
}

// namedByManifest names what a manifest lists. One that is gone lists nothing:
// its release was settled a moment ago (fsck reports one that is missed).
func (s *Sweeper) namedByManifest(ctx context.Context, id content.ID, fn func(content.ID)) error {
	segments, err := s.manifest(ctx, id)
	if errors.Is(err, content.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, seg := range segments {
		fn(seg.ID)
	}
	return nil
}

// dueAgain tells whether a job that scans everything should run: when it last
// ran longer than every ago.
func (s *Sweeper) dueAgain(ctx context.Context, job string, every time.Duration) (bool, error) {
	if every == 0 {
		return true, nil
	}
	rec, err := s.Repo.Registry.Get(ctx, catalog.Jobs, job, false)
	if errors.Is(err, meta.ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	var last time.Time
	if err := last.UnmarshalText(rec.Value); err != nil {
		return true, nil // unreadable: run, and write it anew
	}
	return s.Now().Sub(last) >= every, nil
}

func (s *Sweeper) ranNow(ctx context.Context, job string) error {
	stamp, err := s.Now().MarshalText()
	if err != nil {
		return err
	}
	_, err = s.Repo.Registry.Put(ctx, catalog.Jobs, job, meta.Record{Value: stamp}, meta.Always)
	return err
}

// unfinished removes files that a crash left half written. What the time of the
// job does not suffice for is left to the next run.
//
// A store that is not cheap to walk is not cheap to clean: hundreds of listings,
// and in a process that begins anew for each job those of every large content. It
// need not be often, as an intent tells of a write that died.
func (s *Sweeper) unfinished(ctx context.Context, rep *Report) error {
	j, ok := content.As[content.Janitor](s.Repo.Content)
	if !ok {
		return nil
	}
	every := s.OrphanEvery
	if s.Repo.Content.Capabilities().CheapWalk {
		every = 0
	}
	if due, err := s.dueAgain(ctx, "unfinished", every); err != nil || !due {
		return err
	}
	files, bytes, err := j.Clean(ctx, s.Now().Add(-s.Repo.Leeway))
	rep.Unfinished += files
	rep.FreedBytes += bytes
	if errors.Is(err, context.DeadlineExceeded) && s.pause() != nil {
		return errPaused
	}
	if err != nil || every == 0 {
		return err
	}
	return s.ranNow(ctx, "unfinished")
}
