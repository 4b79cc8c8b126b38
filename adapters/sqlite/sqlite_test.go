package sqlite

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/meta/metatest"
	"github.com/mucura/mucura/core/storewrap"
)

// openAt opens a store at path.
func openAt(t testing.TB, path string, opts Options) *Store {
	t.Helper()
	s, err := Open(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Check(context.Background()); err != nil && !errors.Is(err, meta.ErrUnavailable) {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func openTemp(t testing.TB, opts Options) *Store {
	return openAt(t, filepath.Join(t.TempDir(), "meta.db"), opts)
}

func TestConformance(t *testing.T) {
	metatest.Run(t, metatest.Options{
		Open: func(t *testing.T) meta.Store { return openTemp(t, Options{}) },
		Reopen: func(t *testing.T, old meta.Store) meta.Store {
			if err := old.Close(); err != nil {
				t.Fatal(err)
			}
			return openAt(t, old.(*Store).path, Options{})
		},
		Second: func(t *testing.T, first meta.Store) meta.Store {
			return openAt(t, first.(*Store).path, Options{})
		},
		Unknown: unknown,
	})
}

// TestConformanceAlone runs the suite on one handle, where groups form.
func TestConformanceAlone(t *testing.T) {
	metatest.Run(t, metatest.Options{Open: func(t *testing.T) meta.Store { return openTemp(t, Options{Readers: 1}) }})
}

func unknown(_ *testing.T, s meta.Store, done bool) meta.Store {
	cut := func(op storewrap.Op, _ meta.Partition, _ string) error {
		if op == storewrap.Put || op == storewrap.Delete {
			return meta.ErrOutcomeUnknown
		}
		return nil
	}
	if done {
		return &storewrap.Fault{Store: s, After: cut}
	}
	return &storewrap.Fault{Store: s, Before: cut}
}
