package sweep

import (
	"context"
	"errors"
	"time"

	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/course"
	"github.com/mucura/mucura/core/meta"
)

// job is one kind of background work.
type job struct {
	name string
	run  func(context.Context, *Report) error
}

// jobs are all of them, in the order Run runs them.
func (s *Sweeper) jobs() []job {
	return []job{
		{"pending", s.settlePending},
		{"lifecycle", s.lifecycle},
		{"uploads", s.uploads},
		{"releases", s.releases},
		{"dropped", s.dropped},
		{"orphans", s.orphans},
		{"unfinished", s.unfinished},
		{"tombstones", s.tombstones},
		{"usage", s.recount},
		{"people", s.people},
		{"closed", s.closed},
	}
}

// Jobs names the jobs that RunJob runs.
func Jobs() (names []string) {
	for _, j := range (&Sweeper{}).jobs() {
		names = append(names, j.name)
	}
	return names
}

// ErrNoJob says that there is no job of that name.
var ErrNoJob = errors.New("no such job")

// Grace is how much longer than its budget a job may take for what it has
// begun; then it is cut off.
func Grace(budget time.Duration) time.Duration { return max(budget/5, 2*time.Second) }

// RunJob runs one job for at most about budget, and Grace for what it has begun.
// A job that goes through everything continues where the last run stopped, or
// died. more tells that it has not come to its end, so that another run would
// go on. course.ErrTaken when another process is at the job.
func (s *Sweeper) RunJob(ctx context.Context, name string, budget time.Duration) (rep Report, more bool, err error) {
	one := *s // its course is its own
	for _, j := range one.jobs() {
		if j.name == name {
			more, err = one.runFor(ctx, j, budget, &rep)
			return rep, more, err
		}
	}
	return rep, false, ErrNoJob
}

func (s *Sweeper) runFor(ctx context.Context, j job, budget time.Duration, rep *Report) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, budget+Grace(budget))
	defer cancel()
	run, c, err := course.Begin(ctx, s.Repo.Registry, j.name, s.Now)
	if err != nil {
		return false, err
	}
	s.course, s.until = c, s.Now().Add(budget)
	err, more = unpaused(j.run(run, rep))
	if cause := context.Cause(run); errors.Is(cause, course.ErrTaken) {
		err = cause // whatever failed, failed because of that
	}
	// A job that met problems has come to its end all the same, unless these ended it.
	cut := ctx.Err() != nil || errors.Is(err, errTooMany) || errors.Is(err, meta.ErrUnavailable) || errors.Is(err, content.ErrUnavailable)
	more = more || cut
	return more, errors.Join(err, c.Leave(ctx, !more))
}

// errPaused ends a job whose time is up. It is no failure.
var errPaused = errors.New("paused")

// pause returns errPaused when the time of the job is up.
func (s *Sweeper) pause() error {
	if s.course != nil && s.Now().After(s.until) {
		return errPaused
	}
	return nil
}

// unpaused takes errPaused out of what a job returned, and tells whether it was
// there.
func unpaused(err error) (rest error, paused bool) {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		if errors.Is(err, errPaused) {
			return nil, true
		}
		return err, false
	}
	var errs []error
	for _, e := range joined.Unwrap() {
		e, p := unpaused(e)
		errs = append(errs, e)
		paused = paused || p
	}
	return errors.Join(errs...), paused
}

// at is where the job is, the beginning when it does not pause.
func (s *Sweeper) at() course.Place {
	if s.course == nil {
		return course.Place{}
	}
	return s.course.At()
}

// move says where the job is now.
func (s *Sweeper) move(p course.Place) {
	if s.course != nil {
		s.course.Move(p)
	}
}

// within is where in a bucket the job stopped; "" when it was not in it.
func (s *Sweeper) within(bucket string) string {
	if at := s.at(); at.Bucket == bucket {
		return string(at.Key)
	}
	return ""
}

// scan is scan for what a job goes through: it pauses between two records.
func (s *Sweeper) scan(ctx context.Context, store meta.Store, p meta.Partition, from, before string, withValue bool, fn func(meta.Entry) error) error {
	return scan(ctx, store, p, from, before, withValue, func(e meta.Entry) error {
		if err := s.pause(); err != nil {
			return err
		}
		return fn(e)
	})
}
