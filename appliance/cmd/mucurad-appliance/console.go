package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mucura/mucura/appliance/internal/console"
	"github.com/mucura/mucura/appliance/internal/host"
)

func consoleShow(ctx context.Context, c *call) error {
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	h := c.host
	screen := &console.Console{
		Host: h, Site: theSite(h), Disks: manager(h), Version: running(h),
		In: os.Stdin, Out: os.Stdout, Refresh: 5 * time.Second,
		Update:  func(ctx context.Context, file string) error { return writeUpdate(ctx, h, file, false) },
		Install: func(ctx context.Context, disk string, erase bool) error { return installOn(ctx, h, disk, erase) },
		Restore: func(ctx context.Context) error { return restoreFromDisk(ctx, h, "") },
	}
	return screen.Run(ctx)
}

func status(ctx context.Context, c *call) error {
	asJSON := c.flags.Bool("json", false, "as JSON")
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	s := console.Gather(ctx, c.host, running(c.host))
	if *asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(s)
	}
	// The set-up code is for the console and "setup code" alone: what this prints
	// ends in reports and tickets.
	if s.Code != "" {
		s.Code = "(on the console)"
	}
	fmt.Print(s.Text())
	return nil
}

func factoryReset(ctx context.Context, c *call) error {
	sure := c.flags.Bool("erase-everything", false, "yes, everything on the data disk is to be lost")
	reboot := c.flags.Bool("reboot", false, "restart now")
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	if !*sure {
		return errors.New("nothing was changed: --erase-everything is missing")
	}
	if err := console.Reset(c.host); err != nil {
		return err
	}
	if !*reboot {
		fmt.Println("everything on the data disk is removed at the next start")
		return nil
	}
	return restartNow(ctx, c.host)
}

func restartNow(ctx context.Context, h *host.Host) error {
	_, err := h.Do(ctx, "systemctl", "reboot")
	return err
}
