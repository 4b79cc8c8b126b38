package console

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/disks"
	"github.com/mucura/mucura/appliance/internal/host"
	"github.com/mucura/mucura/appliance/internal/setup"
	"github.com/mucura/mucura/appliance/internal/site"
	"github.com/mucura/mucura/appliance/internal/watch"
)

// terminal is a screen and a keyboard.
type terminal struct {
	*Console
	fake  *host.Fake
	keys  *io.PipeWriter
	ended chan error

	mu     sync.Mutex
	screen bytes.Buffer
}

func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.screen.Write(p)
}

func (t *terminal) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.screen.String()
}

const twoDisks = `{"blockdevices":[
 {"path":"/dev/sda","type":"disk","size":1000000000,"serial":"OLD1","model":"Spinner","mountpoints":[null]},
 {"path":"/dev/sdb","type":"disk","size":2000000000,"serial":"SYS1","mountpoints":["/run/live/medium"]}]}`

func open(t *testing.T) *terminal {
	t.Helper()
	h, fake := host.NewFake(t.TempDir(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	fake.On("lsblk", twoDisks, nil)
	fake.On("blkid", "TYPE=ext4\nLABEL=thesis\n", nil)
	fake.On("systemctl is-active", "active\n", nil)
	m := &disks.Manager{Host: h, Log: t.Logf}
	if err := m.Record(&disks.Status{State: disks.Volatile, Message: "no data disk"}); err != nil {
		t.Fatal(err)
	}
	in, keys := io.Pipe()
	x := &terminal{fake: fake, keys: keys, ended: make(chan error, 1)}
	x.Console = &Console{Host: h, Site: &site.Site{Host: h, Log: t.Logf}, Disks: m, Version: "1.2", In: in, Out: x, Refresh: 10 * time.Millisecond}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	t.Cleanup(func() { stop(); _ = keys.Close(); <-done }) // it writes to the end
	go func() { defer close(done); x.ended <- x.Run(ctx) }()
	return x
}

// hang is when something is no longer waited for.
const hang = 2 * time.Minute

// ran waits until a command line was run, and gives all that begin so.
func (x *terminal) ran(command string) []string {
	for end := time.Now().Add(hang); time.Now().Before(end) && !slices.Contains(x.fake.Ran(command), command); {
		time.Sleep(5 * time.Millisecond)
	}
	return x.fake.Ran(command)
}

// wait waits until the screen shows something new, and forgets what it showed.
func (x *terminal) wait(t *testing.T, want string) {
	t.Helper()
	for end := time.Now().Add(hang); time.Now().Before(end); {
		x.mu.Lock()
		if i := strings.Index(x.screen.String(), want); i >= 0 {
			x.screen.Next(i + len(want))
			x.mu.Unlock()
			return
		}
		x.mu.Unlock()
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("never shown: %q; the screen:\n%s", want, x.text())
}

func (x *terminal) typed(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(x.keys, line+"\n"); err != nil {
		t.Fatal(err)
	}
}

// A fresh appliance shows its code; a claimed one does not. What others wrote
// cannot draw on the screen.
func TestShown(t *testing.T) {
	x := open(t)
	code, err := setup.Code(x.Host)
	if err != nil {
		t.Fatal(err)
	}
	x.wait(t, "belongs to nobody")
	x.wait(t, code)
	x.wait(t, "NONE: everything is lost")
	if err := x.Host.WriteFile(host.ConfigFile, []byte("names: s3.lab.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := x.Host.WriteFile(host.Warnings, []byte(`[{"id":"x","level":"critical","text":"bad \u001b[2J disk"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	x.wait(t, "The repository is running")
	x.wait(t, "https://s3.lab.example/")
	x.wait(t, "! bad ?[2J disk")
	if strings.Contains(x.text(), code) {
		t.Error("the code is shown still")
	}
}

// Nothing that cannot be undone happens without the exact words.
func TestConfirmed(t *testing.T) {
	x := open(t)
	x.wait(t, "> ")
	for _, word := range []string{"", "yes", "erase everything", "ERASE EVERYTHINGS", "y"} {
		x.typed(t, "7")
		x.wait(t, "anything else to leave it")
		x.typed(t, word)
		x.wait(t, "Nothing was changed")
		x.typed(t, "")
		x.wait(t, "> ")
	}
	if x.Host.Exists(host.ResetFlag) {
		t.Fatal("reset")
	}
	x.typed(t, "2")
	x.wait(t, `ext4 "thesis"`)
	x.typed(t, "1")
	x.wait(t, "IS LOST")
	x.typed(t, "yes")
	x.wait(t, "Nothing was changed")
	x.typed(t, "")
	x.wait(t, "> ")
	x.typed(t, "2")
	x.wait(t, "Disk for the data")
	x.typed(t, "2")
	x.wait(t, "mounted at /run/live/medium")
	x.typed(t, "")
	x.wait(t, "> ")
	if ran := append(x.fake.Ran("mkfs"), x.fake.Ran("wipefs")...); len(ran) > 0 {
		t.Fatalf("%q", ran)
	}
	x.typed(t, "2")
	x.wait(t, "Disk for the data")
	x.typed(t, "1")
	x.wait(t, "Type OLD1")
	x.typed(t, "OLD1")
	x.wait(t, "Done")
	if ran := x.fake.Ran("mkfs.btrfs"); len(ran) != 1 || !strings.HasSuffix(ran[0], "/dev/sda") {
		t.Errorf("%q", ran)
	}
	x.typed(t, "")
	x.wait(t, "> ")
	x.typed(t, "7")
	x.wait(t, "leave it")
	x.typed(t, ResetWord)
	x.wait(t, "Restarting")
	if ran := x.ran("systemctl reboot"); len(ran) != 1 || !x.Host.Exists(host.ResetFlag) {
		t.Errorf("no reset, and %q", ran)
	}
}

// The network is set, kept, and checked first.
func TestNetwork(t *testing.T) {
	x := open(t)
	x.wait(t, "> ")
	answer := func(lines ...string) {
		x.typed(t, "1")
		x.wait(t, "Interface to set")
		for i, l := range lines {
			x.typed(t, l)
			if i < len(lines)-1 {
				x.wait(t, ": ")
			}
		}
	}
	answer("enp1s0", "nonsense", "", "")
	x.wait(t, "did not work")
	x.typed(t, "")
	x.wait(t, "> ")
	answer("enp1s0", "192.0.2.7/24", "192.0.2.1", "192.0.2.53, 192.0.2.54")
	x.wait(t, "Enter goes back")
	b, err := x.Host.ReadFile("/run/systemd/network/10-mucura-01.network")
	if err != nil || !strings.Contains(string(b), "Address=192.0.2.7/24\nGateway=192.0.2.1\nDNS=192.0.2.53\nDNS=192.0.2.54\n") {
		t.Errorf("%s, %v", b, err)
	}
	if len(x.fake.Ran("networkctl reload")) != 1 {
		t.Error("not reloaded")
	}
	if b, err := x.Host.ReadFile(host.PresetFile); err != nil || !strings.Contains(string(b), "192.0.2.7/24") {
		t.Errorf("%s, %v", b, err)
	}
}

// Rubbish on a serial line, and its end.
func TestLine(t *testing.T) {
	x := open(t)
	x.wait(t, "> ")
	x.typed(t, strings.Repeat("7", 1<<20))
	x.typed(t, "\x00\x1b[A")
	x.typed(t, "")
	x.wait(t, "> ")
	if err := x.keys.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-x.ended; !errors.Is(err, errGone) {
		t.Error(err)
	}
	if x.Host.Exists(host.ResetFlag) {
		t.Error("reset")
	}
}

func TestText(t *testing.T) {
	s := &Status{Version: "1.0", Slot: "b", Hostname: "s3", Claimed: true, Service: "failed", Disk: &disks.Status{State: disks.Degraded, Devices: []string{"/dev/sda"}, Message: "disk 2 is missing"},
		Fingerprint: strings.Repeat("AB:", 31) + "AB", Warnings: []watch.Warning{{Text: "w"}}}
	text := s.Text()
	for _, want := range []string{"slot b", "not running (failed)", "no network yet", "DEGRADED, /dev/sda", "disk 2 is missing", "! w"} {
		if !strings.Contains(text, want) {
			t.Errorf("nothing about %q in\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if len(line) > 81 {
			t.Errorf("too wide for a screen: %q", line)
		}
	}
}
