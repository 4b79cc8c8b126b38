package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/mucura/mucura/adapters/acme/autotls"
	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/fsck"
)

// check reads the configuration and asks every store whether it can serve.
func check(ctx context.Context, name string, args []string) error {
	c, err := parse(name, args, nil, 0)
	if err != nil {
		return err
	}
	if c.TLS == "files" {
		if _, err := autotls.Files(c.TLSCert, c.TLSKey, nil); err != nil {
			return fmt.Errorf("certificate: %w", err)
		}
	}
	return withNewApp(ctx, c, func(a *app.App) error {
		for _, s := range []struct {
			name string
			ping func(context.Context) error
		}{{"metadata", a.Stores.Meta.Ping}, {"registry", a.Stores.Registry.Ping}, {"content", a.Stores.Content.Ping}} {
			if err := s.ping(ctx); err != nil {
				return fmt.Errorf("%s store: %w", s.name, err)
			}
		}
		for _, w := range storeWarnings(a.Stores) {
			fmt.Fprintln(os.Stderr, "warning:", w)
		}
		if a.Trust != nil {
			if _, err := a.Trust.Trust(ctx); err != nil {
				return err
			}
		}
		fmt.Print(c.Describe())
		return nil
	})
}

// errProblems makes fsck exit with a failure after it has said what is wrong.
type errProblems int

func (n errProblems) Error() string { return fmt.Sprintf("%d problems", int(n)) }

func checkAll(ctx context.Context, a *app.App, readData, asJSON bool) error {
	enc := json.NewEncoder(os.Stdout)
	c := &fsck.Checker{Repo: a.Repo, Now: time.Now, ReadData: readData, Problem: func(p fsck.Problem) {
		if asJSON {
			_ = enc.Encode(p)
		} else {
			fmt.Println(p)
		}
	}}
	rep, err := c.Run(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		if err := enc.Encode(rep); err != nil {
			return err
		}
	} else {
		unnamed := fmt.Sprint(rep.Unnamed)
		if rep.Unnamed < 0 {
			unnamed = "unknown"
		}
		fmt.Printf("%d buckets, %d versions, %d delete markers, %d parts, %d bytes; %d problems; %s contents without a record\n",
			rep.Buckets, rep.Versions, rep.Markers, rep.Parts, rep.Bytes, rep.Problems, unnamed)
	}
	if rep.Problems > 0 {
		return errProblems(rep.Problems)
	}
	return nil
}

func fsckRecords(ctx context.Context, name string, args []string) error {
	var readData, asJSON bool
	c, err := parse(name, args, func(fs *flag.FlagSet) {
		fs.BoolVar(&readData, "read-data", false, "read every byte and compare it with its checksums")
		fs.BoolVar(&asJSON, "json", false, "print JSON lines")
	}, 0)
	if err != nil {
		return err
	}
	return withApp(ctx, c, func(a *app.App) error { return checkAll(ctx, a, readData, asJSON) })
}

func sweepOnce(ctx context.Context, name string, args []string) error {
	var asJSON, walk bool
	c, err := parse(name, args, func(fs *flag.FlagSet) {
		fs.BoolVar(&asJSON, "json", false, "print the report as JSON")
		fs.BoolVar(&walk, "walk", false, "list the whole content store and compare it with all records, also where that is slow; without it such a store is trusted to have no content that no record ever named")
	}, 0)
	if err != nil {
		return err
	}
	return withApp(ctx, c, func(a *app.App) error {
		s := a.Sweeper()
		s.Walk = walk
		rep, err := s.Run(ctx)
		if asJSON {
			if jerr := json.NewEncoder(os.Stdout).Encode(rep); jerr != nil {
				return jerr
			}
			return err
		}
		fmt.Printf("freed %d contents (%d bytes), expired %d versions, aborted %d uploads, dropped %d parts, found %d contents without a record and freed %d, recounted %d accounts, erased %d closed ones\n",
			rep.Freed, rep.FreedBytes, rep.Expired, rep.AbortedUploads, rep.Parts, rep.Suspects, rep.Orphans, rep.Recounted, rep.Erased)
		return err
	})
}
