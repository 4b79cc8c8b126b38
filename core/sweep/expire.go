package sweep

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"

	"github.com/mucura/mucura/core/lifecycle"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3err"
)

// expirers is how many versions are removed at once. One after the other, each
// would wait for a commit of its own, and a busy repository would make versions
// faster than its rules remove them; together they share commits.
const expirers = 16

// expiry is one version that a rule removes.
type expiry struct {
	del     repo.DeleteInput
	version string // that was judged
	rule    *lifecycle.Rule
}

// expirer removes versions of one bucket, those of one key in order.
type expirer struct {
	x     *bucketRules
	lanes [expirers]chan expiry
	seed  maphash.Seed
	wg    sync.WaitGroup

	mu      sync.Mutex
	expired int
	err     error
}

func (x *bucketRules) newExpirer(ctx context.Context) *expirer {
	e := &expirer{x: x, seed: maphash.MakeSeed()}
	for i := range e.lanes {
		e.lanes[i] = make(chan expiry, 1)
		e.wg.Go(func() {
			for job := range e.lanes[i] {
				e.done(e.expire(ctx, job))
			}
		})
	}
	return e
}

// add hands a version over; it returns what went wrong with earlier ones.
func (e *expirer) add(job expiry) error {
	e.mu.Lock()
	err := e.err
	e.mu.Unlock()
	if err == nil {
		e.lanes[maphash.String(e.seed, job.del.Key)%expirers] <- job
	}
	return err
}

// finish waits for all and reports.
func (e *expirer) finish() error {
	for _, lane := range e.lanes {
		close(lane)
	}
	e.wg.Wait()
	e.x.rep.Expired += e.expired
	return e.err
}

func (e *expirer) done(expired bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if expired {
		e.expired++
	}
	if e.err == nil {
		e.err = err
	}
}

// expire removes one version. That it has changed meanwhile, or is locked, is
// no error: the next run judges it anew.
func (e *expirer) expire(ctx context.Context, job expiry) (bool, error) {
	s, b := e.x.s, e.x.b
	_, err := s.Repo.DeleteObject(ctx, job.del)
	switch {
	case err == nil:
		s.Log.Info("expired", "bucket", b.Name, "key", job.del.Key, "version", job.version, "rule", job.rule.ID)
		return true, nil
	case gone(err), errors.Is(err, s3err.PreconditionFailed), errors.Is(err, s3err.AccessDenied):
		return false, nil
	}
	return false, fmt.Errorf("expire %s/%s: %w", b.Name, job.del.Key, err)
}
