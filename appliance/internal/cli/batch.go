package cli

import (
	"context"
	"iter"
	"sync"

	"github.com/mucura/mucura/core/client"
)

// batch runs work on many things at once, tells each failure, and goes on where
// others may still succeed.
type batch struct {
	app     *app
	cancel  context.CancelFunc
	mu      sync.Mutex
	first   client.Kind // of the first failure
	failed  int
	stopped bool
}

// each calls work for each of items, some at once. Its error is a *toldError
// with the kind of the first failure. What would fail for all others as well
// (credentials, quota, an interrupt) ends it.
func each[T any](ctx context.Context, a *app, items iter.Seq2[T, error], name func(T) string, work func(context.Context, T) error) error {
	b := &batch{app: a}
	ctx, b.cancel = context.WithCancel(ctx)
	defer b.cancel()
	queue := make(chan T)
	var workers sync.WaitGroup
	for range max(a.parallel, 1) {
		workers.Go(func() {
			for item := range queue {
				if ctx.Err() != nil {
					continue
				}
				if err := work(ctx, item); err != nil {
					b.failure(name(item), err)
				}
			}
		})
	}
	for item, err := range items {
		if err != nil {
			b.failure("", err)
			continue
		}
		select {
		case queue <- item:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(queue)
	workers.Wait()
	return b.end(ctx)
}

func (b *batch) failure(name string, err error) {
	kind := client.KindOf(err)
	if _, ok := err.(*usageError); ok {
		kind = client.Usage
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped && kind == client.Interrupted {
		return // by the failure that stopped all
	}
	if b.failed == 0 {
		b.first = kind
	}
	b.failed++
	b.app.out.failure(name, err, kind)
	switch kind {
	case client.Auth, client.NoRoom, client.Interrupted, client.Usage:
		b.stopped = true
		b.cancel()
	}
}

func (b *batch) end(ctx context.Context) error {
	if b.failed > 0 {
		return &toldError{b.first}
	}
	return ctx.Err()
}
