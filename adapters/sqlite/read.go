package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"

	"github.com/mucura/mucura/core/meta"
)

// readerCache is the memory for pages of each reading connection, bytes.
const readerCache = 768 << 10

// pool holds the reading connections. The one used last is used next, so
// under a light load one cache is warm and the others are never opened.
type pool struct {
	free chan struct{} // a place for every connection in use
	open func() (*conn, error)

	mu   sync.Mutex
	idle []*conn
}

func (s *Store) openReader() (*conn, error) {
	return s.connect(true, readerCache, s.opts.BusyTimeout)
}

func (p *pool) take(ctx context.Context) (*conn, error) {
	select {
	case p.free <- struct{}{}:
	default:
		select {
		case p.free <- struct{}{}:
		case <-ctx.Done():
			return nil, fmt.Errorf("sqlite: waiting to read: %w", ctx.Err())
		}
	}
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	c, err := p.open()
	if err != nil {
		<-p.free
		return nil, failed("open", err)
	}
	return c, nil
}

// give puts a connection back, or closes it when err says that it is broken.
func (p *pool) give(c *conn, err error) {
	if err != nil && isBroken(err) {
		c.close()
	} else {
		p.mu.Lock()
		p.idle = append(p.idle, c)
		p.mu.Unlock()
	}
	<-p.free
}

// close closes the idle connections; none is in use any more.
func (p *pool) close() (err error) {
	for _, c := range p.idle {
		err = errors.Join(err, c.close())
	}
	p.idle = nil
	return err
}

// read lends fn a reading connection.
func (s *Store) read(ctx context.Context, fn func(c *conn) error) error {
	c, err := s.readers.take(ctx)
	if err != nil {
		return err
	}
	err = fn(c)
	s.readers.give(c, err)
	return err
}

// Get reads a record. It sees every write acknowledged before, by whatever
// process.
func (s *Store) Get(ctx context.Context, p meta.Partition, key string, withBody bool) (meta.Record, error) {
	if err := s.enter(ctx); err != nil {
		return meta.Record{}, err
	}
	defer s.leave()
	id, found, err := s.partition(ctx, p)
	if err != nil {
		return meta.Record{}, err
	}
	if !found {
		return meta.Record{}, &missing{p, key}
	}
	at := place{id, key}
	if r, ok := s.cache.get(at, withBody); ok {
		return r, nil
	}
	before := s.cache.now()
	c, err := s.readers.take(ctx)
	if err != nil {
		return meta.Record{}, err
	}
	r, found, err := c.get(id, key, withBody)
	s.readers.give(c, err)
	if err != nil {
		return meta.Record{}, failed("get", err)
	}
	if !found {
		return meta.Record{}, &missing{p, key}
	}
	s.cache.add(&before, at, &r, withBody)
	return r, nil
}

func (c *conn) get(partition int64, key string, withBody bool) (r meta.Record, found bool, err error) {
	var row [3]driver.Value
	q, dest := getRecord, row[:2]
	if withBody {
		q, dest = getRecordBody, row[:3]
	}
	if found, err = c.row(q, dest, partition, key); err != nil || !found {
		return meta.Record{}, false, err
	}
	if r.Version, r.Summary, err = parseHead(bytesOf(row[0])); err != nil {
		return meta.Record{}, false, err
	}
	r.Value, r.Body = bytesOf(row[1]), bytesOf(row[2])
	return r, true, nil
}

// missing is ErrNotFound with what was looked for. A look for what is not
// there is a common part of a write, so its text is made only when read.
type missing struct {
	p   meta.Partition
	key string
}

func (m *missing) Error() string {
	return fmt.Sprintf("sqlite get %s %q: %v", m.p, m.key, meta.ErrNotFound)
}

func (m *missing) Unwrap() error { return meta.ErrNotFound }
