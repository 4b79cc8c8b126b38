package redis

import (
	"context"
	"sync"

	goredis "github.com/redis/go-redis/v9"
)

// Limits of what goes out in one pipeline.
const (
	laneCalls = 64
	laneBytes = 512 << 10
)

// call is commands that go to one server in this order, on one connection.
type call struct {
	cmds  []goredis.Cmder
	size  int  // about how many bytes they are
	alone bool // set when done: cmds is one command, and nothing else was in the pipeline
	// ready gets the calls this one has to send, itself first, or nil when
	// another has sent it.
	ready chan []*call
}

// lane sends calls to one server over a few connections. A call that finds one
// free goes at once, on the goroutine that makes it. While all are in use,
// calls queue up and then go together in one pipeline, whoever is first in the
// queue sending for all: under load, the system calls and the wake-ups of one
// exchange are shared by many, on either side, and with them the fsync.
type lane struct {
	client *goredis.Client
	most   int

	mu     sync.Mutex
	active int
	queue  []*call
}

// lanes holds the lane of each server's client.
type lanes struct{ m sync.Map }

func (l *lanes) of(c *goredis.Client, most int) *lane {
	if v, ok := l.m.Load(c); ok {
		return v.(*lane)
	}
	v, _ := l.m.LoadOrStore(c, &lane{client: c, most: most})
	return v.(*lane)
}

// do sends a call and returns when every command has its answer or error.
func (l *lane) do(ctx context.Context, c *call) {
	l.mu.Lock()
	if l.active < l.most {
		l.active++
		l.mu.Unlock()
		defer l.next()
		run(ctx, l.client, c)
		return
	}
	c.ready = make(chan []*call, 1)
	l.queue = append(l.queue, c)
	l.mu.Unlock()
	select {
	case group := <-c.ready:
		l.lead(ctx, group)
	case <-ctx.Done():
		if l.withdraw(c) {
			c.fail(&notSent{ctx.Err()})
			return
		}
		l.lead(ctx, <-c.ready)
	}
}

// lead sends a group, if there is one to send.
func (l *lane) lead(ctx context.Context, group []*call) {
	if len(group) == 0 {
		return
	}
	defer l.next()
	if len(group) > 1 {
		// The others' calls must not end with this one's context.
		ctx = context.WithoutCancel(ctx)
	}
	defer func() {
		for _, c := range group[1:] {
			c.ready <- nil
		}
	}()
	run(ctx, l.client, group...)
}

// next hands the connection to the first in the queue.
func (l *lane) next() {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, size := 0, 0
	for n < len(l.queue) && n < laneCalls && (n == 0 || size+l.queue[n].size <= laneBytes) {
		size += l.queue[n].size
		n++
	}
	if n == 0 {
		l.active--
		return
	}
	group := l.queue[:n:n]
	l.queue = l.queue[n:]
	group[0].ready <- group
}

// withdraw takes a call out of the queue; false when it is on its way.
func (l *lane) withdraw(c *call) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.queue {
		if l.queue[i] == c {
			l.queue = append(l.queue[:i:i], l.queue[i+1:]...)
			return true
		}
	}
	return false
}

// run sends calls in one pipeline.
func run(ctx context.Context, client *goredis.Client, calls ...*call) {
	if len(calls) == 1 && len(calls[0].cmds) == 1 {
		calls[0].alone = true
		_ = client.Process(ctx, calls[0].cmds[0]) // the command keeps its error
		return
	}
	pipe := client.Pipeline()
	for _, c := range calls {
		for _, cmd := range c.cmds {
			_ = pipe.Process(ctx, cmd)
		}
	}
	_, _ = pipe.Exec(ctx) // every command keeps its error
}

// fail gives every command an error.
func (c *call) fail(err error) {
	for _, cmd := range c.cmds {
		cmd.SetErr(err)
	}
}

// err is the first error of the commands; an absent value is none.
func (c *call) err() error {
	for _, cmd := range c.cmds {
		if err := cmd.Err(); err != nil && err != goredis.Nil {
			return err
		}
	}
	return nil
}
