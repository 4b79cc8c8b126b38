package function

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/sweep"
)

// job runs a scheduled job for at most budget, and within the time that ctx
// leaves, less what the job may take to end: a platform that has to kill it learns
// nothing of what was done. A budget of 0 is all of that time, or the usual one.
func job(ctx context.Context, a *app.App, name string, budget time.Duration) (any, error) {
	return a.RunJob(ctx, name, bounded(ctx, budget, time.Now()))
}

func bounded(ctx context.Context, budget time.Duration, now time.Time) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		left := end.Sub(now) - afterTime
		left = max(left-sweep.Grace(left), time.Second)
		if budget == 0 || budget > left {
			return left
		}
	}
	return budget // 0: RunJob has one of its own
}

// jobArguments reads the command line of a run: names of jobs, and how long each
// may go on, as "mucurad job" has it.
func jobArguments(args []string) (names []string, budget time.Duration, err error) {
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.DurationVar(&budget, "budget", app.DefaultBudget, "")
	for len(args) > 0 {
		if err := fs.Parse(args); err != nil {
			return nil, 0, fmt.Errorf("%w (want names of jobs, and --budget TIME for each: %s)", err, strings.Join(app.Jobs(), ", "))
		}
		if args = fs.Args(); len(args) > 0 {
			names, args = append(names, args[0]), args[1:]
		}
	}
	if budget < time.Second {
		return nil, 0, fmt.Errorf("--budget must be at least a second")
	}
	if len(names) == 0 {
		return nil, 0, fmt.Errorf("want names of jobs: %s", strings.Join(app.Jobs(), ", "))
	}
	for _, name := range names {
		if err := app.CheckJob(name); err != nil {
			return nil, 0, err
		}
	}
	return names, budget, nil
}
