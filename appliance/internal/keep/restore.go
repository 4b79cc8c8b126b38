package keep

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mucura/mucura/appliance/internal/disks"
	"github.com/mucura/mucura/appliance/internal/host"
	"github.com/mucura/mucura/appliance/internal/site"
	"github.com/mucura/mucura/appliance/internal/spec"
)

// ErrNotFresh is an appliance that belongs to somebody.
var ErrNotFresh = errors.New("a backup is restored on a fresh appliance only; this one is claimed")

// RestoreDisk restores a generation of the backup disk; "" is the newest.
func (k *Keeper) RestoreDisk(ctx context.Context, generation string, volatile bool) error {
	return k.restore(ctx, volatile, func() (string, func(), error) {
		mounted, err := k.mount(ctx)
		if err != nil {
			return "", nil, err
		}
		if !mounted {
			return "", nil, errors.New("there is no disk labelled MUCURA-BACKUP")
		}
		done := func() { k.unmount(ctx) }
		names, err := k.generations(onDisk)
		if err == nil && len(names) == 0 {
			err = errors.New("the backup disk holds no backup")
		}
		if err != nil {
			return "", done, err
		}
		if generation == "" {
			generation = names[len(names)-1]
		}
		if !generationRE.MatchString(generation) {
			return "", done, fmt.Errorf("%q is not a generation: see \"backup list\"", generation)
		}
		return k.Site.Host.Path(onDisk, generation), done, nil
	})
}

// RestoreS3 restores what the bucket holds.
func (k *Keeper) RestoreS3(ctx context.Context, s *spec.S3, volatile bool) error {
	return k.restore(ctx, volatile, func() (string, func(), error) {
		dir, done, err := k.download()
		if err == nil {
			err = k.fromS3(ctx, s, dir)
		}
		return dir, done, err
	})
}

// RestoreRestic restores the newest snapshot of a restic repository.
func (k *Keeper) RestoreRestic(ctx context.Context, r *spec.Restic, volatile bool) error {
	return k.restore(ctx, volatile, func() (string, func(), error) {
		dir, done, err := k.download()
		if err != nil {
			return dir, done, err
		}
		dir, err = k.fromRestic(ctx, r, dir)
		return dir, done, err
	})
}

// download gives an empty directory on the data disk, and what removes it.
func (k *Keeper) download() (string, func(), error) {
	h := k.Site.Host
	dir := h.Path(host.State, "restore"+partial)
	done := func() { _ = os.RemoveAll(dir) }
	done()
	return dir, done, h.MkdirFor(host.State+"/restore"+partial, 0o700, host.User)
}

// restore makes a fresh appliance what the backup in fetch's directory was.
func (k *Keeper) restore(ctx context.Context, volatile bool, fetch func() (dir string, done func(), err error)) error {
	h := k.Site.Host
	if k.Site.Claimed() {
		return ErrNotFresh
	}
	st, err := disks.Recorded(h)
	if err != nil {
		return err
	}
	if st.State != disks.OK && st.State != disks.Degraded && !volatile {
		return errors.New("there is no data disk: choose one first (disks adopt, or the console), or give --volatile")
	}
	unlock, err := k.lock()
	if err != nil {
		return err
	}
	defer unlock()
	dir, done, err := fetch()
	if done != nil {
		defer done()
	}
	if err != nil {
		return err
	}
	text, err := host.ReadLimited(filepath.Join(dir, configName), spec.MaxSize)
	if err != nil {
		return fmt.Errorf("not a backup of an appliance: %w", err)
	}
	c, err := spec.Parse(text)
	if err != nil {
		return fmt.Errorf("configuration in the backup: %w", err)
	}
	// As mucura it is read; what root copied here is root's.
	if _, err := h.Do(ctx, "chown", "--recursive", "--no-dereference", host.User+":", dir); err != nil {
		k.Log("%v", err)
	}
	return k.replace(ctx, c, text, dir)
}

// replace puts the restored repository in the place of the empty one that the
// set-up page has made, which is kept aside: nothing is ever deleted here.
func (k *Keeper) replace(ctx context.Context, c *spec.Config, text []byte, dir string) error {
	h := k.Site.Host
	if _, err := h.Do(ctx, "systemctl", "stop", "mucura-setup.service"); err != nil {
		return err
	}
	aside := host.State + "/before-restore-" + h.Now().UTC().Format(format)
	if err := os.Rename(h.Path(host.Repository), h.Path(aside)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	_, err := k.Site.Mucurad(ctx, c, nil, "restore", dir)
	if err == nil {
		err = h.CreateFile(host.ConfigFile, text, 0o600)
		if errors.Is(err, os.ErrExist) {
			err = site.ErrClaimed
		}
	}
	if err != nil {
		// As before: the set-up page on the empty repository.
		back := errors.Join(os.RemoveAll(h.Path(host.Repository)), os.Rename(h.Path(aside), h.Path(host.Repository)))
		_, serr := h.Do(ctx, "systemctl", "start", "--no-block", "mucura-setup.service")
		return errors.Join(err, back, serr)
	}
	_ = os.Remove(h.Path(host.CAFile)) // the restored authority is another
	err = k.Site.Apply(ctx, c, true)
	err = errors.Join(err, k.Site.Authority(ctx, c), k.Site.ReloadNetwork(ctx))
	_, serr := h.Do(ctx, "systemctl", "start", "--no-block", "mucurad.service")
	return errors.Join(err, serr)
}
