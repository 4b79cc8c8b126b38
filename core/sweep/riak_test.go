package sweep

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mucura/mucura/adapters/riak"
	"github.com/mucura/mucura/adapters/riak/riaktest"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/weak"
)

// onRiak opens a store in a Riak of its own, which is in the process and lives
// by the bubble's clock.
func onRiak(t *testing.T) meta.Store {
	t.Helper()
	c, err := riaktest.Start(riaktest.Config{Mode: riaktest.PreferToken, InProcess: true})
	if err != nil {
		t.Fatal(err)
	}
	m, err := riak.OpenMeta(ctx, riak.Options{Hosts: c.Hosts(), Transport: c.Transport(), CAS: "when-healthy", ScanLag: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestTombstones: what deleted records leave behind in a store that must
// remember them goes after the leeway, not before, and through decorators.
func TestTombstones(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, weak.Grade{Caps: meta.Capabilities{Name: "riak"}})
		for _, key := range []string{"a", "b", "c"} {
			l.put(l.bucket, key, big(key))
			l.remove(l.bucket, key, "")
		}
		l.put(l.bucket, "kept", big("kept"))
		if rep := l.sweep(); rep.Tombstones != 0 {
			t.Errorf("%d tombstones of today removed", rep.Tombstones)
		}
		time.Sleep(2*leeway + time.Hour)
		l.sweep() // frees the contents, and so deletes their releases
		time.Sleep(2*leeway + time.Hour)
		if rep := l.sweep(); rep.Tombstones < 3 {
			t.Errorf("%d tombstones removed, there were 3 of objects at least", rep.Tombstones)
		}
		if rep := l.sweep(); rep.Tombstones != 0 {
			t.Errorf("%d tombstones removed again", rep.Tombstones)
		}
		l.wantKeys(l.bucket, "kept")
		l.put(l.bucket, "a", big("again"))
		l.audit()
	})
}
