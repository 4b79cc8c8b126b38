package cli

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/mucura/mucura/core/client"
	"github.com/mucura/mucura/core/client/transfer"
)

// job is one copy to be made.
type job struct {
	from, to *location
	object   *client.Object // the source, when it is an object
	size     int64
}

func (j *job) name() string { return j.from.String() }

// String is how a place is written in messages and records.
func (l *location) String() string {
	if l.remote {
		return objectURL(l.bucket, l.key)
	}
	return l.local
}

// objectJobs are the copies of objects to files or objects.
func (a *app) objectJobs(ctx context.Context, s *session, from, to *location, several bool, o copyOptions) (iter.Seq2[*job, error], error) {
	sel := &selection{from, o.recursive, o.literal || o.version != ""}
	if err := sel.prepare(); err != nil {
		return nil, err
	}
	if o.version != "" {
		if sel.many() || o.move {
			return nil, usagef("--version is of one object, and cannot be moved")
		}
		return func(yield func(*job, error) bool) {
			object, err := s.client.Head(ctx, from.bucket, from.key, o.version)
			if err != nil {
				yield(nil, notFound(from.text, err))
				return
			}
			object.VersionID = o.version
			target, err := o.targetOf(to, from.base(), several, false)
			yield(&job{from, target, object, object.Size}, err)
		}, nil
	}
	return func(yield func(*job, error) bool) {
		for c, err := range sel.objects(ctx, s.client) {
			if err != nil {
				yield(nil, err)
				return
			}
			if sel.many() && strings.HasSuffix(c.Key, "/") && !to.remote {
				continue // the mark of a directory, which files make anyway
			}
			target, err := o.targetOf(to, c.rel, several || sel.many(), sel.many())
			c.VersionID = "" // the current one, whichever it is called
			j := &job{&location{remote: true, bucket: from.bucket, key: c.Key, text: from.text}, target, c.Object, c.Size}
			if !yield(j, err) {
				return
			}
		}
	}, nil
}

// fileJobs are the copies of files to objects.
func (a *app) fileJobs(from, to *location, several bool, o copyOptions) (iter.Seq2[*job, error], error) {
	if from.stdio() {
		if to.key == "" || to.isPrefix() && !o.literal {
			return nil, usagef("standard input has no name: give the whole key, not %q", to.text)
		}
		return func(yield func(*job, error) bool) { yield(&job{from, to, nil, -1}, nil) }, nil
	}
	info, err := os.Stat(from.local)
	if err != nil {
		return nil, err
	}
	switch {
	case info.IsDir() && !o.recursive:
		return nil, usagef("%s is a directory; give -r", from.text)
	case !info.IsDir():
		target, err := o.targetOf(to, filepath.Base(from.local), several, false)
		return func(yield func(*job, error) bool) { yield(&job{from, target, nil, info.Size()}, err) }, nil
	}
	return func(yield func(*job, error) bool) {
		skipped := func(path string) {
			a.out.note("%s is neither file nor directory, or a link to one: passed over", clean(path))
		}
		for f, err := range transfer.Walk(from.local, o.follow, skipped) {
			var j *job
			if err == nil {
				var target *location
				target, err = o.targetOf(to, f.Rel, true, true)
				j = &job{&location{local: f.Path, text: f.Path}, target, nil, f.Size}
			}
			if !yield(j, err) {
				return
			}
		}
	}, nil
}

// targetOf is where something of this name goes. into: the target is a directory
// whatever it looks like; below: the name is a path below it, not a mere name.
// With --literal a key that ends with a slash is no directory.
func (o *copyOptions) targetOf(to *location, name string, into, below bool) (*location, error) {
	if to.stdio() {
		return to, nil
	}
	if to.remote {
		key := to.key
		if into && key != "" && !strings.HasSuffix(key, "/") {
			key += "/"
		}
		if key == "" || strings.HasSuffix(key, "/") && (into || !o.literal) {
			key += name
		}
		return &location{remote: true, bucket: to.bucket, key: key, text: to.text}, nil
	}
	local := to.local
	info, err := os.Stat(local)
	if into || strings.HasSuffix(local, "/") || err == nil && info.IsDir() {
		if !below && (name == "." || name == "..") {
			return nil, usagef("%q cannot be a file name; give the whole path", name)
		}
		if local, err = transfer.LocalPath(local, name); err != nil {
			return nil, err
		}
	}
	return &location{local: local, text: to.text}, nil
}
