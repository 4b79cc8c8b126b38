package console

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mucura/mucura/appliance/internal/host"
)

// back waits until an action has ended, and leaves it.
func (x *terminal) back(t *testing.T) {
	t.Helper()
	x.wait(t, "Enter goes back")
	x.typed(t, "")
	x.wait(t, "> ")
}

// called are the arguments of what other packages do, in the order of the calls.
func called(x *terminal) chan string {
	calls := make(chan string, 10)
	x.Update = func(_ context.Context, file string) error {
		b, err := os.ReadFile(file)
		calls <- "update " + filepath.Base(file) + " " + string(b)
		return err
	}
	x.Install = func(_ context.Context, disk string, erase bool) error {
		calls <- "install " + disk
		if !erase {
			return errors.New("not erased")
		}
		return nil
	}
	x.Restore = func(context.Context) error {
		calls <- "restore"
		return errors.New("the backup disk holds no backup")
	}
	return calls
}

// stick puts a USB stick with files into the machine, whose directory it becomes
// when it is mounted.
func (x *terminal) stick(t *testing.T, files ...string) {
	t.Helper()
	x.fake.On("lsblk", `{"blockdevices":[
 {"path":"/dev/sda","type":"disk","size":1000000000,"serial":"OLD1","mountpoints":[null]},
 {"path":"/dev/sdc","type":"disk","size":8000000,"rm":true,"tran":"usb","mountpoints":[null],"children":[{"path":"/dev/sdc1","type":"part","size":7000000,"mountpoints":[null]}]}]}`, nil)
	x.fake.On("blkid --probe --output export /dev/sdc", "PTTYPE=dos\n", nil)
	x.fake.On("blkid --probe --output export /dev/sdc1", "TYPE=vfat\nLABEL=STICK\n", nil)
	x.fake.OnFunc("mount -t vfat -o ro,nosuid,nodev,noexec /dev/sdc1", func(c host.Command) ([]byte, error) {
		for _, name := range files {
			if err := os.WriteFile(filepath.Join(c.Args[len(c.Args)-1], name), []byte("of the stick"), 0o600); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
}

// An update comes from a stick, the newest of several, after a yes.
func TestUpdateFromStick(t *testing.T) {
	x := open(t)
	calls := called(x)
	x.wait(t, "> ")
	x.typed(t, "3")
	x.wait(t, "there is no file mucura-….update")
	x.back(t)

	x.stick(t, "mucura-1.3.update", "mucura-1.4.update", "notes.txt")
	x.typed(t, "3")
	x.wait(t, "Update with mucura-1.4.update?")
	x.typed(t, "no")
	x.wait(t, "Nothing was changed")
	x.back(t)
	x.typed(t, "3")
	x.wait(t, "Type yes")
	x.typed(t, "yes")
	x.wait(t, "tried at the next start")
	x.back(t)
	if got := <-calls; got != "update mucura-1.4.update of the stick" || len(calls) > 0 {
		t.Errorf("%q, and %d more", got, len(calls))
	}
	if up, down := x.fake.Ran("mount "), x.fake.Ran("umount "); len(up) != 2 || len(down) != 2 {
		t.Errorf("%q, %q", up, down)
	}

	x.fake.On("mount ", "", host.Fail("wrong fs type"))
	x.typed(t, "3")
	x.wait(t, "there is no file mucura-….update")
	x.back(t)
	x.Update = func(context.Context, string) error { return errors.New("not signed \x1b[2J by a key") }
	x.stick(t, "mucura-1.4.update")
	x.typed(t, "3")
	x.wait(t, "Type yes")
	x.typed(t, "yes")
	x.wait(t, "That did not work: not signed ?[2J by a key")
}

// Installing asks for the name of a disk that holds anything.
func TestInstallAction(t *testing.T) {
	x := open(t)
	calls := called(x)
	x.wait(t, "> ")
	for _, answers := range [][]string{{""}, {"3"}, {"x"}, {"1", "yes"}} {
		x.typed(t, "4")
		x.wait(t, "Disk to install on")
		for _, a := range answers {
			x.typed(t, a)
		}
		x.wait(t, "Nothing was changed")
		x.back(t)
	}
	if len(calls) > 0 {
		t.Fatal(<-calls)
	}
	x.typed(t, "4")
	x.wait(t, "Disk to install on")
	x.typed(t, "1")
	x.wait(t, "Type OLD1")
	x.typed(t, "OLD1")
	x.wait(t, "Installed. Remove the boot medium")
	x.back(t)
	if got := <-calls; got != "install /dev/sda" {
		t.Error(got)
	}
}

// A new key is for a claimed appliance, and is shown once.
func TestKeyAction(t *testing.T) {
	x := open(t)
	x.wait(t, "> ")
	x.typed(t, "5")
	x.wait(t, "nobody has claimed this appliance yet")
	x.back(t)
	if err := x.Host.WriteFile(host.ConfigFile, []byte("names: s3.lab.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	x.typed(t, "5")
	x.wait(t, "present key stops working")
	x.typed(t, "YES")
	x.wait(t, "Nothing was changed")
	x.back(t)
	if ran := x.fake.Ran(host.Mucurad); len(ran) > 0 {
		t.Fatalf("%q", ran)
	}
	env := make(chan []string, 1)
	x.fake.OnFunc(host.Mucurad+" key root", func(c host.Command) ([]byte, error) {
		env <- c.Env
		if c.User != host.User {
			return nil, errors.New("as another user: " + c.User)
		}
		return nil, nil
	})
	x.typed(t, "5")
	x.wait(t, "Type yes")
	x.typed(t, "yes")
	x.wait(t, "Secret access key  ")
	x.wait(t, "not shown again")
	given := strings.Join(<-env, "\n")
	if !strings.Contains(given, "MUCURA_ROOT_ACCESS_KEY_ID=MU") || !strings.Contains(given, "MUCURA_ROOT_SECRET_ACCESS_KEY=") {
		t.Errorf("%s", given)
	}
	x.back(t)
	x.fake.On(host.Mucurad+" key root", "", host.Fail("the repository is locked"))
	x.typed(t, "5")
	x.wait(t, "Type yes")
	x.typed(t, "yes")
	x.wait(t, "That did not work: program: the repository is locked")
}

// A backup becomes a fresh appliance only; what is wrong with it is told.
func TestRestoreAction(t *testing.T) {
	x := open(t)
	calls := called(x)
	x.wait(t, "> ")
	x.typed(t, "6")
	x.wait(t, "Type yes")
	x.typed(t, "")
	x.wait(t, "Nothing was changed")
	x.back(t)
	x.typed(t, "6")
	x.wait(t, "Type yes")
	x.typed(t, "yes")
	x.wait(t, "That did not work: the backup disk holds no backup")
	x.back(t)
	if got := <-calls; got != "restore" || len(calls) > 0 {
		t.Error(got)
	}
	x.Restore = func(context.Context) error { return nil }
	x.typed(t, "6")
	x.wait(t, "Type yes")
	x.typed(t, "yes")
	x.wait(t, "Restored; the repository starts")
	x.back(t)
	if err := x.Host.WriteFile(host.ConfigFile, []byte("names: s3.lab.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	x.Restore = func(context.Context) error { return errors.New("called on a claimed appliance") }
	x.typed(t, "6")
	x.wait(t, "on a fresh appliance only")
}

// The machine restarts and switches off when it is told to twice.
func TestPowerActions(t *testing.T) {
	for number, command := range map[string]string{"8": "systemctl reboot", "9": "systemctl poweroff"} {
		x := open(t)
		x.wait(t, "> ")
		x.typed(t, number)
		x.wait(t, "Type yes")
		x.typed(t, number)
		x.wait(t, "Nothing was changed")
		x.back(t)
		if ran := x.fake.Ran(command); len(ran) > 0 {
			t.Errorf("%q", ran)
		}
		x.typed(t, number)
		x.wait(t, "Type yes")
		x.typed(t, "yes")
		if ran := x.ran(command); len(ran) != 1 {
			t.Errorf("%s: %q", number, ran)
		}
	}
}
