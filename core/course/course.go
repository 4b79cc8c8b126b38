// Package course remembers how far a job that goes through everything has come,
// so that a job with little time goes on where the last one stopped or died,
// and has two of the same job not do the same work at once.
//
// Nothing that must be right rests on it: every job is safe to run twice at
// once, and to begin anew.
package course

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

// ErrTaken says that another process is at the job.
var ErrTaken = errors.New("another run is at it")

const (
	// saveEvery is how often a run notes where it is, and that it is alive.
	saveEvery = 5 * time.Second
	// deadAfter is how long after its last note a run counts as dead: killed, or
	// frozen with its function.
	deadAfter = 6 * saveEvery
)

// Place is where a job is in a round through everything. The zero Place is the
// beginning.
type Place struct {
	// Bucket is a bucket's name: those before it are done.
	Bucket string `json:"bucket,omitempty"`
	// Key is where in it the job is; what it means is the job's own.
	Key []byte `json:"key,omitempty"`
	// Sums are what the job has added up since the round began.
	Sums map[string]int64 `json:"sums,omitempty"`
}

// State is what the record of a job says.
type State struct {
	Place
	Begun time.Time `json:"begun,omitzero"` // of the round under way
	Ended time.Time `json:"ended,omitzero"` // of the last whole round
	// Runner is who is at it, and Beat when it last said so.
	Runner string    `json:"runner,omitempty"`
	Beat   time.Time `json:"beat,omitzero"`
}

// Course is a run's hold on the state of its job.
type Course struct {
	registry meta.Store
	job      string
	now      func() time.Time
	cancel   context.CancelCauseFunc
	stop     chan struct{}
	stopped  chan struct{}

	version meta.Version // used by one goroutine at a time: beat, then Leave

	mu    sync.Mutex // not held during calls to the store
	state State
}

func key(job string) string { return "course/" + job }

// Read tells how far a job is; the zero State when it never ran.
func Read(ctx context.Context, registry meta.Store, job string) (State, error) {
	s, _, err := read(ctx, registry, job)
	return s, err
}

func read(ctx context.Context, registry meta.Store, job string) (s State, v meta.Version, err error) {
	rec, err := registry.Get(ctx, catalog.Jobs, key(job), false)
	if errors.Is(err, meta.ErrNotFound) {
		return s, "", nil
	}
	if err != nil {
		return s, "", fmt.Errorf("where job %s is: %w", job, err)
	}
	if json.Unmarshal(rec.Value, &s) != nil {
		s = State{} // begin anew rather than never again
	}
	return s, rec.Version, nil
}

// Begin takes a job on. ErrTaken when another run has it and was alive half a
// minute ago. The context it returns ends when another run takes the job over.
// End it with Leave.
func Begin(ctx context.Context, registry meta.Store, job string, now func() time.Time) (context.Context, *Course, error) {
	s, v, err := read(ctx, registry, job)
	if err != nil {
		return ctx, nil, err
	}
	t := now()
	if s.Runner != "" && t.Sub(s.Beat) < deadAfter {
		return ctx, nil, ErrTaken
	}
	if s.Begun.IsZero() {
		s.Begun = t
	}
	s.Runner = rand.Text()
	c := &Course{registry: registry, job: job, now: now, state: s, version: v, stop: make(chan struct{}), stopped: make(chan struct{})}
	if err := c.save(ctx); err != nil {
		return ctx, nil, err
	}
	run, cancel := context.WithCancelCause(ctx)
	c.cancel = cancel
	go c.beat(run)
	return run, c, nil
}

// beat notes every now and then where the run is. It ends it when the job was
// taken over; a store that does not answer for a while does not.
func (c *Course) beat(ctx context.Context) {
	defer close(c.stopped)
	t := time.NewTicker(saveEvery)
	defer t.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-ctx.Done():
			return
		case <-t.C:
			if err := c.save(ctx); errors.Is(err, ErrTaken) {
				c.cancel(err)
				return
			}
		}
	}
}

func (c *Course) save(ctx context.Context) error {
	c.mu.Lock()
	c.state.Beat = c.now()
	value, err := json.Marshal(&c.state)
	runner := c.state.Runner
	c.mu.Unlock()
	if err != nil {
		return err
	}
	v, err := c.registry.Put(ctx, catalog.Jobs, key(c.job), meta.Record{Value: value}, meta.IfMatch(c.version))
	switch {
	case err == nil:
		c.version = v
		return nil
	case errors.Is(err, meta.ErrConflict), errors.Is(err, meta.ErrOutcomeUnknown):
		return c.look(ctx, runner, err)
	}
	return fmt.Errorf("note where job %s is: %w", c.job, err)
}

// look settles a write whose outcome is not known, or that met another: the
// record is this run's if it names it.
func (c *Course) look(ctx context.Context, runner string, cause error) error {
	s, v, err := read(ctx, c.registry, c.job)
	switch {
	case err != nil:
		return errors.Join(cause, err)
	case s.Runner != runner:
		return ErrTaken
	}
	c.version = v
	return nil
}

// At is where the run is.
func (c *Course) At() Place {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.Place
}

// Begun is when the round began that is under way.
func (c *Course) Begun() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.Begun
}

// Move says where the run is now. It is written down a few seconds later, or by
// Leave; p is not to be changed any more.
func (c *Course) Move(p Place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state.Place = p
}

// Leave ends the run. done tells that the round is complete: the next run begins
// a new one. It is safe to call after the context has ended.
func (c *Course) Leave(ctx context.Context, done bool) error {
	close(c.stop)
	<-c.stopped
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deadAfter)
	defer cancel()
	defer c.cancel(nil)
	c.mu.Lock()
	if done {
		c.state.Place, c.state.Begun, c.state.Ended = Place{}, time.Time{}, c.now()
	}
	mine := c.state.Runner
	c.state.Runner = ""
	c.mu.Unlock()
	err := c.leave(ctx, mine)
	if errors.Is(err, ErrTaken) {
		return nil // it is the other's now
	}
	return err
}

// leave is save without a runner: that the record is this run's cannot be told
// by the name any more when the first try met another write.
func (c *Course) leave(ctx context.Context, mine string) error {
	s, v, err := read(ctx, c.registry, c.job)
	if err != nil {
		return err
	}
	if s.Runner != mine {
		return ErrTaken
	}
	c.version = v
	return c.save(ctx)
}
