package function

import (
	"context"
	"time"

	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/sweep"
)

// job runs a scheduled job within the time that ctx leaves, less what the job
// may take to end: a platform that has to kill it learns nothing of what was done.
func job(ctx context.Context, a *app.App, name string) (any, error) {
	budget := app.DefaultBudget
	if end, ok := ctx.Deadline(); ok {
		left := time.Until(end) - afterTime
		budget = max(left-sweep.Grace(left), time.Second)
	}
	return a.RunJob(ctx, name, budget)
}
