package console

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/mucura/mucura/appliance/internal/disks"
	"github.com/mucura/mucura/appliance/internal/host"
	"github.com/mucura/mucura/appliance/internal/spec"
)

// network shows the interfaces, and sets them.
func (c *Console) network(ctx context.Context) error {
	out, err := c.Host.Do(ctx, "ip", "-brief", "address")
	if err != nil {
		return err
	}
	c.say("\n%s\n", clean(string(out)))
	name, err := c.ask(ctx, "Interface to set (such as enp1s0; \"dhcp\" asks DHCP on all; empty leaves it): ")
	if err != nil {
		return err
	}
	var list []spec.Interface
	switch name {
	case "":
		return errUnchanged
	case "dhcp":
	default:
		i := spec.Interface{Name: name}
		for _, q := range []struct {
			text string
			to   *spec.Names
		}{{"Addresses (such as 192.0.2.7/24): ", &i.Addresses}, {"Gateway: ", &i.Gateways}, {"Name servers: ", &i.DNS}} {
			answer, err := c.ask(ctx, "%s", q.text)
			if err != nil {
				return err
			}
			*q.to = strings.FieldsFunc(answer, func(r rune) bool { return r == ' ' || r == ',' })
		}
		list = append(list, i)
	}
	if err := c.Site.Change(ctx, func(s *spec.Config) { s.Network = list }); err != nil {
		return err
	}
	return c.Site.ReloadNetwork(ctx)
}

// pick shows disks and asks for one.
func (c *Console) pick(ctx context.Context, question string) (*disks.Device, error) {
	inv, err := disks.List(ctx, c.Host)
	if err != nil {
		return nil, err
	}
	var list []*disks.Device
	for i := range inv {
		if d := &inv[i]; (d.Kind == "disk" || c.Disks.Loops && d.Kind == "loop") && d.Size > 0 {
			list = append(list, d)
			c.say("  %d  %s: %s\n", len(list), clean(d.String()), clean(d.Describe(c.Host)))
		}
	}
	if len(list) == 0 {
		return nil, errors.New("no disk is attached")
	}
	answer, err := c.ask(ctx, "%s (number; empty leaves it): ", question)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(answer)
	if err != nil || n < 1 || n > len(list) {
		return nil, errUnchanged
	}
	d := list[n-1]
	if use := d.InUse(); use != "" {
		return nil, fmt.Errorf("%s: %s", d.Path, use)
	}
	return d, nil
}

// eraseOf asks for the disk's name where the disk is not blank, and for yes
// where it is.
func (c *Console) eraseOf(ctx context.Context, d *disks.Device) (bool, error) {
	if d.Blank(c.Host) {
		return false, c.confirm(ctx, "yes", "The blank disk "+clean(d.String())+" is used.")
	}
	return true, c.confirm(ctx, clean(d.Name()), "EVERYTHING on "+clean(d.String())+" IS LOST: "+clean(d.Describe(c.Host))+".")
}

// disk chooses the data disk, or adds or replaces one.
func (c *Console) disk(ctx context.Context) error {
	st, err := disks.Recorded(c.Host)
	if err != nil {
		return err
	}
	c.say("\n")
	question := map[string]string{
		disks.Volatile: "Disk for the data", disks.Degraded: "Disk in place of the missing one", disks.OK: "Disk to mirror the data on",
	}[st.State]
	if question == "" {
		return errors.New(st.Message)
	}
	if st.State == disks.Volatile && c.Site.Claimed() {
		return errors.New("this appliance is claimed and runs on memory: restart it and choose the disk before it is set up")
	}
	d, err := c.pick(ctx, question)
	if err != nil {
		return err
	}
	erase, err := c.eraseOf(ctx, d)
	if err != nil {
		return err
	}
	c.say("\nThis may take a while ...\n")
	if st.State == disks.Volatile {
		_, err = c.Disks.Adopt(ctx, []string{d.Path}, erase)
	} else {
		err = c.Disks.Replace(ctx, d.Path, "", erase)
	}
	if err == nil {
		c.say("Done.\n")
	}
	return err
}

// update looks for an update on removable disks.
func (c *Console) update(ctx context.Context) error {
	inv, err := disks.List(ctx, c.Host)
	if err != nil {
		return err
	}
	for _, d := range inv {
		if !d.Removable {
			continue
		}
		for _, v := range (disks.Inventory{d}).All() {
			if found, err := c.updateFrom(ctx, v); found || err != nil {
				return err
			}
		}
	}
	return errors.New("there is no file mucura-….update on any USB stick or CD")
}

// updateFrom updates from a volume, if it has an update.
func (c *Console) updateFrom(ctx context.Context, v disks.Device) (found bool, err error) {
	if !slices.Contains([]string{"vfat", "exfat", "iso9660", "ext4"}, v.FSType) || len(v.Mounts) > 0 {
		return false, nil
	}
	dir := c.Host.Path(host.Runtime, "update")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	if _, err := c.Host.Do(ctx, "mount", "-t", v.FSType, "-o", "ro,nosuid,nodev,noexec", v.Path, dir); err != nil {
		return false, nil // the next one, perhaps
	}
	defer func() {
		_, uerr := c.Host.Do(context.WithoutCancel(ctx), "umount", dir)
		err = errors.Join(err, uerr)
	}()
	files, err := filepath.Glob(filepath.Join(dir, "*.update"))
	if err != nil || len(files) == 0 {
		return false, err
	}
	slices.Sort(files)
	file := files[len(files)-1]
	if err := c.confirm(ctx, "yes", "Update with "+clean(filepath.Base(file))+"? It is verified first."); err != nil {
		return true, err
	}
	if err := c.Update(ctx, file); err != nil {
		return true, err
	}
	c.say("The update is tried at the next start, and kept if it is healthy.\n")
	return true, nil
}

func (c *Console) install(ctx context.Context) error {
	c.say("\n")
	d, err := c.pick(ctx, "Disk to install on")
	if err != nil {
		return err
	}
	erase, err := c.eraseOf(ctx, d)
	if err != nil {
		return err
	}
	c.say("\nInstalling ...\n")
	if err := c.Install(ctx, d.Path, erase); err != nil {
		return err
	}
	c.say("Installed. Remove the boot medium and restart.\n")
	return nil
}

func (c *Console) key(ctx context.Context) error {
	if !c.Site.Claimed() {
		return errors.New("nobody has claimed this appliance yet; the set-up page shows the key")
	}
	if err := c.confirm(ctx, "yes", "The administrator's present key stops working."); err != nil {
		return err
	}
	key, err := c.Site.RenewKey(ctx)
	if err != nil {
		return err
	}
	c.say("\n  Access key ID      %s\n  Secret access key  %s\n\nKeep them; they are not shown again.\n", key.ID, key.Secret)
	return nil
}

func (c *Console) restore(ctx context.Context) error {
	if c.Site.Claimed() {
		return errors.New("a backup is restored on a fresh appliance only: reset this one first")
	}
	if err := c.confirm(ctx, "yes", "The newest backup on the disk labelled MUCURA-BACKUP becomes this appliance."); err != nil {
		return err
	}
	c.say("\nRestoring and verifying ...\n")
	if err := c.Restore(ctx); err != nil {
		return err
	}
	c.say("Restored; the repository starts.\n")
	return nil
}

// ResetWord is what a person types to lose everything.
const ResetWord = "ERASE EVERYTHING"

func (c *Console) reset(ctx context.Context) error {
	if err := c.confirm(ctx, ResetWord, "All objects, accounts and settings on the data disk ARE LOST. The appliance restarts and is as new."); err != nil {
		return err
	}
	if err := Reset(c.Host); err != nil {
		return err
	}
	return c.reboot(ctx)
}

// Reset has everything on the data disk removed at the next start.
func Reset(h *host.Host) error {
	return h.WriteFile(host.ResetFlag, []byte("asked for\n"), 0o600)
}

func (c *Console) restart(ctx context.Context) error {
	if err := c.confirm(ctx, "yes", "The repository stops for some minutes."); err != nil {
		return err
	}
	return c.reboot(ctx)
}

func (c *Console) reboot(ctx context.Context) error {
	c.say("\nRestarting ...\n")
	_, err := c.Host.Do(ctx, "systemctl", "reboot")
	return err
}

func (c *Console) powerOff(ctx context.Context) error {
	if err := c.confirm(ctx, "yes", "The repository stops."); err != nil {
		return err
	}
	_, err := c.Host.Do(ctx, "systemctl", "poweroff")
	return err
}
