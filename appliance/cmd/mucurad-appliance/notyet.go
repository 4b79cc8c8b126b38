package main

import (
	"context"
	"errors"

	"github.com/mucura/mucura/appliance/internal/host"
)

var errNotYet = errors.New("not in this version yet")

func backupRun(context.Context, *call) error    { return errNotYet }
func backupList(context.Context, *call) error   { return errNotYet }
func restore(context.Context, *call) error      { return errNotYet }
func watchOnce(context.Context, *call) error    { return errNotYet }

func restoreFromDisk(context.Context, *host.Host, string) error   { return errNotYet }
