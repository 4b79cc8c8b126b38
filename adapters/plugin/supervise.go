package plugin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/mucura/mucura/adapters/plugin/internal/wire"
	pb "github.com/mucura/mucura/adapters/plugin/storepb"
)

const (
	maxRestartDelay = 30 * time.Second
	steadyAfter     = time.Minute      // a program that ran so long starts again at once
	closeTimeout    = 10 * time.Second // for running calls, and again for the store
	missedHealth    = 3                // unanswered questions before a program is killed
)

// supervisor keeps one plug-in running and hands its connection to calls.
type supervisor struct {
	spec *spec
	opts Options
	port wire.Port
	log  *slog.Logger
	// open opens the store in a new process.
	open func(ctx context.Context, p *process, r *pb.OpenRequest) error
	// shut closes the store in a process.
	shut func(ctx context.Context, p *process) error

	mu     sync.Mutex
	proc   *process // nil while none serves
	why    error    // why none serves
	closed bool
	calls  sync.WaitGroup // unary calls that run; streams are not waited for

	closing  sync.Once
	closeErr error
	stop     chan struct{} // closed by Close
	done     chan struct{} // closed when the last process is gone
}

func newSupervisor(s *spec, o Options, port wire.Port) *supervisor {
	return &supervisor{
		spec: s, opts: o, port: port,
		log:  o.Log.With("plugin", s.name(), "port", string(port)),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
}

// start runs the first process; its failure is the caller's. Later ones are
// the supervisor's.
func (s *supervisor) start(ctx context.Context) error {
	if s.spec.sum == nil {
		s.log.Info("plug-in is not pinned: the store URL has no sha256")
	}
	p, err := s.launch(ctx)
	if err != nil {
		return err
	}
	s.set(p, nil)
	go s.supervise(p)
	return nil
}

// launch starts a process and opens the store in it.
func (s *supervisor) launch(ctx context.Context) (*process, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	settings, err := s.spec.allSettings()
	if err != nil {
		return nil, failed(s.spec, err)
	}
	p, err := launch(s.spec, s.log)
	if err != nil {
		return nil, failed(s.spec, err)
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.open(ctx, p, &pb.OpenRequest{Settings: settings}); err != nil {
		p.kill()
		return nil, err
	}
	s.log.Info("plug-in serves", "pid", p.program.pid())
	return p, nil
}

func (s *supervisor) set(p *process, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proc, s.why = p, why
}

// current is the process that serves, or why there is none.
func (s *supervisor) current() (*process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, fmt.Errorf("plug-in %s is closed: %w", s.spec.name(), unavailable(s.port))
	case s.proc == nil:
		return nil, fmt.Errorf("plug-in %s does not run (%v): %w", s.spec.name(), s.why, unavailable(s.port))
	}
	return s.proc, nil
}

// enter is current for a call that Close waits for; leave ends it.
func (s *supervisor) enter(ctx context.Context) (*process, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p, err := s.current()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("plug-in %s is closed: %w", s.spec.name(), unavailable(s.port))
	}
	s.calls.Add(1)
	return p, nil
}

func (s *supervisor) leave() { s.calls.Done() }

// supervise starts the program again whenever it ends, until Close.
func (s *supervisor) supervise(p *process) {
	defer close(s.done)
	delay := s.opts.RestartDelay
	for p != nil {
		began := time.Now()
		why := s.watch(p)
		if why == nil { // closed
			p.end()
			return
		}
		s.set(nil, why)
		s.log.Error("plug-in is started again", "reason", why.Error())
		p.kill()
		if time.Since(began) > steadyAfter {
			delay = s.opts.RestartDelay
		}
		p, delay = s.restart(delay)
	}
}

// restart starts the program until it serves; nil when Close came first.
func (s *supervisor) restart(delay time.Duration) (*process, time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-s.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	for {
		select {
		case <-s.stop:
			return nil, 0
		case <-time.After(delay/2 + rand.N(delay/2+1)):
		}
		delay = min(2*delay, maxRestartDelay)
		p, err := s.launch(ctx)
		if err == nil {
			s.set(p, nil)
			return p, delay
		}
		if ctx.Err() != nil {
			return nil, 0
		}
		s.set(nil, err)
		s.log.Error("plug-in not started", "error", err.Error(), "next_try", delay.String())
	}
}

// watch returns when the process is dead or hangs, and says which; nil when
// the store is closed.
func (s *supervisor) watch(p *process) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	broken := make(chan struct{})
	go func() { defer close(broken); p.broken(ctx) }()
	ticker := time.NewTicker(s.opts.HealthInterval)
	defer ticker.Stop()
	missed := 0
	for {
		select {
		case <-s.stop:
			return nil
		case <-broken:
			return errors.New("process ended")
		case <-ticker.C:
		}
		if p.alive(ctx, s.opts.HealthInterval) == nil {
			missed = 0
		} else if missed++; missed == missedHealth {
			return errors.New("no answer to health checks")
		}
	}
}

// close lets running calls finish, closes the store, and ends the process.
// Streams are cut: an upload that is not committed leaves nothing.
func (s *supervisor) close() error {
	s.closing.Do(func() {
		s.mu.Lock()
		p := s.proc
		s.closed = true
		s.mu.Unlock()
		idle := make(chan struct{})
		go func() { s.calls.Wait(); close(idle) }()
		select {
		case <-idle:
		case <-time.After(closeTimeout):
			s.log.Warn("plug-in is closed while calls run")
		}
		if p != nil {
			ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
			defer cancel()
			if err := s.shut(ctx, p); err != nil {
				s.closeErr = s.fail(ctx, "close", false, err)
			}
		}
		close(s.stop)
		<-s.done
	})
	return s.closeErr
}
