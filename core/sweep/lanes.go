package sweep

import (
	"context"
	"hash/maphash"
	"sync"
)

// laneCount is how many changes a job makes at once. One after the other, each
// would wait for a commit of its own, and a busy repository would make rubbish
// faster than it is swept; together they share commits.
const laneCount = 16

// lanes make the changes of a job: several at once, those of one key in order.
type lanes struct {
	ctx   context.Context
	lanes [laneCount]chan change
	seed  maphash.Seed
	wg    sync.WaitGroup

	mu   sync.Mutex
	rep  *Report
	bad  problems
	stop error
}

// change does its work and counts it in a report of its own.
type change func(rep *Report) error

func newLanes(ctx context.Context, rep *Report) *lanes {
	l := &lanes{ctx: ctx, seed: maphash.MakeSeed(), rep: rep}
	for i := range l.lanes {
		l.lanes[i] = make(chan change, 1)
		l.wg.Go(func() {
			for fn := range l.lanes[i] {
				l.do(fn)
			}
		})
	}
	return l
}

func (l *lanes) do(fn change) {
	var own Report
	err := fn(&own)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rep.Add(&own)
	if stop := l.bad.add(l.ctx, err); stop != nil && l.stop == nil {
		l.stop = stop
	}
}

// add hands a change over. It returns an error when the job had better stop:
// too many changes failed, or it was cancelled.
func (l *lanes) add(key string, fn change) error {
	l.mu.Lock()
	stop := l.stop
	l.mu.Unlock()
	if stop == nil {
		l.lanes[maphash.String(l.seed, key)%laneCount] <- fn
	}
	return stop
}

// finish waits for all changes and returns what went wrong, and err, with which
// the job itself ended.
func (l *lanes) finish(err error) error {
	for _, lane := range l.lanes {
		close(lane)
	}
	l.wg.Wait()
	return l.bad.with(err)
}
