package mem

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/mucura/mucura/core/content"
)

// Content keeps contents in memory. It is the reference of the content port:
// the smallest thing that keeps every promise but that of outliving the process.
type Content struct {
	mu  sync.RWMutex
	all map[content.ID][]byte // never changed once stored
}

// NewContent makes an empty store.
func NewContent() *Content { return &Content{all: map[content.ID][]byte{}} }

// Create begins a new content under id.
func (s *Content) Create(ctx context.Context, id content.ID, size int64) (content.Writer, error) {
	if err := errors.Join(content.CheckID(id), ctx.Err()); err != nil {
		return nil, err
	}
	hint := min(max(size, 0), 1<<20)
	return &contentWriter{store: s, id: id, data: make([]byte, 0, hint)}, nil
}

// get gives the bytes of a content.
func (s *Content) get(ctx context.Context, id content.ID) ([]byte, error) {
	if err := errors.Join(content.CheckID(id), ctx.Err()); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	data, ok := s.all[id]
	if !ok {
		return nil, fmt.Errorf("content %s: %w", id, content.ErrNotFound)
	}
	return data, nil
}

// Open reads length bytes from offset; length -1 reads to the end.
func (s *Content) Open(ctx context.Context, id content.ID, offset, length int64) (io.ReadCloser, error) {
	data, err := s.get(ctx, id)
	if err != nil {
		return nil, err
	}
	if offset < 0 || length < -1 {
		return nil, fmt.Errorf("content %s: malformed range: %d bytes from %d", id, length, offset)
	}
	data = data[min(offset, int64(len(data))):]
	short := length > int64(len(data))
	if length >= 0 && !short {
		data = data[:length]
	}
	return &contentReader{data: bytes.NewReader(data), short: short}, nil
}

// Delete removes the content.
func (s *Content) Delete(ctx context.Context, id content.ID) error {
	if err := errors.Join(content.CheckID(id), ctx.Err()); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, id)
	return nil
}

// Walk shows the contents there were when it began, but for those deleted since.
func (s *Content) Walk(ctx context.Context, from content.ID, fn func(content.Info) error) error {
	for _, id := range s.idsFrom(from) {
		info, err := s.Stat(ctx, id)
		if errors.Is(err, content.ErrNotFound) {
			continue
		}
		if err == nil {
			err = fn(info)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *Content) idsFrom(from content.ID) []content.ID {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var ids []content.ID
	for id := range s.all {
		if id >= from {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Stat gives the size of a content.
func (s *Content) Stat(ctx context.Context, id content.ID) (content.Info, error) {
	data, err := s.get(ctx, id)
	if err != nil {
		return content.Info{}, err
	}
	return content.Info{ID: id, Size: int64(len(data))}, nil
}

// Capabilities say that walking is cheap.
func (s *Content) Capabilities() content.Capabilities {
	return content.Capabilities{Name: "mem", CheapWalk: true}
}

// Ping always succeeds.
func (s *Content) Ping(ctx context.Context) error { return ctx.Err() }

// Close keeps the contents; the store stays usable.
func (s *Content) Close() error { return nil }

// contentWriter gathers the bytes of one content.
type contentWriter struct {
	store *Content // nil when finished
	id    content.ID
	data  []byte
}

var errFinished = errors.New("content is finished")

func (w *contentWriter) Write(p []byte) (int, error) {
	if w.store == nil {
		return 0, errFinished
	}
	w.data = append(w.data, p...)
	return len(p), nil
}

func (w *contentWriter) Commit() error {
	if w.store == nil {
		return errFinished
	}
	w.store.mu.Lock()
	w.store.all[w.id] = w.data
	w.store.mu.Unlock()
	w.store, w.data = nil, nil
	return nil
}

func (w *contentWriter) Abort() error {
	w.store, w.data = nil, nil
	return nil
}

// contentReader reads a range; it ends with io.ErrUnexpectedEOF when fewer
// bytes are there than were asked for.
type contentReader struct {
	data  *bytes.Reader
	short bool
}

func (r *contentReader) Read(p []byte) (int, error) {
	n, err := r.data.Read(p)
	if err == io.EOF && r.short {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (r *contentReader) WriteTo(w io.Writer) (int64, error) {
	n, err := r.data.WriteTo(w)
	if err == nil && r.short {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (r *contentReader) Close() error { return nil }
