package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/fsck"
)

// runJob runs a scheduled job; a timer calls it.
func runJob(ctx context.Context, name string, args []string) error {
	budget := app.DefaultBudget
	c, rest, err := parseAny(name, args, func(fs *flag.FlagSet) {
		fs.DurationVar(&budget, "budget", budget, "for how long the job may go on; the next run continues")
	})
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return fmt.Errorf("%s: want the name of one job: %s", name, strings.Join(app.Jobs(), ", "))
	}
	if budget < time.Second {
		return fmt.Errorf("%s: --budget must be at least a second", name)
	}
	if err := app.CheckJob(rest[0]); err != nil {
		return err // before any store is opened
	}
	return withApp(ctx, c, func(a *app.App) error {
		rep, err := a.RunJob(ctx, rest[0], budget)
		if jerr := json.NewEncoder(os.Stdout).Encode(rep); err == nil {
			err = jerr
		}
		return err
	})
}

// damaged lists what scrubbing marked.
func damaged(ctx context.Context, name string, args []string) error {
	var asJSON bool
	c, err := parse(name, args, func(fs *flag.FlagSet) { fs.BoolVar(&asJSON, "json", false, "print JSON lines") }, 0)
	if err != nil {
		return err
	}
	return withApp(ctx, c, func(a *app.App) error {
		enc := json.NewEncoder(os.Stdout)
		return fsck.Damages(ctx, a.Stores.Meta, func(_ string, d catalog.Damage) error {
			if asJSON {
				return enc.Encode(d)
			}
			p := fsck.Problem{Bucket: d.Bucket, Key: string(d.Key), Version: d.Version, What: d.What}
			_, err := fmt.Println(d.Found.UTC().Format(time.RFC3339), p)
			return err
		})
	})
}
