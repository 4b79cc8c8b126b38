package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/mucura/mucura/appliance/internal/disks"
	"github.com/mucura/mucura/appliance/internal/host"
	"github.com/mucura/mucura/appliance/internal/seed"
)

func manager(h *host.Host) *disks.Manager {
	return &disks.Manager{Host: h, Log: log.Printf}
}

// disksPrepare runs early at every start. It fails only when not even memory
// can be mounted.
func disksPrepare(ctx context.Context, c *call) error {
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	s := &seed.Seeder{Host: c.host, Log: log.Printf}
	st, err := manager(c.host).Prepare(ctx, func() (disks.Wish, error) { return s.Wish(ctx) })
	if err != nil {
		return err
	}
	fmt.Printf("data disk: %s %s %s\n", st.State, strings.Join(st.Devices, " "), st.Message)
	return nil
}

func disksList(ctx context.Context, c *call) error {
	asJSON := c.flags.Bool("json", false, "as JSON")
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	inv, err := disks.List(ctx, c.host)
	if err != nil {
		return err
	}
	if *asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(inv)
	}
	for i := range inv {
		if d := &inv[i]; d.Kind == "disk" {
			fmt.Printf("%s: %s\n", d, d.Describe(c.host))
		}
	}
	return nil
}

// confirmation is the flag that allows a disk to be overwritten: its value must
// repeat the disk's serial number or device name.
func (c *call) confirmation() *string {
	return c.flags.String("erase", "", "the disk may hold something: repeat its serial number or device name")
}

// confirmed tells whether a typed name is that of the disk.
func confirmed(ctx context.Context, h *host.Host, disk, typed string) (bool, error) {
	if typed == "" {
		return false, nil
	}
	inv, err := disks.List(ctx, h)
	if err != nil {
		return false, err
	}
	d, err := inv.Named(disk, false)
	if err != nil {
		return false, err
	}
	if !d.Is(typed) {
		return false, fmt.Errorf("--erase %q does not name the disk %s", typed, d)
	}
	return true, nil
}

func disksAdopt(ctx context.Context, c *call) error {
	typed := c.confirmation()
	names, err := c.parse(1, 16)
	if err != nil {
		return err
	}
	if *typed != "" && len(names) > 1 {
		return errors.New("--erase is for one disk: add the second with \"disks replace\"")
	}
	erase, err := confirmed(ctx, c.host, names[0], *typed)
	if err != nil {
		return err
	}
	if c.host.Exists(host.ConfigFile) {
		return errors.New("this appliance is claimed and runs on memory: restart it with the disks attached")
	}
	st, err := manager(c.host).Adopt(ctx, names, erase)
	if err != nil {
		return err
	}
	fmt.Printf("data disk: %s %s\n", st.State, strings.Join(st.Devices, " "))
	return nil
}

func disksReplace(ctx context.Context, c *call) error {
	typed := c.confirmation()
	old := c.flags.String("old", "", "the disk to replace, when none is missing")
	args, err := c.parse(1, 1)
	if err != nil {
		return err
	}
	erase, err := confirmed(ctx, c.host, args[0], *typed)
	if err != nil {
		return err
	}
	return manager(c.host).Replace(ctx, args[0], *old, erase)
}

func scrub(ctx context.Context, c *call) error {
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	if st, err := disks.Recorded(c.host); err == nil && st.State == disks.Volatile {
		fmt.Println("no data disk: nothing to scrub")
		return nil
	}
	h, err := manager(c.host).Scrub(ctx)
	if h != nil {
		fmt.Printf("errors found by this scrub: %d\n", h.Found)
	}
	return err
}
