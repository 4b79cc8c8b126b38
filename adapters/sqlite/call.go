package sqlite

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/mucura/mucura/core/meta"
)

// call is one Put, Delete or Batch on its way through the writer.
type call struct {
	what    string
	p       meta.Partition
	ops     []meta.Op
	one     [1]meta.Op // ops of a Put or Delete
	size    int        // bytes of all records
	version uint64     // of the last record put
	err     error
	state   atomic.Int32
	done    chan struct{} // gets one value when err is final
}

// A call is waiting until either the writer takes it or its caller gives it up.
const (
	waiting int32 = iota
	taken
	abandoned
)

// calls are reused, for their channels.
var calls = sync.Pool{New: func() any { return &call{done: make(chan struct{}, 1)} }}

func newCall(what string, p meta.Partition, ops []meta.Op) *call {
	c := calls.Get().(*call)
	c.what, c.p, c.ops, c.err = what, p, ops, nil
	c.size, c.version = 0, 0
	c.state.Store(waiting)
	for i := range ops {
		c.size += len(ops[i].Key) + len(ops[i].Record.Value) + len(ops[i].Record.Summary) + len(ops[i].Record.Body)
	}
	return c
}

func newSingle(what string, p meta.Partition, op meta.Op) *call {
	c := newCall(what, p, nil)
	c.one[0] = op
	c.ops = c.one[:]
	c.size = len(op.Key) + len(op.Record.Value) + len(op.Record.Summary) + len(op.Record.Body)
	return c
}

// recycle drops what the call refers to and keeps it for another.
func (c *call) recycle() {
	c.one[0], c.ops, c.err = meta.Op{}, nil, nil
	calls.Put(c)
}

// Put replaces a record. When ctx ends while the call still waits for its
// turn, nothing is done and the context's error returned; once it has begun,
// Put waits for the outcome. After a failed fsync it gives ErrOutcomeUnknown
// if the attempt could not be made undone, else ErrUnavailable.
func (s *Store) Put(ctx context.Context, p meta.Partition, key string, r meta.Record, cond meta.Cond) (meta.Version, error) {
	if err := meta.Check(s.Capabilities(), p, key, r); err != nil {
		return "", err
	}
	c := newSingle("put", p, meta.Op{Key: key, Record: r, Cond: cond})
	version, err := s.write(ctx, c)
	if err != nil {
		return "", err
	}
	return versionString(version), nil
}

// Delete removes a record. Of ctx and failures see Put.
func (s *Store) Delete(ctx context.Context, p meta.Partition, key string, cond meta.Cond) error {
	if err := meta.Check(s.Capabilities(), p, key, meta.Record{}); err != nil {
		return err
	}
	_, err := s.write(ctx, newSingle("delete", p, meta.Op{Key: key, Delete: true, Cond: cond}))
	return err
}

// Batch does all ops or none. Of ctx and failures see Put.
func (s *Store) Batch(ctx context.Context, p meta.Partition, ops []meta.Op) error {
	if err := meta.CheckBatch(s.Capabilities(), p, ops); err != nil {
		return err
	}
	_, err := s.write(ctx, newCall("batch", p, ops))
	return err
}

// write hands a call to the writer and waits for its outcome. The call must
// not be used afterwards.
func (s *Store) write(ctx context.Context, c *call) (version uint64, err error) {
	what := c.what // a call given back may be another's at once
	if err := s.enter(ctx); err != nil {
		c.recycle()
		return 0, err
	}
	defer s.leave()
	select {
	case s.writer.queue <- c:
	case <-ctx.Done():
		c.recycle()
		return 0, fmt.Errorf("sqlite %s: %w", what, ctx.Err())
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		if c.state.CompareAndSwap(waiting, abandoned) {
			return 0, fmt.Errorf("sqlite %s: %w", what, ctx.Err()) // the writer recycles it
		}
		<-c.done
	}
	version, err = c.version, c.err
	c.recycle()
	return version, err
}
