package mem_test

import (
	"testing"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/content/contenttest"
)

func TestContent(t *testing.T) {
	contenttest.Run(t, contenttest.Options{
		Open:   func(*testing.T) content.Store { return mem.NewContent() },
		Reopen: func(_ *testing.T, s content.Store) content.Store { return s },
	})
}
