package slots

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/bundle"
	"github.com/mucura/mucura/appliance/internal/host"
	"github.com/mucura/mucura/appliance/internal/hosttest"
)

var ctx = context.Background()

func TestEnv(t *testing.T) {
	for _, e := range []Env{{}, {"slot": "a"}, {"slot": "b", "try": "a"}, {"slot": "a", "try": ""}} {
		b, err := e.Bytes()
		if err != nil || len(b) != 1024 {
			t.Fatalf("%v: %d bytes, %v", e, len(b), err)
		}
		got, err := ParseEnv(b)
		if err != nil || got["slot"] != e["slot"] || got["try"] != e["try"] {
			t.Errorf("%v: %v, %v", e, got, err)
		}
	}
	for name, b := range map[string][]byte{"short": []byte(envHeader), "other": bytes.Repeat([]byte("#"), 1024), "no value": []byte(envHeader + "slot\n" + strings.Repeat("#", 1024-len(envHeader)-5))} {
		if _, err := ParseEnv(b); !errors.Is(err, ErrBadEnv) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, e := range []Env{{"slot": "a\ntry=b"}, {"other": "x"}} {
		if _, err := e.Bytes(); err == nil {
			t.Errorf("%v was written", e)
		}
	}
}

// GRUB's own tool reads what we write, and we what it writes.
func TestEnvOfGRUB(t *testing.T) {
	if _, err := exec.LookPath("grub-editenv"); err != nil {
		hosttest.Need(t, "grub-editenv", "grub-common")
	}
	path := filepath.Join(t.TempDir(), "grubenv")
	for _, args := range [][]string{{"create"}, {"set", "slot=b", "try=a"}} {
		if out, err := exec.Command("grub-editenv", append([]string{path}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	e, err := readEnv(path)
	if err != nil || e["slot"] != "b" || e["try"] != "a" {
		t.Fatalf("%v, %v", e, err)
	}
	if err := writeEnv(path, Env{"slot": "a"}); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("grub-editenv", path, "list").CombinedOutput()
	if err != nil || string(out) != "slot=a\n" {
		t.Fatalf("%q, %v", out, err)
	}
}

// system is an installed appliance on a real ext4, running from slot a.
type system struct {
	*hosttest.Lab
	*Manager
	key ed25519.PrivateKey
}

func installed(t *testing.T) *system {
	t.Helper()
	hosttest.Need(t, "mkfs.ext4", "e2fsprogs", "losetup", "mount")
	devices := hosttest.Loops(t, 1, 128<<20)
	run(t, "mkfs.ext4", "-q", "-L", "MUCURA-SYS", devices[0])
	s := &system{Lab: hosttest.NewLab(t, devices)}
	s.Manager = &Manager{Host: s.Lab.Host, Loops: true, Log: t.Logf}
	sys, err := s.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"a", "b", "boot/grub"} {
		if err := os.MkdirAll(filepath.Join(sys.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range bundle.Files {
		if err := os.WriteFile(filepath.Join(sys.dir, "a", name), []byte("old "+name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := Env{"slot": "a"}.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(sys.envPath(), b, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := sys.Close(ctx); err != nil {
		t.Fatal(err)
	}
	s.boot(t, "a")
	keys := s.Path(host.UpdateKeys)
	if err := os.MkdirAll(keys, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := bundle.NewKey(keys + "/k"); err != nil {
		t.Fatal(err)
	}
	if s.key, err = bundle.PrivateKey(keys + "/k"); err != nil {
		t.Fatal(err)
	}
	return s
}

func run(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// boot is a start of a slot: live-boot mounts the partition read-only.
func (s *system) boot(t *testing.T, slot string) {
	t.Helper()
	s.Unmount()
	if err := s.WriteFile("/proc/cmdline", []byte("boot=live live-media-path=/"+slot+" mucura.slot="+slot+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	medium := s.Path("/run/live/medium")
	if err := os.MkdirAll(medium, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "mount", "-o", "ro", s.Devices[0], medium)
}

func (s *system) bundle(t *testing.T, version string) []byte {
	t.Helper()
	dir := t.TempDir()
	for _, name := range bundle.Files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(version+" "+name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := bundle.Write(&b, dir, version, s.key); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// holds looks at the disk as the next start sees it.
func (s *system) holds(t *testing.T, slot, want string, env Env) {
	t.Helper()
	b, err := os.ReadFile(s.Path("/run/live/medium", slot, "vmlinuz"))
	if want == "" && !os.IsNotExist(err) || want != "" && string(b) != want+" vmlinuz" {
		t.Errorf("slot %s: %q, %v", slot, b, err)
	}
	e, err := readEnv(s.Path("/run/live/medium/boot/grub/grubenv"))
	if err != nil || e["slot"] != env["slot"] || e["try"] != env["try"] {
		t.Errorf("environment %v, %v; want %v", e, err, env)
	}
	left, _ := filepath.Glob(s.Path("/run/live/medium/*.new"))
	if len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
	out, err := exec.Command("findmnt", "-no", "OPTIONS", s.Path("/run/live/medium")).Output()
	if err != nil || !strings.HasPrefix(string(out), "ro,") {
		t.Errorf("mounted %s, %v", out, err)
	}
}

// An update is tried once; healthy it stays, otherwise the old slot is back.
func TestUpdate(t *testing.T) {
	s := installed(t)
	m, err := s.Update(ctx, bytes.NewReader(s.bundle(t, "2.0")), "1.0", false)
	if err != nil || m.Version != "2.0" {
		t.Fatalf("%+v, %v", m, err)
	}
	s.holds(t, "b", "2.0", Env{"slot": "a", "try": "b"})
	s.holds(t, "a", "old", Env{"slot": "a", "try": "b"})

	grub(t, s, "a") // clears try
	s.boot(t, "b")
	sick := errors.New("not ready")
	restart, err := s.Commit(ctx, 10*time.Millisecond, func(context.Context) error { return sick })
	if !restart || err != nil {
		t.Fatalf("sick: %v, %v", restart, err)
	}
	s.holds(t, "b", "2.0", Env{"slot": "a"})

	asked := 0
	restart, err = s.Commit(ctx, time.Minute, func(context.Context) error {
		if asked++; asked < 2 {
			return sick
		}
		return nil
	})
	if restart || err != nil {
		t.Fatalf("healthy: %v, %v", restart, err)
	}
	s.holds(t, "b", "2.0", Env{"slot": "b"})

	if slot, err := s.Rollback(ctx); err != nil || slot != "a" {
		t.Fatalf("%s, %v", slot, err)
	}
	s.holds(t, "b", "2.0", Env{"slot": "a"})
}

// grub is what GRUB does at a start with try set.
func grub(t *testing.T, s *system, slot string) {
	t.Helper()
	sys, err := s.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := sys.SetEnv(Env{"slot": slot, "try": ""}); err != nil {
		t.Fatal(err)
	}
	if err := sys.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

// Whatever is wrong with an update, the running slot and GRUB's choice stay.
func TestBadUpdates(t *testing.T) {
	s := installed(t)
	good := s.bundle(t, "2.0")
	if _, err := s.Update(ctx, bytes.NewReader(good), "1.0", false); err != nil {
		t.Fatal(err)
	}
	grub(t, s, "a")
	damaged := bytes.Clone(good)
	damaged[len(damaged)-1600] ^= 1 // in the last file
	foreign := *s
	var err error
	if err = bundle.NewKey(t.TempDir() + "/k"); err != nil {
		t.Fatal(err)
	}
	_, foreign.key, err = ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"damaged":   {damaged, bundle.ErrBad},
		"cut short": {good[:len(good)-2000], nil},
		"foreign":   {foreign.bundle(t, "3.0"), bundle.ErrSignature},
		"older":     {s.bundle(t, "0.9"), ErrDowngrade},
		"rubbish":   {bytes.Repeat([]byte("x"), 5000), bundle.ErrBad},
	} {
		_, err := s.Update(ctx, bytes.NewReader(c.b), "1.0", false)
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		s.holds(t, "a", "old", Env{"slot": "a"})
		s.holds(t, "b", "2.0", Env{"slot": "a"})
	}
	if _, err := s.Update(ctx, bytes.NewReader(s.bundle(t, "0.9")), "1.0", true); err != nil {
		t.Errorf("an older one that was asked for: %v", err)
	}
}

// An update by URL is one like any other; what the web server gets wrong changes
// nothing.
func TestUpdateByURL(t *testing.T) {
	s := installed(t)
	good := s.bundle(t, "2.0")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/good":
			_, _ = w.Write(good)
		case "/moved":
			http.Redirect(w, r, "/good", http.StatusFound)
		case "/short":
			w.Header().Set("Content-Length", strconv.Itoa(len(good)))
			_, _ = w.Write(good[:len(good)-2000])
		case "/page":
			_, _ = w.Write([]byte("<html>please sign in</html>"))
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	update := func(where string) error {
		f, err := Fetch(ctx, where)
		if err != nil {
			return err
		}
		_, err = s.Update(ctx, f, "1.0", false)
		return errors.Join(err, f.Close())
	}
	for where, want := range map[string]string{
		server.URL + "/none": "404", server.URL + "/short": "unexpected EOF", server.URL + "/page": "not a good update",
		"http://127.0.0.1:1/x": "refused", "ftp://127.0.0.1/x": "unsupported protocol", "/no/such/file": "no such file",
	} {
		if err := update(where); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", where, err)
		}
		s.holds(t, "b", "", Env{"slot": "a"})
	}
	file := filepath.Join(t.TempDir(), "2.0.update")
	if err := os.WriteFile(file, good, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, where := range []string{server.URL + "/good", server.URL + "/moved", file} {
		if err := update(where); err != nil {
			t.Errorf("%s: %v", where, err)
		}
		s.holds(t, "b", "2.0", Env{"slot": "a", "try": "b"})
		grub(t, s, "a")
	}
}

func TestNotInstalled(t *testing.T) {
	l := hosttest.NewLab(t, nil)
	m := &Manager{Host: l.Host, Log: t.Logf}
	if err := l.WriteFile("/proc/cmdline", []byte("boot=live\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Update(ctx, bytes.NewReader(nil), "1", false); !errors.Is(err, ErrNotInstalled) {
		t.Error(err)
	}
	if restart, err := m.Commit(ctx, 0, nil); restart || err != nil {
		t.Error(restart, err)
	}
	if _, err := m.Rollback(ctx); !errors.Is(err, ErrNotInstalled) {
		t.Error(err)
	}
}

// Installing makes a disk that has all parts of a system, and refuses one that
// holds anything.
func TestInstall(t *testing.T) {
	hosttest.Need(t, "mkfs.btrfs", "btrfs-progs", "sfdisk", "fdisk", "grub-mkimage", "grub-common", "mformat", "mtools", "mkfs.ext4", "e2fsprogs")
	for path, pkg := range map[string]string{"/usr/lib/grub/i386-pc/modinfo.sh": "grub-pc-bin", "/usr/lib/grub/x86_64-efi/modinfo.sh": "grub-efi-amd64-bin"} {
		if _, err := os.Stat(path); err != nil {
			t.Skipf("SKIP: %s is not installed", pkg)
		}
	}
	devices := hosttest.Loops(t, 1, 3<<30)
	l := hosttest.NewLab(t, devices)
	m := &Manager{Host: l.Host, Loops: true, Log: t.Logf}
	for path, text := range map[string]string{"/proc/cmdline": "boot=live\n", grubMenu: "# menu\n",
		"/run/live/medium/live/vmlinuz": "kernel", "/run/live/medium/live/initrd.img": "initrd", "/run/live/medium/live/filesystem.squashfs": "system"} {
		if err := l.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run(t, "mkfs.ext4", "-q", devices[0])
	if err := m.Install(ctx, devices[0], false); err == nil || !strings.Contains(err.Error(), "not blank") {
		t.Fatalf("a disk that holds something: %v", err)
	}
	if err := m.Install(ctx, devices[0], true); err != nil {
		t.Fatal(err)
	}
	run(t, "mount", "-o", "ro", devices[0]+"p3", l.Path("/run/live/medium"))
	for path, want := range map[string]string{"a/vmlinuz": "kernel", "a/filesystem.squashfs": "system", "boot/grub/grub.cfg": "# menu\n"} {
		if b, err := os.ReadFile(l.Path("/run/live/medium", path)); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", path, b, err)
		}
	}
	if e, err := readEnv(l.Path("/run/live/medium/boot/grub/grubenv")); err != nil || e["slot"] != "a" {
		t.Errorf("%v, %v", e, err)
	}
	if out, err := exec.Command("mdir", "-i", devices[0]+"p2", "-b", "::/EFI/BOOT").CombinedOutput(); err != nil || !strings.Contains(string(out), "BOOTX64.EFI") {
		t.Errorf("EFI: %s, %v", out, err)
	}
	if out, err := exec.Command("blkid", "-p", "-s", "LABEL", "-o", "value", devices[0]+"p4").CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "MUCURA-DATA" {
		t.Errorf("data: %s, %v", out, err)
	}
	sector := make([]byte, 512)
	f, err := os.Open(devices[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Read(sector); err != nil || !bytes.Contains(sector, []byte("GRUB")) {
		t.Errorf("no boot sector: %v", err)
	}
}
