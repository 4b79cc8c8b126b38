package storewrap

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/mucura/mucura/core/meta"
)

// Retry is a metadata store that repeats calls which failed with
// meta.ErrUnavailable: reads, Ping, and writes without condition. Conditional
// writes and batches are passed on once, because the caller has to read again
// anyway. meta.ErrOutcomeUnknown is never retried: a write done twice could
// undo another's that came between.
//
// Before the n-th repetition it waits a random time up to Base·2ⁿ, at most Max
// ("full jitter", https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/),
// so that many callers do not come back at once. When the context ends first,
// the store's last error is returned.
type Retry struct {
	meta.Store
	Attempts int           // calls in all; 0 means 4
	Base     time.Duration // 0 means 10 ms
	Max      time.Duration // 0 means 500 ms
}

// Get reads a record.
func (s *Retry) Get(ctx context.Context, p meta.Partition, key string, withBody bool) (r meta.Record, err error) {
	err = s.do(ctx, func() error {
		r, err = s.Store.Get(ctx, p, key, withBody)
		return err
	})
	return r, err
}

// Put replaces a record.
func (s *Retry) Put(ctx context.Context, p meta.Partition, key string, r meta.Record, cond meta.Cond) (v meta.Version, err error) {
	if cond.Kind != meta.Any {
		return s.Store.Put(ctx, p, key, r, cond)
	}
	err = s.do(ctx, func() error {
		v, err = s.Store.Put(ctx, p, key, r, cond)
		return err
	})
	return v, err
}

// Delete removes a record.
func (s *Retry) Delete(ctx context.Context, p meta.Partition, key string, cond meta.Cond) error {
	if cond.Kind != meta.Any {
		return s.Store.Delete(ctx, p, key, cond)
	}
	return s.do(ctx, func() error { return s.Store.Delete(ctx, p, key, cond) })
}

// Scan returns a page.
func (s *Retry) Scan(ctx context.Context, p meta.Partition, r meta.Range) (page meta.Page, err error) {
	err = s.do(ctx, func() error {
		page, err = s.Store.Scan(ctx, p, r)
		return err
	})
	return page, err
}

// Ping tells whether the store can serve.
func (s *Retry) Ping(ctx context.Context) error {
	return s.do(ctx, func() error { return s.Store.Ping(ctx) })
}

func (s *Retry) do(ctx context.Context, call func() error) error {
	attempts := s.Attempts
	if attempts == 0 {
		attempts = 4
	}
	for n := 1; ; n++ {
		err := call()
		if err == nil || n >= attempts || !errors.Is(err, meta.ErrUnavailable) {
			return err
		}
		if sleep(ctx, s.wait(n)) != nil {
			return err
		}
	}
}

// wait draws the time before repetition n, counted from 1.
func (s *Retry) wait(n int) time.Duration {
	base, most := s.Base, s.Max
	if base <= 0 {
		base = 10 * time.Millisecond
	}
	if most <= 0 {
		most = 500 * time.Millisecond
	}
	d := most
	if n < 32 {
		d = min(most, base<<n)
	}
	return rand.N(d + 1)
}
