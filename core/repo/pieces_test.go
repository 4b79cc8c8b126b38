package repo

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// intercepted is a content store whose writers do something before each Write.
type intercepted struct {
	content.Store
	before func()
}

func (s *intercepted) Create(ctx context.Context, id content.ID, size int64) (content.Writer, error) {
	w, err := s.Store.Create(ctx, id, size)
	return &interceptedWriter{w, s.before}, err
}

type interceptedWriter struct {
	content.Writer
	before func()
}

func (w *interceptedWriter) Write(p []byte) (int, error) {
	w.before()
	return w.Writer.Write(p)
}

// watched is a body that tells when it is read beyond what has to be in memory
// before anything is stored.
type watched struct {
	io.Reader
	read   int
	beyond chan struct{}
	once   sync.Once
}

func (w *watched) Read(p []byte) (int, error) {
	if w.read >= largeChunkSize {
		w.once.Do(func() { close(w.beyond) })
	}
	n, err := w.Reader.Read(p)
	w.read += n
	return n, err
}

// TestPiecesOverlap: while a piece is stored the next is received. The store waits
// for that here; without it the test does not end.
func TestPiecesOverlap(t *testing.T) {
	l := newLab(t, meta.Capabilities{})
	data := strings.Repeat("0123456789abcdef", 3<<20/16)
	body := &watched{Reader: strings.NewReader(data), beyond: make(chan struct{})}
	l.Content = &intercepted{l.Content, func() { <-body.beyond }}
	l.mustPut(t, "k", data, func(in *PutObjectInput) { in.Body = body })
	if got := l.bodyOf(t, "k", ""); got != data {
		t.Error("other bytes came back")
	}
}

// TestPanicBehind: a panic of a store is its caller's, who may recover, and all
// memory is given back.
func TestPanicBehind(t *testing.T) {
	l := newLab(t, meta.Capabilities{})
	l.Content = &intercepted{l.Content, func() { panic("the store is broken") }}
	data := strings.Repeat("x", 3<<20)
	for what, body := range map[string]io.Reader{
		"whole":  strings.NewReader(data),
		"broken": io.MultiReader(strings.NewReader(data[:2*largeChunkSize-1]), iotest.ErrReader(io.ErrUnexpectedEOF)),
	} {
		func() {
			defer func() {
				if p := recover(); p != "the store is broken" {
					t.Errorf("%s body: recovered %v", what, p)
				}
			}()
			_, _ = l.put("k", data, func(in *PutObjectInput) { in.Body = body })
			t.Errorf("%s body: no panic", what)
		}()
	}
	if n := largeInHand.Load(); n != 0 {
		t.Errorf("%d large pieces are in use", n)
	}
}
