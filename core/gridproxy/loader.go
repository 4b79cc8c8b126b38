package gridproxy

import (
	"context"
	"io"
	"log/slog"
	"time"
)

// Loader keeps a snapshot of a trust directory fresh. Make one with
// [NewDirLoader] or [NewBundleLoader].
type Loader struct {
	// Log gets problems and changes; nil logs nothing.
	Log *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// NewDirLoader reads a directory and a vomsdir ("" for none): again when a
// file has changed, looked for every check, and every reload in any case.
func NewDirLoader(dir, vomsdir string, check, reload time.Duration) *Loader { return &Loader{} }

// NewBundleLoader reads a tar bundle (see [LoadTar]) again when the snapshot is
// older than refresh, on the request that finds it so: for functions, where
// nothing runs between requests. A snapshot older than maxAge is not used.
func NewBundleLoader(open func(context.Context) (io.ReadCloser, error), refresh, maxAge time.Duration) *Loader {
	return &Loader{}
}

// Trust returns the current snapshot, loading it when there is none or it is due.
func (l *Loader) Trust(ctx context.Context) (*Trust, error) { return nil, nil }

// Run reloads until the context ends. Only a directory loader needs it.
func (l *Loader) Run(ctx context.Context) {}
