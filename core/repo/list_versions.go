package repo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

// A listing of versions merges two key spaces: current versions, and all
// others, newest first. A version that stops being current while the listing
// goes on is shown once.

// versionLister is one such listing.
type versionLister struct {
	r  *Repo
	b  *catalog.Bucket
	in ListInput
	l  *Listing

	current, others *cursor

	// key is that of the newest version seen; current is its current version.
	key        string
	hasKey     bool
	hasCurrent bool
	currentRef catalog.VersionRef
	// With a version marker: within is its key, of which only versions older
	// than marker are given.
	within   string
	isWithin bool
	marker   catalog.VersionRef
}

func (r *Repo) listVersions(ctx context.Context, b *catalog.Bucket, in ListInput, afterVersion string) (*Listing, error) {
	in.Max = min(in.Max, maxListed)
	v := &versionLister{r: r, b: b, in: in, l: &Listing{}}
	from, within, ok := in.start()
	if afterVersion != "" {
		if err := v.checkMarker(afterVersion); err != nil {
			return nil, err
		}
	}
	if in.Max <= 0 || !ok {
		return v.l, nil
	}
	v.begin(from)
	if within && afterVersion != "" {
		if err := v.resume(ctx, afterVersion); err != nil {
			return nil, err
		}
	}
	if err := v.run(ctx); err != nil {
		return nil, err
	}
	return v.l, nil
}

func (v *versionLister) checkMarker(version string) error {
	if v.in.After == "" {
		return s3err.InvalidArgument.Say("A version-id marker cannot be specified without a key marker.")
	}
	if _, ok := catalog.ParseVersionID(version); !ok && version != catalog.NullVersion {
		return s3err.InvalidArgument.Say("Invalid version id specified").
			Field("ArgumentName", "version-id-marker").Field("ArgumentValue", version)
	}
	return nil
}

// begin sets both cursors to the least key to give.
func (v *versionLister) begin(from string) {
	part := catalog.InBucket(v.b.ID)
	v.current = &cursor{
		store: v.r.Meta, part: part, from: catalog.ObjectKey(from),
		before: meta.PrefixEnd(catalog.ObjectKey(v.in.Prefix)), limit: v.in.firstLimit(),
	}
	v.others = &cursor{
		store: v.r.Meta, part: part, from: versionsFrom(from),
		before: meta.PrefixEnd(versionsFrom(v.in.Prefix)), limit: v.in.firstLimit(),
	}
}

// versionsFrom begins the version keys of all keys that begin with prefix, and
// is not above that of any key that is prefix or greater.
func versionsFrom(prefix string) string {
	return strings.TrimSuffix(catalog.VersionsPrefix(prefix), "\x00\x00")
}

// resume sets both cursors into the versions of the marker's key. The marker
// need not exist any more: its place in the order tells what follows. Only of a
// null version the place is lost with it; then the key is listed from its
// newest version, so that nothing is left out.
func (v *versionLister) resume(ctx context.Context, version string) error {
	key := v.in.After
	v.within = key
	v.current.from = catalog.ObjectKey(key)
	v.others.from = catalog.VersionsPrefix(key)
	v.current.limit, v.others.limit = v.in.Max+1, v.in.Max+1
	var ok bool
	if v.marker, ok = catalog.ParseVersionID(version); ok {
		v.isWithin = true
	} else {
		var err error
		if v.marker, v.isWithin, err = v.nullRef(ctx, key); err != nil {
			return err
		}
	}
	if !v.isWithin {
		return nil
	}
	// Whatever is newer than the marker says that what follows is not the latest.
	page, err := v.r.Meta.Scan(ctx, v.others.part, meta.Range{From: v.others.from, Before: meta.PrefixEnd(v.others.from), Limit: 1})
	if err != nil {
		return wrap(err)
	}
	if len(page.Entries) > 0 {
		_, newest, err := catalog.ParseVersionKey(page.Entries[0].Key)
		if err != nil {
			return damaged(v.b, page.Entries[0].Key, err)
		}
		if !older(newest, v.marker) {
			v.key, v.hasKey = key, true
		}
	}
	v.others.from = meta.Next(catalog.VersionKey(key, v.marker))
	return nil
}

// nullRef finds where among the versions of key its null version stands.
func (v *versionLister) nullRef(ctx context.Context, key string) (ref catalog.VersionRef, found bool, err error) {
	rec, err := v.r.Meta.Get(ctx, v.others.part, catalog.ObjectKey(key), false)
	if err != nil && !errors.Is(err, meta.ErrNotFound) {
		return ref, false, wrap(err)
	}
	if err == nil {
		s, err := catalog.DecodeSummary(rec.Summary)
		if err != nil {
			return ref, false, damaged(v.b, catalog.ObjectKey(key), err)
		}
		if s.Null && !s.Gone {
			return s.Ref, true, nil
		}
	}
	null, err := v.r.nullVersion(ctx, v.b, key)
	if err != nil || null == nil {
		return ref, false, wrap(err)
	}
	return null.object.Ref, true, nil
}

// older tells whether a stands after b among the versions of a key.
func older(a, b catalog.VersionRef) bool {
	return a.Seq < b.Seq || a.Seq == b.Seq && a.Rand > b.Rand
}

// run merges both cursors until the page is full.
func (v *versionLister) run(ctx context.Context) error {
	for {
		v.current.most = v.in.left(v.l.lines())
		v.others.most = v.current.most
		cur, err := v.current.peek(ctx)
		if err != nil {
			return err
		}
		other, err := v.others.peek(ctx)
		if err != nil {
			return err
		}
		if cur == nil && other == nil {
			return nil
		}
		key, isCurrent := "", cur != nil
		if cur != nil {
			key = cur.Key[len(catalog.SpaceObject):]
		}
		var ref catalog.VersionRef
		if other != nil {
			k, r, err := catalog.ParseVersionKey(other.Key)
			if err != nil {
				return damaged(v.b, other.Key, err)
			}
			if ref = r; !isCurrent || k < key {
				key, isCurrent = k, false
			}
		}
		if isCurrent {
			err = v.takeCurrent(key, cur)
		} else {
			err = v.takeOther(key, ref, other)
		}
		if err != nil || v.l.Truncated {
			return err
		}
	}
}

// takeCurrent takes the current version of key.
func (v *versionLister) takeCurrent(key string, e *meta.Entry) error {
	s, err := catalog.DecodeSummary(e.Record.Summary)
	if err != nil {
		return damaged(v.b, e.Key, err)
	}
	if s.Gone {
		v.current.pop()
		return nil
	}
	if v.skipToPrefix(key) {
		return nil
	}
	v.key, v.hasKey, v.hasCurrent, v.currentRef = key, true, true, s.Ref
	if v.isWithin && key == v.within && !older(s.Ref, v.marker) {
		v.current.pop()
		return nil
	}
	if v.l.full(v.in.Max) {
		return nil
	}
	v.give(key, &s, true)
	v.current.pop()
	return nil
}

// takeOther takes a version of key that is not current. It is the latest when
// nothing newer was seen of the key.
func (v *versionLister) takeOther(key string, ref catalog.VersionRef, e *meta.Entry) error {
	if v.skipToPrefix(key) {
		return nil
	}
	if v.hasCurrent && key == v.key && ref == v.currentRef { // it has just stopped being current
		v.others.pop()
		return nil
	}
	if v.l.full(v.in.Max) {
		return nil
	}
	s, err := catalog.DecodeSummary(e.Record.Summary)
	if err != nil {
		return damaged(v.b, e.Key, err)
	}
	latest := !v.hasKey || key != v.key
	if latest {
		v.key, v.hasKey, v.hasCurrent = key, true, false
	}
	v.give(key, &s, latest)
	v.others.pop()
	return nil
}

// skipToPrefix, for a key below a common prefix, gives that prefix and skips
// past it in both spaces.
func (v *versionLister) skipToPrefix(key string) bool {
	cp, is := commonPrefix(key, v.in.Prefix, v.in.Delimiter)
	if !is {
		return false
	}
	if !v.l.full(v.in.Max) {
		v.l.addPrefix(cp)
		v.current.seek(meta.PrefixEnd(catalog.ObjectKey(cp)))
		v.others.seek(meta.PrefixEnd(versionsFrom(cp)))
	}
	return true
}

func (v *versionLister) give(key string, s *catalog.Summary, latest bool) {
	v.l.add(key, s, latest)
	v.l.NextVersion = v.l.Entries[len(v.l.Entries)-1].VersionID()
}

// damaged is the error for a record of a bucket that cannot be decoded.
func damaged(b *catalog.Bucket, key string, err error) error {
	return fmt.Errorf("bucket %s, record %q: %w", b.Name, key, err)
}
