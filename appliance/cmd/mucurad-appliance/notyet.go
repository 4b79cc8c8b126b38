package main

import (
	"context"
	"errors"

	"github.com/mucura/mucura/appliance/internal/host"
)

var errNotYet = errors.New("not in this version yet")

func update(context.Context, *call) error       { return errNotYet }
func commit(context.Context, *call) error       { return errNotYet }
func rollback(context.Context, *call) error     { return errNotYet }
func install(context.Context, *call) error      { return errNotYet }
func bundleKeygen(context.Context, *call) error { return errNotYet }
func bundleMake(context.Context, *call) error   { return errNotYet }
func bundleVerify(context.Context, *call) error { return errNotYet }
func backupRun(context.Context, *call) error    { return errNotYet }
func backupList(context.Context, *call) error   { return errNotYet }
func restore(context.Context, *call) error      { return errNotYet }
func watchOnce(context.Context, *call) error    { return errNotYet }

func writeUpdate(context.Context, *host.Host, string, bool) error { return errNotYet }
func installOn(context.Context, *host.Host, string, bool) error   { return errNotYet }
func restoreFromDisk(context.Context, *host.Host, string) error   { return errNotYet }
