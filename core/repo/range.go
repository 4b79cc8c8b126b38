package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/sse"
)

func (h *Handle) openRange(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
	if offset < 0 || length < 0 || offset > h.Size || length > h.Size-offset {
		return nil, s3err.InvalidRange
	}
	if err := h.needKey(); err != nil {
		return nil, err
	}
	if h.Inline {
		return h.openInline(ctx, offset, length)
	}
	rc, err := h.openSegments(ctx, h.key, offset, length)
	if errors.Is(err, content.ErrNotFound) {
		return nil, h.missing(ctx, err)
	}
	if err != nil {
		return nil, wrap(err)
	}
	return rc, nil
}

func (h *Handle) openInline(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
	if err := h.loadInline(ctx); err != nil {
		return nil, err
	}
	b := h.body[offset : offset+length]
	if h.key != nil {
		var err error
		if b, err = h.decryptInline(b, offset); err != nil {
			return nil, err
		}
	}
	return &inlineReader{bytes.NewReader(b)}, nil
}

// loadInline makes sure that the inlined content was read.
func (h *Handle) loadInline(ctx context.Context) error {
	if h.body == nil {
		again, err := h.reopen(ctx)
		if err != nil {
			return err
		}
		h.body = again.body
	}
	if int64(len(h.body)) != h.Size {
		return s3err.InternalError.With(fmt.Errorf("inlined content of %d bytes instead of %d: %w", len(h.body), h.Size, content.ErrCorrupt))
	}
	return nil
}

// inlineReader reads inlined content; like its Reader it is an io.WriterTo.
type inlineReader struct{ *bytes.Reader }

func (*inlineReader) Close() error { return nil }

// reopen reads the record again, with inlined content. A version that was
// overwritten or deleted since makes the client start again.
func (h *Handle) reopen(ctx context.Context) (*Handle, error) {
	again, err := h.repo.open(ctx, h.Bucket, h.Key, h.VersionID(), true)
	if err != nil && s3err.From(err).Status < 500 {
		return nil, s3err.SlowDown.With(fmt.Errorf("the version read was deleted: %w", err))
	}
	if err != nil {
		return nil, err
	}
	if again.Ref != h.Ref || !sameContents(again.Object, h.Object) {
		return nil, s3err.SlowDown.With(errors.New("the version read was overwritten"))
	}
	return again, nil
}

// missing judges a content that is not there: when the record has changed the
// content was rightly freed, else it is lost.
func (h *Handle) missing(ctx context.Context, cause error) error {
	if _, err := h.reopen(ctx); err != nil {
		return err
	}
	return s3err.InternalError.With(fmt.Errorf("lost content of %s/%q version %s: %w", h.Bucket.ID, h.Key, h.VersionID(), cause))
}

// sameContents tells whether two records hold the same bytes in the same contents.
func sameContents(a, b *catalog.Object) bool {
	if a.Inline || b.Inline {
		return a.Inline == b.Inline && a.ETag == b.ETag && a.Size == b.Size
	}
	if a.Manifest != b.Manifest || len(a.Segments) != len(b.Segments) {
		return false
	}
	for i := range a.Segments {
		if a.Segments[i] != b.Segments[i] {
			return false
		}
	}
	return true
}

// openSegments opens a range over an object's segments, decrypted with key
// unless that is nil. That of one plain segment is the content store's own
// reader, so it can be sent without copying.
func (h *Handle) openSegments(ctx context.Context, key *sse.Key, offset, length int64) (io.ReadCloser, error) {
	segments, err := h.repo.Segments(ctx, h.Object)
	if err != nil {
		return nil, err
	}
	cut := cutSegments(segments, offset, length)
	if cut == nil {
		if length > 0 {
			return nil, fmt.Errorf("segments end before %d: %w", offset+length, content.ErrCorrupt)
		}
		return &inlineReader{bytes.NewReader(nil)}, nil
	}
	s := cut[0]
	rc, err := openSegment(ctx, h.repo.Content, key, &h.Encryption, s)
	if err != nil || len(cut) == 1 {
		return rc, err
	}
	return &segmentReader{ctx: ctx, store: h.repo.Content, key: key, enc: &h.Encryption, open: rc, left: s.Length, rest: cut[1:]}, nil
}
