package serve

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
)

// Under TLS each record of 16 KiB is a write of its own, and each write a packet or
// more, and often a client that is woken: a third of what a large download costs.
// Records of one piece of a body are gathered and written at once. See decision 85.

const (
	// gatherPiece is how much of a body is written at once.
	gatherPiece = 128 << 10
	// gatherRoom is what the records of a piece take, and the head before them.
	gatherRoom = gatherPiece + 16<<10
	// gatherMost is how many bodies are gathered at once. Clients may be slow and
	// many, and buffers are held for as long as they are.
	gatherMost = 64
)

// gatherBuffers are what a body is gathered with.
type gatherBuffers struct {
	piece [gatherPiece]byte
	room  [gatherRoom]byte
}

// gatherListener gives connections that can hold back what is written to them.
type gatherListener struct{ net.Listener }

func (l gatherListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &gatheredConn{Conn: c}, nil
}

// gatheredConn is a connection beneath TLS, which may write to it from two
// goroutines.
type gatheredConn struct {
	net.Conn

	mu   sync.Mutex
	room *[gatherRoom]byte // nil: nothing is held back
	n    int               // bytes held in room
	err  error             // of writing what was held back
}

// hold holds back what is written from here on, as far as there is room.
func (c *gatheredConn) hold(room *[gatherRoom]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.room = room
}

// release writes what was held back. It must follow hold.
func (c *gatheredConn) release() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flush()
	c.room = nil
	return c.err
}

func (c *gatheredConn) flush() {
	if c.n > 0 && c.err == nil {
		_, c.err = c.Conn.Write(c.room[:c.n])
	}
	c.n = 0
}

// Write writes p, or holds it back: then an error is of what was held before.
func (c *gatheredConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.room != nil && c.n+len(p) > len(c.room) {
		c.flush()
	}
	switch {
	case c.err != nil:
		return 0, c.err
	case c.room == nil || len(p) > len(c.room):
		return c.Conn.Write(p)
	}
	c.n += copy(c.room[c.n:], p)
	return len(p), nil
}

// connKey is what the connection goes by in the context of its requests.
type connKey struct{}

// withConn is the ConnContext of a server.
func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// gatherer has the bodies of answers gathered.
type gatherer struct {
	buffers sync.Pool // *gatherBuffers

	mu    sync.Mutex
	under map[*gatheredConn]bool // where a body is under way
}

func newGatherer() *gatherer {
	return &gatherer{
		buffers: sync.Pool{New: func() any { return new(gatherBuffers) }},
		under:   map[*gatheredConn]bool{},
	}
}

// begin tells whether one more body may be gathered.
func (g *gatherer) begin(c *gatheredConn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.under) >= gatherMost {
		return false
	}
	g.under[c] = true
	return true
}

func (g *gatherer) end(c *gatheredConn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.under, c)
}

// abort cuts off what is under way. To close the connections is not enough: TLS
// would say good-bye on each first, behind what a client does not take.
func (g *gatherer) abort() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.under {
		_ = c.Conn.Close()
	}
}

// gather is next with the bodies of its answers gathered.
func (g *gatherer) gather(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Bodies are of downloads. Others need the writer as net/http made it:
		// http.MaxBytesReader closes its connection.
		if t, ok := r.Context().Value(connKey{}).(*tls.Conn); ok && r.Method == http.MethodGet {
			if c, ok := t.NetConn().(*gatheredConn); ok {
				w = &gatheringWriter{w, g, c}
			}
		}
		next.ServeHTTP(w, r)
	})
}

// gatheringWriter is what io.Copy sends a body to.
type gatheringWriter struct {
	http.ResponseWriter
	g    *gatherer
	conn *gatheredConn
}

// Unwrap is for http.ResponseController.
func (w *gatheringWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// ReadFrom sends what r has, as it comes: nothing is held back while r is waited for.
func (w *gatheringWriter) ReadFrom(r io.Reader) (n int64, err error) {
	if !w.g.begin(w.conn) {
		return io.Copy(w.ResponseWriter, r)
	}
	defer w.g.end(w.conn)
	b := w.g.buffers.Get().(*gatherBuffers)
	defer w.g.buffers.Put(b)
	for {
		m, err := r.Read(b.piece[:])
		if m > 0 {
			sent, werr := w.write(b.piece[:m], &b.room)
			n += int64(sent)
			if werr != nil {
				return n, werr
			}
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// write writes a piece of a body with room for its records.
func (w *gatheringWriter) write(p []byte, room *[gatherRoom]byte) (n int, err error) {
	w.conn.hold(room)
	defer func() {
		if rerr := w.conn.release(); err == nil {
			err = rerr
		}
	}()
	return w.ResponseWriter.Write(p)
}
