// Package hosttest is real programs on loop devices, for tests.
package hosttest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/host"
)

// Need skips a test that wants programs of Debian packages, given as pairs of
// program and package, unless they are there or MUCURA_TEST_INSTALL=1 lets them
// be installed.
func Need(t *testing.T, pairs ...string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIP: needs root")
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if _, err := exec.LookPath(pairs[i]); err == nil {
			continue
		}
		if os.Getenv("MUCURA_TEST_INSTALL") != "1" {
			t.Skipf("SKIP: %s is not installed (MUCURA_TEST_INSTALL=1 installs %s)", pairs[i], pairs[i+1])
		}
		cmd := exec.Command("apt-get", "install", "-y", "-qq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", pairs[i+1])
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("install %s: %v\n%s", pairs[i+1], err, out)
		}
	}
}

// Loops makes loop devices of sparse files, which go away with the test. It
// skips where there are none.
func Loops(t *testing.T, count int, size int64) []string {
	t.Helper()
	ctx := context.Background()
	var devices []string
	for range count {
		path := filepath.Join(t.TempDir(), "disk")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Truncate(size); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		out, err := host.Exec{}.Run(ctx, host.Command{Args: []string{"losetup", "--find", "--show", "--partscan", path}})
		if err != nil {
			t.Skipf("SKIP: no loop devices: %v", err)
		}
		dev := string(out[:len(out)-1])
		t.Cleanup(func() { _, _ = host.Exec{}.Run(ctx, host.Command{Args: []string{"losetup", "--detach", dev}}) })
		devices = append(devices, dev)
	}
	return devices
}

// Lab is a real machine in a directory: real programs on real devices, but only
// those it was given, and mounts below the directory.
type Lab struct {
	*host.Host
	Devices []string
	// Before may answer in the place of a program.
	Before func(host.Command) (out []byte, handled bool, err error)
}

// NewLab makes a lab on devices. Everything mounted in it is unmounted when the
// test ends.
func NewLab(t *testing.T, devices []string) *Lab {
	t.Helper()
	root := t.TempDir()
	l := &Lab{Devices: devices}
	l.Host = &host.Host{Root: root, Run: l, Now: time.Now}
	for _, dir := range []string{"proc", "tmp"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/dev", filepath.Join(root, "dev")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Unmount() })
	return l
}

// Unmount is what a reboot does: nothing below the lab stays mounted.
func (l *Lab) Unmount() {
	for _, dir := range []string{"data", "run/mucura/new-data", "run/mucura/seed", "run/mucura/system", "run/mucura/backup", "run/live/medium"} {
		for {
			if _, err := (host.Exec{}).Run(context.Background(), host.Command{Args: []string{"umount", l.Path(dir)}}); err != nil {
				break
			}
		}
	}
}

// Run implements host.Runner.
func (l *Lab) Run(ctx context.Context, c host.Command) ([]byte, error) {
	if l.Before != nil {
		if out, handled, err := l.Before(c); handled {
			return out, err
		}
	}
	if c.Args[0] == "lsblk" { // this machine's own disks are none of the lab's
		c.Args = append(append([]string{}, c.Args...), l.Devices...)
	}
	return host.Exec{}.Run(ctx, c)
}
