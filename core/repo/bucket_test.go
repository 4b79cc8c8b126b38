package repo

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/storewrap"
)

func TestBucketNames(t *testing.T) {
	for name, want := range map[string]bool{
		"abc": true, "a-b.c9": true, "0ab": true, strings.Repeat("a", 63): true, "192.168.5.4a": true, "a--b": true,
		"": false, "ab": false, strings.Repeat("a", 64): false, "Abc": false, "a_b": false, "a..b": false, ".abc": false,
		"abc.": false, "-abc": false, "abc-": false, "a.-b": false, "a-.b": false, "192.168.5.4": false, "a/b": false, "abç": false, "a b": false, "abc\x00": false,
		"xn--abc": false, "sthree-abc": false, "amzn-s3-demo-abc": false, "abc-s3alias": false, "abc--ol-s3": false,
		"abc.mrap": false, "abc--x-s3": false, "abc--table-s3": false,
	} {
		if got := validBucketName(name); got != want {
			t.Errorf("validBucketName(%q) = %v", name, got)
		}
	}
}

func (l *lab) newBucket(t tester, name, owner string) *catalog.Bucket {
	t.Helper()
	b, err := l.CreateBucket(ctx, catalog.Bucket{Name: name, Owner: owner})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// bucketNames lists an account's buckets in pages.
func (l *lab) bucketNames(t tester, owner, prefix string, max int) (names []string) {
	t.Helper()
	after := ""
	for {
		page, more, err := l.ListBuckets(ctx, owner, prefix, after, max)
		if err != nil || len(page) > max || more && len(page) != max {
			t.Fatalf("%d buckets, %v, %v", len(page), more, err)
		}
		for _, b := range page {
			names = append(names, b.Name)
			after = b.Name
		}
		if !more {
			return names
		}
	}
}

func TestCreateBucket(t *testing.T) {
	l := newLab(t, stores[0])
	b, err := l.CreateBucket(ctx, catalog.Bucket{
		Name: "box", Owner: "ana", Region: "lab", Closing: true, HasCORS: true, Lock: &catalog.LockConfig{Enabled: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := l.Bucket(ctx, "box")
	if err != nil || got.ID != b.ID || got.Owner != "ana" || got.Region != "lab" || !got.Created.Equal(l.now) {
		t.Fatalf("Bucket = %+v, %v", got, err)
	}
	if got.Closing || got.HasCORS || got.Versioning != catalog.VersioningEnabled {
		t.Errorf("made %+v", got)
	}
	for owner, row := range map[string]*s3err.Code{"ana": s3err.BucketAlreadyOwnedByYou, "ben": s3err.BucketAlreadyExists} {
		_, err := l.CreateBucket(ctx, catalog.Bucket{Name: "box", Owner: owner})
		wantRow(t, row, err)
	}
	_, err = l.CreateBucket(ctx, catalog.Bucket{Name: "No", Owner: "ana"})
	wantRow(t, s3err.InvalidBucketName, err)
	for _, none := range []string{"none", "", strings.Repeat("x", 9000)} {
		_, err := l.Bucket(ctx, none)
		wantRow(t, s3err.NoSuchBucket, err)
	}
	if names := l.bucketNames(t, "ben", "", 10); len(names) != 0 {
		t.Errorf("ben has %v", names)
	}
}

func TestCreateBucketOnce(t *testing.T) {
	l := newLab(t, stores[0])
	var won atomic.Int32
	var fns []func() error
	for i := range 12 {
		owner := fmt.Sprint("owner", i%3)
		fns = append(fns, func() error {
			_, err := l.CreateBucket(ctx, catalog.Bucket{Name: "box", Owner: owner})
			if err == nil {
				won.Add(1)
			}
			return err
		})
	}
	for _, err := range rivals(fns...) {
		if err != nil && !errors.Is(err, s3err.BucketAlreadyExists) && !errors.Is(err, s3err.BucketAlreadyOwnedByYou) {
			t.Error(err)
		}
	}
	b, err := l.Bucket(ctx, "box")
	if err != nil || won.Load() != 1 {
		t.Fatalf("%d won, %v", won.Load(), err)
	}
	for i := range 3 {
		owner := fmt.Sprint("owner", i)
		if names := l.bucketNames(t, owner, "", 10); (len(names) == 1) != (owner == b.Owner) {
			t.Errorf("%s has %v; the owner is %s", owner, names, b.Owner)
		}
	}
}

func TestCreateBucketNeedsAnAccount(t *testing.T) {
	l := newLab(t, stores[0]).count(t)
	_, err := l.CreateBucket(ctx, catalog.Bucket{Name: "box", Owner: "nobody"})
	wantRow(t, s3err.AccessDenied, err)
	if _, err := l.Accounts.Update(ctx, "ana", func(a *catalog.Account) error { a.CanonicalID = "c"; a.State = catalog.Closing; return nil }); err != nil {
		t.Fatal(err)
	}
	_, err = l.CreateBucket(ctx, catalog.Bucket{Name: "box", Owner: "ana"})
	wantRow(t, s3err.AccessDenied, err)
	if list := l.scanRegistry(t, catalog.BucketsOf("nobody")); len(list) != 0 {
		t.Errorf("entries left: %v", list)
	}
}

func (l *lab) scanRegistry(t tester, p meta.Partition) []meta.Entry {
	t.Helper()
	page, err := l.Registry.Scan(ctx, p, meta.Range{WithValue: true})
	if err != nil {
		t.Fatal(err)
	}
	return page.Entries
}

func TestUpdateBucket(t *testing.T) {
	l := newLab(t, stores[0])
	before, err := l.Bucket(ctx, "vessel")
	if err != nil {
		t.Fatal(err)
	}
	got, err := l.UpdateBucket(ctx, "vessel", func(b *catalog.Bucket) error {
		b.Tags = append(b.Tags, catalog.Tag{Key: "a", Value: "b"})
		b.Name, b.ID, b.Owner = "other", "other", "other"
		return nil
	})
	if err != nil || got.Name != "vessel" || got.ID != before.ID || got.Owner != "ana" || len(got.Tags) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if len(before.Tags) != 0 {
		t.Error("the shared bucket was changed")
	}
	own := errors.New("mine")
	if _, err := l.UpdateBucket(ctx, "vessel", func(*catalog.Bucket) error { return own }); err != own {
		t.Errorf("change's error: %v", err)
	}
	_, err = l.UpdateBucket(ctx, "none", func(*catalog.Bucket) error { return nil })
	wantRow(t, s3err.NoSuchBucket, err)

	// All read before one writes: if each only tried again, one would win a round.
	const many = 64
	var fns []func() error
	for i := range many {
		fns = append(fns, func() error {
			_, err := l.UpdateBucket(ctx, "vessel", func(b *catalog.Bucket) error {
				b.Tags = append(b.Tags, catalog.Tag{Key: fmt.Sprint(i)})
				time.Sleep(time.Millisecond)
				return nil
			})
			return err
		})
	}
	for _, err := range rivals(fns...) {
		if err != nil {
			t.Error(err)
		}
	}
	if b, err := l.Bucket(ctx, "vessel"); err != nil || len(b.Tags) != many+1 {
		t.Errorf("%d tags, %v", len(b.Tags), err)
	}
}

func TestListBuckets(t *testing.T) {
	l := newLab(t, stores[0])
	var want []string
	for i := range 25 {
		name := fmt.Sprintf("box-%02d", i)
		l.newBucket(t, name, "ben")
		want = append(want, name)
	}
	l.newBucket(t, "zoo", "ben")
	// Entries that find nothing, and a bucket that has gone to somebody else.
	for _, hint := range []string{"box-03a", "box-99", "vessel"} {
		if _, err := l.Registry.Put(ctx, catalog.BucketsOf("ben"), hint, meta.Record{}, meta.Always); err != nil {
			t.Fatal(err)
		}
	}
	for _, max := range []int{1, 2, 7, 25, 26, 1000} {
		if got := l.bucketNames(t, "ben", "box-", max); !slices.Equal(got, want) {
			t.Errorf("max %d: %v", max, got)
		}
		if got := l.bucketNames(t, "ben", "", max); len(got) != 26 {
			t.Errorf("max %d: %v", max, got)
		}
	}
	if page, more, err := l.ListBuckets(ctx, "ben", "", "", 0); err != nil || more || len(page) != 0 {
		t.Errorf("max 0: %v, %v, %v", page, more, err)
	}
	var all []string
	if err := l.AllBuckets(ctx, func(b *catalog.Bucket) error { all = append(all, b.Name); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(all) != 27 || !slices.IsSorted(all) {
		t.Errorf("all buckets: %v", all)
	}
	stop := errors.New("stop")
	if err := l.AllBuckets(ctx, func(*catalog.Bucket) error { return stop }); err != stop {
		t.Errorf("fn's error: %v", err)
	}
}

func TestBucketDocs(t *testing.T) {
	l := newLab(t, stores[0])
	for _, kind := range []string{catalog.DocCORS, catalog.DocLifecycle} {
		get := func() string {
			t.Helper()
			b, err := l.Bucket(ctx, "vessel")
			if err != nil {
				t.Fatal(err)
			}
			doc, err := l.BucketDoc(ctx, b, kind)
			if err != nil {
				t.Fatal(err)
			}
			if *hasDoc(b, kind) != (doc != nil) {
				t.Errorf("%s: flag %v, document %q", kind, *hasDoc(b, kind), doc)
			}
			return string(doc)
		}
		for _, doc := range []string{"", "<a/>", "<b/>", "", ""} {
			value := []byte(doc)
			if doc == "" {
				value = nil
			}
			if err := l.SetBucketDoc(ctx, l.bucket, kind, value); err != nil {
				t.Fatal(err)
			}
			if got := get(); got != doc {
				t.Errorf("%s: %q, want %q", kind, got, doc)
			}
		}
	}
	gone := *l.bucket
	if err := l.DeleteBucket(ctx, "vessel"); err != nil {
		t.Fatal(err)
	}
	l.newBucket(t, "vessel", "ana")
	wantRow(t, s3err.NoSuchBucket, l.SetBucketDoc(ctx, &gone, catalog.DocCORS, []byte("x")))
}

func TestDeleteBucket(t *testing.T) {
	onBuckets(t, func(t *testing.T, l *lab) {
		l.count(t)
		if err := l.SetBucketDoc(ctx, l.bucket, catalog.DocCORS, []byte("<a/>")); err != nil {
			t.Fatal(err)
		}
		l.mustPut(t, "k", "body")
		wantRow(t, s3err.BucketNotEmpty, l.DeleteBucket(ctx, "vessel"))
		l.mustPut(t, "k", "after a refused deletion")
		l.mustRemove(t, "k", "")
		if l.bucket.Versioning != catalog.Unversioned { // a marker, and perhaps versions
			wantRow(t, s3err.BucketNotEmpty, l.DeleteBucket(ctx, "vessel"))
		}
		for _, line := range l.versionsOf(t, "k") {
			l.mustRemove(t, "k", strings.Fields(strings.TrimLeft(line, "*-"))[0])
		}
		u := l.begin(t, "k")
		l.mustPart(t, "k", u, 1, "a part")
		if err := l.DeleteBucket(ctx, "vessel"); err != nil {
			t.Fatal(err)
		}
		_, err := l.Bucket(ctx, "vessel")
		wantRow(t, s3err.NoSuchBucket, err)
		wantRow(t, s3err.NoSuchBucket, l.DeleteBucket(ctx, "vessel"))
		_, err = l.put("k", "too late")
		wantRow(t, s3err.NoSuchBucket, err)
		l.wantUsage(t, 0, 0)
		l.noParts(t)
		if names := l.bucketNames(t, "ana", "", 10); len(names) != 0 {
			t.Errorf("ana has %v", names)
		}
		if docs := l.scanRegistry(t, catalog.BucketDocs); len(docs) != 0 {
			t.Errorf("documents left: %v", docs)
		}
		if dropped := l.scanRegistry(t, catalog.Dropped); len(dropped) != 1 || dropped[0].Key != l.bucket.ID {
			t.Errorf("handed to the sweeper: %v", dropped)
		}
		again := l.newBucket(t, "vessel", "ana")
		if again.ID == l.bucket.ID || len(l.bucketNames(t, "ana", "", 10)) != 1 {
			t.Error("the new bucket is the old one, or not listed")
		}
		_, err = l.put("k", "to the old one")
		wantRow(t, s3err.NoSuchBucket, err)
	})
}

// A deletion cut short leaves a mark, which hinders nobody.
func TestBucketLeftClosing(t *testing.T) {
	l := newLab(t, stores[0])
	closing := func() {
		t.Helper()
		if _, err := l.UpdateBucket(ctx, "vessel", func(b *catalog.Bucket) error { b.Closing = true; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	closing()
	l.mustPut(t, "k", big("a big body"))
	b, err := l.Bucket(ctx, "vessel")
	if err != nil || b.Closing {
		t.Fatalf("after a write: %+v, %v", b, err)
	}
	closing()
	wantRow(t, s3err.BucketNotEmpty, l.DeleteBucket(ctx, "vessel"))
	l.mustRemove(t, "k", "")
	closing()
	if err := l.DeleteBucket(ctx, "vessel"); err != nil {
		t.Fatal(err)
	}
}

// No acknowledged object is lost with its bucket, and no bucket is deleted
// from under one.
func TestDeleteBucketAgainstWriters(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		for range 60 {
			l := newLab(t, l.meta.Capabilities())
			u := l.begin(t, "uploaded")
			parts := []CompletedPart{l.mustPart(t, "uploaded", u, 1, "part")}
			fns := []func() error{
				func() error { return l.DeleteBucket(ctx, "vessel") },
				func() error { _, err := l.put("small", small("x")); return err },
				func() error { _, err := l.put("big", big("x")); return err },
				func() error { _, err := l.complete("uploaded", u, parts); return err },
				func() error { return l.DeleteBucket(ctx, "vessel") },
			}
			errs := rivals(fns...)
			_, gone := l.Bucket(ctx, "vessel")
			for i, key := range []string{"small", "big", "uploaded"} {
				err := errs[i+1]
				if err != nil && !errors.Is(err, s3err.NoSuchBucket) && !errors.Is(err, s3err.NoSuchUpload) {
					t.Fatalf("%s: %v", key, err)
				}
				if err == nil && gone != nil {
					t.Fatalf("%s was acknowledged, and the bucket deleted", key)
				}
			}
			deleted := errs[0] == nil || errs[4] == nil
			if deleted != (gone != nil) {
				t.Fatalf("deletions %v and %v, the bucket: %v", errs[0], errs[4], gone)
			}
		}
	})
}

// A deletion and the making of a bucket of the same name, by the same owner,
// leave the list right.
func TestDeleteAndCreateBucket(t *testing.T) {
	l := newLab(t, stores[0])
	for range 100 {
		errs := rivals(
			func() error { return l.DeleteBucket(ctx, "vessel") },
			func() error { _, err := l.CreateBucket(ctx, catalog.Bucket{Name: "vessel", Owner: "ana"}); return err },
			func() error { _, err := l.CreateBucket(ctx, catalog.Bucket{Name: "vessel", Owner: "ana"}); return err },
		)
		for _, err := range errs {
			if err != nil && s3err.From(err).Status >= 500 {
				t.Fatal(err)
			}
		}
		_, err := l.Bucket(ctx, "vessel")
		if listed := len(l.bucketNames(t, "ana", "", 9)); (err == nil) != (listed == 1) {
			t.Fatalf("%d listed, the bucket: %v", listed, err)
		}
		if err != nil {
			l.newBucket(t, "vessel", "ana")
		}
	}
}

// Whichever write fails, making and deleting a bucket can be repeated.
func TestBucketsSurviveFaults(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := range 7 {
			t.Run(fmt.Sprintf("write %d, after %v", n, after), func(t *testing.T) {
				l := newLab(t, stores[0])
				registry := l.Registry
				fail := func() {
					left := n
					hook := func(op storewrap.Op, _ meta.Partition, _ string) error {
						if op != storewrap.Put && op != storewrap.Delete {
							return nil
						}
						if left--; left != -1 {
							return nil
						}
						if after {
							return meta.ErrOutcomeUnknown
						}
						return meta.ErrUnavailable
					}
					f := &storewrap.Fault{Store: registry, Before: hook}
					if after {
						f.Before, f.After = nil, hook
					}
					l.Registry = f
				}
				fail()
				_, err := l.CreateBucket(ctx, catalog.Bucket{Name: "box", Owner: "ana"})
				l.Registry = registry
				if err != nil {
					if s3err.From(err).Status != 503 {
						t.Fatal(err)
					}
					_, err = l.CreateBucket(ctx, catalog.Bucket{Name: "box", Owner: "ana"})
					if err != nil && !errors.Is(err, s3err.BucketAlreadyOwnedByYou) {
						t.Fatal(err)
					}
				}
				if names := l.bucketNames(t, "ana", "", 9); len(names) != 2 {
					t.Fatalf("ana has %v", names)
				}
				fail()
				err = l.DeleteBucket(ctx, "box")
				l.Registry = registry
				if err != nil {
					if s3err.From(err).Status != 503 {
						t.Fatal(err)
					}
					if err := l.DeleteBucket(ctx, "box"); err != nil && !errors.Is(err, s3err.NoSuchBucket) {
						t.Fatal(err)
					}
				}
				if names := l.bucketNames(t, "ana", "", 9); len(names) != 1 {
					t.Fatalf("ana has %v", names)
				}
			})
		}
	}
}

func BenchmarkBucket(b *testing.B) {
	l := newLab(b, stores[0])
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Bucket(ctx, "vessel"); err != nil {
			b.Fatal(err)
		}
	}
}
