// Package disks finds, makes, mounts, mirrors and heals the data disk. It never
// formats a disk that holds anything unless it is told to by that disk's name.
package disks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/mucura/mucura/appliance/internal/host"
)

// Labels of file systems the appliance knows.
const (
	DataLabel   = "MUCURA-DATA"
	SysLabel    = "MUCURA-SYS"
	BackupLabel = "MUCURA-BACKUP"
	mediumLabel = "MUCURA" // of the ISO
)

// Device is a block device and what was found on it.
type Device struct {
	Path      string
	Kind      string // disk, part, loop, rom, ...
	Size      int64  // bytes
	Serial    string
	Model     string
	Removable bool
	ReadOnly  bool
	Mounts    []string
	Parts     []Device

	FSType, Label, UUID string
	PartTable           string
}

// Inventory is every block device of the machine.
type Inventory []Device

// lsblkDevice is one entry of lsblk --json.
type lsblkDevice struct {
	Path     string        `json:"path"`
	Type     string        `json:"type"`
	Size     int64         `json:"size"`
	RM       bool          `json:"rm"`
	RO       bool          `json:"ro"`
	Hotplug  bool          `json:"hotplug"`
	Tran     string        `json:"tran"`
	Serial   string        `json:"serial"`
	Model    string        `json:"model"`
	Mounts   []string      `json:"mountpoints"`
	Children []lsblkDevice `json:"children"`
}

// List looks at all block devices. Signatures are read from the devices
// themselves, not from udev's memory of them.
func List(ctx context.Context, h *host.Host) (Inventory, error) {
	out, err := h.Do(ctx, "lsblk", "--json", "--bytes", "--tree", "--output", "PATH,TYPE,SIZE,RM,RO,HOTPLUG,TRAN,SERIAL,MODEL,MOUNTPOINTS")
	if err != nil {
		return nil, err
	}
	var all struct {
		Devices []lsblkDevice `json:"blockdevices"`
	}
	if err := json.Unmarshal(out, &all); err != nil {
		return nil, fmt.Errorf("lsblk: %w", err)
	}
	var inv Inventory
	for _, d := range all.Devices {
		dev, err := look(ctx, h, d)
		if err != nil {
			return nil, err
		}
		inv = append(inv, dev)
	}
	return inv, nil
}

func look(ctx context.Context, h *host.Host, d lsblkDevice) (Device, error) {
	dev := Device{Path: d.Path, Kind: d.Type, Size: d.Size, Serial: strings.TrimSpace(d.Serial), Model: strings.TrimSpace(d.Model),
		Removable: d.RM || d.Hotplug && d.Tran == "usb" || d.Tran == "usb", ReadOnly: d.RO}
	for _, m := range d.Mounts {
		if m != "" {
			dev.Mounts = append(dev.Mounts, m)
		}
	}
	if d.Size > 0 {
		if err := dev.probe(ctx, h); err != nil {
			return dev, err
		}
	}
	for _, c := range d.Children {
		part, err := look(ctx, h, c)
		if err != nil {
			return dev, err
		}
		dev.Parts = append(dev.Parts, part)
	}
	return dev, nil
}

// nothingFound is blkid's exit status for a device without signature.
const nothingFound = 2

func (d *Device) probe(ctx context.Context, h *host.Host) error {
	out, err := h.Do(ctx, "blkid", "--probe", "--output", "export", d.Path)
	var exit *host.ExitError
	if errors.As(err, &exit) && exit.Code == nothingFound {
		return nil
	}
	if err != nil {
		// Several signatures at once (status 8), an unreadable disk: something is there.
		d.FSType = "unknown"
		return ctx.Err()
	}
	for line := range strings.Lines(string(out)) {
		name, v, _ := strings.Cut(strings.TrimRight(line, "\n"), "=")
		v = unescape(v)
		switch name {
		case "TYPE":
			d.FSType = v
		case "LABEL":
			d.Label = v
		case "UUID":
			d.UUID = v
		case "PTTYPE":
			d.PartTable = v
		}
	}
	return nil
}

// unescape undoes the backslashes of blkid's export format.
func unescape(v string) string {
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		if v[i] == '\\' && i+1 < len(v) {
			i++
		}
		b.WriteByte(v[i])
	}
	return b.String()
}

// All gives every device, partitions too.
func (inv Inventory) All() []Device {
	var all []Device
	for _, d := range inv {
		all = append(all, d)
		all = append(all, Inventory(d.Parts).All()...)
	}
	return all
}

// Labelled gives the devices whose file system has a label.
func (inv Inventory) Labelled(label string) []Device {
	var found []Device
	for _, d := range inv.All() {
		if d.Label == label {
			found = append(found, d)
		}
	}
	return found
}

// whole tells whether d is a disk rather than a part of one. Loop devices count
// where tests ask for them.
func (d *Device) whole(loops bool) bool { return d.Kind == "disk" || loops && d.Kind == "loop" }

// InUse gives a reason why nobody may format d, "" when there is none: it is
// mounted, or the system runs from it.
func (d *Device) InUse() string {
	for _, x := range append(Inventory{*d}, Inventory(d.Parts).All()...) {
		switch {
		case len(x.Mounts) > 0:
			return "mounted at " + x.Mounts[0]
		case x.Label == SysLabel:
			return "holds the system"
		case x.Label == mediumLabel && x.FSType == "iso9660":
			return "is the boot medium"
		}
	}
	if d.ReadOnly {
		return "read-only"
	}
	return ""
}

// Holds describes what is on a disk, "" when it is blank as far as signatures tell.
func (d *Device) Holds() string {
	switch {
	case d.Label != "":
		return fmt.Sprintf("%s %q", d.FSType, d.Label)
	case d.FSType != "":
		return d.FSType
	case d.PartTable != "" || len(d.Parts) > 0:
		return fmt.Sprintf("%d partitions (%s)", len(d.Parts), d.PartTable)
	}
	return ""
}

// edge is how much of the beginning and end of a disk must be empty for it to
// count as blank: where partition tables, boot sectors, RAID metadata and the
// headers of all file systems lie.
const edge = 1 << 20

// Blank tells whether a disk holds nothing: no signature, no partitions, and no
// byte but fillers at both ends. A disk that cannot be read is not blank.
func (d *Device) Blank(h *host.Host) bool {
	if d.Size < 2*edge || d.Holds() != "" || d.InUse() != "" {
		return false
	}
	f, err := os.Open(h.Path(d.Path))
	if err != nil {
		return false
	}
	defer f.Close()
	return filler(io.NewSectionReader(f, 0, edge)) && filler(io.NewSectionReader(f, d.Size-edge, edge))
}

// filler tells whether all is zeros, or all ones as some flash reads when erased.
func filler(r io.Reader) bool {
	b, err := io.ReadAll(r)
	if err != nil || len(b) != edge {
		return false
	}
	first := b[0]
	return (first == 0 || first == 0xff) && len(bytes.Trim(b, string([]byte{first}))) == 0
}

// Named finds the disk that a serial number or device name means.
func (inv Inventory) Named(name string, loops bool) (*Device, error) {
	var found []*Device
	target := name
	if p, err := filepath.EvalSymlinks(name); err == nil && strings.HasPrefix(name, "/dev/") {
		target = p // /dev/disk/by-id/...
	}
	for i := range inv {
		d := &inv[i]
		if d.whole(loops) && (d.Serial != "" && d.Serial == name || d.Path == target || d.Path == "/dev/"+name) {
			found = append(found, d)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("there is no disk %q", name)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("%d disks are called %q: give the device name", len(found), name)
}

// Name is how people tell a disk apart: its serial number, else its device name.
func (d *Device) Name() string {
	if d.Serial != "" {
		return d.Serial
	}
	return strings.TrimPrefix(d.Path, "/dev/")
}

// String describes a disk in one line.
func (d *Device) String() string {
	parts := []string{d.Path, size(d.Size)}
	for _, s := range []string{d.Model, d.Serial} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ", ")
}

func size(n int64) string {
	const units = "KMGTPE"
	v, i := float64(n)/1000, 0
	for v >= 1000 && i < len(units)-1 {
		v, i = v/1000, i+1
	}
	return fmt.Sprintf("%.3g %cB", v, units[i])
}

// Is tells whether a person who typed name means this disk.
func (d *Device) Is(name string) bool {
	return name != "" && (name == d.Serial || name == d.Path || "/dev/"+name == d.Path)
}

// Describe tells what a disk holds or is used for.
func (d *Device) Describe(h *host.Host) string {
	switch use := d.InUse(); {
	case use != "" && d.Holds() != "":
		return d.Holds() + ", " + use
	case use != "":
		return use
	case d.Blank(h):
		return "blank"
	}
	return cmp(d.Holds(), "data of an unknown kind")
}
