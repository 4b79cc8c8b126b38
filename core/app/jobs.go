package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mucura/mucura/core/course"
	"github.com/mucura/mucura/core/fsck"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/sweep"
)

// DefaultBudget is for how long a job runs that is given no other time.
const DefaultBudget = 10 * time.Minute

// JobSweep is the job that runs all others but scrub, with a share of the time each.
const JobSweep = "sweep"

// Jobs names the scheduled jobs: sweep, scrub, and the parts of sweep.
func Jobs() []string { return append([]string{JobSweep, fsck.ScrubJob}, sweep.Jobs()...) }

// Reasons for which a job is not run.
const (
	SkippedMaintenance = "maintenance is on"
	SkippedRunning     = "another run is at it"
)

// JobReport tells what a job did.
type JobReport struct {
	Job     string  `json:"job"`
	Seconds float64 `json:"seconds"`
	// Skipped is why nothing was done, or of a sweep which parts were not done.
	Skipped string `json:"skipped,omitempty"`
	// More tells that time was up before the job came to its end: the next run
	// goes on from there.
	More  bool           `json:"more"`
	Swept *sweep.Report  `json:"swept,omitempty"`
	Scrub *fsck.Scrubbed `json:"scrubbed,omitempty"`
}

// UnknownJobError says that there is no such job, and which there are.
type UnknownJobError struct{ Name string }

func (e *UnknownJobError) Error() string {
	return fmt.Sprintf("no such job: %q (there are %s)", e.Name, strings.Join(Jobs(), ", "))
}

// CheckJob returns an *UnknownJobError when there is no such job.
func CheckJob(name string) error {
	if !slices.Contains(Jobs(), name) {
		return &UnknownJobError{name}
	}
	return nil
}

// RunJob runs a scheduled job for at most budget, and sweep.Grace for what it has
// begun; a budget of 0 or less is DefaultBudget. A job continues where the last
// run of it stopped or died, in whatever process. Of two runs at once one is
// skipped, which is no error. It may be killed at any moment.
func (a *App) RunJob(ctx context.Context, name string, budget time.Duration) (rep JobReport, err error) {
	if budget <= 0 {
		budget = DefaultBudget
	}
	rep.Job = name
	if err := CheckJob(name); err != nil {
		return rep, err
	}
	begun := time.Now()
	switch err := a.gate.Writable(ctx); {
	case errors.Is(err, meta.ErrReadOnly):
		rep.Skipped = SkippedMaintenance
		a.Log.Info("job", "report", rep)
		return rep, nil
	case err != nil:
		return rep, err
	}
	switch name {
	case JobSweep:
		err = a.sweepFor(ctx, budget, &rep)
	case fsck.ScrubJob:
		err = a.scrubFor(ctx, budget, &rep)
	default:
		rep.Swept = &sweep.Report{}
		err = a.partFor(ctx, a.Sweeper(), name, budget, &rep)
	}
	err = errors.Join(err, a.flushJob(ctx))
	rep.Seconds = time.Since(begun).Seconds()
	a.metrics.jobs.Add(1, name, outcome(&rep, err))
	if err != nil {
		a.Log.Warn("job", "report", rep, "error", err.Error())
		return rep, fmt.Errorf("job %s: %w", name, err)
	}
	a.Log.Info("job", "report", rep)
	return rep, nil
}

func outcome(rep *JobReport, err error) string {
	switch {
	case err != nil:
		return "failed"
	case rep.Skipped != "" && rep.Job != JobSweep:
		return "skipped"
	case rep.More:
		return "paused"
	}
	return "done"
}

// flushJob brings what a job freed into the accounts' usage, since its process
// may end, or freeze, right after.
func (a *App) flushJob(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushEvery)
	defer cancel()
	if err := a.Quota.Flush(ctx); err != nil {
		return fmt.Errorf("usage not flushed: %w", err)
	}
	return nil
}

// sweepFor runs the parts of sweep one after the other. Each has an equal share
// of the time that is left, so that none, however long, keeps out the rest.
func (a *App) sweepFor(ctx context.Context, budget time.Duration, rep *JobReport) error {
	rep.Swept = &sweep.Report{}
	s := a.Sweeper()
	s.OrphanEvery = orphanEvery
	end := time.Now().Add(budget)
	var errs []error
	var skipped []string
	parts := sweep.Jobs()
	for i, part := range parts {
		share := max(time.Until(end)/time.Duration(len(parts)-i), 0)
		one := JobReport{Swept: &sweep.Report{}}
		if err := a.partFor(ctx, s, part, share, &one); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", part, err))
		}
		if one.Skipped != "" {
			skipped = append(skipped, part)
		}
		rep.Swept.Add(one.Swept)
		rep.More = rep.More || one.More
		if ctx.Err() != nil {
			break
		}
	}
	if len(skipped) > 0 {
		rep.Skipped = SkippedRunning + ": " + strings.Join(skipped, ", ")
	}
	return errors.Join(errs...)
}

func (a *App) partFor(ctx context.Context, s *sweep.Sweeper, part string, budget time.Duration, rep *JobReport) error {
	swept, more, err := s.RunJob(ctx, part, budget)
	if errors.Is(err, course.ErrTaken) {
		rep.Skipped, err = SkippedRunning, nil
	}
	rep.Swept.Add(&swept)
	rep.More = more
	return err
}

func (a *App) scrubFor(ctx context.Context, budget time.Duration, rep *JobReport) error {
	c := &fsck.Checker{Repo: a.Repo, Now: time.Now, Problem: func(p fsck.Problem) {
		a.metrics.damaged.Add(1)
		a.Log.Error("damaged", "bucket", p.Bucket, "key", p.Key, "version", p.Version, "what", p.What)
	}}
	done, more, err := c.Scrub(ctx, budget)
	rep.Scrub, rep.More = &done, more
	if errors.Is(err, course.ErrTaken) {
		rep.Scrub, rep.Skipped, rep.More = nil, SkippedRunning, false
		return nil
	}
	if done.TooLong > 0 {
		a.Log.Warn("objects cannot be read within the budget of scrub", "objects", done.TooLong, "budget", budget.String())
	}
	return err
}
