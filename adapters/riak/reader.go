package riak

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/mucura/mucura/core/content"
)

// readAhead is how many blocks of one content are asked for before they are needed.
const readAhead = 3

// Open reads a range: the manifest, then the blocks in which it lies.
func (s *Content) Open(ctx context.Context, id content.ID, offset, length int64) (io.ReadCloser, error) {
	if offset < 0 || length < -1 {
		return nil, fmt.Errorf("content %s: malformed range: %d bytes from %d", id, length, offset)
	}
	m, body, err := s.committed(ctx, id, false)
	if err != nil {
		return nil, err
	}
	if checksum(body) != m.sum {
		return nil, fmt.Errorf("content %s: %w: manifest", id, content.ErrCorrupt)
	}
	r := &reader{store: s, id: id, m: m, at: min(offset, m.size), end: m.size}
	if length >= 0 {
		r.short = length > m.size-r.at
		r.end = r.at + min(length, m.size-r.at)
	}
	if m.blocks() == 0 {
		if int64(len(body)) != m.size {
			return nil, fmt.Errorf("content %s: %w: %d bytes of %d", id, content.ErrCorrupt, len(body), m.size)
		}
		r.have, r.at = body[r.at:r.end], r.end
		return r, nil
	}
	if r.sums, err = m.sums(body); err != nil {
		return nil, fmt.Errorf("content %s: %w: %w", id, content.ErrCorrupt, err)
	}
	r.ctx, r.cancel = context.WithCancel(ctx)
	r.next = r.at / int64(m.block)
	r.askAhead()
	return r, nil
}

// reader reads a range. It is used by one goroutine.
type reader struct {
	store  *Content
	id     content.ID
	m      manifest
	sums   []uint32
	at     int64  // of the first byte that is neither read nor in have
	end    int64  // of the range
	short  bool   // more was asked for than there is
	have   []byte // the rest of the block at hand
	err    error
	ctx    context.Context
	cancel context.CancelFunc // nil when there are no blocks

	next  int64            // number of the block to ask for next
	asked []chan blockRead // in order
}

type blockRead struct {
	data []byte
	err  error
}

// askAhead asks for blocks until readAhead are under way.
func (r *reader) askAhead() {
	for len(r.asked) < readAhead && r.next*int64(r.m.block) < r.end {
		n, c := r.next, make(chan blockRead, 1)
		r.next++
		r.asked = append(r.asked, c)
		go func() {
			data, err := r.store.getBlock(r.ctx, r.id, n, r.sums[n])
			c <- blockRead{data, err}
		}()
	}
}

// getBlock reads a block and checks it. Of siblings any that is right will do.
func (s *Content) getBlock(ctx context.Context, id content.ID, n int64, sum uint32) ([]byte, error) {
	var o *object
	for try := 0; ; try++ {
		var err error
		if o, err = s.blocks.get(ctx, blockKey(id, n), readRange{}); err == nil {
			break
		}
		if err2 := pause(ctx, 3*try); err2 != nil || try == settleTries {
			return nil, contentError(ctx, err) // the client has the bytes before: it was worth trying
		}
	}
	for _, b := range o.siblings {
		if checksum(b.body) == sum {
			return b.body, nil
		}
	}
	if o.exists() {
		return nil, fmt.Errorf("content %s, block %d: %w", id, n, content.ErrCorrupt)
	}
	// Either the content was deleted, or the block is lost.
	if _, _, err := s.committed(ctx, id, true); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("content %s, block %d is missing: %w", id, n, content.ErrCorrupt)
}

// fill gets the next bytes of the range; io.EOF, or io.ErrUnexpectedEOF when
// fewer are there than were asked for, at its end.
func (r *reader) fill() error {
	if r.err != nil {
		return r.err
	}
	if r.at == r.end {
		if r.short {
			return io.ErrUnexpectedEOF
		}
		return io.EOF
	}
	got := <-r.asked[0]
	r.asked = r.asked[1:]
	if got.err != nil {
		r.err = got.err
		return r.err
	}
	r.askAhead()
	size := int64(r.m.block)
	first := r.at / size * size
	last := min(first+size, r.end)
	if int64(len(got.data)) < last-first {
		r.err = fmt.Errorf("content %s: %w: short block", r.id, content.ErrCorrupt)
		return r.err
	}
	r.have, r.at = got.data[r.at-first:last-first], last
	return nil
}

func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(r.have) == 0 {
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.have)
	r.have = r.have[n:]
	return n, nil
}

// WriteTo hands over whole blocks.
func (r *reader) WriteTo(w io.Writer) (int64, error) {
	var sum int64
	for {
		if len(r.have) == 0 {
			if err := r.fill(); errors.Is(err, io.EOF) {
				return sum, nil
			} else if err != nil {
				return sum, err
			}
		}
		n, err := w.Write(r.have)
		r.have, sum = r.have[n:], sum+int64(n)
		if err != nil {
			return sum, err
		}
	}
}

// Close gives up what was asked for ahead.
func (r *reader) Close() error {
	if r.cancel != nil {
		r.cancel()
	}
	r.have, r.err = nil, errors.New("reader is closed")
	return nil
}
