package main

import (
	"context"
	"errors"
)

var errNotYet = errors.New("not in this version yet")

func consoleShow(context.Context, *call) error  { return errNotYet }
func status(context.Context, *call) error       { return errNotYet }
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
func factoryReset(context.Context, *call) error { return errNotYet }
