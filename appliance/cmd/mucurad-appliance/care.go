package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"

	"github.com/mucura/mucura/appliance/internal/host"
	"github.com/mucura/mucura/appliance/internal/keep"
	"github.com/mucura/mucura/appliance/internal/spec"
	"github.com/mucura/mucura/appliance/internal/watch"
)

func keeper(h *host.Host) *keep.Keeper { return &keep.Keeper{Site: theSite(h), Log: log.Printf} }

// backupRun is called by a timer. That there is nowhere to back up to is a
// warning of "watch", not a failure every night.
func backupRun(ctx context.Context, c *call) error {
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	if !theSite(c.host).Claimed() {
		fmt.Println("nobody has claimed this appliance: there is nothing to back up")
		return nil
	}
	err := keeper(c.host).Run(ctx)
	if errors.Is(err, keep.ErrNowhere) {
		fmt.Println(err)
		return nil
	}
	return err
}

func backupList(ctx context.Context, c *call) error {
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	names, err := keeper(c.host).List(ctx)
	for _, n := range names {
		fmt.Println(n)
	}
	return err
}

func restore(ctx context.Context, c *call) error {
	file := c.flags.String("config", "", "mucura.yaml with the backup section to restore from (default: that of the seed)")
	volatile := c.flags.Bool("volatile", false, "restore into memory where there is no data disk")
	args, err := c.parse(1, 2)
	if err != nil {
		return err
	}
	k := keeper(c.host)
	if args[0] == "disk" {
		generation := ""
		if len(args) == 2 {
			generation = args[1]
		}
		return k.RestoreDisk(ctx, generation, *volatile)
	}
	if len(args) == 2 {
		return fmt.Errorf("restore %s takes no generation", args[0])
	}
	from, err := restoreConfig(c.host, *file)
	if err != nil {
		return err
	}
	switch {
	case args[0] == "s3" && from.Backup.S3.Bucket != "":
		return k.RestoreS3(ctx, &from.Backup.S3, *volatile)
	case args[0] == "restic" && from.Backup.Restic.Repository != "":
		return k.RestoreRestic(ctx, &from.Backup.Restic, *volatile)
	case args[0] == "s3" || args[0] == "restic":
		return fmt.Errorf("the configuration has no backup.%s", args[0])
	}
	return fmt.Errorf("restore from what? %q is none of disk, s3, restic", args[0])
}

func restoreConfig(h *host.Host, file string) (*spec.Config, error) {
	if file == "" {
		p := preset(h)
		if p == nil {
			return nil, errors.New("--config FILE is missing, and there is no seed")
		}
		return p, nil
	}
	b, err := host.ReadLimited(file, spec.MaxSize)
	if err != nil {
		return nil, err
	}
	return spec.Parse(b)
}

func restoreFromDisk(ctx context.Context, h *host.Host, generation string) error {
	return keeper(h).RestoreDisk(ctx, generation, false)
}

// watchOnce is called by a timer.
func watchOnce(ctx context.Context, c *call) error {
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	w := &watch.Watcher{Host: c.host, Disks: manager(c.host), Endpoint: "127.0.0.1:443", Log: log.Printf}
	cfg, err := theSite(c.host).Load()
	switch {
	case err == nil:
		w.Config = cfg
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	list, err := w.Look(ctx)
	for _, x := range list {
		fmt.Printf("%s since %s: %s\n", x.Level, x.Since.Format("2006-01-02 15:04"), x.Text)
	}
	return err
}
