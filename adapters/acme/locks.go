package acme

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

// lockLife is how long a lock outlives a process that died holding it. Its
// record is written anew every third of that; who waits takes the lock when the
// record has stood still for as long. So no two clocks are ever compared.
const lockLife = 30 * time.Second

// locks are named locks among all processes on a store, one record each.
type locks struct {
	store meta.Store
	life  time.Duration

	mu   sync.Mutex
	held map[string]*lock
}

func newLocks(store meta.Store) *locks {
	return &locks{store: store, life: lockLife, held: map[string]*lock{}}
}

// lock is a lock this process holds.
type lock struct {
	stop context.CancelFunc
	done chan struct{} // closed when the record is no longer renewed

	version meta.Version // used by the renewing goroutine until done
}

// lockRecord names the holder: a fresh random name each time, so that a write
// whose outcome is unknown can be recognized.
type lockRecord struct {
	Owner string    `json:"owner"`
	Since time.Time `json:"since"` // for people who look
}

// seen is what a waiting process knows of somebody else's lock.
type seen struct {
	version meta.Version
	since   time.Time // by our clock
}

// Lock waits until the lock is ours or ctx ends.
func (l *locks) Lock(ctx context.Context, name string) error {
	var last seen
	for {
		got, err := l.try(ctx, name, &last)
		if err != nil || got {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(l.life / 30):
		}
	}
}

// TryLock takes the lock if nobody has it.
func (l *locks) TryLock(ctx context.Context, name string) (bool, error) {
	return l.try(ctx, name, &seen{})
}

func (l *locks) try(ctx context.Context, name string, last *seen) (bool, error) {
	rec, err := l.store.Get(ctx, catalog.TLSLocks, name, false)
	switch {
	case errors.Is(err, meta.ErrNotFound):
		return l.take(ctx, name, meta.IfAbsent)
	case err != nil:
		return false, fmt.Errorf("lock %s: %w", name, err)
	case rec.Version != last.version:
		*last = seen{rec.Version, time.Now()}
		return false, nil
	case time.Since(last.since) < l.life:
		return false, nil
	}
	return l.take(ctx, name, meta.IfMatch(rec.Version))
}

// take writes the record of the lock and begins to renew it.
func (l *locks) take(ctx context.Context, name string, cond meta.Cond) (bool, error) {
	version, err := l.write(ctx, name, rand.Text(), cond)
	if errors.Is(err, meta.ErrConflict) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lock %s: %w", name, err)
	}
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	k := &lock{stop: stop, done: make(chan struct{}), version: version}
	l.mu.Lock()
	l.held[name] = k
	l.mu.Unlock()
	go l.renew(renewing, name, k)
	return true, nil
}

// write puts a lock's record; when the outcome is unknown it looks.
func (l *locks) write(ctx context.Context, name, owner string, cond meta.Cond) (meta.Version, error) {
	value, err := json.Marshal(lockRecord{owner, time.Now().UTC()})
	if err != nil {
		return "", err
	}
	version, err := l.store.Put(ctx, catalog.TLSLocks, name, meta.Record{Value: value}, cond)
	if !errors.Is(err, meta.ErrOutcomeUnknown) {
		return version, err
	}
	rec, getErr := l.store.Get(ctx, catalog.TLSLocks, name, false)
	if getErr != nil {
		return "", err
	}
	var there lockRecord
	if json.Unmarshal(rec.Value, &there) == nil && there.Owner == owner {
		return rec.Version, nil
	}
	return "", meta.ErrConflict
}

// renew keeps a lock until its context ends, or somebody else has taken it
// because we stood still for too long.
func (l *locks) renew(ctx context.Context, name string, k *lock) {
	defer close(k.done)
	ticker := time.NewTicker(l.life / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		version, err := l.rewrite(ctx, name, k.version)
		if errors.Is(err, meta.ErrConflict) {
			return
		}
		if err == nil {
			k.version = version
		}
	}
}

// rewrite renews a lock's record. Giving the lock back does not cut it off, so
// that the version of the record stays known.
func (l *locks) rewrite(ctx context.Context, name string, version meta.Version) (meta.Version, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.life/3)
	defer cancel()
	return l.write(ctx, name, rand.Text(), meta.IfMatch(version))
}

// Unlock gives the lock back.
func (l *locks) Unlock(ctx context.Context, name string) error {
	l.mu.Lock()
	k := l.held[name]
	delete(l.held, name)
	l.mu.Unlock()
	if k == nil {
		return fmt.Errorf("lock %s is not held", name)
	}
	k.stop()
	<-k.done
	// Unlocking is wanted even when the work was cancelled.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := l.store.Delete(ctx, catalog.TLSLocks, name, meta.IfMatch(k.version))
	if errors.Is(err, meta.ErrConflict) || errors.Is(err, meta.ErrOutcomeUnknown) {
		return nil // taken over by others, or gone; if not, it ages away
	}
	return err
}
