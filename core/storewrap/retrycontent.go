package storewrap

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/mucura/mucura/core/content"
)

// RetryContent is a content store that repeats calls which failed with
// content.ErrUnavailable and may be repeated: Open and Delete. A Create has
// consumed bytes that only its caller could send again, and an adapter knows best
// what of it can be repeated. It waits as Retry does.
type RetryContent struct {
	content.Store
	Attempts  int
	Base, Max time.Duration
	Within    time.Duration
}

// Unwrap gives the store below.
func (s *RetryContent) Unwrap() content.Store { return s.Store }

// Open reads a range.
func (s *RetryContent) Open(ctx context.Context, id content.ID, offset, length int64) (io.ReadCloser, error) {
	begun := time.Now()
	for n := 1; ; n++ {
		rc, err := s.Store.Open(ctx, id, offset, length)
		if err == nil || !s.again(ctx, begun, n, err) {
			return rc, err
		}
	}
}

// Delete removes the content.
func (s *RetryContent) Delete(ctx context.Context, id content.ID) error {
	begun := time.Now()
	for n := 1; ; n++ {
		err := s.Store.Delete(ctx, id)
		if err == nil || !s.again(ctx, begun, n, err) {
			return err
		}
	}
}

func (s *RetryContent) again(ctx context.Context, begun time.Time, n int, err error) bool {
	if n >= orDefault(s.Attempts, defaultAttempts) || !errors.Is(err, content.ErrUnavailable) || final(err) ||
		time.Since(begun) > orDefault(s.Within, defaultWithin) {
		return false
	}
	return sleep(ctx, jitter(s.Base, s.Max, n)) == nil
}
