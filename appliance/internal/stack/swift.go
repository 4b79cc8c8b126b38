package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/mucura/mucura/adapters/swift/swifttest"
)

// swift runs a one-node Swift until ctx ends.
func swift(ctx context.Context, fs *flag.FlagSet, args []string) error {
	var o swifttest.Options
	fs.BoolVar(&o.Keystone, "keystone", false, "authenticate by Keystone v3, not by tempauth")
	fs.StringVar(&o.Dir, "dir", "", "an empty directory for everything; default: a temporary one, removed at the end")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if err := swifttest.Install(ctx, o); err != nil {
		return err
	}
	n, err := swifttest.Start(ctx, o)
	if err != nil {
		return err
	}
	for _, line := range n.Settings() {
		fmt.Println(line)
	}
	<-ctx.Done()
	return n.Stop()
}
