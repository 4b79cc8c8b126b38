package riak

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/mucura/mucura/core/content"
)

// writeAhead is how many blocks of one content are sent at once. A writer
// holds one block more.
const writeAhead = 3

// writer gathers blocks and sends them. Until a second block is begun nothing
// is stored; before the first is sent a manifest says that it is being written.
type writer struct {
	store *Content
	ctx   context.Context
	id    content.ID
	buf   []byte // the block that is being filled
	sums  []uint32
	size  int64
	began bool   // the manifest is there
	clock string // of the manifest
	done  bool

	turn chan struct{} // a token for each block under way
	wg   sync.WaitGroup
	mu   sync.Mutex
	err  error // the first that a block met
}

// Create begins a new content.
func (s *Content) Create(ctx context.Context, id content.ID, size int64) (content.Writer, error) {
	if err := errors.Join(content.CheckID(id), ctx.Err()); err != nil {
		return nil, err
	}
	hint := int64(s.blockSize)
	if size >= 0 {
		hint = min(hint, size)
	}
	return &writer{store: s, ctx: ctx, id: id, buf: make([]byte, 0, hint), turn: make(chan struct{}, writeAhead)}, nil
}

var errFinished = errors.New("content is finished")

func (w *writer) Write(p []byte) (int, error) {
	if w.done {
		return 0, errFinished
	}
	written := 0
	for len(p) > 0 {
		if len(w.buf) == w.store.blockSize {
			if err := w.send(); err != nil {
				return written, err
			}
		}
		n := min(len(p), w.store.blockSize-len(w.buf))
		w.buf = append(w.buf, p[:n]...)
		p, written, w.size = p[n:], written+n, w.size+int64(n)
	}
	return written, nil
}

// send starts sending the block that is full.
func (w *writer) send() error {
	if !w.began {
		if err := w.begin(); err != nil {
			return err
		}
	}
	select {
	case w.turn <- struct{}{}:
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	if err := w.failure(); err != nil {
		<-w.turn
		return err
	}
	block, n := w.buf, int64(len(w.sums))
	w.sums = append(w.sums, checksum(block))
	w.buf = make([]byte, 0, w.store.blockSize)
	w.wg.Go(func() {
		defer func() { <-w.turn }()
		if err := w.store.putBlock(w.ctx, w.id, n, block); err != nil {
			w.mu.Lock()
			w.err = errors.Join(w.err, err)
			w.mu.Unlock()
		}
	})
	return nil
}

func (w *writer) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// begin writes the manifest that tells of blocks to come, so that whatever
// happens to the process they are found.
func (w *writer) begin() error {
	m := manifest{state: writing, block: w.store.blockSize}
	w.began = true // also when it fails: it may be there
	o, err := w.store.settle(w.ctx, w.id, prior{}, &m, nil)
	if err != nil {
		return err
	}
	w.clock = o.clock
	return nil
}

// settleTries is how often a manifest is written, when no answer comes, before giving up.
const settleTries = 4

// settle writes a manifest over what was, and makes sure that it is there: when
// the outcome is unknown it looks, and tries again if it is not.
func (s *Content) settle(ctx context.Context, id content.ID, was prior, m *manifest, body []byte) (*object, error) {
	var last error
	for try := range settleTries {
		if err := pause(ctx, 3*try); err != nil {
			return nil, err
		}
		_, err := s.manifests.put(ctx, string(id), was, m.value(id, body), false)
		if err != nil && !errors.Is(err, errMaybeDone) && !errors.Is(err, errNotDone) && !errors.Is(err, errChanged) {
			return nil, contentError(ctx, err)
		}
		last = err
		if err == nil && m.state == committed {
			return nil, nil
		}
		// The vclock is needed, or whether it is done.
		o, found, _, err := s.find(ctx, id, true)
		switch {
		case err != nil:
			last = err
		case o.exists() && found == *m:
			return o, nil
		case o.prior() != was:
			return nil, fmt.Errorf("content %s was dropped while it was written: %w", id, content.ErrNotFound)
		}
	}
	return nil, contentError(ctx, last)
}

// putBlock stores a block. It may be stored twice: a reader takes either.
func (s *Content) putBlock(ctx context.Context, id content.ID, n int64, block []byte) error {
	key := blockKey(id, n)
	v := &value{meta: fmt.Sprintf("1.b.%08x", checksum(block)), body: block}
	v.index = map[string]string{blockIndex: fmt.Sprintf("%s.%d", key, len(block))}
	var last error
	for try := range settleTries {
		if err := pause(ctx, 3*try); err != nil {
			return err
		}
		a, err := s.client.do(ctx, &request{
			method: http.MethodPut, path: s.blocks.path + "/keys/" + key, query: s.blocks.write, header: v.headers(), body: v.body,
		})
		if err == nil && a.status == http.StatusNoContent {
			return nil
		}
		if err == nil {
			err = a.refusal()
		}
		last = err
	}
	return contentError(ctx, last)
}

// Commit makes the content readable: it writes the manifest.
func (w *writer) Commit() error {
	if w.done {
		return errFinished
	}
	err := w.commit()
	if err != nil {
		w.Abort()
	}
	w.finish()
	return err
}

func (w *writer) commit() error {
	m := manifest{state: committed, size: w.size, block: w.store.blockSize}
	if !w.began {
		_, err := w.store.settle(w.ctx, w.id, prior{}, &m, w.buf)
		return err
	}
	if err := w.send(); err != nil {
		return err
	}
	w.wg.Wait()
	if err := w.failure(); err != nil {
		return err
	}
	body := make([]byte, 0, 4*len(w.sums))
	for _, sum := range w.sums {
		body = binary.BigEndian.AppendUint32(body, sum)
	}
	_, err := w.store.settle(w.ctx, w.id, prior{w.clock, true}, &m, body)
	return err
}

// abortTime bounds an Abort, which goes on when its request was cancelled.
const abortTime = 30 * time.Second

// Abort drops what was stored. When it fails Clean does it later.
func (w *writer) Abort() error {
	if w.done {
		return nil
	}
	w.wg.Wait()
	began, blocks := w.began, int64(len(w.sums))
	w.finish()
	if !began {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), abortTime)
	defer cancel()
	return w.store.drop(ctx, w.id, blocks)
}

func (w *writer) finish() { w.done, w.buf = true, nil }
