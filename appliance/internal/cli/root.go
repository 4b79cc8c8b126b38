// Package cli is the mucura command: its verbs, what they print, and how they
// end. The work is done by core/client.
package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/mucura/mucura/core/client"
	"github.com/mucura/mucura/core/client/profile"
)

// app is one run of the command.
type app struct {
	release string
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	env     profile.Env
	out     *printer
	now     func() time.Time

	flags    profile.Flags
	quiet    bool
	json     bool
	parallel int
	partSize byteSize
	attempts int
	stall    time.Duration

	// started: the command line was understood, so that later errors are not
	// about usage.
	started bool
	lines   *bufio.Reader // of standard input, once something was asked
	bars    *display      // progress, nil until something moves
	session *session      // made at the first use
}

// Main runs the command and gives its exit status.
func Main(release string, args []string) int {
	a := &app{release: release, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, env: profile.System(), now: time.Now}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var got atomic.Int32
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for s := range signals {
			if !got.CompareAndSwap(0, int32(s.(syscall.Signal))) {
				os.Exit(128 + int(got.Load())) // asked twice
			}
			cancel()
		}
	}()
	status := a.run(ctx, args)
	if s := got.Load(); s != 0 && status != 0 {
		return 128 + int(s)
	}
	return status
}

// run is Main without the process around it.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(ctx)
	a.stopBars()
	kind := a.tell(err)
	if kind == client.Auth && a.session != nil {
		if s, ok := a.session.client.Keys.(*source); ok {
			s.forget()
		}
	}
	return int(kind)
}

// tell prints how the command failed, unless that was done, and gives its kind.
func (a *app) tell(err error) client.Kind {
	var told *toldError
	if errors.As(err, &told) {
		return told.kind
	}
	kind := client.KindOf(err)
	var usage *usageError
	if err != nil && (!a.started || errors.As(err, &usage)) {
		kind = client.Usage
	}
	if kind == client.OK {
		return kind
	}
	a.printerFor().failure("", err, kind)
	if kind == client.Usage {
		fmt.Fprintln(a.stderr, "Try \"mucura help\", or a command with --help.")
	}
	return kind
}

// usageError is a command line that cannot be meant.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// toldError is a failure that was printed already.
type toldError struct{ kind client.Kind }

func (e *toldError) Error() string { return "failed" }

// root makes the tree of commands.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "mucura",
		Short: "Files, keys and quota in a Mucura repository",
		Long: `mucura moves files to and from a Mucura repository (or any S3 server), gets
time-limited keys from a grid proxy, a token or a password, and looks after
keys, quota and sessions.

Objects are written s3://BUCKET/KEY, or me:/PATH in your home bucket.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			a.out = newPrinter(a)
			if err := fromEnv(cmd.Flags(), a.env); err != nil {
				return err
			}
			switch {
			case a.parallel < 1 || a.parallel > 256:
				return usagef("--parallel: 1 to 256 are possible")
			case a.attempts < 1:
				return usagef("--attempts: at least 1 is needed")
			case a.partSize < 5<<20 || a.partSize > 5<<30:
				return usagef("--part-size: 5MiB to 5GiB are possible")
			case a.stall <= 0:
				return usagef("--stall: must be positive")
			}
			a.started = true
			return nil
		},
	}
	f := root.PersistentFlags()
	f.SortFlags = false
	f.StringVar(&a.flags.Profile, "profile", "", "profile of the configuration file, or of the AWS tools (MUCURA_PROFILE)")
	f.StringVar(&a.flags.Server, "server", "", "S3 endpoint, https://HOST[:PORT] (MUCURA_SERVER)")
	f.StringVar(&a.flags.Auth, "auth", "", "authentication server, https://HOST[:PORT] (MUCURA_AUTH)")
	f.StringVar(&a.flags.Region, "region", "", "region to sign for (MUCURA_REGION)")
	f.StringVar(&a.flags.CAFile, "ca-file", "", "certificate authorities to trust besides the system's, PEM (MUCURA_CA_FILE)")
	f.BoolVar(&a.json, "json", false, "print one JSON object a line")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "print errors only")
	f.IntVar(&a.parallel, "parallel", 6, "requests with content at once (MUCURA_PARALLEL)")
	a.partSize = 16 << 20
	f.Var(&a.partSize, "part-size", "size of parts of large files, at least 5MiB (MUCURA_PART_SIZE)")
	f.IntVar(&a.attempts, "attempts", 6, "how often a request is tried when network or server fail (MUCURA_ATTEMPTS)")
	f.DurationVar(&a.stall, "stall", time.Minute, "give an attempt up when nothing has moved for so long")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err.Error()} })
	root.AddGroup(&cobra.Group{ID: "data", Title: "Files:"}, &cobra.Group{ID: "keys", Title: "Credentials and account:"},
		&cobra.Group{ID: "admin", Title: "Administration:"})
	for _, c := range a.dataCommands() {
		c.GroupID = "data"
		root.AddCommand(c)
	}
	for _, c := range a.keyCommands() {
		c.GroupID = "keys"
		root.AddCommand(c)
	}
	admin := a.adminCommand()
	admin.GroupID = "admin"
	root.AddCommand(admin, a.versionCommand(), a.manualCommand())
	root.CompletionOptions.HiddenDefaultCmd = false
	root.Version = "x" // makes --version, which prints what the command does
	root.SetVersionTemplate(a.versionLine() + "\n")
	sayUsage(root)
	return root
}

// sayUsage has every command say how it is written when it got other arguments.
func sayUsage(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return usagef("%v; usage: %s", err, c.UseLine())
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		sayUsage(sub)
	}
}

// printerFor gives the printer, also when the command line was not understood.
func (a *app) printerFor() *printer {
	if a.out == nil {
		a.out = newPrinter(a)
	}
	return a.out
}

// terminal tells whether a stream is a terminal, and its width.
func terminal(w any) (width int, ok bool) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		width = 80
	}
	return width, true
}
