// Mucurad-appliance looks after an appliance: its disks, its first set-up, its
// console, its updates, backups and health. systemd calls it, and people do.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/mucura/mucura/appliance/internal/host"
)

// verb is one command.
type verb struct {
	name, args, help string
	run              func(ctx context.Context, v *call) error
}

// call is one invocation of a verb.
type call struct {
	host  *host.Host
	flags *flag.FlagSet
	args  []string // as given, before Parse
}

// verbs is every verb, in the order of the help text.
func verbs() []verb {
	return []verb{
		{"disks prepare", "", "find or make the data disk and mount it at /data", disksPrepare},
		{"disks list", "[--json]", "list disks, and what is on them", disksList},
		{"disks adopt", "DISK... [--erase NAME]", "make the data disk of blank disks; with two, a mirror", disksAdopt},
		{"disks replace", "NEW-DISK [--old DISK] [--erase NAME]", "put a disk in the place of a lost one, or make a mirror", disksReplace},
		{"scrub", "", "read the whole data disk and heal it", scrub},
		{"seed apply", "", "apply the stored configuration, or that of a seed", seedApply},
		{"seed", "--check FILE", "check a mucura.yaml, or cloud-init user data", seedCheck},
		{"setup serve", "", "serve the set-up page until somebody with the code has claimed the appliance", setupServe},
		{"setup code", "", "print the set-up code", setupCode},
		{"console", "", "show the console on this terminal", consoleShow},
		{"status", "[--json]", "show version, slot, disk and warnings", status},
		{"key", "", "make a new key pair of the administrator in place of the former, and print it", adminKey},
		{"update", "FILE|URL [--allow-downgrade] [--reboot]", "write a signed update into the idle slot, to be tried at the next start", update},
		{"commit", "[--window DURATION]", "keep the running slot when it is healthy, else restart into the other", commit},
		{"rollback", "[--reboot]", "start the other slot from now on", rollback},
		{"install", "DISK [--erase NAME]", "install on a disk", install},
		{"bundle keygen", "FILE", "make a key to sign updates with: FILE and FILE.pub", bundleKeygen},
		{"bundle make", "--key FILE --version V --out FILE DIR", "make a signed update of vmlinuz, initrd.img and filesystem.squashfs", bundleMake},
		{"bundle verify", "FILE [--keys DIR]", "verify an update", bundleVerify},
		{"bundle", "--key FILE --version V --out FILE DIR", "the same as bundle make", bundleMake},
		{"backup run", "", "back the repository up as configured", backupRun},
		{"backup list", "", "list the generations on the backup disk", backupList},
		{"restore", "disk [GENERATION] | s3 --config FILE | restic --config FILE", "restore a backup on a fresh appliance", restore},
		{"watch", "", "look for what needs a person, and tell", watchOnce},
		{"factory-reset", "--erase-everything", "forget everything on the data disk at the next start", factoryReset},
		{"version", "", "print the version", version},
	}
}

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := dispatch(ctx, host.New(), os.Args[1:])
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "mucurad-appliance:", err)
		os.Exit(1)
	}
}

// dispatch finds the verb that args begin with.
func dispatch(ctx context.Context, h *host.Host, args []string) error {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage()
		return flag.ErrHelp
	}
	for _, v := range verbs() {
		words := strings.Fields(v.name)
		if len(args) >= len(words) && strings.Join(args[:len(words)], " ") == v.name {
			c := &call{host: h, flags: flag.NewFlagSet(v.name, flag.ContinueOnError), args: args[len(words):]}
			c.flags.Usage = func() {
				fmt.Fprintf(c.flags.Output(), "usage: mucurad-appliance %s %s\n\n%s.\n", v.name, v.args, v.help)
				c.flags.PrintDefaults()
			}
			return v.run(ctx, c)
		}
	}
	usage()
	return fmt.Errorf("unknown command %q", strings.Join(args[:min(2, len(args))], " "))
}

func usage() {
	fmt.Println("usage: mucurad-appliance COMMAND\n\nCommands:")
	for _, v := range verbs() {
		fmt.Printf("  %s\n      %s\n", strings.TrimSpace(v.name+" "+v.args), v.help)
	}
}

// parse reads flags before, between and after the arguments, of which there must
// be from least to most.
func (c *call) parse(least, most int) ([]string, error) {
	var rest []string
	args := c.args
	for {
		if err := c.flags.Parse(args); err != nil {
			return nil, err
		}
		if c.flags.NArg() == 0 {
			break
		}
		rest, args = append(rest, c.flags.Arg(0)), c.flags.Args()[1:]
	}
	if len(rest) < least || len(rest) > most {
		return nil, fmt.Errorf("%s: wrong number of arguments (see --help)", c.flags.Name())
	}
	return rest, nil
}
