package repo

import (
	"context"
	"strings"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

// uploadsOf begins the keys of all uploads to key.
func uploadsOf(key string) string { return catalog.UploadKey(key, "") }

// uploadsFrom begins the upload keys of all keys that begin with prefix, and is
// not above that of any key that is prefix or greater.
func uploadsFrom(prefix string) string { return strings.TrimSuffix(uploadsOf(prefix), "\x00\x00") }

func (r *Repo) listUploads(ctx context.Context, b *catalog.Bucket, in ListInput, afterUpload string) (*UploadListing, error) {
	l := &UploadListing{}
	in.Max = min(in.Max, maxListed)
	from, within, ok := in.start()
	if in.Max <= 0 || !ok {
		return l, nil
	}
	c := &cursor{
		store: r.Meta, part: catalog.InBucket(b.ID),
		from: uploadsFrom(from), before: meta.PrefixEnd(uploadsFrom(in.Prefix)),
		limit: in.firstLimit(), values: true,
	}
	if within && afterUpload != "" {
		// Upload IDs are 32 digits; a longer marker sorts as its beginning does.
		c.from = meta.Next(catalog.UploadKey(in.After, afterUpload[:min(len(afterUpload), 64)]))
	}
	for {
		c.most = in.left(l.lines())
		e, err := c.peek(ctx)
		if err != nil || e == nil {
			return l, err
		}
		key, _, err := catalog.ParseUploadKey(e.Key)
		if err != nil {
			return nil, damaged(b, e.Key, err)
		}
		if l.full(in.Max) {
			return l, nil
		}
		if cp, is := commonPrefix(key, in.Prefix, in.Delimiter); is {
			l.Prefixes = append(l.Prefixes, cp)
			l.NextKey, l.NextUpload = cp, ""
			c.seek(meta.PrefixEnd(uploadsFrom(cp)))
			continue
		}
		u, err := catalog.DecodeUpload(e.Record.Value)
		if err != nil {
			return nil, damaged(b, e.Key, err)
		}
		l.Uploads = append(l.Uploads, UploadEntry{Key: key, Upload: u})
		l.NextKey, l.NextUpload = key, u.ID
		c.pop()
	}
}

// full tells, when there is one more line to give, whether there is no room for it.
func (l *UploadListing) full(max int) bool {
	l.Truncated = l.lines() >= max
	return l.Truncated
}

func (l *UploadListing) lines() int { return len(l.Uploads) + len(l.Prefixes) }

func (r *Repo) listParts(ctx context.Context, b *catalog.Bucket, key, uploadID string, after, max int) (parts []catalog.Part, more bool, err error) {
	if _, err := r.upload(ctx, b, key, uploadID); err != nil {
		return nil, false, err
	}
	if max = min(max, maxListed); max <= 0 || after >= MaxPartNumber {
		return nil, false, nil
	}
	c := r.partsAfter(b, uploadID, after, max+1)
	for {
		e, err := c.peek(ctx)
		if err != nil || e == nil {
			return parts, false, err
		}
		if len(parts) == max {
			return parts, true, nil
		}
		p, err := catalog.DecodePart(e.Record.Value)
		if err != nil {
			return nil, false, damaged(b, e.Key, err)
		}
		parts = append(parts, *p)
		c.pop()
	}
}

// partsAfter walks an upload's parts with numbers above after, n at first.
func (r *Repo) partsAfter(b *catalog.Bucket, uploadID string, after, n int) *cursor {
	return &cursor{
		store: r.Meta, part: catalog.InBucket(b.ID),
		from: catalog.PartKey(uploadID, max(after, 0)+1), before: meta.PrefixEnd(catalog.PartsPrefix(uploadID)),
		limit: n, most: meta.MaxScan, values: true,
	}
}

// validUploadID tells whether an upload ID can be one of ours: it becomes part
// of keys.
func validUploadID(id string) bool {
	_, ok := catalog.ParseVersionID(id)
	return ok && strings.ToLower(id) == id
}

func noSuchUpload(id string) error { return s3err.NoSuchUpload.Field("UploadId", id) }
