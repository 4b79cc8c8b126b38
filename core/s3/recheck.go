package s3

import (
	"io"
	"time"
)

// Whoever is suspended, or whose key or session is ended, stops at once: at
// the next request, and with an upload that is under way. Its body is where it
// is noticed, every recheckEvery and at its end, which comes before anything
// of it is visible.
const (
	recheckEvery = 5 * time.Second
	// recheckAfter spares uploads that are over before much can have happened.
	recheckAfter = time.Second
)

// rechecked is a body that ends with an error when its sender may not send it
// any longer.
type rechecked struct {
	io.ReadCloser
	c    *call
	last time.Time
}

// recheckBody puts a rechecked before the payload.
func (c *call) recheckBody() {
	if c.op.body {
		c.auth.Body = &rechecked{ReadCloser: c.auth.Body, c: c, last: c.now}
	}
}

// Read reads.
func (b *rechecked) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF || b.c.principal.Anonymous() { // of a form it is known later
		return n, err
	}
	now := b.c.f.Now()
	if d := now.Sub(b.last); d >= recheckEvery || err == io.EOF && d >= recheckAfter {
		b.last = now
		if why := b.c.f.Accounts.StillValid(b.c.ctx, b.c.principal); why != nil {
			return 0, why
		}
	}
	return n, err
}
