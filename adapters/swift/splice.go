package swift

import (
	"io"
	"net/http"
)

// spliceLeast is the least of an answer's rest that is worth a pipe, bytes.
const spliceLeast = 4 << 20

// sendFrom is an answer to a client that may end in a connection's ReadFrom.
type sendFrom interface {
	http.ResponseWriter
	io.ReaderFrom
}

// source makes a ResponseWriter show its connection: what reads from a source
// calls WriteTo with what lies beneath, once the head of the answer is sent.
// Without TLS that is a TCP connection.
type source struct {
	*reader
	piece []byte
}

func (s *source) WriteTo(w io.Writer) (int64, error) { return s.copyTo(w, s.piece) }

// readDirect reads, and sees whether all bytes received so far were given to the
// reader, so that the next ones can be taken from the connection: the transport's
// buffer is empty when the read went past it, into p itself.
func (b *watchedBody) readDirect(p []byte) (int, error) {
	if b.conn == nil || b.left <= int64(len(p)) {
		b.conn, b.direct = nil, false // at the end it is given to others
		return b.ReadCloser.Read(p)
	}
	b.conn.into = nil
	n, err := b.ReadCloser.Read(p)
	b.direct = n > 0 && b.conn.into == &p[0] && b.conn.n == n
	return n, err
}

// splicer is the way from a reader to w, when there is one inside the kernel.
type splicer struct {
	w     io.Writer
	piece []byte
	pipe  *pipe
	none  bool // there cannot be a pipe
}

// splice moves bytes from the reader's connection to w's if it can. Else it is
// (0, nil), and one has to be read and written.
func (r *reader) splice(s *splicer) (int64, error) {
	b, ok := r.body.(*watchedBody)
	if !ok || s.none || !b.direct || r.end-r.pos < spliceLeast || b.left < r.end-r.pos || r.store.opts.VerifyAll {
		return 0, nil
	}
	if s.pipe == nil {
		if s.pipe = newPipe(s.w); s.pipe == nil {
			s.none = true
			return 0, nil
		}
	}
	b.begin()
	n, err := s.pipe.fill(b.conn.TCPConn, min(r.end-r.pos-spliceLeast/2, pipeSize))
	err = b.ended(int(n), err)
	if n == 0 {
		if err == nil {
			err = io.EOF
		}
		return 0, r.resume(err)
	}
	r.sum = nil // nobody has seen the bytes
	r.spliced += n
	if err := b.conn.pass(b.ReadCloser, s.piece, n); err != nil {
		return 0, err
	}
	sent, err := s.pipe.drain(n)
	r.pos += sent
	return sent, err
}
