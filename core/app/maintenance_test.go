package app

import (
	"context"
	"testing"
	"time"

	"github.com/mucura/mucura/core/catalog"
)

// TestMaintenance turns maintenance on beside a running server: writes of every
// kind are refused with an answer that clients retry, and reads go on.
func TestMaintenance(t *testing.T) {
	l := newLab(t)
	ctx := context.Background()
	l.want("PUT", "/box/k", small, 200)
	set := func(on bool) {
		t.Helper()
		if err := SetMaintenance(ctx, l.Stores.Registry, catalog.Maintenance{On: on}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(gateEvery)
	}
	set(true)
	for _, r := range []struct{ method, path, body string }{
		{"PUT", "/box/k", "other"}, {"PUT", "/box/large", large}, {"DELETE", "/box/k", ""}, {"PUT", "/box2", ""},
		{"DELETE", "/box", ""}, {"POST", "/box/u?uploads", ""}, {"PUT", "/box?tagging", "<Tagging><TagSet></TagSet></Tagging>"},
	} {
		a := l.do(r.method, r.path, r.body)
		if a.status != 503 || a.code != "ServiceUnavailable" || a.header.Get("Retry-After") == "" {
			t.Errorf("%s %s: %d %s", r.method, r.path, a.status, a.body)
		}
	}
	l.wantBody("/box/k", small)
	l.want("GET", "/box", "", 200)
	if n := l.files(); n != 0 {
		t.Errorf("%d files were written", n)
	}
	set(false)
	l.want("PUT", "/box/k", "other", 200)
	l.wantBody("/box/k", "other")
}
