package main

import (
	"context"
	"fmt"
	"time"

	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/catalog"
)

// maintenance turns maintenance on and off. It writes to the registry as it is:
// the gate of an App would refuse to.
func maintenance(ctx context.Context, name string, args []string) error {
	var reason string
	c, rest, err := parseArgs(name, args, reasonFlag(&reason), 1)
	if err != nil {
		return err
	}
	if isNew(c.Metadata) {
		return noRepository(c.Metadata)
	}
	stores, err := openStores(c, nil)
	if err != nil {
		return err
	}
	defer stores.Close()
	switch rest[0] {
	case "status":
	case "on":
		if err := startMaintenance(ctx, stores, reason); err != nil {
			return err
		}
	case "off":
		if err := app.SetMaintenance(ctx, stores.Registry, catalog.Maintenance{}); err != nil {
			return err
		}
	default:
		return fmt.Errorf("maintenance: %q is none of on, off, status", rest[0])
	}
	m, err := app.ReadMaintenance(ctx, stores.Registry)
	if err != nil {
		return err
	}
	if !m.On {
		fmt.Println("off: writes are taken")
		return nil
	}
	fmt.Printf("on since %s: writes get 503 (%s)\n", m.Since.Format(time.RFC3339), m.Reason)
	return nil
}

// startMaintenance returns when no process writes any more.
func startMaintenance(ctx context.Context, stores *app.Stores, reason string) error {
	m := catalog.Maintenance{On: true, Since: time.Now().UTC(), Reason: reason}
	if err := app.SetMaintenance(ctx, stores.Registry, m); err != nil {
		return err
	}
	select {
	case <-time.After(app.MaintenanceBound):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
