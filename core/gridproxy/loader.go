package gridproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Loader keeps a snapshot of a trust directory fresh. Make one with
// [NewDirLoader] or [NewBundleLoader]. A read that fails, or finds no root,
// leaves the snapshot there was in place. It is safe for concurrent use.
type Loader struct {
	// Log gets problems and changes; nil logs nothing.
	Log *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	read     func(context.Context) (*Trust, error)
	mark     func() (string, error) // nil: no cheap way to see a change
	check    time.Duration          // how often Run looks
	refresh  time.Duration          // a snapshot older than this is read again
	maxAge   time.Duration          // 0: any age serves
	onDemand bool                   // Trust reads again when it is due

	mu      sync.Mutex // one read at a time; guards what follows
	marked  string
	tried   time.Time
	current atomic.Pointer[Trust]
}

// ErrStale is a snapshot that could not be renewed within its maximum age.
var ErrStale = errors.New("the trust snapshot is too old and cannot be read again")

// retryAfter is how long an on-demand loader waits after a failure, so that
// not every request pays for one.
const retryAfter = 30 * time.Second

// NewDirLoader reads a directory and a vomsdir ("" for none). Run looks every
// check for a file that has changed, and reads all again then, and when the
// snapshot is older than refresh.
func NewDirLoader(dir, vomsdir string, check, refresh time.Duration) *Loader {
	l := &Loader{check: check, refresh: refresh}
	l.read = func(context.Context) (*Trust, error) { return LoadDir(dir, vomsdir, l.now()) }
	l.mark = func() (string, error) { return mark(dir, vomsdir) }
	return l
}

// NewBundleLoader reads a tar bundle (see [LoadTar]) again when the snapshot is
// older than refresh, in the request that finds it so: for functions, where
// nothing runs between requests. A snapshot older than maxAge is not used.
func NewBundleLoader(open func(context.Context) (io.ReadCloser, error), refresh, maxAge time.Duration) *Loader {
	l := &Loader{check: refresh, refresh: refresh, maxAge: maxAge, onDemand: true}
	l.read = func(ctx context.Context) (*Trust, error) {
		r, err := open(ctx)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return LoadTar(r, l.now())
	}
	return l
}

func (l *Loader) now() time.Time {
	if l.Now != nil {
		return l.Now()
	}
	return time.Now()
}

// Trust returns the current snapshot. It reads one when there is none yet, and,
// of a bundle, when it is due. Errors are those of the read, or [ErrStale].
func (l *Loader) Trust(ctx context.Context) (*Trust, error) {
	t := l.current.Load()
	if t == nil || l.onDemand && l.now().Sub(t.loaded) >= l.refresh {
		if err := l.renew(ctx, t); err != nil && t == nil {
			return nil, err
		}
		t = l.current.Load()
	}
	if t == nil || l.maxAge > 0 && l.now().Sub(t.loaded) > l.maxAge {
		return nil, ErrStale
	}
	return t, nil
}

// renew reads a snapshot, unless another goroutine has replaced old meanwhile
// or a read has just failed. Who has an old snapshot does not wait for others.
func (l *Loader) renew(ctx context.Context, old *Trust) error {
	if old == nil || l.maxAge > 0 && l.now().Sub(old.loaded) > l.maxAge {
		l.mu.Lock()
	} else if !l.mu.TryLock() {
		return nil
	}
	defer l.mu.Unlock()
	if l.current.Load() != old {
		return nil
	}
	if old != nil && l.now().Sub(l.tried) < retryAfter {
		return nil
	}
	return l.load(ctx)
}

// Reload reads the snapshot now, whatever its age.
func (l *Loader) Reload(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.load(ctx)
}

// load reads and swaps. The caller holds mu.
func (l *Loader) load(ctx context.Context) error {
	l.tried = l.now()
	marked := ""
	if l.mark != nil {
		var err error
		if marked, err = l.mark(); err != nil {
			return l.failed(err)
		}
	}
	t, err := l.read(ctx)
	if err != nil {
		return l.failed(err)
	}
	l.marked = marked
	l.current.Store(t)
	if l.Log != nil {
		l.Log.Info("trust directory read", "roots", t.rootCount, "anchors", t.anchorCount, "problems", len(t.problems))
		for _, p := range t.problems {
			l.Log.Warn("trust file skipped", "file", p.File, "error", p.Err)
		}
	}
	return nil
}

func (l *Loader) failed(err error) error {
	if l.Log != nil {
		l.Log.Error("trust directory not read", "error", err, "kept", l.current.Load() != nil)
	}
	return fmt.Errorf("read trust directory: %w", err)
}

// Run looks for changes and reloads until the context ends. Only a directory
// loader needs it.
func (l *Loader) Run(ctx context.Context) {
	ticker := time.NewTicker(l.check)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			l.Poll(ctx)
		}
	}
}

// Poll reloads when a file has changed or the snapshot is older than its
// refresh time: what [Loader.Run] does at every tick.
func (l *Loader) Poll(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.current.Load()
	due := t == nil || l.now().Sub(t.loaded) >= l.refresh
	if !due && l.mark != nil {
		marked, err := l.mark()
		due = err != nil || marked != l.marked
	}
	if due {
		_ = l.load(ctx) // it has logged why; the snapshot there was stays
	}
}
