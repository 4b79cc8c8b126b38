package disks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/mucura/mucura/appliance/internal/host"
)

// Inspect asks the kernel about the data disk that is mounted.
func (m *Manager) Inspect(ctx context.Context) (*Status, error) { return m.inspectAt(ctx, host.Data) }

var (
	uuidRE = regexp.MustCompile(`uuid: ([0-9a-f-]{36})`)
	devRE  = regexp.MustCompile(`devid\s+(\d+)\s+size\s+\S+\s+used\s+\S+\s+path\s+(.+)`)
)

func (m *Manager) inspectAt(ctx context.Context, at string) (*Status, error) {
	out, err := m.Host.Do(ctx, "btrfs", "filesystem", "show", "--raw", m.Host.Path(at))
	if err != nil {
		return nil, err
	}
	st := &Status{State: OK}
	if u := uuidRE.FindSubmatch(out); u != nil {
		st.UUID = string(u[1])
	}
	missing := strings.Contains(string(out), "Some devices missing")
	var lost []string
	for _, d := range devRE.FindAllStringSubmatch(string(out), -1) {
		path := strings.TrimSpace(d[2])
		if strings.Contains(path, "MISSING") || strings.Contains(path, "missing") {
			missing, lost = true, append(lost, "disk "+d[1])
			continue
		}
		st.Devices = append(st.Devices, path)
	}
	if missing {
		st.State = Degraded
		st.Message = cmp(strings.Join(lost, ", "), "a disk") + " of the mirror is missing: put it back, or run \"mucurad-appliance disks replace NEW-DISK\""
	}
	return st, nil
}

// layout makes the directories of a data disk.
func (m *Manager) layout() error {
	if err := m.mkdir(host.State); err != nil {
		return err
	}
	return m.Host.MkdirFor(host.Repository, 0o700, host.User)
}

func (m *Manager) mkdir(path string) error { return os.MkdirAll(m.Host.Path(path), 0o755) }

// forget removes everything when a factory reset was asked for before the
// reboot. The flag goes last: a power cut in the middle is finished at the next
// start.
func (m *Manager) forget(ctx context.Context) error {
	if !m.Host.Exists(host.ResetFlag) {
		return nil
	}
	m.Log("factory reset: removing everything on the data disk")
	entries, err := os.ReadDir(m.Host.Path(host.Data))
	if err != nil {
		return err
	}
	flag := filepath.Base(host.ResetFlag)
	for _, e := range entries {
		if e.Name() == flag {
			continue
		}
		if err := os.RemoveAll(m.Host.Path(host.Data, e.Name())); err != nil {
			return err
		}
	}
	if _, err := m.Host.Do(ctx, "sync", "--file-system", m.Host.Path(host.Data)); err != nil {
		return err
	}
	if err := os.Remove(m.Host.Path(host.ResetFlag)); err != nil {
		return err
	}
	return host.SyncDir(m.Host.Path(host.Data))
}

// Adopt makes a data disk of chosen disks while the appliance runs on memory,
// and takes along what is there. Nothing may write to /data meanwhile.
func (m *Manager) Adopt(ctx context.Context, names []string, erase bool) (*Status, error) {
	now, err := Recorded(m.Host)
	if err != nil {
		return nil, err
	}
	if now.State != Volatile {
		return nil, fmt.Errorf("there is a data disk already (%s)", now.State)
	}
	inv, err := List(ctx, m.Host)
	if err != nil {
		return nil, err
	}
	if other := inv.Labelled(DataLabel); len(other) > 0 {
		return nil, fmt.Errorf("%s is a data disk already: restart to use it", other[0].Path)
	}
	chosen, err := m.choose(inv, Wish{names, erase})
	if err != nil {
		return nil, err
	}
	if len(chosen) == 0 {
		return nil, errors.New("no disk that can be used")
	}
	if err := m.Format(ctx, chosen, erase); err != nil {
		return nil, err
	}
	return m.moveTo(ctx, chosen[0].Path)
}

// moveTo copies what is in memory to the new disk and puts it in its place.
func (m *Manager) moveTo(ctx context.Context, path string) (*Status, error) {
	const staging = host.Runtime + "/new-data"
	st, err := m.mount(ctx, path, staging)
	if err != nil {
		return nil, err
	}
	steps := [][]string{
		{"cp", "--archive", m.Host.Path(host.Data) + "/.", m.Host.Path(staging)},
		{"sync", "--file-system", m.Host.Path(staging)},
		{"umount", "--lazy", m.Host.Path(host.Data)},
		{"umount", m.Host.Path(staging)},
		{"mount", "-t", "btrfs", "-o", options, path, m.Host.Path(host.Data)},
	}
	for _, s := range steps {
		if _, err := m.Host.Do(ctx, s...); err != nil {
			return nil, err
		}
	}
	return st, m.Record(st)
}

// Scrub reads every block of the data disk, heals what is damaged from the
// mirror, and makes a mirror of what was written while a disk was missing. The
// error tells of damage that could not be healed.
func (m *Manager) Scrub(ctx context.Context) (*Health, error) {
	st, err := m.Inspect(ctx)
	if err != nil {
		return nil, err
	}
	data := m.Host.Path(host.Data)
	before, err := m.Stats(ctx)
	if err != nil {
		return nil, err
	}
	// -B waits; its exit status is 3 when something could not be healed.
	out, scrubErr := m.Host.Do(ctx, "btrfs", "scrub", "start", "-B", data)
	m.Log("%s", strings.TrimSpace(string(out)))
	if st.State == OK && len(st.Devices) > 1 {
		if err := m.remirror(ctx); err != nil {
			scrubErr = errors.Join(scrubErr, err)
		}
	}
	after, err := m.Stats(ctx)
	if err != nil {
		return nil, errors.Join(scrubErr, err)
	}
	h := &Health{Errors: after, Found: after.total() - before.total()}
	if scrubErr != nil {
		return h, fmt.Errorf("scrub: %w", scrubErr)
	}
	return h, nil
}

// remirror copies blocks that are on one disk only: those written while the
// other was missing. Where all are mirrored it does nothing.
func (m *Manager) remirror(ctx context.Context) error {
	_, err := m.Host.Do(ctx, "btrfs", "balance", "start", "-dconvert=raid1,soft", "-mconvert=raid1,soft", "-sconvert=raid1,soft", "--force", m.Host.Path(host.Data))
	return err
}

// Health is the outcome of a scrub.
type Health struct {
	Errors Stats
	Found  int64 // errors this scrub found
}

// Stats are btrfs's counters of errors by device, since they were last reset.
type Stats map[string]int64

func (s Stats) total() (n int64) {
	for _, v := range s {
		n += v
	}
	return n
}

var statRE = regexp.MustCompile(`(?m)^\[(.+)\]\.\w+\s+(\d+)$`)

// Stats reads the error counters.
func (m *Manager) Stats(ctx context.Context) (Stats, error) {
	out, err := m.Host.Do(ctx, "btrfs", "device", "stats", m.Host.Path(host.Data))
	if err != nil {
		return nil, err
	}
	s := Stats{}
	for _, l := range statRE.FindAllStringSubmatch(string(out), -1) {
		n, err := strconv.ParseInt(l[2], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("btrfs device stats: %w", err)
		}
		s[l[1]] += n
	}
	return s, nil
}

// ResetStats sets the error counters to zero, when a person has seen them.
func (m *Manager) ResetStats(ctx context.Context) error {
	_, err := m.Host.Do(ctx, "btrfs", "device", "stats", "--reset", m.Host.Path(host.Data))
	return err
}

// Replace puts a new disk in the place of a lost one, or of old when that is
// given, or adds a mirror to a single disk. The new one must be blank unless
// erase. It returns when everything is mirrored again.
func (m *Manager) Replace(ctx context.Context, newName, old string, erase bool) error {
	st, err := m.Inspect(ctx)
	if err != nil {
		return err
	}
	inv, err := List(ctx, m.Host)
	if err != nil {
		return err
	}
	chosen, err := m.choose(inv, Wish{[]string{newName}, erase})
	if err != nil {
		return err
	}
	target := chosen[0]
	if erase {
		if err := m.wipe(ctx, target); err != nil {
			return err
		}
	}
	data := m.Host.Path(host.Data)
	switch {
	case old != "":
		d, err := inv.Named(old, m.Loops)
		if err != nil {
			return err
		}
		_, err = m.Host.Do(ctx, "btrfs", "replace", "start", "-B", d.Path, target.Path, data)
		if err != nil {
			return err
		}
	case st.State == Degraded:
		id, err := m.missingID(ctx)
		if err != nil {
			return err
		}
		if _, err := m.Host.Do(ctx, "btrfs", "replace", "start", "-B", id, target.Path, data); err != nil {
			return err
		}
	case len(st.Devices) == 1:
		if _, err := m.Host.Do(ctx, "btrfs", "device", "add", target.Path, data); err != nil {
			return err
		}
	default:
		return errors.New("no disk is missing: name the one to replace with --old")
	}
	// A replaced device keeps the size of the old one.
	if err := m.growAll(ctx); err != nil {
		return err
	}
	if err := m.remirror(ctx); err != nil {
		return err
	}
	if st, err = m.Inspect(ctx); err != nil {
		return err
	}
	return m.Record(st)
}

// missingID is the number btrfs knows the lost disk by.
func (m *Manager) missingID(ctx context.Context) (string, error) {
	out, err := m.Host.Do(ctx, "btrfs", "filesystem", "show", "--raw", m.Host.Path(host.Data))
	if err != nil {
		return "", err
	}
	present := map[int]bool{}
	for _, d := range devRE.FindAllStringSubmatch(string(out), -1) {
		id, err := strconv.Atoi(d[1])
		if err != nil {
			return "", err
		}
		if strings.Contains(strings.ToUpper(d[2]), "MISSING") {
			return d[1], nil
		}
		present[id] = true
	}
	// Older btrfs-progs leave the lost one out: the gap in the numbers is it.
	for id := 1; id <= len(present)+1; id++ {
		if !present[id] {
			return strconv.Itoa(id), nil
		}
	}
	return "", errors.New("no disk is missing")
}

func (m *Manager) growAll(ctx context.Context) error {
	out, err := m.Host.Do(ctx, "btrfs", "filesystem", "show", "--raw", m.Host.Path(host.Data))
	if err != nil {
		return err
	}
	for _, d := range devRE.FindAllStringSubmatch(string(out), -1) {
		if strings.Contains(strings.ToUpper(d[2]), "MISSING") {
			continue
		}
		if _, err := m.Host.Do(ctx, "btrfs", "filesystem", "resize", d[1]+":max", m.Host.Path(host.Data)); err != nil {
			return err
		}
	}
	return nil
}
