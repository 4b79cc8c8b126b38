package riak

import (
	"context"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/riak/riaktest"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/content/contenttest"
)

func openContent(t testing.TB, o Options) *Content {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := OpenContent(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func contentOptions(fresh func() Options) contenttest.Options {
	return contenttest.Options{
		Open:               func(t *testing.T) content.Store { return openContent(t, fresh()) },
		Reopen:             func(t *testing.T, s content.Store) content.Store { return openContent(t, s.(*Content).client.opts) },
		ReaderLosesDeleted: true,
		Buffer:             blockSize,
		Stored:             func(w content.Writer) { w.(*writer).wg.Wait() },
	}
}

func TestContentOneNode(t *testing.T) {
	c := stand(t, riaktest.Config{Mode: riaktest.PreferToken})
	contenttest.Run(t, contentOptions(func() Options { return on(c) }))
}

func TestContentReal(t *testing.T) {
	realNode(t)
	contenttest.Run(t, contentOptions(func() Options { return realNode(t) }))
}

func writeContent(t testing.TB, s *Content, size int) content.ID {
	t.Helper()
	return contenttest.Write(t, s, contenttest.Bytes(uint64(size), size), 1<<20)
}
