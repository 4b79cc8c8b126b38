package storewrap

import (
	"context"
	"fmt"
	"time"

	"github.com/mucura/mucura/core/meta"
)

// Fault is a metadata store that fails as a test says. The hooks may be nil;
// they are called from many goroutines. Of a batch they see every key in turn,
// until one gives an error; of a scan Range.From; of Ping nothing.
type Fault struct {
	meta.Store
	// Before is called first. When it returns an error, that is the answer and
	// nothing is done. With meta.ErrOutcomeUnknown it plays a request that was
	// lost on its way.
	Before func(op Op, p meta.Partition, key string) error
	// After is called when the call has succeeded. When it returns an error,
	// that is the answer although the work is done. With
	// meta.ErrOutcomeUnknown it plays an answer that was lost.
	After func(op Op, p meta.Partition, key string) error
	// Delay is how long a call waits before it begins.
	Delay func(op Op, p meta.Partition, key string) time.Duration
}

// Get reads a record.
func (f *Fault) Get(ctx context.Context, p meta.Partition, key string, withBody bool) (r meta.Record, err error) {
	err = f.do(ctx, Get, p, []string{key}, func() error {
		r, err = f.Store.Get(ctx, p, key, withBody)
		return err
	})
	if err != nil {
		return meta.Record{}, err
	}
	return r, nil
}

// Put replaces a record.
func (f *Fault) Put(ctx context.Context, p meta.Partition, key string, r meta.Record, cond meta.Cond) (v meta.Version, err error) {
	err = f.do(ctx, Put, p, []string{key}, func() error {
		v, err = f.Store.Put(ctx, p, key, r, cond)
		return err
	})
	if err != nil {
		return "", err
	}
	return v, nil
}

// Delete removes a record.
func (f *Fault) Delete(ctx context.Context, p meta.Partition, key string, cond meta.Cond) error {
	return f.do(ctx, Delete, p, []string{key}, func() error { return f.Store.Delete(ctx, p, key, cond) })
}

// Scan returns a page.
func (f *Fault) Scan(ctx context.Context, p meta.Partition, r meta.Range) (page meta.Page, err error) {
	err = f.do(ctx, Scan, p, []string{r.From}, func() error {
		page, err = f.Store.Scan(ctx, p, r)
		return err
	})
	if err != nil {
		return meta.Page{}, err
	}
	return page, nil
}

// Batch does all ops or none.
func (f *Fault) Batch(ctx context.Context, p meta.Partition, ops []meta.Op) error {
	keys := make([]string, len(ops))
	for i := range ops {
		keys[i] = ops[i].Key
	}
	return f.do(ctx, Batch, p, keys, func() error { return f.Store.Batch(ctx, p, ops) })
}

// Ping tells whether the store can serve.
func (f *Fault) Ping(ctx context.Context) error {
	return f.do(ctx, Ping, "", []string{""}, func() error { return f.Store.Ping(ctx) })
}

func (f *Fault) do(ctx context.Context, op Op, p meta.Partition, keys []string, call func() error) error {
	if f.Delay != nil {
		for _, key := range keys {
			if err := sleep(ctx, f.Delay(op, p, key)); err != nil {
				return err
			}
		}
	}
	if err := ask(f.Before, op, p, keys); err != nil {
		return err
	}
	if err := call(); err != nil {
		return err
	}
	return ask(f.After, op, p, keys)
}

func ask(hook func(Op, meta.Partition, string) error, op Op, p meta.Partition, keys []string) error {
	if hook == nil {
		return nil
	}
	for _, key := range keys {
		if err := hook(op, p, key); err != nil {
			return fmt.Errorf("injected into %s %s %q: %w", op, p, key, err)
		}
	}
	return nil
}

// sleep waits for d, or until ctx ends, whose error it then returns.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
