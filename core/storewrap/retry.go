package storewrap

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/mucura/mucura/core/meta"
)

// Retry is a metadata store that repeats calls which failed with
// meta.ErrUnavailable, which says that nothing was written. No other error is
// retried: after meta.ErrConflict the caller has to read again, and after
// meta.ErrOutcomeUnknown a write done twice could undo another's that came between.
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
	// Within is how long after the first call a repetition may begin: a store
	// that takes long to say no is asked less often. 0 means 5 s.
	Within time.Duration
}

// Get reads a record.
func (s *Retry) Get(ctx context.Context, p meta.Partition, key string, withBody bool) (meta.Record, error) {
	begun := time.Now()
	for n := 1; ; n++ {
		r, err := s.Store.Get(ctx, p, key, withBody)
		if err == nil || !s.again(ctx, begun, n, err) {
			return r, err
		}
	}
}

// Put replaces a record.
func (s *Retry) Put(ctx context.Context, p meta.Partition, key string, r meta.Record, cond meta.Cond) (meta.Version, error) {
	begun := time.Now()
	for n := 1; ; n++ {
		v, err := s.Store.Put(ctx, p, key, r, cond)
		if err == nil || !s.again(ctx, begun, n, err) {
			return v, err
		}
	}
}

// Delete removes a record.
func (s *Retry) Delete(ctx context.Context, p meta.Partition, key string, cond meta.Cond) error {
	begun := time.Now()
	for n := 1; ; n++ {
		err := s.Store.Delete(ctx, p, key, cond)
		if err == nil || !s.again(ctx, begun, n, err) {
			return err
		}
	}
}

// Scan returns a page.
func (s *Retry) Scan(ctx context.Context, p meta.Partition, r meta.Range) (meta.Page, error) {
	begun := time.Now()
	for n := 1; ; n++ {
		page, err := s.Store.Scan(ctx, p, r)
		if err == nil || !s.again(ctx, begun, n, err) {
			return page, err
		}
	}
}

// Batch does all ops or none.
func (s *Retry) Batch(ctx context.Context, p meta.Partition, ops []meta.Op) error {
	begun := time.Now()
	for n := 1; ; n++ {
		err := s.Store.Batch(ctx, p, ops)
		if err == nil || !s.again(ctx, begun, n, err) {
			return err
		}
	}
}

// Ping tells whether the store can serve.
func (s *Retry) Ping(ctx context.Context) error {
	begun := time.Now()
	for n := 1; ; n++ {
		err := s.Store.Ping(ctx)
		if err == nil || !s.again(ctx, begun, n, err) {
			return err
		}
	}
}

// What 0 means in Retry and RetryContent.
const (
	defaultAttempts = 4
	defaultBase     = 10 * time.Millisecond
	defaultMax      = 500 * time.Millisecond
	defaultWithin   = 5 * time.Second
)

// final tells whether an unavailability lasts longer than anybody waits.
func final(err error) bool { return errors.Is(err, ErrOpen) || errors.Is(err, meta.ErrReadOnly) }

// again tells whether the n-th call, counted from 1, which failed with err, is to
// be repeated, and waits before that.
func (s *Retry) again(ctx context.Context, begun time.Time, n int, err error) bool {
	attempts, within := s.Attempts, s.Within
	if attempts == 0 {
		attempts = defaultAttempts
	}
	if within == 0 {
		within = defaultWithin
	}
	if n >= attempts || !errors.Is(err, meta.ErrUnavailable) || final(err) || time.Since(begun) > within {
		return false
	}
	return sleep(ctx, s.wait(n)) == nil
}

// wait draws the time before repetition n, counted from 1.
func (s *Retry) wait(n int) time.Duration { return jitter(s.Base, s.Max, n) }

func jitter(base, most time.Duration, n int) time.Duration {
	if base <= 0 {
		base = defaultBase
	}
	if most <= 0 {
		most = defaultMax
	}
	d := most
	if n < 32 {
		d = min(most, base<<n)
	}
	return rand.N(d + 1)
}
