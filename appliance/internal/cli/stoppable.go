package cli

import (
	"context"
	"io"
)

// stoppable is a reader whose wait for bytes ends with a context. A read of
// standard input that is under way cannot be stopped, so it is left to itself:
// nothing is read after one that was given up.
type stoppable struct {
	ctx  context.Context
	from io.Reader
	got  chan read // nil until the first read
	buf  []byte
}

type read struct {
	n   int
	err error
}

// Read implements io.Reader.
func (s *stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	if s.got == nil {
		s.got, s.buf = make(chan read, 1), make([]byte, 256<<10)
	}
	part := s.buf[:min(len(p), len(s.buf))]
	go func() {
		n, err := s.from.Read(part)
		s.got <- read{n, err}
	}()
	select {
	case r := <-s.got:
		copy(p, part[:r.n])
		return r.n, r.err
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
}
