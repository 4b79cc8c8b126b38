package main

import (
	"context"
	"fmt"
	"time"

	"github.com/mucura/mucura/adapters/acme"
	"github.com/mucura/mucura/core/app"
)

func tlsList(ctx context.Context, name string, args []string) error {
	c, err := parse(name, args, nil, 0)
	if err != nil {
		return err
	}
	return withApp(ctx, c, func(a *app.App) error {
		names, err := acme.Names(ctx, a.Stores.Registry)
		for _, n := range names {
			fmt.Println(n)
		}
		return err
	})
}

func tlsAdd(ctx context.Context, name string, args []string) error {
	return tlsName(ctx, name, args, func(a *app.App, name string) error {
		return acme.AddName(ctx, a.Stores.Registry, name, time.Now())
	})
}

func tlsRemove(ctx context.Context, name string, args []string) error {
	return tlsName(ctx, name, args, func(a *app.App, name string) error {
		return acme.RemoveName(ctx, a.Stores.Registry, name)
	})
}

// tlsName runs a command whose one argument is a name.
func tlsName(ctx context.Context, name string, args []string, do func(*app.App, string) error) error {
	c, rest, err := parseArgs(name, args, nil, 1)
	if err != nil {
		return err
	}
	return withApp(ctx, c, func(a *app.App) error { return do(a, rest[0]) })
}
