package cli

import (
	"context"
	"iter"
	"os"
	"strings"
	"time"

	"github.com/mucura/mucura/core/client"
	"github.com/mucura/mucura/core/client/transfer"
)

// side is one end of a sync: a directory, or a prefix that is "" or ends with a
// slash.
type side struct {
	*location
}

// entry is a file or object of a side.
type entry struct {
	rel    string
	size   int64
	time   time.Time
	object *client.Object
}

func (a *app) side(ctx context.Context, text string) (*side, error) {
	l, err := a.locate(ctx, text)
	if err != nil {
		return nil, err
	}
	if l.stdio() {
		return nil, usagef("sync is for directories")
	}
	if l.remote && !l.isPrefix() {
		l.key += "/"
	}
	return &side{l}, nil
}

// entries gives what is there, in bytewise order of the names.
func (d *side) entries(ctx context.Context, a *app, s *session, follow, mayMiss bool) iter.Seq2[*entry, error] {
	return func(yield func(*entry, error) bool) {
		if d.remote {
			for e, err := range s.client.List(ctx, d.bucket, client.ListOptions{Prefix: d.key}) {
				if err != nil {
					yield(nil, err)
					return
				}
				rel := strings.TrimPrefix(e.Key, d.key)
				if rel == "" || strings.HasSuffix(rel, "/") {
					continue // marks of directories
				}
				if !yield(&entry{rel, e.Size, e.LastModified, &e.Object}, nil) {
					return
				}
			}
			return
		}
		if _, err := os.Stat(d.local); err != nil {
			if !mayMiss || !os.IsNotExist(err) {
				yield(nil, err)
			}
			return
		}
		skipped := func(path string) {
			a.out.note("%s is neither file nor directory, or a link to one: passed over", clean(path))
		}
		for f, err := range transfer.Walk(d.local, follow, skipped) {
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			if !yield(&entry{f.Rel, f.Size, f.ModTime, nil}, nil) {
				return
			}
		}
	}
}

// at is the place of a name on this side.
func (d *side) at(rel string) (*location, error) {
	if d.remote {
		return &location{remote: true, bucket: d.bucket, key: d.key + rel, text: d.text}, nil
	}
	path, err := transfer.LocalPath(d.local, rel)
	return &location{local: path, text: d.text}, err
}

// pair is a name and what either side has of it.
type pair struct {
	rel      string
	from, to *entry
}

// pairs merges both sides by name. It ends at the first error of the source or
// target, because half a side must not be taken for the whole.
func pairs(from, to iter.Seq2[*entry, error]) iter.Seq2[*pair, error] {
	return func(yield func(*pair, error) bool) {
		nextTo, stop := iter.Pull2(to)
		defer stop()
		t, terr, tok := nextTo()
		// rest yields what only the target has, up to a name.
		rest := func(before string, all bool) bool {
			for tok && terr == nil && (all || t.rel < before) {
				if !yield(&pair{t.rel, nil, t}, nil) {
					return false
				}
				t, terr, tok = nextTo()
			}
			if terr != nil {
				yield(nil, terr)
				return false
			}
			return true
		}
		for f, err := range from {
			if err != nil {
				yield(nil, err)
				return
			}
			if !rest(f.rel, false) {
				return
			}
			p := &pair{f.rel, f, nil}
			if tok && t.rel == f.rel {
				p.to = t
				t, terr, tok = nextTo()
			}
			if !yield(p, nil) {
				return
			}
		}
		rest("", true)
	}
}
