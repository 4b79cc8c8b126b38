// Package hosttest is real programs on loop devices, for tests.
package hosttest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
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
	// Mucurad and Mucura are the binaries that stand for the image's.
	Mucurad, Mucura string

	mu  sync.Mutex
	not []string
}

// never are programs that would change this machine itself.
var never = []string{"hostname", "systemctl", "networkctl", "chronyc", "nft"}

// NotRun gives the command lines that would have changed this machine.
func (l *Lab) NotRun() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.not)
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
	switch {
	case slices.Contains(never, c.Args[0]):
		l.mu.Lock()
		l.not = append(l.not, strings.Join(c.Args, " "))
		l.mu.Unlock()
		return nil, nil
	case c.Args[0] == "lsblk" && len(l.Devices) == 0:
		return []byte(`{"blockdevices":[]}`), nil
	case c.Args[0] == "lsblk": // this machine's own disks are none of the lab's
		c.Args = append(slices.Clone(c.Args), l.Devices...)
	case c.Args[0] == "chown": // there is no user mucura
		return nil, nil
	case c.Args[0] == host.Mucurad:
		c = l.ours(c, l.Mucurad)
	case c.Args[0] == host.Mucura:
		c = l.ours(c, l.Mucura)
	}
	return host.Exec{}.Run(ctx, c)
}

// ours makes a command of the image one of this machine: paths of the
// environment lie in the lab.
func (l *Lab) ours(c host.Command, binary string) host.Command {
	c.Args, c.Env, c.User = slices.Clone(c.Args), slices.Clone(c.Env), ""
	c.Args[0] = binary
	for i, e := range c.Env {
		name, v, _ := strings.Cut(e, "=")
		if strings.HasPrefix(v, host.Data+"/") || strings.HasPrefix(v, host.Runtime+"/") {
			c.Env[i] = name + "=" + l.Path(v)
		}
	}
	return c
}

// built is where the server was compiled to.
var built struct {
	once sync.Once
	dir  string
	bin  string
	err  error
}

// Main runs the tests of a package that use WithMucurad, and removes the binary.
func Main(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// buildMucurad compiles the server, once for all tests of a package, unless
// MUCURA_TEST_BINARY names one.
func buildMucurad() (string, error) {
	if bin := os.Getenv("MUCURA_TEST_BINARY"); bin != "" {
		return bin, nil
	}
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "mucura-test-"); built.err == nil {
			built.bin, built.err = harness.Build(built.dir, false)
		}
	})
	return built.bin, built.err
}

// WithMucurad gives the lab the real server; the package's TestMain is Main.
func (l *Lab) WithMucurad(t *testing.T) {
	t.Helper()
	bin, err := buildMucurad()
	if err != nil {
		t.Fatal(err)
	}
	l.Mucurad = bin
}
