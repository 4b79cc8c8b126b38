package boottest

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
)

// seedText claims an appliance without anybody: the tests' administrator.
func seedText(public string) string {
	return fmt.Sprintf("hostname: boottest\nadministrator:\n  access_key_id: %s\n  secret_access_key: %s\nssh:\n  authorized_keys:\n    - %s\n", rootKey, rootSecret, public)
}

// slot is what runs, as the appliance says.
func (m *machine) slot(key string) string {
	m.t.Helper()
	var s struct{ Slot string }
	out := m.shell(key, "mucurad-appliance status --json")
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		m.t.Fatalf("%v: %s", err, out)
	}
	return s.Slot
}

// seeded waits until a machine that a seed has claimed serves.
func (m *machine) seeded() *harness.Client {
	m.t.Helper()
	return serving(m.t, m.dial, "", "10.0.2.15", rootKey, rootSecret)
}

// TestInstall installs from the ISO, booted by UEFI with a seed, on a disk;
// starts from the disk; updates it twice: from a CD, by the console, to a version
// that is good; and by URL to one that does not even start, and is gone again by
// itself.
func TestInstall(t *testing.T) {
	needMachine(t)
	signing := signingKey(t)
	key, public := sshKey(t)
	disk, seed := blank(t, "system.qcow2", "4G"), seedDisk(t, seedText(public))
	m := start(t, hardware{cd: image(t, ".iso"), disks: []string{disk, seed}, uefi: true})
	m.answers("ISO, UEFI")
	m.seeded()
	m.shell(key, "mucurad-appliance install /dev/vda")
	m.powerOff()

	// The seed stays: the disk's data are fresh.
	next := versionOf(t) + ".1"
	cd := discOf(t, bundleOf(t, signing, next, nil))
	m = start(t, hardware{disks: []string{disk, seed}, discs: []string{cd}, uefi: true})
	m.answers("installed disk, UEFI")
	stored := use(t, m.seeded(), "kept")
	m.healthy(key)
	m.idle(key)
	if s := m.slot(key); s != "a" {
		t.Fatalf("slot %q runs after the installation", s)
	}

	m.wait(`The repository is running`)
	m.types("3")
	m.wait(`Update with ` + regexp.QuoteMeta(next) + `\.update\?`)
	m.types("yes")
	m.wait(`The update is tried at the next start`)
	m.types("")
	stored.check(t, m.restarted(key), "kept")
	if s := m.slot(key); s != "b" {
		t.Errorf("slot %q runs after an update", s)
	}
	m.wait(`Mucura \S+ \(slot b\)`)
	m.committed(key, "b")

	if out, err := m.update(key, bundleOf(t, strange(t), next+".2", nothing)); err == nil || !strings.Contains(out, "not signed by a key") {
		t.Errorf("an update of another key was taken: %v, %s", err, out)
	}
	if out, err := m.update(key, bundleOf(t, signing, next+".1", nothing)); err != nil {
		t.Fatalf("update: %v\n%s", err, out)
	}
	stored.check(t, m.restarted(key), "kept")
	if s := m.slot(key); s != "b" {
		t.Errorf("slot %q runs after an update that does not start", s)
	}
	m.committed(key, "b")
	m.powerOff()

	// And the disk starts by a BIOS.
	m = start(t, hardware{disks: []string{disk}})
	m.answers("the same disk, BIOS")
	stored.check(t, m.seeded(), "kept")
	m.powerOff()
}

// versionOf gives the image's version; what is appended makes a newer one.
func versionOf(t *testing.T) string {
	return strings.TrimSuffix(strings.TrimPrefix(filepath.Base(image(t, ".iso")), "mucura-"), "-amd64.iso")
}

// nothing stands for a squashfs that no kernel mounts.
var nothing = []byte("no file system at all")

// committed waits until GRUB's environment names the slot, with none to try.
func (m *machine) committed(key, slot string) {
	m.t.Helper()
	out := m.shell(key, "systemctl is-system-running --wait > /dev/null; mount -o ro /dev/disk/by-label/MUCURA-SYS /mnt && grub-editenv /mnt/boot/grub/grubenv list; umount /mnt")
	if !strings.Contains(out, "slot="+slot+"\n") || strings.Contains(out, "try=a") || strings.Contains(out, "try=b") {
		m.t.Errorf("want slot %s for good, the environment is\n%s", slot, out)
	}
}

// update has the machine fetch a bundle from a web server on this one, which its
// gateway's address leads to, and install it.
func (m *machine) update(key, file string) (string, error) {
	m.t.Helper()
	server := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(file))))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		m.t.Fatal(err)
	}
	return m.ssh(key, "mucurad-appliance update http://10.0.2.2:"+port+"/"+filepath.Base(file), hang)
}

// discOf makes a CD with one file.
func discOf(t *testing.T, file string) string {
	t.Helper()
	disc := filepath.Join(t.TempDir(), "disc.iso")
	command(t, "xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-V", "UPDATES", "-o", disc, file)
	return disc
}

// restarted restarts the machine and waits for it: once, or over a slot that
// does not start.
func (m *machine) restarted(key string) *harness.Client {
	m.t.Helper()
	from := time.Now()
	m.backAfter(key, func() { m.shell(key, "systemctl reboot > /dev/null 2>&1 &") })
	c := m.seeded()
	m.t.Logf("serving again %.0f s after the restart", time.Since(from).Seconds())
	return c
}

// backAfter has the machine restart and waits until it has: the shell is another
// kernel's.
func (m *machine) backAfter(key string, restart func()) {
	m.t.Helper()
	before := m.shell(key, "cat /proc/sys/kernel/random/boot_id")
	restart()
	limit := time.Minute // of a try, which mostly meets a machine on its way down
	for deadline := time.Now().Add(2 * hang); ; time.Sleep(3 * time.Second) {
		now, err := m.ssh(key, "cat /proc/sys/kernel/random/boot_id", limit)
		limit += 10 * time.Second
		if err == nil && now != before {
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("the machine does not restart: %v %s", err, now)
		}
	}
}

// signingKey is the key the image takes updates of.
func signingKey(t *testing.T) string {
	t.Helper()
	key := os.Getenv("MUCURA_SIGNING_KEY")
	if key == "" {
		key = filepath.Join(os.Getenv("MUCURA_TEST_IMAGE"), "developer-key")
	}
	if _, err := os.Stat(key); err != nil {
		t.Skipf("updates cannot be signed: %v", err)
	}
	return key
}

// strange is a key that no image knows.
func strange(t *testing.T) string {
	t.Helper()
	key := filepath.Join(t.TempDir(), "key")
	command(t, tools(t), "bundle", "keygen", key)
	return key
}

// tools is the mucurad-appliance of the image; it is static, so it runs here, too.
func tools(t *testing.T) string {
	t.Helper()
	tool(t, "unsquashfs", "squashfs-tools")
	dir := filepath.Join(t.TempDir(), "tools")
	command(t, "unsquashfs", "-quiet", "-no-progress", "-d", dir, extract(t, "/live/filesystem.squashfs"), "usr/sbin/mucurad-appliance")
	return filepath.Join(dir, "usr/sbin/mucurad-appliance")
}

// bundleOf signs the image's own system as a version; squashfs, when given, is in
// the place of the real one.
func bundleOf(t *testing.T, key, version string, squashfs []byte) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"vmlinuz", "initrd.img", "filesystem.squashfs"} {
		if err := os.Symlink(extract(t, "/live/"+name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if squashfs != nil {
		f := filepath.Join(dir, "filesystem.squashfs")
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f, squashfs, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, version+".update")
	command(t, tools(t), "bundle", "make", "--key", key, "--version", version, "--out", out, dir)
	return out
}

// TestDiskImage starts the ready-made disk, or the one that MUCURA_TEST_DISK names
// (what Packer made): nobody's, with room of the disk it was put on.
func TestDiskImage(t *testing.T) {
	needMachine(t)
	from := os.Getenv("MUCURA_TEST_DISK")
	if from == "" {
		from = image(t, ".qcow2")
	}
	disk := filepath.Join(t.TempDir(), "disk.qcow2")
	command(t, "qemu-img", "create", "-q", "-f", "qcow2", "-b", from, "-F", "qcow2", disk, "20G")
	key, public := sshKey(t)
	// A seed volume that cannot be mounted is told of, and stops nothing.
	m := start(t, hardware{disks: []string{disk, brokenSeed(t)}})
	m.answers("disk image, BIOS")
	code, fingerprint := m.unclaimed()
	m.wait(`! seed on /dev/vdb: mount`)
	m.screen("seed")
	p := claimed(t, m.dial, "10.0.2.15", fingerprint, code, map[string][]string{"ssh_keys": {public}})
	s3 := serving(t, m.dial, fingerprint, "10.0.2.15", p.id, p.secret)
	stored := use(t, s3, "kept")
	m.wait(`The repository is running`)
	m.healthy(key)
	m.idle(key)
	m.screen("running")
	var size int
	if out := m.shell(key, "df --output=size -BG /data | tail -n 1"); scan(out, &size) != nil || size < 17 {
		t.Errorf("the data partition of a disk of 20 GiB has %s", out)
	}
	if s := m.slot(key); s != "a" {
		t.Errorf("slot %q runs", s)
	}

	// A person at the screen and the keyboard: nothing restarts without a "yes".
	m.presses("2")
	m.shows(key, "Disk to mirror the data on")
	m.screen("disk")
	m.presses("")
	m.shows(key, "Nothing was changed")
	m.presses("")
	m.shows(key, "The repository is running")
	m.presses("8")
	m.shows(key, "Type yes to go on")
	m.screen("restart")
	m.backAfter(key, func() { m.presses("yes") })
	stored.check(t, serving(t, m.dial, fingerprint, "10.0.2.15", p.id, p.secret), "kept")
}

// shows waits until the screen, not the serial line, shows a text.
func (m *machine) shows(key, text string) {
	m.t.Helper()
	seen := ""
	for deadline := time.Now().Add(hang); time.Now().Before(deadline); time.Sleep(time.Second) {
		if seen = m.shell(key, "cat /dev/vcs1"); strings.Contains(seen, text) {
			return
		}
	}
	m.t.Fatalf("the screen does not show %q but\n%s", text, seen)
}

func scan(text string, n *int) error {
	_, err := fmt.Sscanf(strings.TrimSpace(text), "%dG", n)
	return err
}
