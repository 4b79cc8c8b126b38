package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/mucura/mucura/appliance/internal/bundle"
	"github.com/mucura/mucura/appliance/internal/host"
	"github.com/mucura/mucura/appliance/internal/slots"
)

func slotManager(h *host.Host) *slots.Manager { return &slots.Manager{Host: h, Log: log.Printf} }

func update(ctx context.Context, c *call) error {
	downgrade := c.flags.Bool("allow-downgrade", false, "take a version older than what runs")
	reboot := c.flags.Bool("reboot", false, "restart now, to try it")
	args, err := c.parse(1, 1)
	if err != nil {
		return err
	}
	if err := writeUpdate(ctx, c.host, args[0], *downgrade); err != nil {
		return err
	}
	if *reboot {
		return restartNow(ctx, c.host)
	}
	fmt.Println("it is tried at the next start, and kept if it is healthy")
	return nil
}

func writeUpdate(ctx context.Context, h *host.Host, where string, downgrade bool) error {
	f, err := slots.Fetch(ctx, where)
	if err != nil {
		return err
	}
	m, err := slotManager(h).Update(ctx, f, running(h), downgrade)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	log.Printf("version %s is in the idle slot", m.Version)
	return nil
}

func commit(ctx context.Context, c *call) error {
	window := c.flags.Duration("window", 10*time.Minute, "how long the server may take to become healthy")
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	restart, err := slotManager(c.host).Commit(ctx, *window, slots.Ready(theSite(c.host).Claimed()))
	if restart {
		return errors.Join(err, restartNow(ctx, c.host))
	}
	return err
}

func rollback(ctx context.Context, c *call) error {
	reboot := c.flags.Bool("reboot", false, "restart now")
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	slot, err := slotManager(c.host).Rollback(ctx)
	if err != nil {
		return err
	}
	if *reboot {
		return restartNow(ctx, c.host)
	}
	fmt.Printf("slot %s starts from now on\n", slot)
	return nil
}

func install(ctx context.Context, c *call) error {
	typed := c.confirmation()
	args, err := c.parse(1, 1)
	if err != nil {
		return err
	}
	erase, err := confirmed(ctx, c.host, args[0], *typed)
	if err != nil {
		return err
	}
	if err := installOn(ctx, c.host, args[0], erase); err != nil {
		return err
	}
	fmt.Println("installed; remove the boot medium and restart")
	return nil
}

func installOn(ctx context.Context, h *host.Host, disk string, erase bool) error {
	return slotManager(h).Install(ctx, disk, erase)
}

func bundleKeygen(_ context.Context, c *call) error {
	args, err := c.parse(1, 1)
	if err != nil {
		return err
	}
	return bundle.NewKey(args[0])
}

func bundleMake(_ context.Context, c *call) error {
	keyFile := c.flags.String("key", "", "private key, PEM")
	out := c.flags.String("out", "", "file to write")
	v := c.flags.String("version", "", "version of the system")
	args, err := c.parse(1, 1)
	if err != nil {
		return err
	}
	if *keyFile == "" || *out == "" || *v == "" {
		return errors.New("bundle make: --key, --version and --out are needed")
	}
	key, err := bundle.PrivateKey(*keyFile)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(*out), ".update-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone after the rename
	err = bundle.Write(f, args[0], *v, key)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), *out)
}

func bundleVerify(_ context.Context, c *call) error {
	dir := c.flags.String("keys", host.UpdateKeys, "directory of public keys, *.pub")
	args, err := c.parse(1, 1)
	if err != nil {
		return err
	}
	keys, err := bundle.PublicKeys(*dir)
	if err != nil {
		return err
	}
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	m, err := bundle.Verify(f, keys)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	fmt.Printf("good: version %s for %s\n", m.Version, m.Arch)
	return nil
}
