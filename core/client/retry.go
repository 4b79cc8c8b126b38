package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

const (
	usualAttempts = 6
	firstPause    = 200 * time.Millisecond
	longestPause  = 20 * time.Second
)

// Repeat calls f until it succeeds, fails for good, has been called as often as
// the client tries, or ctx ends. f gets the number of the attempt, from 0.
func (c *Client) Repeat(ctx context.Context, f func(attempt int) error) error {
	attempts := c.Attempts
	if attempts <= 0 {
		attempts = usualAttempts
	}
	for n := 0; ; n++ {
		err := f(n)
		if err == nil || n+1 >= attempts || !Temporary(err) || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause(n, err)):
		}
	}
}

// pause is how long to wait after attempt n: a random part of a time that
// doubles, so that many clients do not come back at once. The server may ask
// for longer.
func pause(n int, err error) time.Duration {
	limit := min(firstPause<<min(n, 10), longestPause)
	wait := limit/2 + rand.N(limit)
	var e *Error
	if errors.As(err, &e) && e.RetryAfter > wait {
		wait = min(e.RetryAfter, longestPause)
	}
	return wait
}

// Temporary tells whether the same request may succeed a little later: the
// network failed, or the server was busy or broken.
func Temporary(err error) bool {
	var n *NetError
	if errors.As(err, &n) {
		return !n.Final
	}
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	// S3 answers a body that came too slowly with 400.
	return e.Code == "RequestTimeout"
}

func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
