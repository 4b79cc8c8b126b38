package swift

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/mucura/mucura/core/content"
)

// reader reads a range of a content. When the connection breaks it asks for
// the rest, which is no other than it was: contents do not change.
type reader struct {
	store   *Store
	ctx     context.Context
	id      content.ID
	body    io.ReadCloser // nil: nothing to read, or closed
	pos     int64         // of the next byte in the content
	end     int64         // one after the last byte to read
	missing int64         // bytes that were asked for and are not there
	etag    string
	sum     hash.Hash // nil: nothing is compared
	want    string    // what sum has to be
	resumed int
	spliced int64 // bytes that went from connection to connection
	err     error
}

// maxResumes bounds how often one reader goes on after a broken connection.
const maxResumes = 8

// Open reads a range of a content. A content that was stored by one PUT and is
// read whole is compared with its CRC-32C before the last bytes are given (with
// its MD5, which costs thirty times as much, where an older release stored it),
// unless Options.NoVerify. A long one that is spliced is not, see splice.
func (s *Store) Open(ctx context.Context, id content.ID, offset, length int64) (io.ReadCloser, error) {
	if err := errors.Join(content.CheckID(id), ctx.Err()); err != nil {
		return nil, err
	}
	if offset < 0 || length < -1 || length > 0 && offset+length < 0 {
		return nil, fmt.Errorf("content %s: malformed range: %d bytes from %d", id, length, offset)
	}
	r := &reader{store: s, ctx: ctx, id: id, pos: offset, end: offset}
	var err error
	if length == 0 {
		_, _, err = s.head(ctx, id, false)
	} else {
		err = r.open(length)
	}
	if err != nil {
		return nil, fmt.Errorf("open content %s: %w", id, err)
	}
	return r, nil
}

// open asks for length bytes from pos, -1 for all; it sets end, missing, etag,
// sum and want.
func (r *reader) open(length int64) error {
	a, err := r.store.get(r.ctx, r.id, r.pos, length)
	if err != nil {
		return err
	}
	r.body, r.etag, r.end = a.body, a.etag, a.total
	if length >= 0 {
		r.end = min(r.end, r.pos+length)
		r.missing = r.pos + length - max(r.end, r.pos)
	}
	r.end = max(r.end, r.pos)
	if r.pos == 0 && r.end == a.total && r.end > 0 && !a.large && !r.store.opts.NoVerify {
		if r.sum, r.want = crc32.New(castagnoli), a.crc; a.crc == "" {
			r.sum, r.want = md5.New(), a.etag
		}
	}
	return nil
}

// answer is what a GET gave.
type answer struct {
	body  io.ReadCloser // nil: the range lies behind the end
	total int64         // length of the content
	etag  string
	crc   string // CRC-32C of the content; "": not known
	large bool
}

// get asks for length bytes from offset, -1 for all, of a content.
func (s *Store) get(ctx context.Context, id content.ID, offset, length int64) (answer, error) {
	r := &request{method: http.MethodGet, container: s.container(id), object: string(id)}
	ranged := offset > 0 || length >= 0
	if ranged {
		to := ""
		if length >= 0 {
			to = strconv.FormatInt(offset+length-1, 10)
		}
		r.header = map[string]string{"Range": fmt.Sprintf("bytes=%d-%s", offset, to)}
	}
	res, err := s.do(ctx, r)
	var st *status
	if errors.As(err, &st) && st.code == http.StatusRequestedRangeNotSatisfiable {
		if st.size < 0 || st.size > offset {
			return answer{}, fmt.Errorf("%w: %w", content.ErrUnavailable, err)
		}
		return answer{total: st.size}, nil
	}
	if err != nil {
		return answer{}, err
	}
	a := answer{
		body: res.Body, total: res.ContentLength,
		etag: unquote(res.Header.Get("Etag")), crc: res.Header.Get(checksum), large: isLarge(res.Header),
	}
	if res.StatusCode == http.StatusPartialContent {
		a.total, err = total(res, offset, length)
	} else if a.total < 0 || offset > 0 {
		err = errors.New("whole, or of unknown length, where a range was asked for")
	}
	if err != nil {
		res.Body.Close()
		return answer{}, fmt.Errorf("%s: %w: answer is %w", r, content.ErrUnavailable, err)
	}
	return a, nil
}

// total checks that a 206 holds the range and gives the length of the whole.
func total(res *http.Response, offset, length int64) (int64, error) {
	var from, to, size int64
	text := res.Header.Get("Content-Range")
	if n, err := fmt.Sscanf(text, "bytes %d-%d/%d", &from, &to, &size); n != 3 || err != nil || !strings.HasSuffix(text, strconv.FormatInt(size, 10)) {
		return 0, fmt.Errorf("of a malformed range: %.60q", text)
	}
	want := size
	if length >= 0 {
		want = min(size, offset+length)
	}
	if from != offset || to != want-1 || res.ContentLength >= 0 && res.ContentLength != want-offset {
		return 0, fmt.Errorf("of another range: %.60q", text)
	}
	return size, nil
}

// Read reads on.
func (r *reader) Read(p []byte) (int, error) {
	for {
		switch {
		case r.err != nil:
			return 0, r.err
		case r.pos == r.end && r.missing > 0:
			r.err = fmt.Errorf("content %s: %d bytes missing: %w", r.id, r.missing, io.ErrUnexpectedEOF)
			return 0, r.err
		case r.pos == r.end:
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		}
		n, err := r.body.Read(p[:min(int64(len(p)), r.end-r.pos)])
		if n > 0 {
			return r.took(p[:n])
		}
		if err != nil {
			r.err = r.resume(err)
		}
	}
}

// took accounts for bytes read. The last ones are given only when all are right.
func (r *reader) took(b []byte) (int, error) {
	r.pos += int64(len(b))
	if r.sum == nil {
		return len(b), nil
	}
	r.sum.Write(b)
	if r.pos == r.end {
		if r.err = r.verify(); r.err != nil {
			return 0, r.err
		}
	}
	return len(b), nil
}

// verify compares the checksum of all bytes with what Swift says of them.
func (r *reader) verify() error {
	if sum := hex.EncodeToString(r.sum.Sum(nil)); sum != r.want {
		return fmt.Errorf("content %s: %w: its checksum is %s, and was %q", r.id, content.ErrCorrupt, sum, r.want)
	}
	return nil
}

// resume asks for the bytes that a broken connection has not given.
func (r *reader) resume(cause error) error {
	r.body.Close()
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if cause == io.EOF {
		cause = io.ErrUnexpectedEOF
	}
	failed := func(err error) error { return fmt.Errorf("read content %s from byte %d: %w", r.id, r.pos, err) }
	if r.resumed++; r.resumed > maxResumes {
		return failed(unavailable(cause))
	}
	a, err := r.store.get(r.ctx, r.id, r.pos, r.end-r.pos)
	if err != nil {
		return failed(fmt.Errorf("%w (after %v)", err, cause))
	}
	if a.body == nil || a.etag != r.etag {
		if a.body != nil {
			a.body.Close()
		}
		return failed(fmt.Errorf("%w: it changed while it was read", content.ErrCorrupt))
	}
	r.body = a.body
	return nil
}

// copies are what WriteTo copies with.
var copies = sync.Pool{New: func() any { return new([256 << 10]byte) }}

// WriteTo copies what is left, in pieces larger than io.Copy's, or without copying
// from a plain connection to a plain connection.
func (r *reader) WriteTo(w io.Writer) (int64, error) {
	piece := copies.Get().(*[256 << 10]byte)
	defer copies.Put(piece)
	if to, ok := w.(sendFrom); ok && r.end-r.pos >= spliceLeast {
		return to.ReadFrom(&source{r, piece[:]})
	}
	return r.copyTo(w, piece[:])
}

func (r *reader) copyTo(w io.Writer, piece []byte) (total int64, err error) {
	s := splicer{w: w, piece: piece}
	defer func() { s.pipe.close() }()
	for {
		if r.err == nil {
			n, err := r.splice(&s)
			if total += n; err != nil {
				r.err = err
			}
			if n > 0 && err == nil {
				continue
			}
		}
		n, err := r.Read(piece)
		if n > 0 {
			m, werr := w.Write(piece[:n])
			total += int64(m)
			if werr == nil && m < n {
				werr = io.ErrShortWrite
			}
			if werr != nil {
				return total, werr
			}
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// Close ends the request.
func (r *reader) Close() error {
	if r.err == nil {
		r.err = errors.New("reader is closed")
	}
	if r.body == nil {
		return nil
	}
	return r.body.Close()
}
