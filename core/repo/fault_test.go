package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

// fault is what goes wrong at one call to a store.
type fault int

const (
	noFault     fault = iota
	fails             // the call fails, nothing was done
	lostRequest       // nothing was done, but the caller cannot know
	lostAnswer        // it was done, but the caller cannot know
	crash             // the process ends before the call
	crashAfter        // and after it
)

var faults = map[string]fault{
	"fails": fails, "lost request": lostRequest, "lost answer": lostAnswer, "crash": crash, "crash after": crashAfter,
}

// injector lets the nth call from now go wrong.
type injector struct {
	mu   sync.Mutex
	left int
	kind fault
	dead bool // crashed: every call fails
	hit  bool
}

func (i *injector) arm(kind fault, n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.left, i.kind, i.dead, i.hit = n, kind, false, false
}

func (i *injector) next() fault {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.dead {
		return fails
	}
	i.left--
	if i.kind == noFault || i.left >= 0 || i.hit {
		return noFault
	}
	i.hit = true
	i.dead = i.kind == crash || i.kind == crashAfter
	return i.kind
}

// write does a write the way the next fault wants.
func (i *injector) write(do func() error) error {
	switch i.next() {
	case fails, crash:
		return fmt.Errorf("injected: %w", meta.ErrUnavailable)
	case lostRequest:
		return fmt.Errorf("injected: %w", meta.ErrOutcomeUnknown)
	case lostAnswer, crashAfter:
		if err := do(); err != nil {
			return err
		}
		return fmt.Errorf("injected: %w", meta.ErrOutcomeUnknown)
	}
	return do()
}

func (i *injector) read() error {
	if i.next() != noFault {
		return fmt.Errorf("injected: %w", meta.ErrUnavailable)
	}
	return nil
}

// faultyMeta and faultyContent are stores in which calls go wrong.
type faultyMeta struct {
	meta.Store
	*injector
}

func (f faultyMeta) Get(ctx context.Context, p meta.Partition, key string, withBody bool) (r meta.Record, err error) {
	if err := f.read(); err != nil {
		return r, err
	}
	return f.Store.Get(ctx, p, key, withBody)
}

func (f faultyMeta) Scan(ctx context.Context, p meta.Partition, r meta.Range) (pg meta.Page, err error) {
	if err := f.read(); err != nil {
		return pg, err
	}
	return f.Store.Scan(ctx, p, r)
}

func (f faultyMeta) Put(ctx context.Context, p meta.Partition, key string, r meta.Record, c meta.Cond) (v meta.Version, err error) {
	err = f.write(func() (err error) { v, err = f.Store.Put(ctx, p, key, r, c); return err })
	return v, err
}

func (f faultyMeta) Delete(ctx context.Context, p meta.Partition, key string, c meta.Cond) error {
	return f.write(func() error { return f.Store.Delete(ctx, p, key, c) })
}

func (f faultyMeta) Batch(ctx context.Context, p meta.Partition, ops []meta.Op) error {
	return f.write(func() error { return f.Store.Batch(ctx, p, ops) })
}

type faultyContent struct {
	content.Store
	*injector
	walk bool
}

func (f faultyContent) Capabilities() content.Capabilities {
	return content.Capabilities{Name: "faulty", CheapWalk: f.walk}
}

func (f faultyContent) fail() error {
	if f.next() != noFault {
		return fmt.Errorf("injected: %w", content.ErrFull)
	}
	return nil
}

func (f faultyContent) Create(ctx context.Context, id content.ID, size int64) (content.Writer, error) {
	if err := f.fail(); err != nil {
		return nil, err
	}
	w, err := f.Store.Create(ctx, id, size)
	return faultyWriter{w, f}, err
}

func (f faultyContent) Open(ctx context.Context, id content.ID, offset, length int64) (io.ReadCloser, error) {
	if err := f.fail(); err != nil {
		return nil, err
	}
	return f.Store.Open(ctx, id, offset, length)
}

func (f faultyContent) Delete(ctx context.Context, id content.ID) error {
	if err := f.fail(); err != nil {
		return err
	}
	return f.Store.Delete(ctx, id)
}

type faultyWriter struct {
	content.Writer
	f faultyContent
}

func (w faultyWriter) Write(p []byte) (int, error) {
	if err := w.f.fail(); err != nil {
		return 0, err
	}
	return w.Writer.Write(p)
}

func (w faultyWriter) Commit() error {
	if err := w.f.fail(); err != nil {
		return err
	}
	return w.Writer.Commit()
}

// newFaultyLab is a lab whose stores obey an injector. Its content store is
// one that needs intents.
func newFaultyLab(t tester, caps meta.Capabilities, walk bool) (*lab, *injector) {
	l := newLab(t, caps)
	i := new(injector)
	l.Meta = faultyMeta{l.meta, i}
	l.Content = faultyContent{l.content, i, walk}
	return l, i
}

// sight is everything a client sees of some keys, without version IDs.
func (l *lab) sight(t tester) string {
	t.Helper()
	var s strings.Builder
	for _, key := range modelKeys {
		body, err := l.read(key, "", true)
		if err != nil && s3err.From(err).Status != 404 {
			t.Fatalf("reading %q: %v", key, err)
		}
		fmt.Fprintf(&s, "%q now %q:", key, body)
		list, err := l.ListVersions(ctx, l.bucket, ListInput{Prefix: key, Max: 1000}, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list.Entries {
			if e.Key != key {
				continue
			}
			body := "marker"
			if !e.DeleteMarker {
				if body, err = l.read(key, e.VersionID(), true); err != nil {
					t.Fatalf("reading %q version %s: %v", key, e.VersionID(), err)
				}
			}
			fmt.Fprintf(&s, " %v %v %q;", e.Null, e.Latest, body)
		}
		s.WriteString("\n")
	}
	return s.String()
}

// step is one operation to be disturbed, after others that are not.
type step struct {
	name  string
	state []catalog.Versioning // in which it is tried
	setUp func(t tester, l *lab)
	do    func(l *lab) error
	// between sets up the one other state that may be seen, on a store without batches.
	between func(t tester, l *lab)
}

var everyState = []catalog.Versioning{catalog.Unversioned, catalog.VersioningEnabled, catalog.VersioningSuspended}

func putStep(key, body string, change ...func(*PutObjectInput)) func(l *lab) error {
	return func(l *lab) error { _, err := l.put(key, body, change...); return err }
}

// removeVersion deletes the nth newest version for good.
func removeVersion(key string, n int) func(l *lab) error {
	return func(l *lab) error {
		list, err := l.ListVersions(ctx, l.bucket, ListInput{Prefix: key, Max: 1000}, "")
		if err != nil {
			return err
		}
		id := list.Entries[n].VersionID()
		_, err = l.remove(key, id)
		return err
	}
}

func twoVersions(t tester, l *lab) {
	l.mustPut(t, "a", big("first"))
	l.mustPut(t, "a", small("second"))
}

func hidden(t tester, l *lab) {
	twoVersions(t, l)
	l.mustRemove(t, "a", "")
}

var steps = []step{
	{"first small put", everyState, nil, putStep("a", small("new")), nil},
	{"first big put", everyState, nil, putStep("a", big("new")), nil},
	{"small overwrites", everyState, twoVersions, putStep("a", small("new")), nil},
	{"big overwrites", everyState, func(t tester, l *lab) { l.mustPut(t, "a", big("first")) }, putStep("a", big("new")), nil},
	{"put over marker", everyState[1:], hidden, putStep("a", big("new")), nil},
	{"conditional put", everyState, nil, putStep("a", big("new"), ifNone), nil},
	{"delete", everyState, twoVersions, func(l *lab) error { _, err := l.remove("a", ""); return err }, nil},
	{"delete big", everyState, func(t tester, l *lab) { l.mustPut(t, "a", big("x")) }, func(l *lab) error { _, err := l.remove("a", ""); return err }, nil},
	{"delete again", everyState[1:], hidden, func(l *lab) error { _, err := l.remove("a", ""); return err }, nil},
	{"delete current version", everyState[1:2], twoVersions, removeVersion("a", 0), nil},
	{"delete old version", everyState[1:2], twoVersions, removeVersion("a", 1), nil},
	{"delete the marker", everyState[1:2], hidden, removeVersion("a", 0), nil},
	{"delete below the marker", everyState[1:2], hidden, removeVersion("a", 1), nil},
	{"delete null marker", everyState[2:], hidden, removeVersion("a", 0), nil},
	{"copy", everyState, func(t tester, l *lab) { l.mustPut(t, "a", big("x")); l.mustPut(t, "a/b", big("y")) }, func(l *lab) error {
		h, err := l.Open(ctx, l.bucket, "a", "", false)
		if err == nil {
			_, err = l.copy(h, "a/b", func(in *CopyInput) { in.Algorithm = "SHA256" })
		}
		return err
	}, nil},
	{"copy inlined", everyState, func(t tester, l *lab) { l.mustPut(t, "a", small("x")) }, func(l *lab) error {
		h, err := l.Open(ctx, l.bucket, "a", "", false)
		if err == nil {
			_, err = l.copy(h, "a/b")
		}
		return err
	}, nil},
	{"rename", everyState[:1], func(t tester, l *lab) { l.mustPut(t, "a", big("x")); l.mustPut(t, "a/b", big("y")) }, func(l *lab) error {
		return l.RenameObject(ctx, l.bucket, "a", "a/b", WriteCond{}, WriteCond{})
	}, func(t tester, l *lab) { l.mustPut(t, "a", big("x")); l.mustPut(t, "a/b", big("x")) }},
	{"update", everyState, twoVersions, func(l *lab) error {
		_, err := l.Update(ctx, l.bucket, "a", "", func(o *catalog.Object) error { o.ContentType = "x/y"; return nil })
		return err
	}, nil},
	{"update old version", everyState[1:2], twoVersions, func(l *lab) error {
		list, err := l.ListVersions(ctx, l.bucket, ListInput{Prefix: "a", Max: 10}, "")
		if err != nil {
			return err
		}
		_, err = l.Update(ctx, l.bucket, "a", list.Entries[1].VersionID(), func(o *catalog.Object) error { o.ContentType = "x/y"; return nil })
		return err
	}, nil},
}

func (s *step) prepare(t tester, l *lab, v catalog.Versioning) {
	if v != catalog.Unversioned {
		l.versioning(t, catalog.VersioningEnabled)
	}
	if s.setUp != nil {
		s.setUp(t, l)
	}
	if v == catalog.VersioningSuspended {
		l.versioning(t, v)
	}
}

// TestFaults lets every call to a store of every operation go wrong in every
// way, one at a time. What the client then sees is the state before or the
// state after; the latter when it was told so; and nothing held is lost.
func TestFaults(t *testing.T) {
	for _, caps := range stores {
		for _, s := range steps {
			for _, v := range s.state {
				t.Run(fmt.Sprintf("%s/%s/%s", caps.Name, s.name, v), func(t *testing.T) { disturb(t, caps, &s, v) })
			}
		}
	}
}

func disturb(t *testing.T, caps meta.Capabilities, s *step, v catalog.Versioning) {
	calm := newLab(t, caps)
	s.prepare(t, calm, v)
	before := calm.sight(t)
	if err := s.do(calm); err != nil {
		t.Fatal(err)
	}
	states := []string{before, calm.sight(t)}
	if s.between != nil && !caps.Batch {
		l := newLab(t, caps)
		s.between(t, l)
		states = append(states, l.sight(t))
	}
	for name, kind := range faults {
		for _, walk := range []bool{true, false} {
			for n := 0; ; n++ {
				l, inject := newFaultyLab(t, caps, walk)
				s.prepare(t, l, v)
				inject.arm(kind, n)
				err := s.do(l)
				hit := inject.hit
				inject.arm(noFault, 0)
				judge(t, l, fmt.Sprintf("%s at call %d, walk %v: %v", name, n, walk, err), err, states, walk)
				if !hit {
					break
				}
			}
		}
	}
}

// judge looks at a repository after a fault. states are before, after and what
// else may be seen.
func judge(t *testing.T, l *lab, what string, err error, states []string, walk bool) {
	t.Helper()
	for _, key := range modelKeys { // also before the sweeper came by
		body, err := l.read(key, "", true)
		line := fmt.Sprintf("%q now %q:", key, body)
		if err != nil && !errors.Is(err, s3err.NoSuchKey) || !slices.ContainsFunc(states, func(s string) bool { return strings.Contains(s, line) }) {
			t.Fatalf("%s: got %s %v\nallowed\n%s", what, line, err, strings.Join(states, "\n"))
		}
	}
	l.settleAll(t)
	switch got := l.sight(t); {
	case err == nil && got != states[1]:
		t.Fatalf("%s: acknowledged, but\n%sinstead of\n%s", what, got, states[1])
	case !slices.Contains(states, got):
		t.Fatalf("%s: neither before nor after:\n%s\nallowed\n%s", what, got, strings.Join(states, "\n"))
	}
	if err != nil && s3err.From(err).Status < 500 {
		t.Errorf("%s: not an error of the server", what)
	}
	// Where the content store is walked, that finds what a failed write left.
	l.audit(t, walk && err != nil)
	if t.Failed() {
		t.Fatal(what)
	}
}
