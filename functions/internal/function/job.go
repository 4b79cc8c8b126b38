package function

import (
	"context"
	"fmt"

	"github.com/mucura/mucura/core/app"
)

// job runs a scheduled job within the time that ctx leaves.
func job(ctx context.Context, a *app.App, name string) (any, error) {
	if name != "sweep" {
		return nil, fmt.Errorf("no such job: %q", name)
	}
	return a.Sweeper().Run(ctx)
}
