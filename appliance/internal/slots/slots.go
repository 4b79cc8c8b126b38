package slots

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/mucura/mucura/appliance/internal/disks"
	"github.com/mucura/mucura/appliance/internal/host"
)

// ErrNotInstalled is an appliance that runs from its boot medium.
var ErrNotInstalled = errors.New("this appliance runs from its boot medium: update it by booting a newer one, or install it on a disk")

// Manager looks after the slots.
type Manager struct {
	Host *host.Host
	// Log takes what happens, one line each.
	Log func(format string, args ...any)
	// Loops lets loop devices count as disks; for tests.
	Loops bool
}

// Running gives the slot the system runs from, "" when it is no slot.
func (m *Manager) Running() string {
	b, err := m.Host.ReadFile("/proc/cmdline")
	if err != nil {
		return ""
	}
	for _, w := range strings.Fields(string(b)) {
		if s, ok := strings.CutPrefix(w, "mucura.slot="); ok && (s == "a" || s == "b") {
			return s
		}
	}
	return ""
}

// Other is the other slot.
func Other(slot string) string {
	if slot == "a" {
		return "b"
	}
	return "a"
}

// System is the system partition, mounted for writing.
type System struct {
	m     *Manager
	dir   string // on this machine
	close func(context.Context) error
}

// mountPoint of the system partition when live-boot has not mounted it.
const mountPoint = host.Runtime + "/system"

// Open mounts the system partition for writing. Close it: until then a power
// cut may leave things in ext4's journal, which GRUB does not read.
func (m *Manager) Open(ctx context.Context) (*System, error) {
	inv, err := disks.List(ctx, m.Host)
	if err != nil {
		return nil, err
	}
	found := inv.Labelled(disks.SysLabel)
	switch {
	case len(found) == 0:
		return nil, ErrNotInstalled
	case len(found) > 1:
		return nil, fmt.Errorf("several disks have a system: %s and %s; remove one", found[0].Path, found[1].Path)
	}
	return m.openDevice(ctx, found[0])
}

func (m *Manager) openDevice(ctx context.Context, d disks.Device) (*System, error) {
	s := &System{m: m}
	if len(d.Mounts) > 0 { // by live-boot, read-only
		s.dir = d.Mounts[0]
		if _, err := m.Host.Do(ctx, "mount", "-o", "remount,rw", s.dir); err != nil {
			return nil, err
		}
		s.close = func(ctx context.Context) error {
			_, err := m.Host.Do(ctx, "mount", "-o", "remount,ro", s.dir)
			return err
		}
		return s, nil
	}
	s.dir = m.Host.Path(mountPoint)
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	if _, err := m.Host.Do(ctx, "mount", "-t", "ext4", "-o", "noatime,nosuid,nodev,noexec", d.Path, s.dir); err != nil {
		return nil, err
	}
	s.close = func(ctx context.Context) error {
		_, err := m.Host.Do(ctx, "umount", s.dir)
		return err
	}
	return s, nil
}

// Flush writes everything to where GRUB finds it: remounting empties the journal.
func (s *System) Flush(ctx context.Context) error {
	if _, err := s.m.Host.Do(ctx, "mount", "-o", "remount,ro", s.dir); err != nil {
		return err
	}
	_, err := s.m.Host.Do(ctx, "mount", "-o", "remount,rw", s.dir)
	return err
}

// Close unmounts, or makes read-only again.
func (s *System) Close(ctx context.Context) error { return s.close(context.WithoutCancel(ctx)) }

func (s *System) envPath() string { return s.dir + "/boot/grub/grubenv" }

// Env reads GRUB's environment.
func (s *System) Env() (Env, error) { return readEnv(s.envPath()) }

// SetEnv writes GRUB's environment.
func (s *System) SetEnv(e Env) error { return writeEnv(s.envPath(), e) }
