// Package keep makes backups of the appliance and restores them: generations on
// a second disk, a copy in a bucket or a restic repository elsewhere.
package keep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mucura/mucura/appliance/internal/disks"
	"github.com/mucura/mucura/appliance/internal/host"
	"github.com/mucura/mucura/appliance/internal/site"
	"github.com/mucura/mucura/appliance/internal/spec"
)

// Keeper makes backups.
type Keeper struct {
	Site *site.Site
	// Log takes what happens, one line each.
	Log func(format string, args ...any)
}

// Note is what is known of the last backups; it is kept in host.BackupNote.
type Note struct {
	Started  time.Time `json:"started"`
	Disk     time.Time `json:"disk,omitzero"`     // last good generation on the backup disk
	S3       time.Time `json:"s3,omitzero"`       // last good copy
	Restic   time.Time `json:"restic,omitzero"`   // last good copy
	Verified time.Time `json:"verified,omitzero"` // last generation read back whole
	Problem  string    `json:"problem,omitempty"` // of the last run
}

const (
	mountPoint = host.Runtime + "/backup"
	onDisk     = mountPoint + "/mucura"
	staging    = host.State + "/backup" // without a backup disk: links on the data disk
	lockFile   = host.Runtime + "/backup.lock"
	configName = "appliance.yaml" // within a generation
	partial    = ".partial"

	defaultKeep   = 7
	defaultVerify = 7
)

// format of the names of generations, UTC.
const format = "20060102T150405Z"

var generationRE = regexp.MustCompile(`^\d{8}T\d{6}Z$`)

// ErrNowhere is an appliance without backup disk, bucket and restic repository.
var ErrNowhere = errors.New("there is nowhere to back up to: attach a disk labelled MUCURA-BACKUP, or configure backup.s3 or backup.restic")

// ReadNote gives what is known of the last backups.
func ReadNote(h *host.Host) (*Note, error) {
	n := new(Note)
	b, err := h.ReadFile(host.BackupNote)
	if errors.Is(err, fs.ErrNotExist) {
		return n, nil
	}
	if err != nil {
		return nil, err
	}
	return n, json.Unmarshal(b, n)
}

// Run makes a backup wherever the configuration says. The note tells what
// worked, also when the error tells of what did not.
func (k *Keeper) Run(ctx context.Context) error {
	h := k.Site.Host
	c, err := k.Site.Load()
	if err != nil {
		return err
	}
	unlock, err := k.lock()
	if err != nil {
		return err
	}
	defer unlock()
	note, err := ReadNote(h)
	if err != nil {
		k.Log("%v", err)
		note = new(Note)
	}
	note.Started, note.Problem = h.Now().UTC().Truncate(time.Second), ""
	err = k.run(ctx, c, note)
	if err != nil {
		note.Problem = err.Error()
	}
	text, jerr := json.MarshalIndent(note, "", "  ")
	if jerr == nil {
		jerr = h.WriteFile(host.BackupNote, append(text, '\n'), 0o600)
	}
	return errors.Join(err, jerr)
}

// lock keeps two backups from working at once.
func (k *Keeper) lock() (func(), error) {
	path := k.Site.Host.Path(lockFile)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(errors.New("a backup or restore is under way"), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

func (k *Keeper) run(ctx context.Context, c *spec.Config, note *Note) error {
	b := &c.Backup
	mounted, err := k.mount(ctx)
	if err != nil {
		return err
	}
	base := staging
	if mounted {
		base = onDisk
		defer k.unmount(ctx)
	} else if b.S3.Bucket == "" && b.Restic.Repository == "" {
		return ErrNowhere
	}
	dir, err := k.generation(ctx, c, base)
	if err != nil {
		return err
	}
	if mounted {
		note.Disk = note.Started
	}
	var errs []error
	if due(note.Verified, note.Started, b.Verify) {
		if err := k.verify(ctx, c, base, dir); err != nil {
			errs = append(errs, fmt.Errorf("the backup does not verify: %w", err))
		} else {
			note.Verified = note.Started
		}
	}
	keepCount := 1
	if mounted {
		keepCount = orDefault(b.Keep, defaultKeep)
	}
	errs = append(errs, k.prune(base, keepCount))
	if b.S3.Bucket != "" {
		if err := k.toS3(ctx, &b.S3, dir); err != nil {
			errs = append(errs, fmt.Errorf("copy to the bucket: %w", err))
		} else {
			note.S3 = note.Started
		}
	}
	if b.Restic.Repository != "" {
		if err := k.toRestic(ctx, &b.Restic, dir); err != nil {
			errs = append(errs, fmt.Errorf("copy to restic: %w", err))
		} else {
			note.Restic = note.Started
		}
	}
	return errors.Join(errs...)
}

func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

func due(last, now time.Time, days int) bool {
	// An hour of slack: the timer's start varies.
	return now.Sub(last) > time.Duration(orDefault(days, defaultVerify))*24*time.Hour-time.Hour
}

// mount mounts the backup disk, if there is one.
func (k *Keeper) mount(ctx context.Context) (bool, error) {
	h := k.Site.Host
	inv, err := disks.List(ctx, h)
	if err != nil {
		return false, err
	}
	found := inv.Labelled(disks.BackupLabel)
	if len(found) == 0 {
		return false, nil
	}
	for _, d := range found[1:] {
		if d.UUID != found[0].UUID {
			return false, fmt.Errorf("several backup disks are attached: %s and %s", found[0].Path, d.Path)
		}
	}
	d := found[0]
	if !slices.Contains([]string{"ext4", "btrfs", "xfs"}, d.FSType) {
		return false, fmt.Errorf("the backup disk %s has %s; ext4, btrfs or xfs are needed, for links", d.Path, d.FSType)
	}
	dir := h.Path(mountPoint)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return false, err
	}
	if _, err := h.Do(ctx, "mount", "-t", d.FSType, "-o", "noatime,nosuid,nodev,noexec", d.Path, dir); err != nil {
		return false, err
	}
	return true, nil
}

func (k *Keeper) unmount(ctx context.Context) {
	if _, err := k.Site.Host.Do(context.WithoutCancel(ctx), "umount", k.Site.Host.Path(mountPoint)); err != nil {
		k.Log("umount: %v", err)
	}
}

// Generations gives the finished generations below base, oldest first.
func (k *Keeper) generations(base string) ([]string, error) {
	entries, err := os.ReadDir(k.Site.Host.Path(base))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && generationRE.MatchString(e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, err
}

// generation makes one, beginning with links to the contents of the last. It has
// its final name when it is whole and on the disk.
func (k *Keeper) generation(ctx context.Context, c *spec.Config, base string) (string, error) {
	h := k.Site.Host
	if err := h.MkdirFor(base, 0o700, host.User); err != nil {
		return "", err
	}
	old, err := k.generations(base)
	if err != nil {
		return "", err
	}
	fresh := filepath.Join(base, h.Now().UTC().Format(format)+partial)
	if err := k.clear(base); err != nil {
		return "", err
	}
	if err := h.MkdirFor(fresh, 0o700, host.User); err != nil {
		return "", err
	}
	if n := len(old); n > 0 {
		last := h.Path(base, old[n-1], "content")
		if _, err := os.Lstat(last); err == nil {
			if _, err := h.Do(ctx, "cp", "--archive", "--link", last, h.Path(fresh, "content")); err != nil {
				return "", err
			}
		}
	}
	if _, err := k.Site.Mucurad(ctx, c, nil, "backup", h.Path(fresh)); err != nil {
		return "", err
	}
	text, err := h.ReadFile(host.ConfigFile)
	if err != nil {
		return "", err
	}
	if err := h.WriteFile(filepath.Join(fresh, configName), text, 0o600); err != nil {
		return "", err
	}
	if _, err := h.Do(ctx, "sync", "--file-system", h.Path(base)); err != nil {
		return "", err
	}
	final := fresh[:len(fresh)-len(partial)]
	if err := os.Rename(h.Path(fresh), h.Path(final)); err != nil {
		return "", err
	}
	k.Log("generation %s is complete", filepath.Base(final))
	return final, host.SyncDir(h.Path(base))
}

// clear removes what runs that were cut short have left.
func (k *Keeper) clear(base string) error {
	left, err := filepath.Glob(k.Site.Host.Path(base, "*"+partial))
	for _, path := range left {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}

// verify restores a generation beside itself, by links, which makes mucurad read
// every byte.
func (k *Keeper) verify(ctx context.Context, c *spec.Config, base, dir string) error {
	h := k.Site.Host
	scratch := filepath.Join(base, "verify"+partial)
	if err := os.RemoveAll(h.Path(scratch)); err != nil {
		return err
	}
	if err := h.MkdirFor(scratch, 0o700, host.User); err != nil {
		return err
	}
	defer os.RemoveAll(h.Path(scratch)) // the next run's clear does it, too
	_, err := k.Site.Mucurad(ctx, c, []string{"MUCURA_DATA=" + h.Path(scratch, "repository")}, "restore", h.Path(dir))
	return err
}

// prune removes the oldest generations.
func (k *Keeper) prune(base string, keepCount int) error {
	names, err := k.generations(base)
	if err != nil {
		return err
	}
	for _, n := range names[:max(0, len(names)-keepCount)] {
		// A generation that is half removed must not look like one.
		path := k.Site.Host.Path(base, n)
		if err := os.Rename(path, path+partial); err != nil {
			return err
		}
		if err := os.RemoveAll(path + partial); err != nil {
			return err
		}
	}
	return nil
}

// List gives the generations on the backup disk.
func (k *Keeper) List(ctx context.Context) ([]string, error) {
	mounted, err := k.mount(ctx)
	if err != nil {
		return nil, err
	}
	if !mounted {
		return nil, errors.New("there is no disk labelled MUCURA-BACKUP")
	}
	defer k.unmount(ctx)
	return k.generations(onDisk)
}
