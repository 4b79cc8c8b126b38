package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/weak"
)

// tester is what tests, benchmarks and property tests have in common.
type tester interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

var ctx = context.Background()

// lab is a repository in memory with one bucket.
type lab struct {
	*Repo
	meta    meta.Store
	content *mem.Content
	bucket  *catalog.Bucket

	mu  sync.Mutex
	now time.Time
}

// stores are the grades of metadata stores everything is tested on: two of small
// sites, and those of large ones, with a content store that cannot be walked,
// whose scans are fresh and whose conditions are exact.
var stores = append([]meta.Capabilities{
	{Name: "batch", CAS: meta.Linearizable, FreshScan: true, Batch: true, MaxInline: 64 << 10},
	{Name: "single", CAS: meta.Linearizable, FreshScan: true, MaxInline: 64 << 10, MaxValue: meta.MinValue},
	{Name: "riak"}, // what onRiak opens
}, largeStores()...)

func largeStores() (all []meta.Capabilities) {
	for _, g := range weak.Large() {
		if g.Caps.FreshScan && g.Caps.CAS != meta.None {
			all = append(all, g.Caps)
		}
	}
	return all
}

// isSmall tells whether the lab of such a store keeps contents that can be walked.
func isSmall(caps meta.Capabilities) bool {
	return caps.Name == "batch" || caps.Name == "single" || caps.Name == "riak"
}

// labInline is the largest inlined content in a lab; tests with little data see both ways.
const labInline = 32

func newLab(t tester, caps meta.Capabilities) *lab {
	t.Helper()
	if caps.Name == "riak" {
		return newLabOf(t, onRiak(t), isSmall(caps))
	}
	return newLabOn(t, weak.Grade{Caps: caps})
}

func newLabOn(t tester, g weak.Grade) *lab {
	t.Helper()
	return newLabOf(t, g.Over(mem.NewMeta()), isSmall(g.Caps))
}

// newLabOf makes a lab on a store. Where it is not small, contents cannot be walked.
func newLabOf(t tester, store meta.Store, small bool) *lab {
	t.Helper()
	l := &lab{meta: store, content: mem.NewContent(), now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
	l.Repo = &Repo{Meta: store, Registry: mem.NewMeta(), Content: l.content, InlineMax: labInline, Leeway: 24 * time.Hour}
	if !small {
		l.Repo.Content = weak.NewContent(l.content)
	}
	l.Repo.Now = l.clock
	l.Repo.state.hurry = true // a test with a second process says otherwise
	b, err := l.CreateBucket(ctx, catalog.Bucket{Name: "vessel", Owner: "ana"})
	if err != nil {
		t.Fatal(err)
	}
	l.bucket = b
	return l
}

// clock stands still but for tests that move it, so nothing may depend on
// times being different.
func (l *lab) clock() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

func (l *lab) advance(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = l.now.Add(d)
}

// onStores runs a test on each grade of store.
func onStores(t *testing.T, test func(t *testing.T, l *lab)) {
	for _, caps := range stores {
		t.Run(caps.Name, func(t *testing.T) { test(t, newLab(t, caps)) })
	}
}

// onBuckets runs a test on each grade of store and each state of versioning.
func onBuckets(t *testing.T, test func(t *testing.T, l *lab)) {
	onStores(t, func(t *testing.T, l *lab) {
		for _, v := range []catalog.Versioning{catalog.Unversioned, catalog.VersioningEnabled, catalog.VersioningSuspended} {
			t.Run("versioning="+string(v), func(t *testing.T) {
				l := newLab(t, l.meta.Capabilities())
				l.versioning(t, v)
				test(t, l)
			})
		}
	})
}

func (l *lab) versioning(t tester, v catalog.Versioning) {
	t.Helper()
	b, err := l.UpdateBucket(ctx, l.bucket.Name, func(b *catalog.Bucket) error { b.Versioning = v; return nil })
	if err != nil {
		t.Fatal(err)
	}
	l.bucket = b
}

// small and big are bodies that are inlined and that are not.
func small(s string) string { return s }
func big(s string) string   { return strings.Repeat(s+".", labInline) }

func (l *lab) put(key, body string, change ...func(*PutObjectInput)) (*catalog.Object, error) {
	in := PutObjectInput{
		Bucket: l.bucket, Key: key, Body: strings.NewReader(body), Size: int64(len(body)),
		Object: catalog.Object{Owner: "ana", ContentType: "text/plain"},
	}
	for _, c := range change {
		c(&in)
	}
	return l.PutObject(ctx, in)
}

func (l *lab) mustPut(t tester, key, body string, change ...func(*PutObjectInput)) *catalog.Object {
	t.Helper()
	o, err := l.put(key, body, change...)
	if err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
	return o
}

func ifMatch(etag string) func(*PutObjectInput) {
	return func(in *PutObjectInput) { in.Cond.IfMatch = etag }
}

func ifNone(in *PutObjectInput) { in.Cond.IfNoneMatch = "*" }

func (l *lab) remove(key, versionID string) (DeleteResult, error) {
	return l.DeleteObject(ctx, DeleteInput{Bucket: l.bucket, Key: key, VersionID: versionID, Owner: "ana"})
}

func (l *lab) mustRemove(t tester, key, versionID string) DeleteResult {
	t.Helper()
	res, err := l.remove(key, versionID)
	if err != nil {
		t.Fatalf("delete %q %q: %v", key, versionID, err)
	}
	return res
}

// read opens a version and reads it whole, with the inlined content asked for
// at once or later.
func (l *lab) read(key, versionID string, withBody bool) (string, error) {
	h, err := l.Open(ctx, l.bucket, key, versionID, withBody)
	if err != nil {
		return "", err
	}
	return slurp(h)
}

func slurp(h *Handle) (string, error) {
	rc, err := h.Range(ctx, 0, h.Size)
	if err != nil {
		return "", err
	}
	defer rc.Close()
	b, err := io.ReadAll(rc)
	return string(b), err
}

func (l *lab) wantBody(t tester, key, versionID, want string) {
	t.Helper()
	for _, withBody := range []bool{true, false} {
		got, err := l.read(key, versionID, withBody)
		if err != nil || got != want {
			t.Fatalf("%q version %q: got %q, %v; want %q", key, versionID, got, err, want)
		}
	}
}

func (l *lab) wantNone(t tester, key, versionID string, row *s3err.Code) {
	t.Helper()
	wantRow(t, row, func() error { _, err := l.read(key, versionID, true); return err }())
}

func wantRow(t tester, row *s3err.Code, err error) {
	t.Helper()
	if !errors.Is(err, row) {
		t.Fatalf("got %v, want %s", err, row.Code)
	}
}

// scanAll reads a range of the bucket's partition with values.
func (l *lab) scanAll(t tester, p meta.Partition, prefix string) []meta.Entry {
	t.Helper()
	var all []meta.Entry
	from := prefix
	for {
		page, err := l.meta.Scan(ctx, p, meta.Range{From: from, Before: meta.PrefixEnd(prefix), WithValue: true})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Entries...)
		if !page.More {
			return all
		}
		from = meta.Next(page.Entries[len(page.Entries)-1].Key)
	}
}

func (l *lab) partition() meta.Partition { return catalog.InBucket(l.bucket.ID) }

// held finds which contents the records of a key hold.
func (l *lab) held(t tester, key string) map[content.ID]bool {
	t.Helper()
	ids := map[content.ID]bool{}
	entries := l.scanAll(t, l.partition(), catalog.VersionsPrefix(key))
	if rec, err := l.meta.Get(ctx, l.partition(), catalog.ObjectKey(key), false); err == nil {
		entries = append(entries, meta.Entry{Record: rec})
	}
	for _, e := range entries {
		o, err := catalog.DecodeObject(e.Record.Value)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range contentIDs(o) {
			ids[id] = true
		}
	}
	return ids
}

func contentIDs(o *catalog.Object) []content.ID {
	ids, _ := contentsOf(o)
	return ids
}

// allHeld finds which contents any record of the bucket holds, and that no
// record owes work.
func (l *lab) allHeld(t tester) map[content.ID]bool {
	t.Helper()
	ids := map[content.ID]bool{}
	for _, space := range []string{catalog.SpaceObject, catalog.SpaceVersion} {
		for _, e := range l.scanAll(t, l.partition(), space) {
			o, err := catalog.DecodeObject(e.Record.Value)
			if err != nil {
				t.Fatal(err)
			}
			if o.Gone || len(o.Pending) > 0 {
				t.Fatalf("record %q still owes work", e.Key)
			}
			for _, id := range contentIDs(o) {
				ids[id] = true
			}
		}
	}
	return ids
}

// freeable finds the contents a sweeper may free long after now: released,
// held by no record of the key released, and of no key that has a reference.
func (l *lab) freeable(t tester) map[content.ID]bool {
	t.Helper()
	ids := map[content.ID]bool{}
	for _, e := range l.scanAll(t, l.partition(), catalog.SpaceRelease) {
		rel, err := catalog.DecodeRelease(e.Record.Value)
		if err != nil {
			t.Fatal(err)
		}
		if !l.held(t, rel.Key)[rel.ID] && !l.referred(t, rel.ID) {
			ids[rel.ID] = true
		}
	}
	return ids
}

func (l *lab) referred(t tester, id content.ID) bool {
	t.Helper()
	for _, e := range l.scanAll(t, catalog.References(id), ReferencePrefix(id)) {
		ref, err := catalog.DecodeReference(e.Record.Value)
		if err != nil {
			t.Fatal(err)
		}
		if ref.Bucket == l.bucket.ID && l.held(t, ref.Key)[id] {
			return true
		}
	}
	return false
}

// audit checks that what records hold exists and would never be freed, and
// that everything else would be. lost are contents a fault may leave without a
// release; the walk of the content store finds them. Where that is not walked
// nothing may be lost.
func (l *lab) audit(t tester, lostAllowed bool) {
	t.Helper()
	lostAllowed = lostAllowed && l.Repo.Content.Capabilities().CheapWalk
	held, freeable := l.allHeld(t), l.freeable(t)
	stored := map[content.ID]bool{}
	err := l.content.Walk(ctx, "", func(i content.Info) error { stored[i.ID] = true; return nil })
	if err != nil {
		t.Fatal(err)
	}
	for id := range held {
		if !stored[id] {
			t.Errorf("content %s is held and lost", id)
		}
		if freeable[id] {
			t.Errorf("content %s is held and would be freed", id)
		}
	}
	for id := range stored {
		if !held[id] && !freeable[id] && !lostAllowed {
			t.Errorf("content %s is neither held nor would it be freed", id)
		}
	}
}

// settleAll does what the sweeper does for records that owe work.
func (l *lab) settleAll(t tester) {
	t.Helper()
	for _, e := range l.scanAll(t, l.partition(), catalog.SpaceObject) {
		s, err := catalog.DecodeSummary(e.Record.Summary)
		if err != nil {
			t.Fatal(err)
		}
		if s.Gone || s.Pending {
			if err := l.Settle(ctx, l.bucket, e.Key[1:]); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// versionsOf lists the versions of a key as ListVersions shows them, for
// comparison: "ID size", "*" before the latest, "-" for a marker.
func (l *lab) versionsOf(t tester, key string) []string {
	t.Helper()
	list, err := l.ListVersions(ctx, l.bucket, ListInput{Prefix: key, Max: 1000}, "")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, e := range list.Entries {
		if e.Key != key {
			continue
		}
		lines = append(lines, versionLine(e.VersionID(), e.Latest, e.DeleteMarker, e.Size))
	}
	return lines
}

func versionLine(id string, latest, marker bool, size int64) string {
	line := fmt.Sprintf("%s %d", id, size)
	if marker {
		line = "-" + line
	}
	if latest {
		line = "*" + line
	}
	return line
}

func equalLines(t tester, want, got []string) {
	t.Helper()
	if !slices.Equal(want, got) {
		t.Fatalf("got\n %s\nwant\n %s", strings.Join(got, "\n "), strings.Join(want, "\n "))
	}
}

// pieces is a reader that gives a body in small pieces and then fails with err,
// io.EOF when nil.
type pieces struct {
	b   *bytes.Reader
	n   int
	err error
}

func (p *pieces) Read(b []byte) (int, error) {
	n, err := p.b.Read(b[:min(len(b), p.n)])
	if err == io.EOF && p.err != nil {
		err = p.err
	}
	return n, err
}
