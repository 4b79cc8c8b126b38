package content

import (
	"context"
	"fmt"
	"io"
)

// ErrNone says that the process was given no content store. It wraps
// ErrUnavailable.
var ErrNone = fmt.Errorf("this process has no content store: %w", ErrUnavailable)

// None stands for the content store in a process that moves no contents, and so
// holds no credentials for them. Whatever asks for a content fails with ErrNone;
// Ping does not, for such a process is ready without.
type None struct{}

// Create fails with ErrNone, as Open, Delete and Walk do.
func (None) Create(_ context.Context, id ID, _ int64) (Writer, error) {
	return nil, none("create", id)
}

// Open fails with ErrNone.
func (None) Open(_ context.Context, id ID, _, _ int64) (io.ReadCloser, error) {
	return nil, none("open", id)
}

// Delete fails with ErrNone: whether the content is gone is not known.
func (None) Delete(_ context.Context, id ID) error { return none("delete", id) }

// Walk fails with ErrNone: nothing found would mean that nothing is there.
func (None) Walk(context.Context, ID, func(Info) error) error {
	return fmt.Errorf("walk contents: %w", ErrNone)
}

// Capabilities promise nothing.
func (None) Capabilities() Capabilities { return Capabilities{Name: "none"} }

// Ping returns nil unless ctx has ended.
func (None) Ping(ctx context.Context) error { return ctx.Err() }

// Close does nothing.
func (None) Close() error { return nil }

func none(what string, id ID) error {
	return fmt.Errorf("%s content %s: %w", what, id, ErrNone)
}
