package watch

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/disks"
	"github.com/mucura/mucura/appliance/internal/host"
	"github.com/mucura/mucura/appliance/internal/keep"
	"github.com/mucura/mucura/appliance/internal/spec"
)

var ctx = context.Background()

var start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// healthy is a machine with nothing to complain of.
func healthy(t *testing.T) (*Watcher, *host.Fake) {
	t.Helper()
	h, fake := host.NewFake(t.TempDir(), start)
	if err := os.MkdirAll(h.Path(host.Data), 0o755); err != nil {
		t.Fatal(err)
	}
	fake.On("btrfs filesystem show", "Label: 'MUCURA-DATA'  uuid: 2bf24bb5-3899-4055-a868-48fb43731b3b\n\tTotal devices 2 FS bytes used 1\n\tdevid    1 size 1 used 1 path /dev/sda\n\tdevid    2 size 1 used 1 path /dev/sdb\n", nil)
	fake.On("btrfs device stats", "[/dev/sda].write_io_errs    0\n[/dev/sdb].corruption_errs  0\n", nil)
	fake.On("lsblk", `{"blockdevices":[{"path":"/dev/sda","type":"disk","size":1000000000,"serial":"S1","mountpoints":[null]}]}`, nil)
	fake.On("smartctl", `{"smart_status":{"passed":true},"ata_smart_attributes":{"table":[{"id":5,"raw":{"value":0}},{"id":9,"raw":{"value":40000}}]}}`, nil)
	fake.On("chronyc", "C0A80001,192.0.2.1,3,1772323200.0,0.0,0.0,0.0,0,0,0,0,0,64.0,Normal\n", nil)
	m := &disks.Manager{Host: h, Log: t.Logf}
	if err := m.Record(&disks.Status{State: disks.OK, Devices: []string{"/dev/sda", "/dev/sdb"}}); err != nil {
		t.Fatal(err)
	}
	return &Watcher{Host: h, Disks: m, Log: t.Logf}, fake
}

func note(t *testing.T, w *Watcher, n keep.Note) {
	t.Helper()
	b, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Host.WriteFile(host.BackupNote, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// others are the warnings that are not of this machine's own full disk.
func others(list []Warning) (ids []string) {
	for _, x := range list {
		if !strings.HasPrefix(x.ID, "space") {
			ids = append(ids, x.ID)
		}
	}
	return ids
}

func TestWarnings(t *testing.T) {
	w, _ := healthy(t)
	list, err := w.Look(ctx)
	if err != nil || len(others(list)) > 0 {
		t.Fatalf("healthy: %+v, %v", list, err)
	}
	for name, c := range map[string]struct {
		program, out string
		err          error
		want         string
	}{
		"lost disk": {"btrfs filesystem show", "uuid: 2bf24bb5-3899-4055-a868-48fb43731b3b\n\tdevid    1 size 1 used 1 path /dev/sda\n\t*** Some devices missing\n", nil, "disk-degraded"},
		"errors":    {"btrfs device stats", "[/dev/sda].write_io_errs    0\n[/dev/sdb].corruption_errs  3\n", nil, "btrfs-/dev/sdb"},
		"failing":   {"smartctl", `{"smart_status":{"passed":false}}`, &host.ExitError{Args: []string{"smartctl"}, Code: 8}, "smart-S1-failing"},
		"sectors":   {"smartctl", `{"ata_smart_attributes":{"table":[{"id":197,"raw":{"value":8}}]}}`, nil, "smart-S1-197"},
		"nvme":      {"smartctl", `{"nvme_smart_health_information_log":{"critical_warning":4}}`, nil, "smart-S1-critical"},
		"worn":      {"smartctl", `{"nvme_smart_health_information_log":{"percentage_used":97}}`, nil, "smart-S1-worn"},
		"clock":     {"chronyc", "00000000,,0,0,0,0,0,0,0,0,0,0,0,Not synchronised\n", nil, "clock"},
		"no chrony": {"chronyc", "", fmt.Errorf("gone"), "clock-unknown"},
	} {
		w, fake := healthy(t)
		fake.On(c.program, c.out, c.err)
		list, err := w.Look(ctx)
		if ids := others(list); err != nil || len(ids) != 1 || ids[0] != c.want {
			t.Errorf("%s: %+v, %v", name, list, err)
		}
	}
	// A virtual disk has no SMART.
	w, fake := healthy(t)
	fake.On("smartctl", `{"smartctl":{"exit_status":2}}`, &host.ExitError{Args: []string{"smartctl"}, Code: 2})
	if list, err := w.Look(ctx); err != nil || len(others(list)) > 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestSpace(t *testing.T) {
	for free, want := range map[uint64]string{1000: "", 160: "", 150: "space-soon", 60: "space-soon", 50: "space-full", 0: "space-full"} {
		got := ""
		for _, x := range spaceWarning(1000, free) {
			got = x.ID
		}
		if got != want {
			t.Errorf("%d of 1000 free: %q", free, got)
		}
	}
	if spaceWarning(0, 0) != nil {
		t.Error("a file system without blocks")
	}
}

func TestBackup(t *testing.T) {
	for name, c := range map[string]struct {
		note keep.Note
		want string
	}{
		"none":     {keep.Note{}, "backup-none"},
		"nowhere":  {keep.Note{Started: start, Problem: keep.ErrNowhere.Error()}, "backup-none"},
		"good":     {keep.Note{Started: start, Disk: start.Add(-26 * time.Hour)}, ""},
		"failed":   {keep.Note{Started: start, Problem: "x"}, "backup-failed"},
		"old":      {keep.Note{Started: start, Disk: start, S3: start.Add(-60 * time.Hour)}, "backup-old-bucket"},
		"all that": {keep.Note{Started: start, Problem: "x", Disk: start.Add(-60 * time.Hour)}, "backup-failed backup-old-disk"},
	} {
		w, _ := healthy(t)
		note(t, w, c.note)
		list, err := w.backup(ctx)
		if got := strings.Join(others(list), " "); err != nil || got != c.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestCertificate(t *testing.T) {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	w, _ := healthy(t)
	w.Endpoint, w.Config = s.Listener.Addr().String(), new(spec.Config)
	end := s.Certificate().NotAfter
	for before, want := range map[time.Duration]string{30 * 24 * time.Hour: "", 6 * 24 * time.Hour: "certificate-soon", -time.Hour: "certificate-expired"} {
		w.Host.Now = func() time.Time { return end.Add(-before) }
		list, err := w.certificate(ctx)
		if got := strings.Join(others(list), " "); err != nil || got != want {
			t.Errorf("%v before its end: %q, %v", before, got, err)
		}
	}
}

// Each warning is told once, and once when it is over.
func TestSince(t *testing.T) {
	w, fake := healthy(t)
	var told []string
	w.Log = func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }
	look := func(at time.Time) []Warning {
		t.Helper()
		w.Host.Now = func() time.Time { return at }
		list, err := w.Look(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	fake.On("chronyc", "Not synchronised\n", nil)
	look(start)
	list := look(start.Add(time.Hour))
	kept, err := Read(w.Host)
	if err != nil || len(kept) != len(list) {
		t.Errorf("%+v, %v", kept, err)
	}
	for _, x := range list {
		if !x.Since.Equal(start) {
			t.Errorf("%+v", x)
		}
	}
	fake.On("chronyc", "Normal\n", nil)
	look(start.Add(2 * time.Hour))
	all := strings.Join(told, "\n")
	if strings.Count(all, "WARNING: the clock") != 1 || strings.Count(all, "over: the clock") != 1 {
		t.Errorf("%s", all)
	}
}
