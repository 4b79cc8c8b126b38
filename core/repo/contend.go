package repo

import (
	"context"
	"errors"
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

const (
	// freeTries are made without queueing: most writers never meet another.
	freeTries = 2
	// maxTries bounds how often a write is tried against writers of other processes.
	maxTries = 100
	maxPause = 20 * time.Millisecond
	stripes  = 256
)

// queues let writers of one record in this process go one after the other
// once they have met, so that each wins after the one before it instead of
// all losing to one again and again.
type queues struct {
	once sync.Once
	seed maphash.Seed
	q    [stripes]queue
}

type queue struct {
	turn chan struct{} // holds one token while nobody has the turn
	in   atomic.Int32  // how many wait for the turn or have it
}

func (s *queues) of(p meta.Partition, key string) *queue {
	s.once.Do(func() {
		s.seed = maphash.MakeSeed()
		for i := range s.q {
			s.q[i].turn = make(chan struct{}, 1)
			s.q[i].turn <- struct{}{}
		}
	})
	h := maphash.String(s.seed, string(p)) ^ maphash.String(s.seed, key)
	return &s.q[h%stripes]
}

func (q *queue) enter(ctx context.Context) error {
	q.in.Add(1)
	select {
	case <-q.turn:
		return nil
	case <-ctx.Done():
		q.in.Add(-1)
		return ctx.Err()
	}
}

func (q *queue) leave() {
	q.turn <- struct{}{}
	q.in.Add(-1)
}

// contendFor is contend for the deciding record of an object. Where there are
// versions, writers of one key in this process always go one after the other:
// two who find no current version would not always meet on a record. Those of
// different processes then can, if one makes several changes while another
// makes one, leave two versions "null" or versions out of order; nothing is lost.
func (r *Repo) contendFor(ctx context.Context, b *catalog.Bucket, key string, attempt func() error) error {
	return r.queueFor(ctx, catalog.InBucket(b.ID), catalog.ObjectKey(key), b.Versioning != catalog.Unversioned, attempt)
}

// contend runs attempt, which reads the record at key and replaces it by
// compare-and-set, until it returns something other than meta.ErrConflict. The
// error is one for clients; OperationAborted after maxTries conflicts. attempt
// must not call contend.
func (r *Repo) contend(ctx context.Context, p meta.Partition, key string, attempt func() error) error {
	return r.queueFor(ctx, p, key, false, attempt)
}

func (r *Repo) queueFor(ctx context.Context, p meta.Partition, key string, always bool, attempt func() error) error {
	q := r.state.queues.of(p, key)
	queued := false
	for try := 0; ; try++ {
		if !queued && (always || try >= freeTries || q.in.Load() > 0) {
			if err := q.enter(ctx); err != nil {
				return err
			}
			queued = true
			defer q.leave()
		}
		err := attempt()
		if err == nil || !errors.Is(err, meta.ErrConflict) {
			return wrap(err)
		}
		if try >= maxTries {
			return s3err.OperationAborted.With(err)
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
}

// pause waits a random while, longer the more often it was tried.
func pause(ctx context.Context, try int) error {
	if try < freeTries {
		return ctx.Err()
	}
	longest := min(time.Millisecond<<min(try, 10), maxPause)
	t := time.NewTimer(rand.N(longest))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
