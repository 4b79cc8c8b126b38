package function

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/sweep"
)

func TestJobArguments(t *testing.T) {
	for _, c := range []struct {
		args, names []string
		budget      time.Duration // 0: refused
	}{
		{[]string{"sweep"}, []string{"sweep"}, app.DefaultBudget},
		{[]string{"sweep", "--budget", "8m"}, []string{"sweep"}, 8 * time.Minute},
		{[]string{"--budget=90s", "usage", "scrub"}, []string{"usage", "scrub"}, 90 * time.Second},
		{[]string{"sweep", "--budget", "10ms"}, nil, 0},
		{[]string{"sweep", "--budget"}, nil, 0},
		{[]string{"sweep", "--bugdet", "8m"}, nil, 0},
		{[]string{"--budget", "8m"}, nil, 0},
		{[]string{"usage", "nonsense"}, nil, 0},
	} {
		names, budget, err := jobArguments(c.args)
		if !slices.Equal(names, c.names) || budget != c.budget || (err == nil) != (c.budget > 0) {
			t.Errorf("%q: %q %s %v", c.args, names, budget, err)
		}
	}
}

// TestBounded: a job never plans to go on for longer than its event lasts.
func TestBounded(t *testing.T) {
	now := time.Now()
	ctx, cancel := context.WithDeadline(t.Context(), now.Add(15*time.Minute))
	defer cancel()
	for _, c := range []struct {
		ctx       context.Context
		asked     time.Duration
		low, high time.Duration
	}{
		{t.Context(), 0, 0, 0},
		{t.Context(), time.Hour, time.Hour, time.Hour},
		{ctx, 8 * time.Minute, 8 * time.Minute, 8 * time.Minute},
		{ctx, 0, 11 * time.Minute, 13 * time.Minute},
		{ctx, time.Hour, 11 * time.Minute, 13 * time.Minute},
	} {
		got := bounded(c.ctx, c.asked, now)
		if got < c.low || got > c.high {
			t.Errorf("asked for %s: %s", c.asked, got)
		}
		if end, ok := c.ctx.Deadline(); ok && now.Add(got+sweep.Grace(got)+afterTime).After(end) {
			t.Errorf("asked for %s: %s is more than there is", c.asked, got)
		}
	}
}
