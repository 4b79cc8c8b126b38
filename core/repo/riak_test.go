package repo

import (
	"time"

	"github.com/mucura/mucura/adapters/riak"
	"github.com/mucura/mucura/adapters/riak/riaktest"
	"github.com/mucura/mucura/core/meta"
)

// onRiak opens a store in a Riak of its own, which is in the process.
func onRiak(t tester) meta.Store {
	t.Helper()
	c, err := riaktest.Start(riaktest.Config{Mode: riaktest.PreferToken, InProcess: true})
	if err != nil {
		t.Fatal(err)
	}
	// The index of the stand-in does not lag.
	m, err := riak.OpenMeta(ctx, riak.Options{Hosts: c.Hosts(), Transport: c.Transport(), CAS: "when-healthy", ScanLag: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return m
}
