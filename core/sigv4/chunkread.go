package sigv4

import (
	"bytes"
	"io"

	"github.com/mucura/mucura/core/s3err"
)

// readLine reads to the next line feed and gives what is before it, to be used
// before the next call. A line longer than the buffer is an error.
func (b *chunkedBody) readLine() ([]byte, error) {
	for searched := b.start; ; {
		if i := bytes.IndexByte(b.buf[searched:b.end], '\n'); i >= 0 {
			line := b.buf[b.start : searched+i]
			b.start = searched + i + 1
			return line, nil
		}
		searched = b.end - b.start
		if err := b.fill(); err != nil {
			return nil, broken(err)
		}
	}
}

// fill reads more behind what was read ahead, moving that to the front. When
// the buffer is full it returns io.ErrShortBuffer.
func (b *chunkedBody) fill() error {
	if b.start > 0 {
		b.end = copy(b.buf[:], b.buf[b.start:b.end])
		b.start = 0
	}
	if b.end == len(b.buf) {
		return io.ErrShortBuffer
	}
	for range 100 {
		n, err := b.body.Read(b.buf[b.end:])
		b.end += n
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// maxTail is how many bytes may follow the end of a body: there are clients
// that end it with a line too many.
const maxTail = 8

// endOfBody makes sure that nothing follows but line ends.
func (b *chunkedBody) endOfBody() error {
	for rest := maxTail; ; {
		for _, c := range b.buf[b.start:b.end] {
			if rest--; rest < 0 || c != '\r' && c != '\n' {
				return broken(nil)
			}
		}
		b.start = b.end
		if err := b.fill(); err == io.EOF {
			return io.EOF
		} else if err != nil {
			return broken(err)
		}
	}
}

// excess is the error for a chunk that reaches beyond the announced length: a
// wrong length, or, if the chunk does not end where it should, a broken body.
func (b *chunkedBody) excess() error {
	if b.chunkLeft > maxExcess {
		return s3err.IncompleteBody
	}
	for b.chunkLeft > 0 {
		if b.start == b.end {
			if err := b.fill(); err != nil {
				return broken(err)
			}
		}
		n := min(b.chunkLeft, int64(b.end-b.start))
		b.start += int(n)
		b.chunkLeft -= n
	}
	if err := b.readEmptyLine(); err != nil {
		return err
	}
	return s3err.IncompleteBody
}

// broken is the error for a body whose framing is wrong or that ended early.
func broken(cause error) error {
	switch cause {
	case nil, io.EOF, io.ErrUnexpectedEOF, io.ErrShortBuffer:
		return s3err.IncompleteBody.Say(bodyTerminated)
	}
	return readError(cause)
}
