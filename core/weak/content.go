package weak

import (
	"context"
	"io"
	"sync"

	"github.com/mucura/mucura/core/content"
)

// Content is a content store as large sites have them: walking it is not cheap,
// it knows no sizes, and a writer that dies leaves what it sent so far, which
// only Delete of its ID removes.
type Content struct {
	store content.Store // hidden: its optional interfaces are not this store's

	mu     sync.Mutex
	debris map[content.ID]int64 // bytes sent and neither committed nor aborted
	walks  int
}

// NewContent makes a weak store over s.
func NewContent(s content.Store) *Content {
	return &Content{store: s, debris: map[content.ID]int64{}}
}

// Debris counts the contents that writers left unfinished.
func (s *Content) Debris() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.debris)
}

// Walks counts the calls of Walk.
func (s *Content) Walks() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.walks
}

// Create begins a new content.
func (s *Content) Create(ctx context.Context, id content.ID, size int64) (content.Writer, error) {
	w, err := s.store.Create(ctx, id, size)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.debris[id] = 0
	return &writer{Writer: w, store: s, id: id}, nil
}

// Open reads a range.
func (s *Content) Open(ctx context.Context, id content.ID, offset, length int64) (io.ReadCloser, error) {
	return s.store.Open(ctx, id, offset, length)
}

// Delete removes the content, and what an unfinished writer of it sent.
func (s *Content) Delete(ctx context.Context, id content.ID) error {
	if err := s.store.Delete(ctx, id); err != nil {
		return err
	}
	s.clean(id)
	return nil
}

func (s *Content) clean(id content.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.debris, id)
}

// Walk calls fn for each committed content.
func (s *Content) Walk(ctx context.Context, from content.ID, fn func(content.Info) error) error {
	s.mu.Lock()
	s.walks++
	s.mu.Unlock()
	return s.store.Walk(ctx, from, fn)
}

// Capabilities say that walking is not cheap.
func (s *Content) Capabilities() content.Capabilities {
	return content.Capabilities{Name: s.store.Capabilities().Name}
}

// Ping tells whether the store can serve.
func (s *Content) Ping(ctx context.Context) error { return s.store.Ping(ctx) }

// Close closes the store.
func (s *Content) Close() error { return s.store.Close() }

type writer struct {
	content.Writer
	store *Content
	id    content.ID
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	if _, unfinished := w.store.debris[w.id]; unfinished {
		w.store.debris[w.id] += int64(n)
	}
	return n, err
}

func (w *writer) Commit() error {
	err := w.Writer.Commit()
	if err == nil {
		w.store.clean(w.id)
	}
	return err
}

func (w *writer) Abort() error {
	err := w.Writer.Abort()
	if err == nil {
		w.store.clean(w.id)
	}
	return err
}
