package fsck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/course"
	"github.com/mucura/mucura/core/meta"
)

// ScrubJob is the name under which scrubbing remembers where it is.
const ScrubJob = "scrub"

// Scrubbed tells what one slice of scrubbing did.
type Scrubbed struct {
	Report
	// TooLong are objects that cannot be read within a whole budget. They are not verified.
	TooLong int `json:"too_long"`
	// Cleared are marks of damage that is no more: repaired, overwritten or deleted.
	Cleared int `json:"cleared"`
}

// slice is a slice of scrubbing under way.
type slice struct {
	*run
	*course.Course
	done  Scrubbed
	until time.Time
	tried int       // records verified in this slice
	found []Problem // in the record being verified
}

// errPaused ends a slice whose time is up.
var errPaused = errors.New("paused")

// Scrub reads contents and compares them with their checksums for as long as
// budget, and goes on where the last slice stopped or died. What is damaged it
// marks (catalog.Damaged); at the end of a round it takes the marks away that the
// round did not confirm. more tells that the round has not come to its end.
// course.ErrTaken when another process is scrubbing.
func (c *Checker) Scrub(ctx context.Context, budget time.Duration) (done Scrubbed, more bool, err error) {
	ctx, at, err := course.Begin(ctx, c.Repo.Registry, ScrubJob, c.Now)
	if err != nil {
		return done, false, err
	}
	s := &slice{Course: at, until: c.Now().Add(budget)}
	own := *c
	own.ReadData = true
	own.Problem = func(p Problem) { s.found = append(s.found, p) }
	s.run = &run{Checker: &own}
	err = s.through(ctx, c.Problem)
	s.done.Report = s.run.Report
	s.done.Unnamed = -1
	if err == nil {
		err = s.clear(ctx)
	} else if errors.Is(err, errPaused) {
		more, err = true, nil
	}
	if cause := context.Cause(ctx); errors.Is(cause, course.ErrTaken) {
		err = cause
	}
	return s.done, more || err != nil, errors.Join(err, s.Leave(ctx, err == nil && !more))
}

// through goes through the rest of the round.
func (s *slice) through(ctx context.Context, tell func(Problem)) error {
	return s.Repo.BucketsFrom(ctx, s.At().Bucket, func(b *catalog.Bucket) error {
		if s.At().Bucket != b.Name {
			s.Move(course.Place{Bucket: b.Name})
		}
		s.Buckets++
		err := s.scan(ctx, b, func(e meta.Entry) error {
			if err := s.verify(ctx, b, e); err != nil {
				return err
			}
			return s.mark(ctx, b, e.Key, tell)
		})
		if err != nil {
			return err
		}
		s.Move(course.Place{Bucket: meta.Next(b.Name)})
		return nil
	})
}

// scan calls fn for each record of a bucket from where the round is.
func (s *slice) scan(ctx context.Context, b *catalog.Bucket, fn func(meta.Entry) error) error {
	for {
		page, err := s.Repo.Meta.Scan(ctx, catalog.InBucket(b.ID), meta.Range{From: string(s.At().Key), WithValue: true})
		if err != nil {
			return err
		}
		for _, e := range page.Entries {
			if err := fn(e); err != nil {
				return err
			}
			s.Move(course.Place{Bucket: b.Name, Key: []byte(meta.Next(e.Key))})
		}
		if !page.More || len(page.Entries) == 0 {
			return ctx.Err()
		}
	}
}

// verify verifies one record, unless time is up before it is read. Then the next
// slice begins with it; if that has no time enough either, it is left out.
func (s *slice) verify(ctx context.Context, b *catalog.Bucket, e meta.Entry) error {
	left := s.until.Sub(s.Now())
	if left <= 0 && s.tried > 0 {
		return errPaused
	}
	before := s.Report
	one, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	s.tried++
	err := s.record(one, b, e)
	if one.Err() == nil || ctx.Err() != nil {
		return err
	}
	s.Report, s.found = before, nil
	if s.tried > 1 {
		return errPaused
	}
	s.done.TooLong++
	return nil
}

// mark writes down what is wrong with a record.
func (s *slice) mark(ctx context.Context, b *catalog.Bucket, key string, tell func(Problem)) error {
	for _, p := range s.found {
		if tell != nil {
			tell(p)
		}
		value, err := json.Marshal(catalog.Damage{Bucket: p.Bucket, Key: []byte(p.Key), Version: p.Version, What: p.What, Found: s.Now()})
		if err != nil {
			return err
		}
		if _, err := s.Repo.Meta.Put(ctx, catalog.Damaged, catalog.DamageKey(b.ID, key), meta.Record{Value: value}, meta.Always); err != nil {
			return fmt.Errorf("mark %s: %w", p, err)
		}
	}
	s.found = nil
	return nil
}

// clear takes away the marks that this round has not confirmed.
func (s *slice) clear(ctx context.Context) error {
	return Damages(ctx, s.Repo.Meta, func(key string, d catalog.Damage) error {
		if !d.Found.Before(s.Begun()) {
			return nil
		}
		s.done.Cleared++
		return s.Repo.Meta.Delete(ctx, catalog.Damaged, key, meta.Always)
	})
}

// Damages calls fn for each mark that scrubbing has set.
func Damages(ctx context.Context, store meta.Store, fn func(key string, d catalog.Damage) error) error {
	from := ""
	for {
		page, err := store.Scan(ctx, catalog.Damaged, meta.Range{From: from, WithValue: true})
		if err != nil {
			return fmt.Errorf("list damage: %w", err)
		}
		for _, e := range page.Entries {
			var d catalog.Damage
			if err := json.Unmarshal(e.Record.Value, &d); err != nil {
				return fmt.Errorf("mark %q: %w", e.Key, err)
			}
			if err := fn(e.Key, d); err != nil {
				return err
			}
			from = meta.Next(e.Key)
		}
		if !page.More || len(page.Entries) == 0 {
			return nil
		}
	}
}
