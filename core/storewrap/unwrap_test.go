package storewrap_test

import (
	"context"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/storewrap"
)

// cleaner is a store that has something to clean.
type cleaner struct{ meta.Store }

func (cleaner) Clean(context.Context, time.Time) (int, error) { return 7, nil }

// TestAsThroughDecorators: what a store can do besides the port is found below
// every decorator, or the sweeper would silently not do it.
func TestAsThroughDecorators(t *testing.T) {
	s := cleaner{mem.NewMeta()}
	all := &storewrap.Guarded{Store: &storewrap.Retry{Store: &storewrap.Fault{Store: s}}, Guard: &storewrap.Guard{}}
	j, ok := meta.As[meta.Janitor](all)
	if !ok {
		t.Fatal("not found")
	}
	if n, err := j.Clean(t.Context(), time.Time{}); n != 7 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, ok := meta.As[meta.Janitor](mem.NewMeta()); ok {
		t.Error("found where there is none")
	}
}
