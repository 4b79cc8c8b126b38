package migrate

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"sync"

	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// copying is a content that is or was copied in this run.
type copying struct {
	once sync.Once
	size int64
	err  error
}

// bring copies a content unless it was copied, and wants at least so many bytes of it.
func (m *Migration) bring(ctx context.Context, id content.ID, least int64) error {
	var size int64
	err := m.onceSized(ctx, id, &size, func() error {
		return m.write(ctx, id, -1, func() (io.ReadCloser, error) { return m.From.Content.Open(ctx, id, 0, -1) })
	})
	if err == nil && size < least {
		err = fmt.Errorf("it has %d bytes of %d: %w", size, least, ErrDamaged)
	}
	return err
}

func (m *Migration) once(ctx context.Context, id content.ID, copy func() error) error {
	var size int64
	return m.onceSized(ctx, id, &size, copy)
}

// onceSized makes a copy if none was made, in this run or according to the state, and
// gives its size. A copy that failed is tried again by the next who asks.
func (m *Migration) onceSized(ctx context.Context, id content.ID, size *int64, copy func() error) error {
	c := m.copying(id)
	c.once.Do(func() {
		rec, err := m.State.Get(ctx, contentsState, string(id), false)
		if errors.Is(err, meta.ErrNotFound) {
			// Noted before it is written, so that a kill leaves nothing unknown.
			err = m.remember(ctx, contentsState, []meta.Op{{Key: string(id)}})
		} else if err == nil && len(rec.Summary) == 0 { // a copy that was not finished
			err = m.To.Content.Delete(ctx, id)
		}
		if err == nil && len(rec.Summary) == 0 {
			if err = copy(); err == nil {
				rec, err = m.State.Get(ctx, contentsState, string(id), false)
			}
		}
		if err == nil {
			c.size, err = strconv.ParseInt(string(rec.Summary), 10, 64)
		}
		if c.err = err; err != nil {
			m.forget(id, c)
		}
	})
	*size = c.size
	return c.err
}

func (m *Migration) copying(id content.ID) *copying {
	m.run.mu.Lock()
	defer m.run.mu.Unlock()
	c := m.run.copied[string(id)]
	if c == nil {
		if len(m.run.copied) >= 100_000 { // the state knows them all
			clear(m.run.copied)
		}
		c = new(copying)
		m.run.copied[string(id)] = c
	}
	return c
}

func (m *Migration) forget(id content.ID, c *copying) {
	m.run.mu.Lock()
	defer m.run.mu.Unlock()
	if m.run.copied[string(id)] == c {
		delete(m.run.copied, string(id))
	}
}

// write writes a content to the target, reads it back and compares the SHA-256 of
// what was read and what was written.
func (m *Migration) write(ctx context.Context, id content.ID, size int64, open func() (io.ReadCloser, error)) error {
	rc, err := open()
	if err != nil {
		return err
	}
	defer rc.Close()
	w, err := m.To.Content.Create(ctx, id, size)
	if err != nil {
		return fmt.Errorf("write to the target: %w", err)
	}
	defer w.Abort()
	sum := sha256.New()
	n, err := io.Copy(plainWriter{w}, io.TeeReader(rc, sum))
	if err == nil {
		err = w.Commit()
	}
	if err != nil {
		return fmt.Errorf("write to the target: %w", err)
	}
	if err := m.readBack(ctx, id, n, sum); err != nil {
		return errors.Join(err, m.To.Content.Delete(context.WithoutCancel(ctx), id))
	}
	op := meta.Op{Key: string(id), Record: meta.Record{Value: sum.Sum(nil), Summary: strconv.AppendInt(nil, n, 10)}}
	if err := m.remember(ctx, contentsState, []meta.Op{op}); err != nil {
		return err
	}
	m.count(func(p *Progress) { p.Contents++; p.Bytes += n })
	return nil
}

// plainWriter hides what else a writer can do: the bytes must pass the digest.
type plainWriter struct{ io.Writer }

func (m *Migration) readBack(ctx context.Context, id content.ID, size int64, want hash.Hash) error {
	rc, err := m.To.Content.Open(ctx, id, 0, size)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	defer rc.Close()
	got := sha256.New()
	n, err := io.Copy(got, io.LimitReader(rc, size+1))
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if n != size || string(got.Sum(nil)) != string(want.Sum(nil)) {
		return fmt.Errorf("read back %d bytes of %d, or others than were written: %w", n, size, ErrDamaged)
	}
	return nil
}
