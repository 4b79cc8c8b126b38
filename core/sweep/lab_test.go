package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/quota"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/storewrap"
	"github.com/mucura/mucura/core/weak"
)

var ctx = context.Background()

const leeway = 24 * time.Hour

// grades are the metadata stores everything is tested on: two of small sites, and
// those of large ones, with a content store that cannot be walked. For scans
// that lag see lag_test.go.
var grades = append([]weak.Grade{
	{Caps: meta.Capabilities{Name: "batch", CAS: meta.Linearizable, FreshScan: true, Batch: true, MaxInline: 64 << 10}},
	{Caps: meta.Capabilities{Name: "single", CAS: meta.Linearizable, FreshScan: true, MaxInline: 64 << 10, MaxValue: meta.MinValue}},
}, largeGrades()...)

func largeGrades() (all []weak.Grade) {
	for _, g := range weak.Large() {
		if g.Caps.FreshScan && g.Caps.CAS != meta.None {
			all = append(all, g)
		}
	}
	return all
}

// lab is a repository in memory, in a bubble whose clock the tests move, with a
// bucket and a sweeper. Its stores can be made to fail.
type lab struct {
	*testing.T
	*repo.Repo
	sweeper  *Sweeper
	meta     *mem.Meta // below what is weak
	graded   *weak.Meta
	registry *mem.Meta
	content  *mem.Content // below what is weak
	bytes    content.Store
	weak     *weak.Content // nil: the store can be walked
	bucket   *catalog.Bucket
	hook     *hook
}

// hook is called before each call of a store that goes through the Repo.
type hook struct {
	mu sync.Mutex
	fn func(op string, p meta.Partition, key string) error
}

func (h *hook) set(fn func(op string, p meta.Partition, key string) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fn = fn
}

func (h *hook) call(op string, p meta.Partition, key string) error {
	h.mu.Lock()
	fn := h.fn
	h.mu.Unlock()
	if fn == nil {
		return nil
	}
	return fn(op, p, key)
}

func (h *hook) wrap(s meta.Store) meta.Store {
	return &storewrap.Fault{Store: s, Before: func(op storewrap.Op, p meta.Partition, key string) error {
		return h.call(string(op), p, key)
	}}
}

// hooked is a content store whose calls go through a hook.
type hooked struct {
	*mem.Content
	hook *hook
}

func (s *hooked) Open(ctx context.Context, id content.ID, offset, length int64) (io.ReadCloser, error) {
	if err := s.hook.call("open", "", string(id)); err != nil {
		return nil, err
	}
	return s.Content.Open(ctx, id, offset, length)
}

func (s *hooked) Create(ctx context.Context, id content.ID, size int64) (content.Writer, error) {
	if err := s.hook.call("create", "", string(id)); err != nil {
		return nil, err
	}
	return s.Content.Create(ctx, id, size)
}

func (s *hooked) Delete(ctx context.Context, id content.ID) error {
	if err := s.hook.call("drop", "", string(id)); err != nil {
		return err
	}
	return s.Content.Delete(ctx, id)
}

func (s *hooked) Walk(ctx context.Context, from content.ID, fn func(content.Info) error) error {
	if err := s.hook.call("walk", "", ""); err != nil {
		return err
	}
	return s.Content.Walk(ctx, from, fn)
}

// onGrades runs a test in a bubble on each grade of store.
func onGrades(t *testing.T, test func(l *lab)) {
	t.Helper()
	on(t, grades, test)
}

// onSmall runs a test that counts what happens at a small site: sizes are known,
// and there are no intents.
func onSmall(t *testing.T, test func(l *lab)) {
	t.Helper()
	on(t, grades[:2], test)
}

func on(t *testing.T, grades []weak.Grade, test func(l *lab)) {
	t.Helper()
	for _, g := range grades {
		t.Run(g.Caps.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(newLab(t, g)) })
		})
	}
}

func newLab(t *testing.T, g weak.Grade) *lab {
	t.Helper()
	l := &lab{T: t, meta: mem.NewMeta(), registry: mem.NewMeta(), content: mem.NewContent(), hook: new(hook)}
	l.graded = g.Over(l.meta)
	l.bytes = &hooked{l.content, l.hook}
	if g.Caps.Name != "batch" && g.Caps.Name != "single" {
		l.weak = weak.NewContent(l.bytes)
		l.bytes = l.weak
	}
	registry := l.hook.wrap(l.registry)
	l.Repo = &repo.Repo{
		Meta: l.hook.wrap(l.graded), Registry: registry, Content: l.bytes,
		Quota:    &quota.Keeper{Registry: registry, Now: time.Now, Process: "lab"},
		Accounts: &accounts.Service{Registry: registry, Now: time.Now, SiteKey: make([]byte, 32)},
		Now:      time.Now, InlineMax: 32, Leeway: leeway,
	}
	l.sweeper = &Sweeper{Repo: l.Repo, Now: time.Now, Log: slog.New(slog.DiscardHandler), Day: leeway}
	value, err := json.Marshal(catalog.Account{ID: "ana", Name: "ana", State: catalog.Active, Role: catalog.Member, Quota: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.registry.Put(ctx, catalog.Accounts, "ana", meta.Record{Value: value}, meta.Always); err != nil {
		t.Fatal(err)
	}
	l.bucket = l.newBucket("vessel", catalog.Unversioned)
	return l
}

// other is the lab of another process on the same stores, whose calls no hook sees.
func (l *lab) other() *lab {
	o := *l
	o.Repo = &repo.Repo{
		Meta: l.graded, Registry: l.registry, Content: l.plainContent(), Quota: l.Quota, Accounts: l.Accounts,
		Now: time.Now, InlineMax: 32, Leeway: leeway,
	}
	sweeper := *l.sweeper
	sweeper.Repo = o.Repo
	o.sweeper = &sweeper
	return &o
}

// plainContent is the content store without the hook.
func (l *lab) plainContent() content.Store {
	if l.weak != nil {
		return l.weak
	}
	return l.content
}

func (l *lab) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

func (l *lab) newBucket(name string, v catalog.Versioning) *catalog.Bucket {
	l.Helper()
	b, err := l.CreateBucket(ctx, catalog.Bucket{Name: name, Owner: "ana", Versioning: v})
	l.must(err)
	return b
}

// big makes a body too large for the record, all different.
func big(s string) string { return strings.Repeat(s+".", 32) }

func (l *lab) put(b *catalog.Bucket, key, body string, change ...func(*repo.PutObjectInput)) *catalog.Object {
	l.Helper()
	in := repo.PutObjectInput{
		Bucket: b, Key: key, Body: strings.NewReader(body), Size: int64(len(body)), Object: catalog.Object{Owner: "ana"},
	}
	for _, c := range change {
		c(&in)
	}
	o, err := l.PutObject(ctx, in)
	l.must(err)
	return o
}

func (l *lab) remove(b *catalog.Bucket, key, versionID string) repo.DeleteResult {
	l.Helper()
	res, err := l.DeleteObject(ctx, repo.DeleteInput{Bucket: b, Key: key, VersionID: versionID, Owner: "ana"})
	l.must(err)
	return res
}

func (l *lab) open(b *catalog.Bucket, key, versionID string) *repo.Handle {
	l.Helper()
	h, err := l.Open(ctx, b, key, versionID, true)
	l.must(err)
	return h
}

func (l *lab) copy(from *repo.Handle, b *catalog.Bucket, key string) *catalog.Object {
	l.Helper()
	o, err := l.CopyObject(ctx, repo.CopyInput{Source: from, Bucket: b, Key: key, Object: catalog.Object{Owner: "ana"}})
	l.must(err)
	return o
}

func (l *lab) begin(b *catalog.Bucket, key string) *catalog.Upload {
	l.Helper()
	u, err := l.CreateUpload(ctx, repo.CreateUploadInput{Bucket: b, Key: key, Initiator: "ana", Object: catalog.Object{Owner: "ana"}})
	l.must(err)
	return u
}

func (l *lab) part(b *catalog.Bucket, key string, u *catalog.Upload, n int, body string) repo.CompletedPart {
	l.Helper()
	p, err := l.UploadPart(ctx, repo.UploadPartInput{
		Bucket: b, Key: key, UploadID: u.ID, Number: n, Body: strings.NewReader(body), Size: int64(len(body)),
	})
	l.must(err)
	return repo.CompletedPart{Number: n, ETag: p.ETag}
}

// copyPart makes a part of a stretch of an object.
func (l *lab) copyPart(from *repo.Handle, offset, length int64, b *catalog.Bucket, key string, u *catalog.Upload, n int) repo.CompletedPart {
	l.Helper()
	p, err := l.CopyPart(ctx, repo.CopyPartInput{Source: from, Offset: offset, Length: length, Bucket: b, Key: key, UploadID: u.ID, Number: n})
	l.must(err)
	return repo.CompletedPart{Number: n, ETag: p.ETag}
}

func (l *lab) complete(b *catalog.Bucket, key string, u *catalog.Upload, parts ...repo.CompletedPart) *catalog.Object {
	l.Helper()
	o, err := l.CompleteUpload(ctx, repo.CompleteUploadInput{Bucket: b, Key: key, UploadID: u.ID, Parts: parts})
	l.must(err)
	return o
}

// manifestObject makes an object of so many parts that it needs a manifest, over
// the contents of a few source objects, which it then removes.
func (l *lab) manifestObject(b *catalog.Bucket, key string) *catalog.Object {
	l.Helper()
	var sources []*repo.Handle
	for i := range 3 {
		name := fmt.Sprintf("%s-source-%d", key, i)
		l.put(b, name, strings.Repeat(string('a'+byte(i)), repo.MinPartSize))
		sources = append(sources, l.open(b, name, ""))
	}
	u := l.begin(b, key)
	var parts []repo.CompletedPart
	for n := range catalog.MaxEmbedded + 1 {
		parts = append(parts, l.copyPart(sources[n%3], 0, repo.MinPartSize, b, key, u, n+1))
	}
	o := l.complete(b, key, u, parts...)
	for _, h := range sources {
		l.remove(b, h.Key, h.VersionID())
	}
	if o.Manifest == "" {
		l.Fatal("no manifest was needed")
	}
	return o
}

// sweep runs the jobs once and looks whether everything that is named exists.
func (l *lab) sweep() Report {
	l.Helper()
	rep, err := l.sweeper.Run(ctx)
	if err != nil {
		l.Fatalf("sweep: %v", err)
	}
	l.audit()
	return rep
}

// later lets the leeway pass and sweeps until nothing is done any more.
func (l *lab) later() (sum Report) {
	l.Helper()
	for range 12 {
		time.Sleep(leeway + time.Minute)
		rep := l.sweep()
		sum.Freed += rep.Freed
		sum.Orphans += rep.Orphans
		if rep.Idle() {
			return sum
		}
	}
	l.Fatal("the sweeper finds no end")
	return sum
}

// read reads a version, and of a very large one the beginning: that the rest is
// there is for audit to see.
func (l *lab) read(b *catalog.Bucket, key, versionID string) string {
	l.Helper()
	h := l.open(b, key, versionID)
	rc, err := h.Range(ctx, 0, min(h.Size, 2*repo.MinPartSize))
	l.must(err)
	defer rc.Close()
	body, err := io.ReadAll(rc)
	l.must(err)
	return string(body)
}

// records lists a stretch of a partition as it lies in the store.
func (l *lab) records(p meta.Partition, prefix string) (all []meta.Entry) {
	l.Helper()
	l.must(scanPrefix(ctx, l.meta, p, prefix, true, func(e meta.Entry) error { all = append(all, e); return nil }))
	return all
}

// audit checks, from the stores themselves, that every content exists that an
// object, or a part of an upload in progress, is made of.
func (l *lab) audit() {
	l.Helper()
	l.must(scan(ctx, l.registry, catalog.Buckets, "", "", true, func(e meta.Entry) error {
		var b catalog.Bucket
		if err := json.Unmarshal(e.Record.Value, &b); err != nil {
			return err
		}
		p := catalog.InBucket(b.ID)
		for _, e := range append(l.records(p, catalog.SpaceObject), l.records(p, catalog.SpaceVersion)...) {
			o, err := catalog.DecodeObject(e.Record.Value)
			if err != nil {
				return err
			}
			l.wantContents(e.Key, o.Manifest, o.Segments)
		}
		for _, e := range l.records(p, catalog.SpacePart) {
			part, err := catalog.DecodePart(e.Record.Value)
			if err != nil {
				return err
			}
			l.wantContents(e.Key, "", part.Segments)
		}
		return nil
	}))
}

func (l *lab) wantContents(key string, manifest content.ID, segments []catalog.Segment) {
	l.Helper()
	if manifest != "" {
		rc, err := l.content.Open(ctx, manifest, 0, -1)
		if err != nil {
			l.Errorf("record %q: manifest: %v", key, err)
			return
		}
		b, err := io.ReadAll(rc)
		l.must(err)
		segments, _, err = catalog.DecodeManifest(b)
		l.must(err)
	}
	for _, seg := range segments {
		if info, err := l.content.Stat(ctx, seg.ID); err != nil || info.Size < seg.Offset+seg.Length {
			l.Errorf("record %q: content of %d bytes: %v", key, info.Size, err)
		}
	}
}

// stored lists the contents that are stored.
func (l *lab) stored() (ids []content.ID) {
	l.Helper()
	l.must(l.content.Walk(ctx, "", func(i content.Info) error { ids = append(ids, i.ID); return nil }))
	return ids
}

func (l *lab) wantStored(n int) {
	l.Helper()
	if ids := l.stored(); len(ids) != n {
		l.Errorf("%d contents are stored, want %d", len(ids), n)
	}
}

// wantNothing checks that a repository whose objects are all deleted holds no
// content and no record but those of its buckets.
func (l *lab) wantNothing(buckets ...*catalog.Bucket) {
	l.Helper()
	l.wantStored(0)
	if l.weak != nil && l.weak.Debris() > 0 {
		l.Errorf("%d unfinished contents are left", l.weak.Debris())
	}
	parts := []meta.Partition{catalog.Orphans, catalog.Dropped}
	for _, b := range buckets {
		parts = append(parts, catalog.InBucket(b.ID))
	}
	for _, digit := range "0123456789abcdef" {
		parts = append(parts, catalog.References(content.ID(digit)))
	}
	for _, p := range parts {
		if left := l.records(p, ""); len(left) > 0 {
			l.Errorf("%s: %d records are left, first %q", p, len(left), left[0].Key)
		}
	}
	l.must(scan(ctx, l.registry, catalog.Dropped, "", "", false, func(e meta.Entry) error {
		return fmt.Errorf("dropped bucket %s is left", e.Key)
	}))
}

func (l *lab) usage() catalog.Usage {
	l.Helper()
	l.must(l.Quota.Flush(ctx))
	u, err := l.Quota.Usage(ctx, "ana")
	l.must(err)
	return u
}

// keys lists current objects.
func (l *lab) keys(b *catalog.Bucket) (keys []string) {
	l.Helper()
	list, err := l.ListObjects(ctx, b, repo.ListInput{Max: 1000})
	l.must(err)
	for _, e := range list.Entries {
		keys = append(keys, e.Key)
	}
	return keys
}

// empty deletes every version, marker and upload of a bucket.
func (l *lab) empty(b *catalog.Bucket) {
	l.Helper()
	for {
		list, err := l.ListVersions(ctx, b, repo.ListInput{Max: 1000}, "")
		l.must(err)
		ups, err := l.ListUploads(ctx, b, repo.ListInput{Max: 1000}, "")
		l.must(err)
		if len(list.Entries) == 0 && len(ups.Uploads) == 0 {
			return
		}
		for _, e := range list.Entries {
			id := e.VersionID()
			if b.Versioning == catalog.Unversioned {
				id = ""
			}
			l.remove(b, e.Key, id)
		}
		for _, u := range ups.Uploads {
			l.must(l.AbortUpload(ctx, b, u.Key, u.ID))
		}
	}
}

func (l *lab) wantKeys(b *catalog.Bucket, want ...string) {
	l.Helper()
	if got := l.keys(b); !slices.Equal(got, want) {
		l.Errorf("keys %q, want %q", got, want)
	}
}

var errDead = errors.Join(errors.New("killed"), meta.ErrUnavailable, content.ErrUnavailable)
