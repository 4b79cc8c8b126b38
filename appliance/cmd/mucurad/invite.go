package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/catalog"
)

// invite makes an invitation and prints its code.
func invite(ctx context.Context, name string, args []string) error {
	in := catalog.Invitation{By: "command line"}
	var days int
	c, err := parse(name, args, func(fs *flag.FlagSet) {
		fs.StringVar(&in.Label, "label", "", "for whom it is")
		fs.IntVar(&in.Uses, "uses", 1, "for how many people")
		fs.IntVar(&days, "days", 14, "days until it expires")
	}, 0)
	if err != nil {
		return err
	}
	in.Expires = time.Now().Add(time.Duration(days) * 24 * time.Hour)
	return withNewApp(ctx, c, func(a *app.App) error {
		if err := a.Register(app.Parts{}); err != nil {
			return err
		}
		code, _, err := a.Web.Service.Invite(ctx, in)
		if err == nil {
			fmt.Println(code)
		}
		return err
	})
}
