package slots

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mucura/mucura/appliance/internal/bundle"
	"github.com/mucura/mucura/appliance/internal/disks"
	"github.com/mucura/mucura/appliance/internal/host"
)

// table is the layout of a system disk, the same as of the images that are built.
const table = `label: gpt
start=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649, name=MUCURA-BIOS
size=64MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=MUCURA-ESP
size=1GiB, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name=MUCURA-SYS
type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name=MUCURA-DATA
`

// smallest is the smallest disk to install on, bytes.
const smallest = 2 << 30

// grubMenu is the menu of installed disks, which the image brings.
const grubMenu = "/usr/share/mucura/grub/grub.cfg"

// Install puts the running system on a disk: in slot a, with an empty slot b,
// and a data partition when no data disk exists. A disk that holds anything is
// refused unless erase.
func (m *Manager) Install(ctx context.Context, name string, erase bool) error {
	source, err := m.source()
	if err != nil {
		return err
	}
	inv, err := disks.List(ctx, m.Host)
	if err != nil {
		return err
	}
	d, err := inv.Named(name, m.Loops)
	if err != nil {
		return err
	}
	switch {
	case d.InUse() != "":
		return fmt.Errorf("%s: %s", d, d.InUse())
	case d.Size < smallest:
		return fmt.Errorf("%s is too small: 2 GiB are needed", d)
	case !erase && !d.Blank(m.Host):
		return fmt.Errorf("%s is not blank: %s (--erase %s overwrites it)", d, d.Describe(m.Host), d.Name())
	case len(inv.Labelled(disks.SysLabel)) > 0:
		return errors.New("another disk has a system already: remove it first, two are mistaken for one another")
	}
	if erase {
		for _, p := range append(disks.Inventory(d.Parts).All(), *d) {
			if _, err := m.Host.Do(ctx, "wipefs", "--all", "--quiet", p.Path); err != nil {
				return err
			}
		}
	}
	parts, err := m.partition(ctx, d.Path)
	if err != nil {
		return err
	}
	hasData := len(inv.Labelled(disks.DataLabel)) > 0
	return m.fill(ctx, d.Path, parts, source, hasData)
}

// source is the directory the running system's files lie in.
func (m *Manager) source() (string, error) {
	dirs := []string{"/run/live/medium/live"}
	if slot := m.Running(); slot != "" {
		dirs = []string{"/run/live/medium/" + slot}
	}
	for _, dir := range dirs {
		if m.Host.Exists(dir + "/filesystem.squashfs") {
			return m.Host.Path(dir), nil
		}
	}
	return "", errors.New("the system's own files are not found: was it booted from the ISO?")
}

// partition writes the table and waits for the partitions' devices.
func (m *Manager) partition(ctx context.Context, disk string) ([]string, error) {
	_, err := m.Host.Run.Run(ctx, host.Command{Args: []string{"sfdisk", "--quiet", "--wipe", "always", "--wipe-partitions", "always", disk}, Stdin: strings.NewReader(table)})
	if err != nil {
		return nil, err
	}
	var parts []string
	for n := 1; n <= 4; n++ {
		parts = append(parts, partPath(disk, n))
	}
	for range 100 {
		missing := false
		for _, p := range parts {
			missing = missing || !m.Host.Exists(p)
		}
		if !missing {
			return parts, nil
		}
		if _, err := m.Host.Do(ctx, "partx", "--update", disk); err != nil {
			m.Log("%v", err) // the kernel may be about to do it itself
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	return nil, fmt.Errorf("the partitions of %s do not appear", disk)
}

// partPath is the kernel's name of a partition.
func partPath(disk string, n int) string {
	if last := disk[len(disk)-1]; last >= '0' && last <= '9' {
		return fmt.Sprintf("%sp%d", disk, n)
	}
	return fmt.Sprintf("%s%d", disk, n)
}

// fill makes the file systems and writes the system and its boot loaders.
func (m *Manager) fill(ctx context.Context, disk string, parts []string, source string, hasData bool) error {
	// GRUB must be able to write its environment: nothing that its driver lacks.
	if _, err := m.Host.Do(ctx, "mkfs.ext4", "-q", "-F", "-L", disks.SysLabel, "-m", "1", "-O", "^metadata_csum_seed,^orphan_file", parts[2]); err != nil {
		if _, err := m.Host.Do(ctx, "mkfs.ext4", "-q", "-F", "-L", disks.SysLabel, "-m", "1", parts[2]); err != nil {
			return err
		}
	}
	if !hasData {
		if _, err := m.Host.Do(ctx, "mkfs.btrfs", "--quiet", "--force", "--label", disks.DataLabel, "--metadata", "dup", parts[3]); err != nil {
			return err
		}
	}
	sys, err := m.openDevice(ctx, disks.Device{Path: parts[2]})
	if err != nil {
		return err
	}
	err = m.populate(sys, source)
	if err = errors.Join(err, sys.Close(ctx)); err != nil {
		return err
	}
	if err := m.loaders(ctx, disk, parts[1]); err != nil {
		return err
	}
	_, err = m.Host.Do(ctx, "sync")
	return err
}

func (m *Manager) populate(sys *System, source string) error {
	for _, dir := range []string{"a", "b", "boot/grub"} {
		if err := os.MkdirAll(filepath.Join(sys.dir, dir), 0o755); err != nil {
			return err
		}
	}
	for _, name := range bundle.Files {
		if err := copyFile(filepath.Join(source, name), filepath.Join(sys.dir, "a", name)); err != nil {
			return err
		}
	}
	menu, err := m.Host.ReadFile(grubMenu)
	if err != nil {
		return err
	}
	env, err := Env{"slot": "a"}.Bytes()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(sys.dir, "boot/grub/grub.cfg"), menu, 0o644); err != nil {
		return err
	}
	return os.WriteFile(sys.envPath(), env, 0o644)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
