package swift

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mucura/mucura/core/content"
)

// errFinished: the writer was committed or aborted.
var errFinished = errors.New("content is finished")

// writer gathers a segment and sends it while the next is gathered. Only
// Commit gives the content its name: a content of one segment is one PUT, a
// longer one ends with the PUT of its manifest.
type writer struct {
	store    *Store
	ctx      context.Context // ends with the caller's, and with the writer
	cancel   context.CancelFunc
	id       content.ID
	hint     int64 // bytes to come, or -1
	buf      *buffer
	size     int64           // bytes written
	sum      *[md5.Size]byte // of all bytes; nil: nobody has said it
	segments []segment       // sent, or, the last one, being sent
	sending  chan sending    // nil: nothing is being sent
	finished bool
	err      error // the first error; nothing is kept after one
}

// sending is what became of a segment.
type sending struct {
	etag string
	err  error
}

// segment is one line of a manifest.
type segment struct {
	Path string `json:"path"` // /container/object
	ETag string `json:"etag"`
	Size int64  `json:"size_bytes"`
}

// Create begins a content. Nothing is asked of Swift before the first segment
// is full or Commit is called.
func (s *Store) Create(ctx context.Context, id content.ID, size int64) (content.Writer, error) {
	if err := errors.Join(content.CheckID(id), ctx.Err()); err != nil {
		return nil, err
	}
	w := &writer{store: s, id: id, hint: size, buf: &buffer{budget: s.budget}}
	w.ctx, w.cancel = context.WithCancel(ctx)
	return w, nil
}

// Write takes bytes, and sends segments as they are full.
func (w *writer) Write(p []byte) (n int, err error) {
	if w.finished {
		return 0, errFinished
	}
	for len(p) > 0 && w.err == nil {
		if w.err = w.makeRoom(); w.err != nil {
			break
		}
		m := w.buf.append(p[:min(int64(len(p)), w.limit()-w.buf.size)])
		w.size += int64(m)
		n += m
		p = p[m:]
	}
	return n, w.err
}

// limit is the length of the segment that is gathered. A content that is known to
// have no more than two segments takes no more memory as one: of a longer one the
// first is being sent while the second is gathered. One object costs Swift less than
// two and a manifest, most of all when it is read.
func (w *writer) limit() int64 {
	o := &w.store.opts
	if twice := min(2*o.SegmentBytes, maxSegment); w.hint >= 0 && w.hint <= twice && len(w.segments) == 0 {
		return twice
	}
	return o.SegmentBytes
}

// MD5 is told that of all bytes.
func (w *writer) MD5(sum [md5.Size]byte) { w.sum = &sum }

// makeRoom gets room for at least one byte.
func (w *writer) makeRoom() error {
	waited := false
	for {
		full := w.buf.size >= w.limit()
		if !full && w.buf.room() > 0 {
			return nil
		}
		enough := w.buf.size >= w.least()
		switch {
		case full:
			if err := w.send(); err != nil {
				return err
			}
		case w.buf.grow(w.wanted(), false):
		case w.sending != nil: // its end gives memory back
			if err := w.sent(); err != nil {
				return err
			}
		case !waited: // others may be about to end; longer would help nobody
			waited = true
			if err := w.store.budget.wait(w.ctx, time.Second); err != nil {
				return err
			}
		case enough:
			if err := w.send(); err != nil {
				return err
			}
		default:
			w.buf.grow(w.wanted(), true)
		}
	}
}

// wanted is how many more bytes the segment needs room for.
func (w *writer) wanted() int64 {
	room := w.limit() - w.buf.size
	if left := w.hint - w.size; w.hint >= 0 && left > 0 {
		return min(room, left)
	}
	if w.buf.size == 0 && w.size == 0 && w.hint < 0 {
		return min(room, 64<<10) // it may be short
	}
	return room
}

// least is the shortest segment that is sent before the content's end. It
// grows, so that the longest content S3 has, 5 GiB, fits into the 1,000
// segments of a manifest even if memory was always short.
func (w *writer) least() int64 {
	least := int64(8 << 20)
	switch n := len(w.segments); {
	case n < 128:
		least = 1 << 20
	case n < 384:
		least = 4 << 20
	}
	return min(least, w.store.opts.SegmentBytes)
}

// send begins to send the buffer as a segment, after the one before is sent.
func (w *writer) send() error {
	if err := w.sent(); err != nil {
		return err
	}
	if len(w.segments) >= w.store.opts.MaxSegments {
		return fmt.Errorf("content %s: more than %d segments", w.id, w.store.opts.MaxSegments)
	}
	c, name := w.store.container(w.id), segmentName(w.id, len(w.segments))
	buf := w.buf
	w.segments = append(w.segments, segment{Path: "/" + c + "/" + name, Size: buf.size})
	w.buf = &buffer{budget: w.store.budget}
	done := make(chan sending, 1)
	w.sending = done
	go func() {
		sum := buf.md5()
		err := w.store.put(w.ctx, c, name, buf, sum)
		buf.free()
		done <- sending{hex.EncodeToString(sum[:]), err}
	}()
	return nil
}

// sent waits for the segment that is being sent.
func (w *writer) sent() error {
	if w.sending == nil {
		return nil
	}
	s := <-w.sending
	w.sending = nil
	w.segments[len(w.segments)-1].ETag = s.etag
	return s.err
}

// Commit makes the content visible. Swift acknowledges when most replicas are
// synced to disk.
func (w *writer) Commit() error {
	if w.finished {
		return errFinished
	}
	w.finished = true
	defer w.cancel()
	err := w.err
	if err == nil {
		if len(w.segments) == 0 {
			err = w.commitWhole()
		} else {
			err = w.commitSegments()
		}
	}
	if err == nil {
		w.buf.free()
		return nil
	}
	w.drop(w.err == nil)
	if w.err == nil {
		err = fmt.Errorf("commit content %s: %w", w.id, err)
	}
	return err
}

func (w *writer) commitWhole() error {
	if w.sum == nil {
		sum := w.buf.md5()
		w.sum = &sum
	}
	return w.store.put(w.ctx, w.store.container(w.id), string(w.id), w.buf, *w.sum)
}

func (w *writer) commitSegments() error {
	if w.buf.size > 0 {
		if err := w.send(); err != nil {
			return err
		}
	}
	if err := w.sent(); err != nil {
		return err
	}
	return w.store.putManifest(w.ctx, w.id, w.segments)
}

// Abort drops what was sent.
func (w *writer) Abort() error {
	if w.finished {
		return nil
	}
	w.finished = true
	w.drop(false)
	return nil
}

// dropTimeout bounds what is done for a content that is not to be. What stays
// is found by Clean.
const dropTimeout = 30 * time.Second

// drop removes what may have been stored, as well as can be done now: the
// content itself when its commit failed without an answer, and segments.
func (w *writer) drop(committing bool) {
	w.cancel()
	_ = w.sent()
	w.buf.free()
	if !committing && len(w.segments) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), dropTimeout)
	defer cancel()
	c := w.store.container(w.id)
	if committing {
		// Of the same name the later request wins, even if the PUT is still on
		// its way inside Swift.
		if err := w.store.remove(ctx, c, string(w.id), true); err != nil {
			return
		}
	}
	for _, s := range w.segments {
		if err := w.store.remove(ctx, c, strings.TrimPrefix(s.Path, "/"+c+"/"), true); err != nil {
			return // Swift is not well: a second try would take as long
		}
	}
}
