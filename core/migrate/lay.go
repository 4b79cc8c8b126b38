package migrate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

var (
	// errOwing says that a record's writer has not done all its work yet.
	errOwing = errors.New("record owes work")
	// errChanged says that a record must be read again.
	errChanged = errors.New("record changed")
)

// lay turns a record of the source into that of the target, and brings the
// contents it names there.
func (m *Migration) lay(ctx context.Context, p *part, key string, rec *meta.Record, final bool) error {
	if p.kind.Copying != catalog.Laid {
		return nil
	}
	switch key[:1] {
	case catalog.SpaceObject, catalog.SpaceVersion:
		return m.layObject(ctx, p, key, rec, final)
	case catalog.SpacePart:
		part, err := catalog.DecodePart(rec.Value)
		if err != nil {
			return err
		}
		return m.bringAll(ctx, p, key, rec.Version, part.Segments)
	case catalog.SpaceFinished:
		return m.layFinished(rec)
	case catalog.SpaceUpload, catalog.SpaceRelease:
		return nil // what a release names comes with who holds it, if anybody does
	}
	return fmt.Errorf("%w: a record of no known kind", ErrSource)
}

// layFinished leaves out what a target of small values has no room for: the
// sweeper then finds the contents held by the object.
func (m *Migration) layFinished(rec *meta.Record) error {
	if len(rec.Value) <= m.To.Meta.Capabilities().MaxValue {
		return nil
	}
	f, err := catalog.DecodeFinished(rec.Value)
	if err != nil {
		return err
	}
	f.Used = nil
	rec.Value = catalog.EncodeFinished(f)
	return nil
}

func (m *Migration) layObject(ctx context.Context, p *part, key string, rec *meta.Record, final bool) error {
	o, err := catalog.DecodeObject(rec.Value)
	if err != nil {
		return err
	}
	if o.Gone || len(o.Pending) > 0 {
		if !final {
			return errOwing
		}
		return m.settle(ctx, p, key)
	}
	limit := m.To.Repo.InlineLimit()
	switch {
	case o.Inline && int64(len(rec.Body)) > limit:
		err = m.spill(ctx, p, key, o, rec)
	case inlinable(o) && o.Size <= limit:
		err = m.inline(ctx, p, key, o, rec)
	case !o.Inline:
		return m.bringContents(ctx, p, key, rec.Version, o)
	default:
		return nil
	}
	rec.Value, rec.Summary = catalog.EncodeObject(o), catalog.ObjectSummary(o)
	return err
}

// settle does the work that a record of the source owes, whose writer died: what
// it owes names versions of that store. The record is then another one.
func (m *Migration) settle(ctx context.Context, p *part, key string) error {
	b := &catalog.Bucket{ID: strings.TrimPrefix(string(p.name), p.kind.Prefix), Versioning: catalog.VersioningEnabled}
	if err := m.From.Repo.Settle(ctx, b, key[len(catalog.SpaceObject):]); err != nil {
		return err
	}
	return errChanged
}

// inlinable tells whether an object's bytes may become part of its record: they
// are one plain content.
func inlinable(o *catalog.Object) bool {
	return !o.Inline && !o.DeleteMarker && o.Manifest == "" && o.PartCount == 0 && o.Encryption.Algorithm == "" &&
		len(o.Segments) == 1 && o.Segments[0].Offset == 0 && o.Segments[0].Length == o.Size
}

// inline moves an object's content into its record.
func (m *Migration) inline(ctx context.Context, p *part, key string, o *catalog.Object, rec *meta.Record) error {
	rc, err := m.From.Content.Open(ctx, o.Segments[0].ID, 0, o.Size)
	if err == nil {
		defer rc.Close()
		rec.Body, err = io.ReadAll(rc)
	}
	if err != nil {
		return m.missing(ctx, p, key, rec.Version, o.Segments[0].ID, err)
	}
	if int64(len(rec.Body)) != o.Size {
		return fmt.Errorf("content %s has %d bytes of %d: %w", o.Segments[0].ID, len(rec.Body), o.Size, ErrDamaged)
	}
	o.Inline, o.Segments = true, nil
	return nil
}

// spill makes a content of an object's inlined bytes. Its ID follows from the
// version it is of, so that a repetition makes the same again. Encrypted bytes
// stay as they are, under the name they had.
func (m *Migration) spill(ctx context.Context, p *part, key string, o *catalog.Object, rec *meta.Record) error {
	if int64(len(rec.Body)) != o.Size {
		return fmt.Errorf("%d inlined bytes of %d: %w", len(rec.Body), o.Size, ErrDamaged)
	}
	name, _, err := catalog.ParseVersionKey(key)
	if err != nil {
		name = key[1:]
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%s", p.name, name, o.Ref.ID(), o.ETag))
	id := content.NewID(o.ModTime)[:12] + content.ID(hex.EncodeToString(sum[:10]))
	body := rec.Body
	err = m.once(ctx, id, func() error {
		return m.write(ctx, id, o.Size, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil })
	})
	o.Inline, rec.Body = false, nil
	o.Segments = []catalog.Segment{{ID: id, Length: o.Size}}
	return err
}

// bringContents copies what an object's bytes are in.
func (m *Migration) bringContents(ctx context.Context, p *part, key string, v meta.Version, o *catalog.Object) error {
	segments := o.Segments
	if o.Manifest != "" {
		rc, err := m.From.Content.Open(ctx, o.Manifest, 0, -1)
		if err != nil {
			return m.missing(ctx, p, key, v, o.Manifest, err)
		}
		defer rc.Close()
		b, err := io.ReadAll(rc)
		if err != nil {
			return err
		}
		if segments, _, err = catalog.DecodeManifest(b); err != nil {
			return fmt.Errorf("manifest %s: %w", o.Manifest, err)
		}
		segments = append(segments, catalog.Segment{ID: o.Manifest, Length: int64(len(b))})
	}
	return m.bringAll(ctx, p, key, v, segments)
}

func (m *Migration) bringAll(ctx context.Context, p *part, key string, v meta.Version, segments []catalog.Segment) error {
	for _, s := range segments {
		err := m.bring(ctx, s.ID, s.Offset+s.Length)
		if err != nil {
			return m.missing(ctx, p, key, v, s.ID, err)
		}
	}
	return nil
}

// missing judges an error of a content: when it is not there and the record that
// named it has changed meanwhile, it was rightly freed.
func (m *Migration) missing(ctx context.Context, p *part, key string, v meta.Version, id content.ID, err error) error {
	if errors.Is(err, content.ErrNotFound) {
		now, getErr := m.From.Meta.Get(ctx, p.name, key, false)
		if errors.Is(getErr, meta.ErrNotFound) || getErr == nil && now.Version != v {
			return errChanged
		}
		return fmt.Errorf("content %s is lost at the source: %w", id, ErrDamaged)
	}
	return fmt.Errorf("content %s: %w", id, err)
}
