package repo

import (
	"context"
	"strings"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

// maxListed is the most lines of a page of any listing.
const maxListed = 1000

// commonPrefix is the part of key up to and with the first delimiter after
// prefix; ok tells whether there is one.
func commonPrefix(key, prefix, delimiter string) (cp string, ok bool) {
	if delimiter == "" {
		return "", false
	}
	i := strings.Index(key[len(prefix):], delimiter)
	if i < 0 {
		return "", false
	}
	return key[:len(prefix)+i+len(delimiter)], true
}

// start is the least key a listing may show after the marker; ok is false when
// there can be none. within tells that the listing may go on within the
// marker's own key (versions, uploads): the marker is not in a common prefix.
func (in *ListInput) start() (from string, within, ok bool) {
	switch {
	case len(in.Prefix) > MaxKeyBytes:
		return "", false, false
	case in.After == "" || in.After < in.Prefix:
		return in.Prefix, false, true
	case !strings.HasPrefix(in.After, in.Prefix): // beyond all keys of the prefix
		return "", false, false
	}
	if cp, is := commonPrefix(in.After, in.Prefix, in.Delimiter); is {
		from = meta.PrefixEnd(cp)
		if from == "" {
			return "", false, false
		}
	} else {
		from, within = meta.Next(in.After), true
	}
	// No key is longer than MaxKeyBytes, so one byte more decides as well as all.
	if len(from) > MaxKeyBytes+1 {
		from, within = from[:MaxKeyBytes+1], false
	}
	return from, within, true
}

// firstLimit is how many entries to read first for a page of max lines.
func (in *ListInput) firstLimit() int {
	if in.Delimiter != "" {
		return min(firstPage, in.Max+1)
	}
	return in.Max + 1
}

// left is how many entries a page of a listing can still use after so many
// lines: one more than it gives, to see whether it is the last. A few are read
// at once in any case, for some may not be shown.
func (in *ListInput) left(lines int) int { return max(in.Max+1-lines, leastPage) }

func (r *Repo) listObjects(ctx context.Context, b *catalog.Bucket, in ListInput) (*Listing, error) {
	l := &Listing{}
	in.Max = min(in.Max, maxListed)
	from, _, ok := in.start()
	if in.Max <= 0 || !ok {
		return l, nil
	}
	c := &cursor{
		store: r.Meta, part: catalog.InBucket(b.ID),
		from: catalog.ObjectKey(from), before: meta.PrefixEnd(catalog.ObjectKey(in.Prefix)),
		limit: in.firstLimit(),
	}
	for {
		c.most = in.left(l.lines())
		e, err := c.peek(ctx)
		if err != nil || e == nil {
			return l, err
		}
		s, err := catalog.DecodeSummary(e.Record.Summary)
		if err != nil {
			return nil, damaged(b, e.Key, err)
		}
		if s.Gone {
			c.pop()
			continue
		}
		if l.full(in.Max) {
			return l, nil
		}
		key := e.Key[len(catalog.SpaceObject):]
		if cp, is := commonPrefix(key, in.Prefix, in.Delimiter); is {
			l.addPrefix(cp)
			c.seek(meta.PrefixEnd(catalog.ObjectKey(cp)))
			continue
		}
		if l.Entries == nil {
			l.Entries = make([]ListEntry, 0, min(in.Max, len(c.page)))
		}
		l.add(key, &s, true)
		c.pop()
	}
}

// full tells, when there is one more line to give, whether there is no room for it.
func (l *Listing) full(max int) bool {
	l.Truncated = l.lines() >= max
	return l.Truncated
}

func (l *Listing) lines() int { return len(l.Entries) + len(l.Prefixes) }

func (l *Listing) addPrefix(cp string) {
	l.Prefixes = append(l.Prefixes, cp)
	l.Next, l.NextVersion = cp, ""
}

func (l *Listing) add(key string, s *catalog.Summary, latest bool) {
	l.Entries = append(l.Entries, ListEntry{
		Key: key, Version: s.Ref, Null: s.Null, DeleteMarker: s.DeleteMarker, Latest: latest,
		Size: s.Size, ModTime: s.ModTime, ETag: s.ETag, Owner: s.Owner,
		StorageClass: s.StorageClass, Checksum: s.Checksum,
	})
	l.Next = key
}
