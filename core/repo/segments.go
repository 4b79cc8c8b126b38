package repo

import (
	"context"
	"io"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/sse"
)

// cutSegments gives the stretches that make up a range; nil when the segments
// do not reach its end, or it is empty.
func cutSegments(segments []catalog.Segment, offset, length int64) []catalog.Segment {
	var cut []catalog.Segment
	for i := range segments {
		if length == 0 {
			break
		}
		s := segments[i]
		if offset >= s.Length {
			offset -= s.Length
			continue
		}
		s.Offset += offset
		s.Length = min(s.Length-offset, length)
		offset = 0
		length -= s.Length
		cut = append(cut, s)
	}
	if length > 0 {
		return nil
	}
	return cut
}

// segmentReader reads segments one after the other, opening each when it is
// its turn. A segment that ends early is io.ErrUnexpectedEOF.
type segmentReader struct {
	ctx   context.Context
	store content.Store
	key   *sse.Key // nil: the bytes are plain, or wanted as they are
	enc   *catalog.Encryption
	open  io.ReadCloser // nil between segments
	left  int64         // bytes of it not yet read
	rest  []catalog.Segment
}

// next opens the next segment; io.EOF after the last one.
func (s *segmentReader) next() (err error) {
	if err := s.Close(); err != nil {
		return err
	}
	if len(s.rest) == 0 {
		return io.EOF
	}
	seg := s.rest[0]
	if s.open, err = openSegment(s.ctx, s.store, s.key, s.enc, seg); err != nil {
		s.open = nil
		return err
	}
	s.rest, s.left = s.rest[1:], seg.Length
	return nil
}

// Read reads on.
func (s *segmentReader) Read(p []byte) (int, error) {
	for s.open == nil || s.left == 0 {
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	if int64(len(p)) > s.left {
		p = p[:s.left]
	}
	n, err := s.open.Read(p)
	s.left -= int64(n)
	if err == io.EOF {
		err = nil
		if s.left > 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	return n, err
}

// WriteTo lets each segment's own reader write itself, so that local files go
// to a plain connection by sendfile.
func (s *segmentReader) WriteTo(w io.Writer) (total int64, err error) {
	for {
		for s.open == nil || s.left == 0 {
			if err := s.next(); err == io.EOF {
				return total, nil
			} else if err != nil {
				return total, err
			}
		}
		n, err := io.Copy(w, s.open)
		total += n
		s.left -= n
		if err == nil && s.left > 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return total, err
		}
	}
}

// Close closes the segment that is open.
func (s *segmentReader) Close() error {
	if s.open == nil {
		return nil
	}
	err := s.open.Close()
	s.open = nil
	return err
}
