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

// sendTo writes the next n bytes to w, or all there are, as they lie in memory.
func (b *sentBody) sendTo(w io.Writer, n int64) (total int64, err error) {
	for total < n && len(b.blocks) > 0 && err == nil {
		b.watch.reset()
		piece := b.blocks[0]
		piece = piece[:min(int64(len(piece)), n-total, sendPiece)]
		var m int
		m, err = w.Write(piece)
		total += int64(m)
		if b.blocks[0] = b.blocks[0][m:]; len(b.blocks[0]) == 0 {
			b.blocks = b.blocks[1:]
		}
	}
	return total, err
}

// sendPiece is how many bytes at once must get away in the watchdog's time.
const sendPiece = 256 << 10

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
	left   int64     // bytes to come
	mark   *lowWater // nil: none
	conn   *conn     // nil: bytes come by TLS, or otherwise
	direct bool      // see readDirect
}

// Read reads, for at most the watchdog's time.
func (b *watchedBody) Read(p []byte) (int, error) {
	b.begin()
	n, err := b.readDirect(p)
	return n, b.ended(n, err)
}

// begin is called before bytes are waited for.
func (b *watchedBody) begin() {
	b.watch.reset()
	b.mark.wait(b.left)
}

// ended is called with what came of it, and says why it failed.
func (b *watchedBody) ended(n int, err error) error {
	b.mark.done()
	b.watch.stop()
	b.left -= int64(n)
	if err != nil && err != io.EOF {
		if cause := context.Cause(b.ctx); cause != nil {
			err = cause
		}
	}
	return err
}

// Close ends the request.
func (b *watchedBody) Close() error {
	err := b.ReadCloser.Close()
	b.watch.stop()
	b.mark.clear()
	b.cancel(nil)
	return err
}
