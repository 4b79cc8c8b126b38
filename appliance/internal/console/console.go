package console

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mucura/mucura/appliance/internal/disks"
	"github.com/mucura/mucura/appliance/internal/host"
	"github.com/mucura/mucura/appliance/internal/site"
)

// Console is one terminal.
type Console struct {
	Host    *host.Host
	Site    *site.Site
	Disks   *disks.Manager
	Version string
	In      io.Reader
	Out     io.Writer
	// Refresh is how often the machine is looked at; the screen is drawn when
	// something has changed.
	Refresh time.Duration

	// What other packages do.
	Update  func(ctx context.Context, file string) error // writes an update into the idle slot
	Install func(ctx context.Context, disk string, erase bool) error
	Restore func(ctx context.Context) error // the newest generation of the backup disk

	lines chan string
	shown string
}

// errGone is a terminal that was hung up.
var errGone = errors.New("the terminal is gone")

// maxLine is the longest line that is taken; more of it is dropped.
const maxLine = 1024

// Run shows the console until the terminal is gone or ctx is done.
func (c *Console) Run(ctx context.Context) error {
	c.lines = make(chan string)
	go c.read(ctx)
	ticker := time.NewTicker(c.Refresh)
	defer ticker.Stop()
	for {
		c.draw(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case line, ok := <-c.lines:
			if !ok {
				return errGone
			}
			if err := c.choose(ctx, strings.TrimSpace(line)); err != nil {
				return err
			}
			c.shown = ""
		}
	}
}

// read hands on what is typed, line by line.
func (c *Console) read(ctx context.Context) {
	defer close(c.lines)
	r := bufio.NewReaderSize(c.In, maxLine)
	for {
		line, more, err := r.ReadLine()
		for more && err == nil {
			_, more, err = r.ReadLine()
		}
		if err != nil {
			return
		}
		select {
		case c.lines <- string(line):
		case <-ctx.Done():
			return
		}
	}
}

const menu = `
  1 network    2 data disk    3 update    4 install on a disk
  5 new administrator's key   6 restore a backup    7 factory reset
  8 restart    9 power off

> `

// draw shows the status when it differs from what is shown.
func (c *Console) draw(ctx context.Context) {
	text := Gather(ctx, c.Host, c.Version).Text()
	if text == c.shown {
		return
	}
	c.shown = text
	c.say("\x1b[2J\x1b[H%s%s", text, menu)
}

func (c *Console) say(format string, args ...any) {
	fmt.Fprintf(c.Out, format, args...) //nolint:errcheck // a terminal that is gone is noticed when reading
}

// ask waits for a line.
func (c *Console) ask(ctx context.Context, format string, args ...any) (string, error) {
	c.say(format, args...)
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case line, ok := <-c.lines:
		if !ok {
			return "", errGone
		}
		return strings.TrimSpace(line), nil
	}
}

// choose does what a menu number stands for. What goes wrong is shown; only a
// terminal that is gone is an error.
func (c *Console) choose(ctx context.Context, number string) error {
	actions := map[string]func(context.Context) error{
		"1": c.network, "2": c.disk, "3": c.update, "4": c.install,
		"5": c.key, "6": c.restore, "7": c.reset, "8": c.restart, "9": c.powerOff,
	}
	do, ok := actions[number]
	if !ok {
		return nil // Enter draws the screen anew
	}
	err := do(ctx)
	if errors.Is(err, errGone) || ctx.Err() != nil {
		return err
	}
	if errors.Is(err, errUnchanged) {
		c.say("\nNothing was changed.\n")
	} else if err != nil {
		c.say("\nThat did not work: %s\n", clean(err.Error()))
	}
	_, err = c.ask(ctx, "\nEnter goes back. ")
	return err
}

// errUnchanged is an action that was not confirmed.
var errUnchanged = errors.New("not confirmed")

// confirm goes on only when the person types word, exactly.
func (c *Console) confirm(ctx context.Context, word, what string) error {
	got, err := c.ask(ctx, "\n%s\nType %s to go on, anything else to leave it: ", what, word)
	if err != nil {
		return err
	}
	if got != word {
		return errUnchanged
	}
	return nil
}
