// Package fsck verifies a repository: every record can be read, the contents
// it names exist and are whole, and what no record names is counted. It changes
// nothing and may run beside servers.
package fsck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/sse"
	"github.com/mucura/mucura/core/sweep"
)

// Checker verifies one repository.
type Checker struct {
	Repo *repo.Repo
	Now  func() time.Time
	// ReadData reads every byte and compares it with the checksums the records
	// hold; without it only existence and length of contents are looked at. What
	// customers encrypt (SSE-C) is compared as it is stored: its ETag is of that.
	ReadData bool
	// Problem is called for each problem found.
	Problem func(Problem)
}

// Problem is one thing that is wrong.
type Problem struct {
	Bucket  string `json:"bucket"`
	Key     string `json:"key,omitempty"`
	Version string `json:"version,omitempty"`
	What    string `json:"what"`
}

func (p Problem) String() string {
	s := p.Bucket
	if p.Key != "" {
		s += "/" + p.Key
	}
	if p.Version != "" {
		s += " version " + p.Version
	}
	return s + ": " + p.What
}

// Report is the sum of a run.
type Report struct {
	Buckets  int   `json:"buckets"`
	Versions int   `json:"versions"` // current and others, without delete markers
	Markers  int   `json:"delete_markers"`
	Parts    int   `json:"parts"` // of uploads in progress
	Bytes    int64 `json:"bytes"` // of versions and parts
	Problems int   `json:"problems"`
	// Unnamed are contents that no record names, older than the leeway; the
	// sweeper frees them. Not a problem. -1 when it is not known: the content store
	// is not cheap to walk, or damaged records leave it open what they name.
	Unnamed int `json:"unnamed"`
}

// Run verifies everything.
func (c *Checker) Run(ctx context.Context) (Report, error) {
	r := &run{Checker: c}
	err := c.Repo.AllBuckets(ctx, func(b *catalog.Bucket) error {
		r.Buckets++
		if _, err := c.Repo.Accounts.Account(ctx, b.Owner); errors.Is(err, meta.ErrNotFound) {
			r.problem(Problem{Bucket: b.Name, What: "its owner does not exist"})
		} else if err != nil {
			return err
		}
		return r.bucket(ctx, b)
	})
	if err != nil {
		return r.Report, err
	}
	return r.Report, r.unnamed(ctx)
}

// run is a run under way.
type run struct {
	*Checker
	Report
}

func (r *run) problem(p Problem) {
	r.Problems++
	if r.Checker.Problem != nil {
		r.Checker.Problem(p)
	}
}

func (r *run) bucket(ctx context.Context, b *catalog.Bucket) error {
	p := catalog.InBucket(b.ID)
	from := ""
	for {
		page, err := r.Repo.Meta.Scan(ctx, p, meta.Range{From: from, WithValue: true})
		if err != nil {
			return err
		}
		for _, e := range page.Entries {
			if err := r.record(ctx, b, e); err != nil {
				return err
			}
		}
		if !page.More || len(page.Entries) == 0 {
			return ctx.Err()
		}
		from = meta.Next(page.Entries[len(page.Entries)-1].Key)
	}
}

// record verifies one record. What it finds wrong counts only if the record is
// still the same afterwards: a server may be at work.
func (r *run) record(ctx context.Context, b *catalog.Bucket, e meta.Entry) error {
	where := Problem{Bucket: b.Name}
	var err error
	switch e.Key[:1] {
	case catalog.SpaceObject:
		where.Key = e.Key[1:]
		err = r.object(ctx, b, e, &where)
	case catalog.SpaceVersion:
		if where.Key, _, err = catalog.ParseVersionKey(e.Key); err == nil {
			err = r.object(ctx, b, e, &where)
		}
	case catalog.SpacePart:
		err = r.part(ctx, e, &where)
	case catalog.SpaceUpload:
		where.Key, _, err = catalog.ParseUploadKey(e.Key)
		if err == nil {
			_, err = catalog.DecodeUpload(e.Record.Value)
		}
	case catalog.SpaceFinished:
		_, err = catalog.DecodeFinished(e.Record.Value)
	case catalog.SpaceRelease:
		_, err = catalog.DecodeRelease(e.Record.Value)
	default:
		err = fmt.Errorf("record %q is of no known kind", e.Key)
	}
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, meta.ErrUnavailable) || errors.Is(err, content.ErrUnavailable) {
		return err
	}
	now, getErr := r.Repo.Meta.Get(ctx, catalog.InBucket(b.ID), e.Key, false)
	if errors.Is(getErr, meta.ErrNotFound) || getErr == nil && now.Version != e.Record.Version {
		return nil
	}
	where.What = err.Error()
	r.problem(where)
	return nil
}

func (r *run) object(ctx context.Context, b *catalog.Bucket, e meta.Entry, where *Problem) error {
	o, err := catalog.DecodeObject(e.Record.Value)
	if err != nil {
		return err
	}
	if o.Gone {
		return nil
	}
	where.Version = o.VersionID()
	if err := summaryAgrees(o, e.Record.Summary); err != nil {
		return err
	}
	if o.DeleteMarker {
		r.Markers++
		return nil
	}
	r.Versions++
	r.Bytes += o.Size
	if o.Inline {
		return r.inline(ctx, b, e, o)
	}
	segments, parts := o.Segments, o.Parts
	if o.Manifest != "" {
		if segments, parts, err = r.manifest(ctx, o.Manifest); err != nil {
			return fmt.Errorf("manifest %s: %w", o.Manifest, err)
		}
	}
	if o.PartCount != len(parts) {
		return fmt.Errorf("%d parts are listed of %d", len(parts), o.PartCount)
	}
	if err := r.segments(ctx, segments, o.Size); err != nil || !r.ReadData {
		return err
	}
	key, err := r.siteKey(&o.Encryption)
	if err != nil {
		return err
	}
	return verifyObject(o, parts, &segmentReader{ctx: ctx, store: r.Repo.Content, key: key, salt: o.Encryption.Salt, segments: segments})
}

// summaryAgrees tells whether a listing shows what the record says.
func summaryAgrees(o *catalog.Object, summary []byte) error {
	s, err := catalog.DecodeSummary(summary)
	if err != nil {
		return fmt.Errorf("summary: %w", err)
	}
	if s.Size != o.Size || s.ETag != o.ETag || s.DeleteMarker != o.DeleteMarker || s.Ref != o.Ref || !s.ModTime.Equal(o.ModTime) {
		return errors.New("its summary does not agree with its record")
	}
	return nil
}

func (r *run) inline(ctx context.Context, b *catalog.Bucket, e meta.Entry, o *catalog.Object) error {
	rec, err := r.Repo.Meta.Get(ctx, catalog.InBucket(b.ID), e.Key, true)
	if err != nil {
		return err
	}
	if int64(len(rec.Body)) != o.Size {
		return fmt.Errorf("%d bytes are kept of %d", len(rec.Body), o.Size)
	}
	if !r.ReadData {
		return nil
	}
	body, err := r.plainInline(o, rec.Body)
	if err != nil {
		return err
	}
	return verifyObject(o, o.Parts, newBytesReader(body))
}

// siteKey is the site's key that bytes are encrypted under; nil when they are
// plain, or encrypted by a customer.
func (r *run) siteKey(e *catalog.Encryption) (*sse.Key, error) {
	if e.Algorithm == "" || e.Customer() {
		return nil, nil
	}
	return r.Repo.SiteKey(e.SiteKey)
}

// plainInline decrypts an inlined content where the site can.
func (r *run) plainInline(o *catalog.Object, body []byte) ([]byte, error) {
	key, err := r.siteKey(&o.Encryption)
	if key == nil || err != nil {
		return body, err
	}
	s, err := key.Stream(string(o.Encryption.Salt), 0)
	if err != nil {
		return nil, err
	}
	plain := make([]byte, len(body))
	s.XORKeyStream(plain, body)
	return plain, nil
}

func (r *run) manifest(ctx context.Context, id content.ID) ([]catalog.Segment, []catalog.PartInfo, error) {
	rc, err := r.Repo.Content.Open(ctx, id, 0, -1)
	if err != nil {
		return nil, nil, err
	}
	defer rc.Close()
	b, err := io.ReadAll(rc)
	if err != nil {
		return nil, nil, err
	}
	return catalog.DecodeManifest(b)
}

func (r *run) part(ctx context.Context, e meta.Entry, where *Problem) error {
	uploadID, number, err := catalog.ParsePartKey(e.Key)
	if err != nil {
		return err
	}
	where.Key = fmt.Sprintf("(part %d of upload %s)", number, uploadID)
	p, err := catalog.DecodePart(e.Record.Value)
	if err != nil {
		return err
	}
	r.Parts++
	r.Bytes += p.Size
	if p.Inline {
		return nil
	}
	if err := r.segments(ctx, p.Segments, p.Size); err != nil || !r.ReadData {
		return err
	}
	key, err := r.siteKey(&p.Encryption)
	if err != nil {
		return err
	}
	return verifyMD5(&segmentReader{ctx: ctx, store: r.Repo.Content, key: key, segments: p.Segments}, p.ETag)
}

// segments verifies that contents are there, long enough, and add up to size.
func (r *run) segments(ctx context.Context, segments []catalog.Segment, size int64) error {
	var sum int64
	for _, seg := range segments {
		sum += seg.Length
		st, ok := content.As[content.Stat](r.Repo.Content)
		if !ok {
			if err := lastByte(ctx, r.Repo.Content, seg); err != nil {
				return fmt.Errorf("content %s: %w", seg.ID, err)
			}
			continue
		}
		info, err := st.Stat(ctx, seg.ID)
		if err != nil {
			return fmt.Errorf("content %s: %w", seg.ID, err)
		}
		if info.Size < seg.Offset+seg.Length {
			return fmt.Errorf("content %s has %d bytes of %d", seg.ID, info.Size, seg.Offset+seg.Length)
		}
	}
	if sum != size {
		return fmt.Errorf("its contents are %d bytes of %d", sum, size)
	}
	return nil
}

// lastByte reads the last byte of a segment, where sizes are not known otherwise.
func lastByte(ctx context.Context, store content.Store, seg catalog.Segment) error {
	if seg.Length == 0 {
		return nil
	}
	rc, err := store.Open(ctx, seg.ID, seg.Offset+seg.Length-1, 1)
	if err != nil {
		return err
	}
	defer rc.Close()
	_, err = io.ReadFull(rc, make([]byte, 1))
	return err
}

// unnamed counts contents older than the leeway that no record names.
func (r *run) unnamed(ctx context.Context) error {
	if !r.Repo.Content.Capabilities().CheapWalk {
		r.Unnamed = -1
		return nil
	}
	s := &sweep.Sweeper{Repo: r.Repo, Now: r.Now, Log: slog.New(slog.DiscardHandler)}
	err := s.Unnamed(ctx, func(content.ID) error { r.Unnamed++; return nil })
	if r.Problems > 0 && (errors.Is(err, catalog.ErrRecord) || errors.Is(err, content.ErrCorrupt)) {
		r.Unnamed, err = -1, nil // the record was reported
	}
	return err
}
