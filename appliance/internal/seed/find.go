// Package seed finds configuration on volumes that come with the machine (a USB
// stick, a CD, cloud-init's NoCloud and ConfigDrive) and applies it at the start.
package seed

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/mucura/mucura/appliance/internal/disks"
	"github.com/mucura/mucura/appliance/internal/host"
	"github.com/mucura/mucura/appliance/internal/spec"
)

// Label is that of the appliance's own seed volumes.
const Label = "MUCURA-SEED"

// FileName is the file on a seed volume or USB stick.
const FileName = "mucura.yaml"

// Found is a seed.
type Found struct {
	Source string // device and file
	Config *spec.Config
	Notes  []string // what was not used, and why
}

// Seeder looks for seeds and applies them.
type Seeder struct {
	Host *host.Host
	// Log takes what happens, one line each.
	Log func(format string, args ...any)

	found  *Found
	err    error
	looked bool
}

// kinds are the file systems a seed may have: those that people and cloud
// software write, and no more of the kernel than that.
var kinds = []string{"vfat", "iso9660", "ext2", "ext3", "ext4"}

// volume is a place where a seed may be.
type volume struct {
	device disks.Device
	rank   int
}

// Find looks for a seed: on volumes labelled MUCURA-SEED, cidata, config-2, and
// then in mucura.yaml on removable disks. It gives nil when there is none. A
// seed with mistakes is an error: it is never used in part, nor is the next one
// used in its place.
func (s *Seeder) Find(ctx context.Context) (*Found, error) {
	if !s.looked {
		s.found, s.err = s.find(ctx)
		s.looked = ctx.Err() == nil
	}
	return s.found, s.err
}

func (s *Seeder) find(ctx context.Context) (*Found, error) {
	inv, err := disks.List(ctx, s.Host)
	if err != nil {
		return nil, err
	}
	for _, v := range volumes(inv) {
		f, err := s.read(ctx, v)
		if err != nil {
			return nil, fmt.Errorf("seed on %s: %w", v.device.Path, err)
		}
		if f != nil {
			return f, nil
		}
	}
	return nil, nil
}

// volumes gives the places to look in, best first.
func volumes(inv disks.Inventory) []volume {
	var list []volume
	add := func(d disks.Device, removable bool) {
		rank := 0
		switch strings.ToLower(d.Label) {
		case strings.ToLower(Label):
			rank = 1
		case "cidata":
			rank = 2
		case "config-2":
			rank = 3
		default:
			if !removable {
				return
			}
			rank = 4
		}
		if slices.Contains(kinds, d.FSType) {
			list = append(list, volume{d, rank})
		}
	}
	for _, d := range inv {
		for _, x := range (disks.Inventory{d}).All() {
			add(x, d.Removable)
		}
	}
	slices.SortStableFunc(list, func(a, b volume) int { return a.rank - b.rank })
	return list
}

// read mounts a volume, read-only, and reads the seed on it.
func (s *Seeder) read(ctx context.Context, v volume) (*Found, error) {
	dir := s.Host.Path(host.Runtime, "seed")
	if len(v.device.Mounts) > 0 {
		dir = v.device.Mounts[0]
	} else {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		_, err := s.Host.Do(ctx, "mount", "-t", v.device.FSType, "-o", "ro,nosuid,nodev,noexec", v.device.Path, dir)
		if err != nil {
			if v.rank == 4 {
				s.Log("%s: %v", v.device.Path, err)
				return nil, nil
			}
			return nil, err
		}
		defer func() {
			if _, err := s.Host.Do(context.WithoutCancel(ctx), "umount", dir); err != nil {
				s.Log("umount %s: %v", dir, err)
			}
		}()
	}
	f, err := ReadDir(dir, v.rank)
	if f != nil {
		f.Source = v.device.Path + ": " + f.Source
	}
	return f, err
}

// ReadDir reads the seed in a directory; nil when there is none. Links that lead
// out of it are not followed.
func ReadDir(dir string, rank int) (*Found, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	text, err := readFrom(root, FileName)
	switch {
	case err == nil:
		c, err := spec.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s:\n%w", FileName, err)
		}
		return &Found{FileName, c, nil}, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case rank > 3: // removable disks of unknown purpose
		return nil, nil
	}
	if f, err := noCloud(root); f != nil || err != nil {
		return f, err
	}
	return configDrive(root)
}

func readFrom(root *os.Root, name string) ([]byte, error) {
	return host.ReadLimitedIn(root, name, spec.MaxSize)
}

// optional reads a file that may be absent.
func optional(root *os.Root, name string) ([]byte, error) {
	b, err := readFrom(root, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}
