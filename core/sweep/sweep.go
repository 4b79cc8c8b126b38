// Package sweep is the background work of a repository, as plain calls: free
// what was released, drop what unfinished uploads left, execute lifecycle
// rules, put usage right, find rubbish. The appliance calls it from a timer, a
// large site from a scheduled function.
//
// Every job is safe to run twice at once and to be killed anywhere: it looks
// again before it deletes, and deletes the content before the record that
// tells about it.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/course"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/repo"
)

// Sweeper runs the jobs. It keeps nothing between runs.
type Sweeper struct {
	Repo *repo.Repo
	Now  func() time.Time
	Log  *slog.Logger
	// Day is what lifecycle rules count in: 24 h, shorter only for tests.
	Day time.Duration
	// OrphanEvery is the least time between two searches for orphans, which
	// read every record; 0 searches at every run. Where the content store is not
	// cheap to walk it is that between two cleanings, too.
	OrphanEvery time.Duration
	// Walk searches for orphans also where that means to list a large store.
	Walk bool

	slice int // contents compared with the records at a time; 0: sliceSize
	// until is when a job with little time pauses; zero: never.
	until time.Time
	// course remembers where it did; nil: it is not asked to pause.
	course *course.Course
}

// Report tells what a run did.
type Report struct {
	Freed          int   `json:"freed"`           // contents freed
	FreedBytes     int64 `json:"freed_bytes"`     // where the store knows sizes
	Kept           int   `json:"kept"`            // released contents that something still refers to
	Expired        int   `json:"expired"`         // versions and markers removed by lifecycle rules
	AbortedUploads int   `json:"aborted_uploads"` // by lifecycle rules
	Parts          int   `json:"parts"`           // leftover parts of ended uploads
	Orphans        int   `json:"orphans"`         // contents no record ever named, freed
	Suspects       int   `json:"suspects"`        // such contents seen for the first time
	Unfinished     int   `json:"unfinished"`      // unfinished files cleaned
	Recounted      int   `json:"recounted"`       // accounts whose usage was recounted
	Buckets        int   `json:"buckets"`         // remains of deleted buckets cleared
	Settled        int   `json:"settled"`         // records whose owed work was done
	People         int   `json:"people"`          // records about accounts that time had made useless
	Erased         int   `json:"erased"`          // closed accounts deleted with everything
	Tombstones     int   `json:"tombstones"`      // traces of deleted records removed
}

// Idle tells whether the run found nothing to do.
func (r Report) Idle() bool { return r == Report{Kept: r.Kept} }

// Add adds the counts of another report.
func (r *Report) Add(o *Report) {
	r.Freed += o.Freed
	r.FreedBytes += o.FreedBytes
	r.Kept += o.Kept
	r.Expired += o.Expired
	r.AbortedUploads += o.AbortedUploads
	r.Parts += o.Parts
	r.Orphans += o.Orphans
	r.Suspects += o.Suspects
	r.Unfinished += o.Unfinished
	r.Recounted += o.Recounted
	r.Buckets += o.Buckets
	r.Settled += o.Settled
	r.People += o.People
	r.Erased += o.Erased
	r.Tombstones += o.Tombstones
}

// Run runs every job once. A job that fails does not stop the others; all
// errors are returned together.
func (s *Sweeper) Run(ctx context.Context) (Report, error) {
	var rep Report
	var errs []error
	for _, job := range s.jobs() {
		if err := job.run(ctx, &rep); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", job.name, err))
			if ctx.Err() != nil {
				break
			}
		}
	}
	return rep, errors.Join(errs...)
}

// scan calls fn for each record of a stretch of a partition.
func scan(ctx context.Context, store meta.Store, p meta.Partition, from, before string, withValue bool, fn func(meta.Entry) error) error {
	for {
		page, err := store.Scan(ctx, p, meta.Range{From: from, Before: before, WithValue: withValue})
		if err != nil {
			return fmt.Errorf("scan %s: %w", p, err)
		}
		for _, e := range page.Entries {
			if err := fn(e); err != nil {
				return err
			}
		}
		if !page.More || len(page.Entries) == 0 {
			return ctx.Err()
		}
		from = meta.Next(page.Entries[len(page.Entries)-1].Key)
	}
}

// scanPrefix is scan over the keys that begin with prefix.
func scanPrefix(ctx context.Context, store meta.Store, p meta.Partition, prefix string, withValue bool, fn func(meta.Entry) error) error {
	return scan(ctx, store, p, prefix, meta.PrefixEnd(prefix), withValue, fn)
}

// problems gathers errors of a job that goes on after them.
type problems struct{ errs []error }

// errTooMany ends a job that goes on after problems, but not for ever.
var errTooMany = errors.New("too many problems")

// maxProblems is how many a job puts up with.
const maxProblems = 20

// add notes err, nil for none, and returns it when the job had better stop.
func (p *problems) add(ctx context.Context, err error) error {
	err, paused := unpaused(err)
	if err != nil {
		p.errs = append(p.errs, err)
	}
	switch {
	case paused:
		return errPaused
	case err == nil:
		return nil
	case len(p.errs) < maxProblems:
		return ctx.Err()
	}
	return errTooMany
}

// with is all of them with what ended the job.
func (p *problems) with(err error) error { return errors.Join(errors.Join(p.errs...), err) }

// buckets calls fn for every bucket, or those not done in this round, also after
// one that fails.
func (s *Sweeper) buckets(ctx context.Context, fn func(*catalog.Bucket) error) error {
	var bad problems
	return bad.with(s.Repo.BucketsFrom(ctx, s.at().Bucket, func(b *catalog.Bucket) error {
		if err := s.pause(); err != nil {
			return err
		}
		if s.at().Bucket != b.Name {
			s.move(course.Place{Bucket: b.Name})
		}
		if err := bad.add(ctx, inBucket(b.Name, fn(b))); err != nil {
			return err
		}
		s.move(course.Place{Bucket: meta.Next(b.Name)})
		return nil
	}))
}

// droppedMark begins the places of deleted buckets: it comes after all names.
const droppedMark = "~"

func inBucket(name string, err error) error {
	err, paused := unpaused(err)
	if err != nil {
		err = fmt.Errorf("bucket %s: %w", name, err)
	}
	if paused {
		return errors.Join(err, errPaused)
	}
	return err
}

// partitions calls fn for the partition of every bucket, and of every deleted
// bucket that still has remains, also after one that fails.
func (s *Sweeper) partitions(ctx context.Context, fn func(bucketID string) error) error {
	from, deleted := strings.CutPrefix(s.at().Bucket, droppedMark)
	var err error
	if !deleted {
		from = ""
		if err = s.buckets(ctx, func(b *catalog.Bucket) error { return fn(b.ID) }); errors.Is(err, errPaused) {
			return err
		}
	}
	var bad problems
	return errors.Join(err, bad.with(s.scan(ctx, s.Repo.Registry, catalog.Dropped, from, "", false, func(e meta.Entry) error {
		if err := bad.add(ctx, inBucket(e.Key, fn(e.Key))); err != nil {
			return err
		}
		s.move(course.Place{Bucket: droppedMark + meta.Next(e.Key)})
		return nil
	})))
}

// manifest reads the segments a manifest content lists.
func (s *Sweeper) manifest(ctx context.Context, id content.ID) ([]catalog.Segment, error) {
	r, err := s.Repo.Content.Open(ctx, id, 0, -1)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	segments, _, err := catalog.DecodeManifest(b)
	return segments, err
}
