package repo

import (
	"errors"
	"fmt"
	"testing"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/storewrap"
)

// failOnce makes the n-th change of the catalogue from now on fail: before it
// is done, or, when after is set, its answer is lost.
func (l *lab) failOnce(n int, after bool) {
	hook := func(fault error) func(storewrap.Op, meta.Partition, string) error {
		return func(op storewrap.Op, _ meta.Partition, _ string) error {
			if op != storewrap.Put && op != storewrap.Delete && op != storewrap.Batch {
				return nil
			}
			if n--; n == -1 {
				return fault
			}
			return nil
		}
	}
	f := &storewrap.Fault{Store: l.meta}
	if after {
		f.After = hook(meta.ErrOutcomeUnknown)
	} else {
		f.Before = hook(meta.ErrUnavailable)
	}
	l.Repo.Meta = f
}

func (l *lab) heal() { l.Repo.Meta = l.meta }

// eachFault runs a test with one failing change after the other, on each grade
// of store.
func eachFault(t *testing.T, test func(t *testing.T, l *lab, fail func())) {
	for _, caps := range stores {
		for _, after := range []bool{false, true} {
			for n := range 8 {
				t.Run(fmt.Sprintf("%s, change %d, after %v", caps.Name, n, after), func(t *testing.T) {
					l := newLab(t, caps).count(t)
					l.versioning(t, catalog.VersioningEnabled)
					test(t, l, func() { l.failOnce(n, after) })
				})
			}
		}
	}
}

func TestCompleteSurvivesFaults(t *testing.T) {
	eachFault(t, func(t *testing.T, l *lab, fail func()) {
		u := l.begin(t, "k")
		unused := l.mustPart(t, "k", u, 1, "unused")
		parts := []CompletedPart{l.mustPart(t, "k", u, 2, "a part")}
		fail()
		_, err := l.complete("k", u, parts)
		l.heal()
		if err != nil && s3err.From(err).Status != 503 {
			t.Fatal(err)
		}
		o, err := l.complete("k", u, parts)
		if err != nil || o.ETag != etagOf("a part") {
			t.Fatalf("again: %+v, %v", o, err)
		}
		if err := l.Settle(ctx, l.bucket, "k"); err != nil {
			t.Fatal(err)
		}
		if lines := l.versionsOf(t, "k"); len(lines) != 1 {
			t.Fatalf("versions %v", lines)
		}
		l.wantBody(t, "k", "", "a part")
		wantRow(t, s3err.NoSuchUpload, l.AbortUpload(ctx, l.bucket, "k", u.ID))
		_, err = l.complete("k", u, []CompletedPart{unused})
		if err != nil { // it was completed, whatever parts are listed now
			t.Fatal(err)
		}
	})
}

func TestAbortSurvivesFaults(t *testing.T) {
	eachFault(t, func(t *testing.T, l *lab, fail func()) {
		l.mustPut(t, "k", "stays")
		u := l.begin(t, "k")
		l.mustPart(t, "k", u, 1, "first")
		l.mustPart(t, "k", u, 2, "second")
		fail()
		err := l.AbortUpload(ctx, l.bucket, "k", u.ID)
		l.heal()
		if err != nil {
			if s3err.From(err).Status != 503 {
				t.Fatal(err)
			}
			if err := l.AbortUpload(ctx, l.bucket, "k", u.ID); err != nil && !errors.Is(err, s3err.NoSuchUpload) {
				t.Fatalf("again: %v", err)
			}
		}
		_, err = l.Upload(ctx, l.bucket, "k", u.ID)
		wantRow(t, s3err.NoSuchUpload, err)
		l.wantBody(t, "k", "", "stays")
	})
}

func TestUploadPartSurvivesFaults(t *testing.T) {
	eachFault(t, func(t *testing.T, l *lab, fail func()) {
		u := l.begin(t, "k")
		l.mustPart(t, "k", u, 1, "the first try")
		fail()
		_, err := l.part("k", u, 1, "the second", Digest{})
		l.heal()
		if err != nil {
			if s3err.From(err).Status != 503 {
				t.Fatal(err)
			}
			l.mustPart(t, "k", u, 1, "the second")
		}
		if _, err := l.complete("k", u, []CompletedPart{{Number: 1, ETag: md5Of("the second")}}); err != nil {
			t.Fatal(err)
		}
		l.wantBody(t, "k", "", "the second")
		l.wantUsage(t, 10, 1)
		l.audit(t, false)
	})
}

func TestCreateUploadSurvivesFaults(t *testing.T) {
	for _, after := range []bool{false, true} {
		l := newLab(t, stores[0])
		l.failOnce(0, after)
		u, err := l.CreateUpload(ctx, CreateUploadInput{Bucket: l.bucket, Key: "k"})
		l.heal()
		list, listErr := l.ListUploads(ctx, l.bucket, ListInput{Max: 10}, "")
		if listErr != nil {
			t.Fatal(listErr)
		}
		if after != (err == nil) || after != (len(list.Uploads) == 1) {
			t.Fatalf("after %v: %v, %v, %d uploads", after, u, err, len(list.Uploads))
		}
	}
}
