package disks_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mucura/mucura/appliance/internal/disks"
	"github.com/mucura/mucura/appliance/internal/host"
	"github.com/mucura/mucura/appliance/internal/hosttest"
	"github.com/mucura/mucura/appliance/internal/spec"
)

var ctx = context.Background()

const diskSize = 400 << 20

// lab is a machine with so many blank disks.
func lab(t *testing.T, count int) (*hosttest.Lab, *disks.Manager) {
	t.Helper()
	hosttest.Need(t, "mkfs.btrfs", "btrfs-progs", "losetup", "mount", "wipefs", "util-linux")
	if b, err := os.ReadFile("/proc/filesystems"); err != nil || !bytes.Contains(b, []byte("btrfs")) {
		_ = exec.Command("modprobe", "btrfs").Run()
		if b, _ = os.ReadFile("/proc/filesystems"); !bytes.Contains(b, []byte("btrfs")) {
			t.Skip("SKIP: this kernel has no btrfs")
		}
	}
	l := hosttest.NewLab(t, hosttest.Loops(t, count, diskSize))
	return l, &disks.Manager{Host: l.Host, Loops: true, Log: t.Logf}
}

func prepare(t *testing.T, m *disks.Manager, wish ...string) *disks.Status {
	t.Helper()
	st, err := m.Prepare(ctx, func() (disks.Wish, error) { return disks.Wish{Disks: wish}, nil })
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := disks.Recorded(m.Host)
	if err != nil || recorded.State != st.State {
		t.Fatalf("recorded %+v, %v", recorded, err)
	}
	return st
}

func run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// write puts random bytes on the data disk, and read holds it to them.
func write(t *testing.T, l *hosttest.Lab, name string, size int) []byte {
	t.Helper()
	b := make([]byte, size)
	_, _ = rand.Read(b)
	if err := os.WriteFile(l.Path(host.State, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "sync", "-f", l.Path(host.Data))
	return b
}

func read(t *testing.T, l *hosttest.Lab, name string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(l.Path(host.State, name))
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%s: %d bytes of %d, %v", name, len(got), len(want), err)
	}
}

// Without a wish no disk is touched; with one, two blank disks make a mirror that
// is found again at the next start.
func TestBlankDisks(t *testing.T) {
	l, m := lab(t, 2)
	if st := prepare(t, m); st.State != disks.Volatile {
		t.Fatalf("%+v", st)
	}
	if kind := run(t, "findmnt", "-no", "FSTYPE", l.Path(host.Data)); strings.TrimSpace(kind) != "tmpfs" {
		t.Errorf("volatile data on %s", kind)
	}
	for _, d := range l.Devices {
		if out, err := exec.Command("blkid", "-p", d).Output(); err == nil {
			t.Fatalf("%s was touched: %s", d, out)
		}
	}
	l.Unmount()
	st := prepare(t, m, spec.UseBlank)
	if st.State != disks.OK || len(st.Devices) != 2 || len(st.Formatted) != 2 {
		t.Fatalf("%+v", st)
	}
	for _, kind := range []string{"Data", "Metadata", "System"} {
		if df := run(t, "btrfs", "filesystem", "df", l.Path(host.Data)); !strings.Contains(df, kind+", RAID1") {
			t.Errorf("%s is not mirrored:\n%s", kind, df)
		}
	}
	b := write(t, l, "x", 5<<20)
	l.Unmount()
	if st := prepare(t, m, spec.UseBlank); st.State != disks.OK || len(st.Formatted) != 0 {
		t.Fatalf("second start: %+v", st)
	}
	read(t, l, "x", b)
}

// Whatever a disk holds, a wish for blank disks does not touch it, and a wish by
// name only when it says so.
func TestOccupied(t *testing.T) {
	for name, fill := range map[string]func(t *testing.T, dev string){
		"ext4":           func(t *testing.T, dev string) { run(t, "mkfs.ext4", "-q", dev) },
		"partitions":     func(t *testing.T, dev string) { sfdisk(t, dev, "label: gpt\n;\n") },
		"empty table":    func(t *testing.T, dev string) { sfdisk(t, dev, "label: dos\n") },
		"swap":           func(t *testing.T, dev string) { run(t, "mkswap", "-q", dev) },
		"other btrfs":    func(t *testing.T, dev string) { run(t, "mkfs.btrfs", "-q", "-L", "photos", dev) },
		"headless bytes": func(t *testing.T, dev string) { dd(t, dev, 300<<10) },
		"bytes at end":   func(t *testing.T, dev string) { dd(t, dev, diskSize-4096) },
	} {
		t.Run(name, func(t *testing.T) {
			l, m := lab(t, 1)
			dev := l.Devices[0]
			fill(t, dev)
			before := sum(t, dev)
			if st := prepare(t, m, spec.UseBlank); st.State != disks.Volatile {
				t.Fatalf("%+v", st)
			}
			l.Unmount()
			if st := prepare(t, m, dev); st.State != disks.Volatile || !strings.Contains(st.Message, "not blank") {
				t.Fatalf("by name: %+v", st)
			}
			if sum(t, dev) != before {
				t.Fatal("the disk was written to")
			}
			l.Unmount()
			st, err := m.Prepare(ctx, func() (disks.Wish, error) { return disks.Wish{Disks: []string{dev}, Erase: true}, nil })
			if err != nil || st.State != disks.OK {
				t.Fatalf("erase: %+v, %v", st, err)
			}
		})
	}
}

func sfdisk(t *testing.T, dev, script string) {
	t.Helper()
	hosttest.Need(t, "sfdisk", "fdisk")
	cmd := exec.Command("sfdisk", "-q", dev)
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("sfdisk: %v\n%s", err, out)
	}
}

func dd(t *testing.T, dev string, at int64) {
	t.Helper()
	f, err := os.OpenFile(dev, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("the only copy of somebody's thesis"), at); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func sum(t *testing.T, dev string) string {
	t.Helper()
	return strings.Fields(run(t, "sha256sum", dev))[0]
}

// A mirror of which one disk was asked for and is not there is not made of the
// other alone.
func TestHalfAWish(t *testing.T) {
	l, m := lab(t, 1)
	if st := prepare(t, m, l.Devices[0], "NO-SUCH-SERIAL"); st.State != disks.Volatile || !strings.Contains(st.Message, "NO-SUCH-SERIAL") {
		t.Fatalf("%+v", st)
	}
}

// Bytes that rot on one disk of a mirror are healed by a scrub.
func TestScrubHeals(t *testing.T) {
	l, m := lab(t, 2)
	prepare(t, m, spec.UseBlank)
	b := write(t, l, "object", 64<<20)
	h, err := m.Scrub(ctx)
	if err != nil || h.Found != 0 {
		t.Fatalf("healthy: %+v, %v", h, err)
	}
	l.Unmount()
	// A third of one disk goes bad, behind its superblock's first copies.
	rot := exec.Command("dd", "if=/dev/urandom", "of="+l.Devices[1], "bs=1M", "seek=70", "count=130", "conv=notrunc,fsync")
	if out, err := rot.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	prepare(t, m)
	h, err = m.Scrub(ctx)
	if err != nil || h.Found == 0 {
		t.Fatalf("scrub of a damaged disk: %+v, %v", h, err)
	}
	t.Logf("healed %d errors", h.Found)
	if err := m.ResetStats(ctx); err != nil {
		t.Fatal(err)
	}
	if h, err = m.Scrub(ctx); err != nil || h.Found != 0 {
		t.Fatalf("after healing: %+v, %v", h, err)
	}
	read(t, l, "object", b)
}

// A mirror works with one disk lost, says so, and is whole again on a new disk;
// then the other old disk may be lost.
func TestDegradedAndReplaced(t *testing.T) {
	l, m := lab(t, 3)
	all := l.Devices
	l.Devices = all[:2]
	prepare(t, m, spec.UseBlank)
	b := write(t, l, "before", 8<<20)
	l.Unmount()
	lose(t, all[1])
	l.Devices = all[:1]
	st := prepare(t, m)
	if st.State != disks.Degraded || !strings.Contains(st.Message, "missing") {
		t.Fatalf("%+v", st)
	}
	read(t, l, "before", b)
	c := write(t, l, "while degraded", 8<<20)
	l.Devices = []string{all[0], all[2]}
	if err := m.Replace(ctx, all[2], "", false); err != nil {
		t.Fatal(err)
	}
	if st, err := disks.Recorded(l.Host); err != nil || st.State != disks.OK || len(st.Devices) != 2 {
		t.Fatalf("after replacing: %+v, %v", st, err)
	}
	if df := run(t, "btrfs", "filesystem", "df", l.Path(host.Data)); strings.Contains(df, "single") && !strings.Contains(df, "GlobalReserve, single") {
		t.Errorf("not all is mirrored:\n%s", df)
	}
	l.Unmount()
	lose(t, all[0])
	l.Devices = all[2:]
	if st := prepare(t, m); st.State != disks.Degraded {
		t.Fatalf("%+v", st)
	}
	read(t, l, "before", b)
	read(t, l, "while degraded", c)
}

// lose takes a disk away, also from the kernel's memory of btrfs.
func lose(t *testing.T, dev string) {
	t.Helper()
	_ = exec.Command("btrfs", "device", "scan", "--forget").Run() // fails for those in use
	run(t, "losetup", "--detach", dev)
}

// A single disk gets a mirror.
func TestMirrorLater(t *testing.T) {
	l, m := lab(t, 2)
	prepare(t, m, l.Devices[0])
	b := write(t, l, "x", 8<<20)
	if err := m.Replace(ctx, l.Devices[1], "", false); err != nil {
		t.Fatal(err)
	}
	if df := run(t, "btrfs", "filesystem", "df", l.Path(host.Data)); !strings.Contains(df, "Data, RAID1") || strings.Contains(df, "Data, single") || strings.Contains(df, "Metadata, DUP") {
		t.Errorf("%s", df)
	}
	read(t, l, "x", b)
}

// A disk that is chosen while the appliance runs on memory takes over what is there.
func TestAdopt(t *testing.T) {
	l, m := lab(t, 1)
	prepare(t, m)
	if err := l.WriteFile(filepath.Join(host.Repository, "site.key"), []byte("key"), 0o600); err != nil {
		t.Fatal(err)
	}
	st, err := m.Adopt(ctx, l.Devices, false)
	if err != nil || st.State != disks.OK {
		t.Fatalf("%+v, %v", st, err)
	}
	if kind := strings.TrimSpace(run(t, "findmnt", "-no", "FSTYPE", l.Path(host.Data))); kind != "btrfs" {
		t.Fatalf("data on %s", kind)
	}
	if b, err := l.ReadFile(host.Repository + "/site.key"); err != nil || string(b) != "key" {
		t.Fatalf("%q, %v", b, err)
	}
	if _, err := m.Adopt(ctx, l.Devices, true); err == nil {
		t.Fatal("adopted twice")
	}
}

// Two data disks that do not belong together are not guessed at.
func TestConflict(t *testing.T) {
	l, m := lab(t, 2)
	for _, d := range l.Devices {
		run(t, "mkfs.btrfs", "-q", "-L", disks.DataLabel, d)
	}
	if st := prepare(t, m, spec.UseBlank); st.State != disks.Conflict || !strings.Contains(st.Message, l.Devices[0]) {
		t.Fatalf("%+v", st)
	}
}

// A factory reset removes everything, and is finished after a crash in its middle.
func TestReset(t *testing.T) {
	l, m := lab(t, 1)
	prepare(t, m, spec.UseBlank)
	if err := l.WriteFile(host.ConfigFile, []byte("hostname: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.WriteFile(host.ResetFlag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l.Unmount()
	if st := prepare(t, m); st.State != disks.OK {
		t.Fatalf("%+v", st)
	}
	if l.Exists(host.ConfigFile) || l.Exists(host.ResetFlag) {
		t.Fatal("something is left")
	}
	if !l.Exists(host.Repository) {
		t.Fatal("no directory for the repository")
	}
}
