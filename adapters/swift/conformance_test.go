package swift

import (
	"testing"

	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/content/contenttest"
)

// TestConformance runs the suite on a real Swift with three replicas.
func TestConformance(t *testing.T) {
	n := stack.Get(t)
	contenttest.Run(t, contenttest.Options{
		Open: func(t *testing.T) content.Store { return open(t, n.URL(), small(newPrefix())) },
		Reopen: func(t *testing.T, s content.Store) content.Store {
			return open(t, n.URL(), small(s.(*Store).opts.Prefix))
		},
		MaxSize:            1 << 20,
		ReaderLosesDeleted: true,
		Buffered:           3 * 64 << 10,
	})
}
