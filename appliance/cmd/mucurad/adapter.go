package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/mucura/mucura/adapters/plugin"
	"github.com/mucura/mucura/appliance/internal/lawtest"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// adapterFlags are those of "adapter test" and of the child it runs.
type adapterFlags struct {
	target        lawtest.Target
	meta, content bool
	json, verbose bool
	count         map[string]int // laws by result
}

func (f *adapterFlags) parse(name string, args []string) error {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.BoolVar(&f.meta, "meta", false, "test the metadata store only")
	fs.BoolVar(&f.content, "content", false, "test the content store only")
	fs.BoolVar(&f.json, "json", false, "print JSON, one line a law and one for all")
	fs.BoolVar(&f.verbose, "v", false, "show what the store logs")
	fs.BoolVar(&f.target.Volatile, "volatile", false, "the store keeps nothing when it is closed: skip what is about that")
	fs.BoolVar(&f.target.ReaderLosesDeleted, "reader-loses-deleted", false, "a content deleted while it is read may end with an error")
	fs.DurationVar(&f.target.Settle, "settle", 0, "how long a scan may lag behind, where the store does not promise fresh ones (default: what it declares)")
	fs.DurationVar(&f.target.Timeout, "timeout", 10*time.Minute, "for each port's suite")
	var rest []string
	for len(args) > 0 { // flags may stand before and after the URL
		err := fs.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			return config.HelpOf(fs)
		}
		if err != nil {
			return err
		}
		if args = fs.Args(); len(args) > 0 {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	if len(rest) != 1 {
		return fmt.Errorf("%s: want one store URL, such as 'plugin:///path/to/binary?dir=/tmp/%s'", name, lawtest.Fresh)
	}
	if f.target.URL = rest[0]; strings.HasPrefix(rest[0], "/") {
		f.target.URL = "plugin://" + rest[0]
	}
	return nil
}

// adapterTest runs the conformance suites on a store that anybody brings.
func adapterTest(ctx context.Context, name string, args []string) error {
	var f adapterFlags
	if err := f.parse(name, args); err != nil {
		return err
	}
	if !f.target.Volatile && !strings.Contains(f.target.URL, lawtest.Fresh) {
		return fmt.Errorf("every law needs an empty store: put %s into a setting of the URL that names its place, or say --volatile when the store forgets everything", lawtest.Fresh)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	logTo := io.Discard
	if f.verbose {
		logTo = os.Stderr
	}
	both := f.meta == f.content
	failed, tested := 0, 0
	for _, port := range []string{lawtest.Meta, lawtest.Content} {
		if !both && f.meta != (port == lawtest.Meta) {
			continue
		}
		if err := f.offers(ctx, port); both && errors.Is(err, plugin.ErrNoSuchPort) {
			f.report(lawtest.Result{Port: port, Law: "all", Result: lawtest.Skipped, Reason: "the store does not offer this port"})
			continue
		} else if err != nil {
			return err
		}
		tested++
		child := append([]string{self, "adapter", "laws", port}, args...)
		n, err := lawtest.Run(ctx, child, port, logTo, f.report)
		if err != nil {
			return err
		}
		failed += n
	}
	f.summary()
	if tested == 0 {
		return errors.New("nothing was tested")
	}
	if failed > 0 {
		return fmt.Errorf("%d laws are broken", failed)
	}
	return nil
}

// offers tells whether the store can be opened at all.
func (f *adapterFlags) offers(ctx context.Context, port string) error {
	url := strings.ReplaceAll(f.target.URL, lawtest.Fresh, fmt.Sprintf("%x-0", time.Now().UnixNano()))
	log := slog.DiscardHandler
	if f.verbose {
		log = slog.NewTextHandler(os.Stderr, nil)
	}
	opener := lawOpener(slog.New(log))
	var s io.Closer
	var err error
	if port == lawtest.Meta {
		s, err = opener.Meta(ctx, url)
	} else {
		s, err = opener.Content(ctx, url)
	}
	if err != nil {
		return err
	}
	return s.Close()
}

// lawOpener opens any store; plug-ins log to log.
func lawOpener(log *slog.Logger) lawtest.Opener {
	isPlugin := func(url string) bool { return strings.HasPrefix(url, "plugin:") }
	return lawtest.Opener{
		Meta: func(ctx context.Context, url string) (meta.Store, error) {
			if isPlugin(url) {
				return plugin.OpenMeta(ctx, url, plugin.Options{Log: log})
			}
			return openMeta(url, nil)
		},
		Content: func(ctx context.Context, url string) (content.Store, error) {
			if isPlugin(url) {
				return plugin.OpenContent(ctx, url, plugin.Options{Log: log})
			}
			return openContent(url)
		},
	}
}

// adapterLaws is the process that "adapter test" runs for each port: a test
// binary, which never returns.
func adapterLaws(_ context.Context, name string, args []string) error {
	if len(args) == 0 || args[0] != lawtest.Meta && args[0] != lawtest.Content {
		return fmt.Errorf("%s is for the use of adapter test", name)
	}
	var f adapterFlags
	if err := f.parse(name, args[1:]); err != nil {
		return err
	}
	lawtest.Child(lawOpener(slog.New(slog.NewTextHandler(os.Stderr, nil))), args[0], f.target)
	return nil
}

func (f *adapterFlags) report(r lawtest.Result) {
	if f.count == nil {
		f.count = map[string]int{}
	}
	f.count[r.Result]++
	if f.json {
		_ = json.NewEncoder(os.Stdout).Encode(r)
		return
	}
	reason := ""
	if r.Reason != "" {
		reason = "  " + strings.ReplaceAll(r.Reason, "\n", "\n"+strings.Repeat(" ", 12))
	}
	fmt.Printf("%-8s%-8s %s%s\n", r.Result, r.Port, r.Law, reason)
}

// summary is the last line: how many laws came out how.
func (f *adapterFlags) summary() {
	ok, skipped, failed := f.count[lawtest.OK], f.count[lawtest.Skipped], f.count[lawtest.Failed]
	if f.json {
		_ = json.NewEncoder(os.Stdout).Encode(map[string]int{"ok": ok, "skipped": skipped, "failed": failed})
		return
	}
	fmt.Printf("%d ok, %d skipped, %d FAIL\n", ok, skipped, failed)
}
