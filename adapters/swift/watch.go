package swift

import (
	"context"
	"io"
	"sync"
	"time"
)

// watchdog ends a request that makes no progress for a time. Time in which the
// other side of a transfer is to blame does not count.
type watchdog struct {
	timeout time.Duration
	timer   *time.Timer
}

func (w watchdog) reset() { w.timer.Reset(w.timeout) }
func (w watchdog) stop()  { w.timer.Stop() }

// sentBody is the body of one attempt of a request. closed tells that the
// transport has let go of the buffer: Client.Do may return before that.
type sentBody struct {
	blocks [][]byte
	watch  watchdog
	once   sync.Once
	closed chan struct{}
}

// Read gives the next bytes.
func (b *sentBody) Read(p []byte) (n int, err error) {
	b.watch.reset()
	for n < len(p) && len(b.blocks) > 0 {
		m := copy(p[n:], b.blocks[0])
		n += m
		if b.blocks[0] = b.blocks[0][m:]; len(b.blocks[0]) == 0 {
			b.blocks = b.blocks[1:]
		}
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Close is called by the transport, once or more often.
func (b *sentBody) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}

// watchedBody is the body of an answer.
type watchedBody struct {
	io.ReadCloser
	watch  watchdog
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// Read reads, for at most the watchdog's time.
func (b *watchedBody) Read(p []byte) (int, error) {
	b.watch.reset()
	n, err := b.ReadCloser.Read(p)
	b.watch.stop()
	if err != nil && err != io.EOF {
		if cause := context.Cause(b.ctx); cause != nil {
			err = cause
		}
	}
	return n, err
}

// Close ends the request.
func (b *watchedBody) Close() error {
	err := b.ReadCloser.Close()
	b.watch.stop()
	b.cancel(nil)
	return err
}
