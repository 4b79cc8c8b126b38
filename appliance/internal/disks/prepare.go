package disks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mucura/mucura/appliance/internal/host"
	"github.com/mucura/mucura/appliance/internal/spec"
)

// States of the data disk.
const (
	OK       = "ok"
	Degraded = "degraded" // a mirror has lost a disk
	Volatile = "volatile" // no disk: everything is lost when the machine stops
	Conflict = "conflict" // several data disks that do not belong together; volatile
)

// Status is what is known of the data disk; "disks prepare" leaves it in
// host.DiskFile.
type Status struct {
	State   string   `json:"state"`
	Devices []string `json:"devices,omitempty"`
	UUID    string   `json:"uuid,omitempty"`
	Message string   `json:"message,omitempty"` // what a person should know
	// Formatted are the disks that this boot made data disks.
	Formatted []string `json:"formatted,omitempty"`
}

// Manager looks after the data disk.
type Manager struct {
	Host *host.Host
	// Loops lets loop devices count as disks; for tests.
	Loops bool
	// Log takes what happens, one line each.
	Log func(format string, args ...any)
}

// Wish is what the seed says of fresh disks.
type Wish struct {
	Disks []string // spec.UseBlank, or names
	Erase bool
}

// mkfsMin is the smallest disk that is used, bytes: btrfs's own structures leave
// nothing of a smaller one.
const mkfsMin = 256 << 20

// Prepare mounts the data disk at /data: the one that is there, else one made
// of the disks that wish names, else memory. wish is asked only when no data
// disk exists. It always leaves something mounted and says what, unless the
// error tells otherwise.
func (m *Manager) Prepare(ctx context.Context, wish func() (Wish, error)) (*Status, error) {
	st, err := m.prepare(ctx, wish)
	if err != nil {
		m.Log("no data disk: %v", err)
		st = &Status{State: Volatile, Message: err.Error()}
	}
	if st.State == Volatile || st.State == Conflict {
		if err := m.mountVolatile(ctx); err != nil {
			return nil, err
		}
	}
	if err := m.forget(ctx); err != nil {
		return nil, err
	}
	if err := m.layout(); err != nil {
		return nil, err
	}
	return st, m.Record(st)
}

func (m *Manager) prepare(ctx context.Context, wish func() (Wish, error)) (*Status, error) {
	if mounted, err := m.mountedAt(ctx); err != nil || mounted != "" {
		if err == nil && mounted == "tmpfs" {
			return &Status{State: Volatile, Message: "no data disk"}, nil
		}
		if err != nil {
			return nil, err
		}
		if mounted != "btrfs" {
			return &Status{State: OK, Message: "on " + mounted + ", which was mounted already and has no checksums"}, nil
		}
		return m.Inspect(ctx)
	}
	// Members of a mirror are known to the kernel only after a scan. Without
	// btrfs there is nothing to scan.
	if _, err := m.Host.Do(ctx, "btrfs", "device", "scan"); err != nil {
		m.Log("btrfs device scan: %v", err)
	}
	inv, err := List(ctx, m.Host)
	if err != nil {
		return nil, err
	}
	found := inv.Labelled(DataLabel)
	if len(found) > 0 {
		return m.mountFound(ctx, found)
	}
	w, err := wish()
	if err != nil {
		return nil, fmt.Errorf("the seed cannot be read, so no disk is touched: %w", err)
	}
	chosen, err := m.choose(inv, w)
	if err != nil || len(chosen) == 0 {
		msg := "no data disk: choose one on the console or the set-up page"
		if err != nil {
			msg = err.Error()
		}
		return &Status{State: Volatile, Message: msg}, nil
	}
	if err := m.Format(ctx, chosen, w.Erase); err != nil {
		return nil, err
	}
	st, err := m.mount(ctx, chosen[0].Path, host.Data)
	if err != nil {
		return nil, err
	}
	for _, d := range chosen {
		st.Formatted = append(st.Formatted, d.Path)
	}
	return st, nil
}

// choose picks the disks that a wish means. All must be usable, or none is taken:
// a mirror that was asked for is never made of one disk.
func (m *Manager) choose(inv Inventory, w Wish) ([]*Device, error) {
	if slices.Equal(w.Disks, []string{spec.UseBlank}) {
		var blank []*Device
		for i := range inv {
			d := &inv[i]
			if d.whole(m.Loops) && !d.Removable && d.Size >= mkfsMin && d.Blank(m.Host) {
				blank = append(blank, d)
			}
		}
		return blank, nil
	}
	var chosen []*Device
	var errs []error
	for _, name := range w.Disks {
		d, err := inv.Named(name, m.Loops)
		if err == nil {
			err = m.usable(d, w.Erase)
		}
		if err == nil && slices.Contains(chosen, d) {
			err = fmt.Errorf("%s is named twice", d)
		}
		errs, chosen = append(errs, err), append(chosen, d)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return chosen, nil
}

// usable is the reason why a disk may not become a data disk.
func (m *Manager) usable(d *Device, erase bool) error {
	switch {
	case d.InUse() != "":
		return fmt.Errorf("%s: %s", d, d.InUse())
	case d.Size < mkfsMin:
		return fmt.Errorf("%s is too small", d)
	case erase || d.Blank(m.Host):
		return nil
	case d.Holds() != "":
		return fmt.Errorf("%s is not blank: %s", d, d.Holds())
	}
	return fmt.Errorf("%s is not blank: it holds data of an unknown kind", d)
}

// Format makes one file system with checksums of the disks: with two or more,
// everything is on two of them. It looks at the disks once more itself.
func (m *Manager) Format(ctx context.Context, disks []*Device, erase bool) error {
	args := []string{"mkfs.btrfs", "--quiet", "--label", DataLabel}
	if len(disks) > 1 {
		args = append(args, "--metadata", "raid1", "--data", "raid1")
	} else {
		args = append(args, "--metadata", "dup", "--data", "single")
	}
	for _, d := range disks {
		if err := m.usable(d, erase); err != nil {
			return err
		}
	}
	for _, d := range disks {
		if erase {
			// mkfs refuses what holds anything; that this disk may be overwritten was said.
			m.Log("erasing %s, which held: %s", d, cmp(d.Holds(), "nothing known"))
			if err := m.wipe(ctx, d); err != nil {
				return err
			}
		}
		args = append(args, d.Path)
	}
	m.Log("making the data disk of %d disks", len(disks))
	_, err := m.Host.Do(ctx, args...)
	return err
}

// wipe removes all signatures, those of partitions first.
func (m *Manager) wipe(ctx context.Context, d *Device) error {
	for _, p := range append(Inventory(d.Parts).All(), *d) {
		if _, err := m.Host.Do(ctx, "wipefs", "--all", "--quiet", p.Path); err != nil {
			return err
		}
	}
	return nil
}

func cmp(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// mountFound mounts the data disk that exists.
func (m *Manager) mountFound(ctx context.Context, found []Device) (*Status, error) {
	uuids := map[string]bool{}
	var paths []string
	for _, d := range found {
		if d.FSType != "btrfs" {
			return &Status{State: Conflict, Message: fmt.Sprintf("%s is labelled %s but is not btrfs", d.Path, DataLabel)}, nil
		}
		uuids[d.UUID] = true
		paths = append(paths, d.Path)
	}
	if len(uuids) > 1 {
		return &Status{State: Conflict, Devices: paths, Message: "several data disks that do not belong together: " + strings.Join(paths, ", ") + "; remove all but one"}, nil
	}
	return m.mount(ctx, found[0].Path, host.Data)
}

// options of every mount of the data disk. "degraded" is never among them
// unless a disk is missing: what is written then is not mirrored.
const options = "noatime,nosuid,nodev,noexec"

// mount mounts a data disk, degraded if it must be.
func (m *Manager) mount(ctx context.Context, path, at string) (*Status, error) {
	if err := m.mkdir(at); err != nil {
		return nil, err
	}
	_, err := m.Host.Do(ctx, "mount", "-t", "btrfs", "-o", options, path, m.Host.Path(at))
	if err == nil {
		return m.inspectAt(ctx, at)
	}
	m.Log("the data disk does not mount (%v); trying without the missing disk", err)
	if _, derr := m.Host.Do(ctx, "mount", "-t", "btrfs", "-o", options+",degraded", path, m.Host.Path(at)); derr != nil {
		return nil, fmt.Errorf("the data disk %s exists but cannot be mounted: %w", path, err)
	}
	st, err := m.inspectAt(ctx, at)
	if err != nil {
		return nil, err
	}
	st.State = Degraded
	if st.Message == "" {
		st.Message = "a data disk is missing"
	}
	m.Log("DEGRADED: %s", st.Message)
	return st, nil
}

// mountVolatile puts memory where the data disk should be.
func (m *Manager) mountVolatile(ctx context.Context) error {
	if fs, err := m.mountedAt(ctx); err == nil && fs != "" {
		return nil
	}
	if err := m.mkdir(host.Data); err != nil {
		return err
	}
	m.Log("VOLATILE: the data are in memory and are lost when the machine stops")
	_, err := m.Host.Do(ctx, "mount", "-t", "tmpfs", "-o", "mode=0755,size=50%,nosuid,nodev,noexec", "mucura-volatile", m.Host.Path(host.Data))
	return err
}

// mountedAt gives the kind of file system at /data, "" when nothing is mounted.
func (m *Manager) mountedAt(ctx context.Context) (string, error) {
	out, err := m.Host.Do(ctx, "findmnt", "--noheadings", "--mountpoint", m.Host.Path(host.Data), "--output", "FSTYPE")
	var exit *host.ExitError
	if errors.As(err, &exit) && exit.Code == 1 {
		return "", nil
	}
	kinds := strings.Fields(string(out))
	if err != nil || len(kinds) == 0 {
		return "", err
	}
	return kinds[len(kinds)-1], nil
}

// Record keeps the status for the console and others.
func (m *Manager) Record(st *Status) error {
	b, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return err
	}
	return m.Host.WriteFile(host.DiskFile, append(b, '\n'), 0o644)
}

// Recorded gives the status that was recorded last.
func Recorded(h *host.Host) (*Status, error) {
	b, err := h.ReadFile(host.DiskFile)
	if err != nil {
		return nil, err
	}
	st := new(Status)
	return st, json.Unmarshal(b, st)
}

// Usable gives the blank disks that may become data disks.
func (m *Manager) Usable(inv Inventory) []*Device {
	blank, _ := m.choose(inv, Wish{Disks: []string{spec.UseBlank}}) // this wish never fails
	return blank
}
