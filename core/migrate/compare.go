package migrate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

// Difference is one fact that two repositories do not have in common.
type Difference struct {
	Where string `json:"where"`
	What  string `json:"what"`
}

func (d Difference) String() string { return d.Where + ": " + d.What }

// Compared is the sum of a comparison.
type Compared struct {
	Buckets     int   `json:"buckets"`
	Versions    int   `json:"versions"` // delete markers, too
	Uploads     int   `json:"uploads"`
	Parts       int   `json:"parts"`
	Bytes       int64 `json:"bytes_read"` // of each side
	Differences int   `json:"differences"`
}

// Comparison compares two repositories: every fact a client can see must be
// equal. How bytes are laid out is no such fact. Nobody should write meanwhile.
type Comparison struct {
	A, B Side
	// ReadData compares every byte, as it is stored: what is encrypted is
	// compared encrypted.
	ReadData bool
	// Difference is called for each difference.
	Difference func(Difference)

	sum Compared
}

// Run compares everything.
func (c *Comparison) Run(ctx context.Context) (Compared, error) {
	ids := map[catalog.Family][]string{}
	for family, sources := range map[catalog.Family][]meta.Partition{
		catalog.PerAccount: {catalog.Accounts},
		catalog.PerBucket:  {catalog.Dropped},
	} {
		all := map[string]bool{}
		for _, s := range []*Side{&c.A, &c.B} {
			for _, p := range sources {
				if err := scan(ctx, s.Registry, p, func(e meta.Entry) error { all[e.Key] = true; return nil }); err != nil {
					return c.sum, err
				}
			}
			if family == catalog.PerBucket {
				if err := s.Repo.AllBuckets(ctx, func(b *catalog.Bucket) error { all[b.ID] = true; return nil }); err != nil {
					return c.sum, err
				}
			}
		}
		for id := range all {
			ids[family] = append(ids[family], id)
		}
	}
	c.sum.Buckets = len(ids[catalog.PerBucket])
	for _, k := range catalog.Kinds() {
		if k.Copying == catalog.Local || k.Copying == catalog.Recounted || k.Prefix == string(catalog.Jobs) {
			continue
		}
		for _, p := range k.Partitions(ids[catalog.PerAccount], ids[catalog.PerBucket]) {
			if err := c.partition(ctx, &k, p); err != nil {
				return c.sum, fmt.Errorf("compare %s: %w", p, err)
			}
		}
	}
	return c.sum, nil
}

func (c *Comparison) differ(p meta.Partition, key, format string, args ...any) {
	c.sum.Differences++
	if c.Difference != nil {
		c.Difference(Difference{Where: fmt.Sprintf("%s %q", p, key), What: fmt.Sprintf(format, args...)})
	}
}

// partition compares a partition, key by key.
func (c *Comparison) partition(ctx context.Context, k *catalog.Kind, p meta.Partition) error {
	store := func(s *Side) meta.Store {
		if k.Registry {
			return s.Registry
		}
		return s.Meta
	}
	a := &cursor{store: store(&c.A), part: p, values: true}
	b := &cursor{store: store(&c.B), part: p, values: true}
	for {
		x, err := a.peek(ctx)
		if err != nil {
			return err
		}
		y, err := b.peek(ctx)
		if err != nil {
			return err
		}
		switch {
		case x == nil && y == nil:
			return nil
		case y == nil || x != nil && x.Key < y.Key:
			c.alone(k, p, x.Key, "there is none in the second")
			a.i++
		case x == nil || y.Key < x.Key:
			c.alone(k, p, y.Key, "there is none in the first")
			b.i++
		default:
			if err := c.record(ctx, k, p, x, y); err != nil {
				return err
			}
			a.i++
			b.i++
		}
	}
}

func (c *Comparison) alone(k *catalog.Kind, p meta.Partition, key, what string) {
	if k.Copying != catalog.Laid || key[:1] != catalog.SpaceRelease { // which only the sweeper sees
		c.differ(p, key, "%s", what)
	}
}

func (c *Comparison) record(ctx context.Context, k *catalog.Kind, p meta.Partition, x, y *meta.Entry) error {
	if k.Copying != catalog.Laid {
		if !bytes.Equal(x.Record.Value, y.Record.Value) || !bytes.Equal(x.Record.Summary, y.Record.Summary) {
			c.differ(p, x.Key, "%q, and %q", x.Record.Value, y.Record.Value)
		}
		return nil
	}
	switch x.Key[:1] {
	case catalog.SpaceObject, catalog.SpaceVersion:
		return c.object(ctx, p, x, y)
	case catalog.SpaceUpload:
		c.sum.Uploads++
		u, err := catalog.DecodeUpload(x.Record.Value)
		v, errV := catalog.DecodeUpload(y.Record.Value)
		if err := errors.Join(err, errV); err != nil {
			return err
		}
		c.same(p, x.Key, u, v)
	case catalog.SpacePart:
		return c.part(ctx, p, x, y)
	case catalog.SpaceFinished:
		f, err := catalog.DecodeFinished(x.Record.Value)
		g, errG := catalog.DecodeFinished(y.Record.Value)
		if err := errors.Join(err, errG); err != nil {
			return err
		}
		f.Used, g.Used = nil, nil
		c.same(p, x.Key, f, g)
	}
	return nil
}

// same compares two facts.
func (c *Comparison) same(p meta.Partition, key string, x, y any) {
	a, errA := json.Marshal(x)
	b, errB := json.Marshal(y)
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		c.differ(p, key, "%s, and %s", a, b)
	}
}

func (c *Comparison) object(ctx context.Context, p meta.Partition, x, y *meta.Entry) error {
	c.sum.Versions++
	o, errO := catalog.DecodeObject(x.Record.Value)
	q, errQ := catalog.DecodeObject(y.Record.Value)
	s, errS := catalog.DecodeSummary(x.Record.Summary)
	t, errT := catalog.DecodeSummary(y.Record.Summary)
	if err := errors.Join(errO, errQ, errS, errT); err != nil {
		return err
	}
	c.same(p, x.Key, s, t)
	oParts, errO := partsOf(ctx, &c.A, o)
	qParts, errQ := partsOf(ctx, &c.B, q)
	if errO != nil || errQ != nil {
		c.differ(p, x.Key, "parts: %v, and %v", errO, errQ)
		return ctx.Err()
	}
	c.same(p, x.Key, oParts, qParts)
	c.same(p, x.Key, facts(o), facts(q))
	if !c.ReadData || o.DeleteMarker {
		return nil
	}
	return c.data(ctx, p, x.Key, o.Size, func(s *Side, w io.Writer) error {
		if s == &c.A {
			return s.objectBytes(ctx, p, x.Key, o, w)
		}
		return s.objectBytes(ctx, p, x.Key, q, w)
	})
}

// facts is an object without its layout.
func facts(o *catalog.Object) *catalog.Object {
	f := *o
	f.WriteID = [16]byte{}
	f.Inline, f.Segments, f.Manifest, f.Parts = false, nil, "", nil
	f.Encryption.Salt = nil
	return &f
}

func partsOf(ctx context.Context, s *Side, o *catalog.Object) ([]catalog.PartInfo, error) {
	if o.Manifest == "" {
		return o.Parts, nil
	}
	rc, err := s.Content.Open(ctx, o.Manifest, 0, -1)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	b, err := io.ReadAll(rc)
	if err != nil {
		return nil, err
	}
	_, parts, err := catalog.DecodeManifest(b)
	return parts, err
}

func (c *Comparison) part(ctx context.Context, p meta.Partition, x, y *meta.Entry) error {
	c.sum.Parts++
	o, errO := catalog.DecodePart(x.Record.Value)
	q, errQ := catalog.DecodePart(y.Record.Value)
	if err := errors.Join(errO, errQ); err != nil {
		return err
	}
	f, g := *o, *q
	f.Segments, g.Segments = nil, nil
	f.WriteID, g.WriteID = [16]byte{}, [16]byte{}
	c.same(p, x.Key, f, g)
	if !c.ReadData {
		return nil
	}
	return c.data(ctx, p, x.Key, o.Size, func(s *Side, w io.Writer) error {
		if s == &c.A {
			return s.segments(ctx, o.Segments, w)
		}
		return s.segments(ctx, q.Segments, w)
	})
}

// data compares the bytes that read gives of each side.
func (c *Comparison) data(ctx context.Context, p meta.Partition, key string, size int64, read func(*Side, io.Writer) error) error {
	var sums [2][]byte
	for i, s := range []*Side{&c.A, &c.B} {
		sum := sha256.New()
		n := &counter{w: sum}
		if err := read(s, n); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			c.differ(p, key, "bytes: %v", err)
			return nil
		}
		if n.n != size {
			c.differ(p, key, "%d bytes of %d", n.n, size)
		}
		sums[i] = sum.Sum(nil)
	}
	c.sum.Bytes += size
	if !bytes.Equal(sums[0], sums[1]) {
		c.differ(p, key, "other bytes")
	}
	return nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.w.Write(p)
}

// objectBytes writes an object's bytes as they are stored.
func (s *Side) objectBytes(ctx context.Context, p meta.Partition, key string, o *catalog.Object, w io.Writer) error {
	if o.Inline {
		rec, err := s.Meta.Get(ctx, p, key, true)
		if err == nil {
			_, err = w.Write(rec.Body)
		}
		return err
	}
	segments, err := s.Repo.Segments(ctx, o)
	if err != nil {
		return err
	}
	return s.segments(ctx, segments, w)
}

func (s *Side) segments(ctx context.Context, segments []catalog.Segment, w io.Writer) error {
	for _, seg := range segments {
		rc, err := s.Content.Open(ctx, seg.ID, seg.Offset, seg.Length)
		if err != nil {
			return err
		}
		_, err = io.Copy(plainWriter{w}, rc)
		if err = errors.Join(err, rc.Close()); err != nil {
			return err
		}
	}
	return nil
}
