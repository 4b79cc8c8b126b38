package keep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/disks"
	"github.com/mucura/mucura/appliance/internal/harness"
	"github.com/mucura/mucura/appliance/internal/host"
	"github.com/mucura/mucura/appliance/internal/hosttest"
	"github.com/mucura/mucura/appliance/internal/site"
	"github.com/mucura/mucura/appliance/internal/spec"
)

var ctx = context.Background()

func TestMain(m *testing.M) { hosttest.Main(m) }

// appliance has a real repository, and a clock that a test turns.
type appliance struct {
	*hosttest.Lab
	*Keeper
	now time.Time
	key site.Key
}

func lab(t *testing.T, devices []string, c *spec.Config) *appliance {
	t.Helper()
	a := &appliance{Lab: hosttest.NewLab(t, devices), now: time.Date(2026, 3, 1, 2, 30, 0, 0, time.UTC)}
	a.WithMucurad(t)
	a.Now = func() time.Time { return a.now }
	a.Keeper = &Keeper{Site: &site.Site{Host: a.Host, Log: t.Logf}, Log: t.Logf}
	m := &disks.Manager{Host: a.Host}
	if err := m.Record(&disks.Status{State: disks.OK}); err != nil {
		t.Fatal(err)
	}
	if c != nil {
		var err error
		if a.key, err = a.Site.Claim(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// serve runs the server on the lab's repository while f talks to it.
func (a *appliance) serve(t *testing.T, f func(*harness.Client)) {
	t.Helper()
	s := &harness.Server{Bin: a.Mucurad, Data: a.Path(host.Repository), Env: []string{"MUCURA_ROOT_ACCESS_KEY_ID=" + a.key.ID, "MUCURA_ROOT_SECRET_ACCESS_KEY=" + a.key.Secret}}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	defer s.Kill()
	f(s.NewClient().As(a.key.ID, a.key.Secret))
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, c *harness.Client, name string) {
	t.Helper()
	if _, err := c.Must(ctx, "PUT", "data", "", "", nil, 200, 409); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Must(ctx, "PUT", "data", name, "", content(name), 200); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, c *harness.Client, name string) {
	t.Helper()
	got, err := c.Must(ctx, "GET", "data", name, "", nil, 200)
	if err != nil || !bytes.Equal(got.Body, content(name)) {
		t.Fatalf("%s: %v", name, err)
	}
}

// content is larger than what lies in the database.
func content(name string) []byte { return bytes.Repeat([]byte(name), 200000) }

// backupDisk is a blank disk with the label, as people prepare it.
func backupDisk(t *testing.T) []string {
	t.Helper()
	hosttest.Need(t, "mkfs.ext4", "e2fsprogs", "losetup", "mount")
	devices := hosttest.Loops(t, 1, 128<<20)
	if out, err := exec.Command("mkfs.ext4", "-q", "-L", disks.BackupLabel, devices[0]).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return devices
}

// Backups on a second disk, nightly, of a repository that grows; then the
// machine is gone, and a fresh one becomes what it was.
func TestDisk(t *testing.T) {
	devices := backupDisk(t)
	a := lab(t, devices, &spec.Config{Site: "Lab", Hostname: "old", Backup: spec.Backup{Keep: 2}})
	for night := range 4 {
		a.serve(t, func(c *harness.Client) { put(t, c, fmt.Sprint("night", night)) })
		if err := a.Keeper.Run(ctx); err != nil {
			t.Fatal(err)
		}
		a.now = a.now.Add(24 * time.Hour)
	}
	names, err := a.List(ctx)
	if err != nil || strings.Join(names, " ") != "20260303T023000Z 20260304T023000Z" {
		t.Fatalf("%q, %v", names, err)
	}
	note, err := ReadNote(a.Host)
	if err != nil || !note.Disk.Equal(a.now.Add(-24*time.Hour)) || note.Problem != "" || !note.Verified.Equal(a.now.Add(-4*24*time.Hour)) {
		t.Errorf("%+v, %v", note, err)
	}
	shares(t, a)
	if err := a.RestoreDisk(ctx, "", false); !errors.Is(err, ErrNotFresh) {
		t.Errorf("restored over a claimed appliance: %v", err)
	}

	b := lab(t, devices, nil)
	b.key = a.key
	if _, err := b.Site.Issue(ctx, nil); err != nil { // as its set-up page has done
		t.Fatal(err)
	}
	if err := b.RestoreDisk(ctx, "", false); err != nil {
		t.Fatal(err)
	}
	b.serve(t, func(c *harness.Client) {
		for night := range 4 {
			get(t, c, fmt.Sprint("night", night))
		}
	})
	cfg, err := b.Site.Load()
	if err != nil || cfg.Hostname != "old" || cfg.Site != "Lab" {
		t.Errorf("%+v, %v", cfg, err)
	}
	if !strings.Contains(strings.Join(b.NotRun(), "\n"), "systemctl start --no-block mucurad.service") || !b.Exists(host.EnvFile) {
		t.Errorf("the server is not started: %q", b.NotRun())
	}

	// An older generation is what it was.
	d := lab(t, devices, nil)
	d.key = a.key
	if err := d.RestoreDisk(ctx, names[0], false); err != nil {
		t.Fatal(err)
	}
	d.serve(t, func(c *harness.Client) {
		get(t, c, "night2")
		if got, err := c.Do(ctx, "GET", "data", "night3", "", nil); err != nil || got.Status != 404 {
			t.Errorf("%d, %v", got.Status, err)
		}
	})
}

// shares holds the generations to sharing their contents.
func shares(t *testing.T, a *appliance) {
	t.Helper()
	if ok, err := a.mount(ctx); !ok || err != nil {
		t.Fatal(ok, err)
	}
	defer a.unmount(ctx)
	out, err := exec.Command("find", a.Path(onDisk), "-path", "*/content/*", "-type", "f", "-size", "+100k", "-links", "1").Output()
	if err != nil || strings.Count(string(out), "\n") != 1 { // last night's own
		t.Errorf("not linked:\n%s%v", out, err)
	}
}

// A backup whose bytes have rotted is told, and does not become an appliance.
func TestRot(t *testing.T) {
	devices := backupDisk(t)
	a := lab(t, devices, new(spec.Config))
	a.serve(t, func(c *harness.Client) { put(t, c, "x") })
	if err := a.Keeper.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if ok, err := a.mount(ctx); !ok || err != nil {
		t.Fatal(ok, err)
	}
	out, err := exec.Command("find", a.Path(onDisk), "-path", "*/content/*", "-type", "f", "-size", "+100k").Output()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(strings.TrimSpace(string(out)), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("rot"), 100000); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	a.unmount(ctx)

	b := lab(t, devices, nil)
	if _, err := b.Site.Issue(ctx, nil); err != nil {
		t.Fatal(err)
	}
	ca, err := b.ReadFile(host.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.RestoreDisk(ctx, "", false); err == nil {
		t.Error("a rotten backup was restored")
	}
	if b.Site.Claimed() {
		t.Error("and claims the appliance")
	}
	if again, err := b.Site.Issue(ctx, nil); err != nil {
		t.Errorf("the set-up page does not come back: %s, %v", again, err)
	} else if now, _ := b.ReadFile(host.CAFile); !bytes.Equal(ca, now) {
		t.Error("it comes back with another authority")
	}

	a.now = a.now.Add(8 * 24 * time.Hour) // the next verification
	if err := a.Keeper.Run(ctx); err == nil || !strings.Contains(err.Error(), "does not verify") {
		t.Errorf("the verification: %v", err)
	}
	if note, err := ReadNote(a.Host); err != nil || !strings.Contains(note.Problem, "does not verify") {
		t.Errorf("%+v, %v", note, err)
	}
}

// A copy in a bucket of another Mucura, and an appliance made of it.
func TestBucket(t *testing.T) {
	far := lab(t, nil, new(spec.Config))
	client := filepath.Join(t.TempDir(), "mucura")
	build := exec.Command("go", "build", "-o", client, "github.com/mucura/mucura/appliance/cmd/mucura")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	far.serve(t, func(c *harness.Client) {
		if _, err := c.Must(ctx, "PUT", "backups", "", "", nil, 200); err != nil {
			t.Fatal(err)
		}
		s3 := spec.S3{Endpoint: c.Endpoint, Bucket: "backups", AccessKeyID: far.key.ID, SecretAccessKey: far.key.Secret}
		a := lab(t, nil, &spec.Config{Backup: spec.Backup{S3: s3}})
		a.Mucura = client
		for _, name := range []string{"one", "two"} {
			a.serve(t, func(c *harness.Client) { put(t, c, name) })
			if err := a.Keeper.Run(ctx); err != nil {
				t.Fatal(err)
			}
			a.now = a.now.Add(24 * time.Hour)
		}
		keys, err := c.List(ctx, "backups", "")
		if err != nil || strings.Count(strings.Join(keys, "\n"), ".db") != 1 {
			t.Errorf("%q, %v", keys, err)
		}
		b := lab(t, nil, nil)
		b.Mucura, b.key = client, a.key
		if err := b.RestoreS3(ctx, &s3, false); err != nil {
			t.Fatal(err)
		}
		b.serve(t, func(c *harness.Client) { get(t, c, "one"); get(t, c, "two") })
		if left, _ := filepath.Glob(b.Path(host.State, "*"+partial)); len(left) > 0 {
			t.Errorf("left over: %q", left)
		}
	})
}

// The same with restic, whose repository nobody can read without its password.
func TestRestic(t *testing.T) {
	hosttest.Need(t, "restic", "restic")
	r := spec.Restic{Repository: t.TempDir() + "/repository", Password: "correct horse"}
	a := lab(t, nil, &spec.Config{Backup: spec.Backup{Restic: r}})
	for _, name := range []string{"one", "two"} {
		a.serve(t, func(c *harness.Client) { put(t, c, name) })
		if err := a.Keeper.Run(ctx); err != nil {
			t.Fatal(err)
		}
		a.now = a.now.Add(24 * time.Hour)
	}
	b := lab(t, nil, nil)
	b.key = a.key
	wrong := r
	wrong.Password = "x"
	if err := b.RestoreRestic(ctx, &wrong, false); err == nil || strings.Contains(err.Error(), r.Password) {
		t.Errorf("wrong password: %v", err)
	}
	if err := b.RestoreRestic(ctx, &r, false); err != nil {
		t.Fatal(err)
	}
	b.serve(t, func(c *harness.Client) { get(t, c, "one"); get(t, c, "two") })
}

func TestNowhere(t *testing.T) {
	a := lab(t, nil, new(spec.Config))
	if err := a.Keeper.Run(ctx); !errors.Is(err, ErrNowhere) {
		t.Error(err)
	}
	if note, err := ReadNote(a.Host); err != nil || note.Problem == "" || !note.Disk.IsZero() {
		t.Errorf("%+v, %v", note, err)
	}
	unlock, err := a.lock()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Keeper.Run(ctx); err == nil || !strings.Contains(err.Error(), "under way") {
		t.Errorf("two at once: %v", err)
	}
	unlock()
}

func TestVolatile(t *testing.T) {
	b := lab(t, nil, nil)
	if err := (&disks.Manager{Host: b.Host}).Record(&disks.Status{State: disks.Volatile}); err != nil {
		t.Fatal(err)
	}
	if err := b.RestoreDisk(ctx, "", false); err == nil || !strings.Contains(err.Error(), "no data disk") {
		t.Error(err)
	}
}
