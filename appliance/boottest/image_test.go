// Package boottest boots the appliance's image and uses it as people do. Most of
// it runs in a container at native speed; firmware, kernel and disks are tested in
// virtual machines, emulated where there is no KVM. It needs the image that "make
// appliance" makes, in the directory that MUCURA_TEST_IMAGE names.
package boottest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// image gives the image's file of an extension; without an image the test is skipped.
func image(t *testing.T, extension string) string {
	t.Helper()
	dir := os.Getenv("MUCURA_TEST_IMAGE")
	if dir == "" {
		t.Skip("MUCURA_TEST_IMAGE does not name a directory with an image (make appliance-test)")
	}
	found, err := filepath.Glob(filepath.Join(dir, "mucura-*-amd64"+extension))
	if err != nil || len(found) != 1 {
		t.Fatalf("want one mucura-*-amd64%s in %s, found %v", extension, dir, found)
	}
	return found[0]
}

var extracted struct {
	sync.Mutex
	dir   string
	files map[string]string
}

func TestMain(m *testing.M) {
	code := m.Run()
	if extracted.dir != "" {
		_ = os.RemoveAll(extracted.dir)
	}
	os.Exit(code)
}

// extract gives a copy of a file on the ISO; all tests share it.
func extract(t *testing.T, path string) string {
	t.Helper()
	iso := image(t, ".iso")
	tool(t, "xorriso", "xorriso")
	extracted.Lock()
	defer extracted.Unlock()
	if f := extracted.files[path]; f != "" {
		return f
	}
	if extracted.dir == "" {
		dir, err := os.MkdirTemp("", "mucura-boottest-")
		if err != nil {
			t.Fatal(err)
		}
		extracted.dir, extracted.files = dir, map[string]string{}
	}
	f := filepath.Join(extracted.dir, filepath.Base(path))
	command(t, "xorriso", "-osirrox", "on", "-indev", iso, "-extract", path, f)
	extracted.files[path] = f
	return f
}

// tool makes sure that a program is there: it is installed where
// MUCURA_TEST_INSTALL=1, else the test is skipped.
func tool(t *testing.T, program, pkg string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("MUCURA_TEST_INSTALL") != "1" || os.Getuid() != 0 {
		t.Skipf("%s is missing: install %s, or set MUCURA_TEST_INSTALL=1", program, pkg)
	}
	command(t, "apt-get", append([]string{"install", "-y", "-qq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"}, strings.Fields(pkg)...)...)
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func needContainer(t *testing.T) {
	t.Helper()
	image(t, ".iso")
	if os.Getuid() != 0 {
		t.Skip("containers need root")
	}
	tool(t, "systemd-nspawn", "systemd-container")
}

func needMachine(t *testing.T) {
	t.Helper()
	image(t, ".iso")
	tool(t, "qemu-system-x86_64", "qemu-system-x86 ovmf")
	tool(t, "qemu-img", "qemu-utils")
	tool(t, "mcopy", "mtools")
}

// blank makes an empty disk.
func blank(t *testing.T, name, size string) string {
	t.Helper()
	f := filepath.Join(t.TempDir(), name)
	command(t, "qemu-img", "create", "-q", "-f", format(f), f, size)
	return f
}

// seedDisk makes a stick with the label MUCURA-SEED and a mucura.yaml.
func seedDisk(t *testing.T, yaml string) string {
	t.Helper()
	dir := t.TempDir()
	text, disk := filepath.Join(dir, "mucura.yaml"), filepath.Join(dir, "seed.img")
	if err := os.WriteFile(text, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, "mformat", "-C", "-i", disk, "-T", "4096", "-h", "2", "-s", "32", "-v", "MUCURA-SEED", "::")
	command(t, "mcopy", "-i", disk, text, "::mucura.yaml")
	return disk
}

// brokenSeed makes a volume with the label MUCURA-SEED whose group descriptors are
// noise: blkid knows it, and the kernel refuses to mount it.
func brokenSeed(t *testing.T) string {
	t.Helper()
	tool(t, "mke2fs", "e2fsprogs")
	disk := filepath.Join(t.TempDir(), "broken.img")
	command(t, "mke2fs", "-q", "-t", "ext4", "-b", "1024", "-L", "MUCURA-SEED", disk, "16M")
	f, err := os.OpenFile(disk, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(body(9, 8<<10), 2048); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return disk
}
