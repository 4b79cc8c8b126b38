package content_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/mucura/mucura/core/content"
)

// TestNone: a process without contents says so whenever it is asked for one, and
// never that one is not there.
func TestNone(t *testing.T) {
	var s content.Store = content.None{}
	id, ctx := content.NewID(time.Now()), t.Context()
	_, create := s.Create(ctx, id, 1)
	_, open := s.Open(ctx, id, 0, -1)
	for what, err := range map[string]error{
		"create": create, "open": open, "delete": s.Delete(ctx, id),
		"walk": s.Walk(ctx, "", func(content.Info) error { return nil }),
	} {
		if !errors.Is(err, content.ErrNone) || !errors.Is(err, content.ErrUnavailable) || errors.Is(err, content.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := s.Ping(ctx); err != nil {
		t.Errorf("ping: %v", err)
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Ping(over); !errors.Is(err, context.Canceled) {
		t.Errorf("ping of a caller who is gone: %v", err)
	}
}
