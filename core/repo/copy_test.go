package repo

import (
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/s3err"
)

func (l *lab) copy(src *Handle, key string, change ...func(*CopyInput)) (*catalog.Object, error) {
	in := CopyInput{Source: src, Bucket: l.bucket, Key: key, Object: catalog.Object{Owner: "ana"}}
	for _, c := range change {
		c(&in)
	}
	return l.CopyObject(ctx, in)
}

func (l *lab) mustOpen(t tester, key, versionID string) *Handle {
	t.Helper()
	h, err := l.Open(ctx, l.bucket, key, versionID, false)
	if err != nil {
		t.Fatalf("open %q: %v", key, err)
	}
	return h
}

func (l *lab) mustCopy(t tester, from, to string) *catalog.Object {
	t.Helper()
	o, err := l.copy(l.mustOpen(t, from, ""), to)
	if err != nil {
		t.Fatalf("copy %q to %q: %v", from, to, err)
	}
	return o
}

func (l *lab) contents(t tester) (n int) {
	t.Helper()
	if err := l.content.Walk(ctx, "", func(content.Info) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCopySharesBytes(t *testing.T) {
	onBuckets(t, func(t *testing.T, l *lab) {
		for _, body := range []string{small("body"), big("body")} {
			src := l.mustPut(t, "a", body)
			before := l.contents(t)
			l.advance(time.Minute)
			cp := l.mustCopy(t, "a", "b")
			if cp.ETag != src.ETag || !cp.ModTime.Equal(l.now) || l.contents(t) != before {
				t.Errorf("copy %+v of %+v", cp, src)
			}
			l.wantBody(t, "b", "", body)
			// Whichever goes first, the other keeps its bytes.
			l.audit(t, false)
			l.mustCopy(t, "a", "c")
			l.mustRemove(t, "a", src.VersionID())
			l.audit(t, false)
			l.mustRemove(t, "b", cp.VersionID())
			l.audit(t, false)
			l.wantBody(t, "c", "", body)
			l.mustRemove(t, "c", "")
			l.audit(t, false)
		}
	})
}

func TestTheOriginalOutlivesItsCopy(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		l.mustPut(t, "a", big("body"))
		l.mustCopy(t, "a", "b")
		l.mustRemove(t, "b", "")
		if free := l.freeable(t); len(free) > 0 {
			t.Errorf("the original's content %v would be freed", free)
		}
		l.mustRemove(t, "a", "")
		if free := l.freeable(t); len(free) != 1 {
			t.Errorf("freeable: %v", free)
		}
	})
}

func TestCopyOntoItself(t *testing.T) {
	onBuckets(t, func(t *testing.T, l *lab) {
		for _, body := range []string{small("body"), big("body")} {
			l.mustPut(t, "a", body)
			o, err := l.copy(l.mustOpen(t, "a", ""), "a", func(in *CopyInput) { in.Object.ContentType = "image/png" })
			if err != nil || o.ContentType != "image/png" {
				t.Fatalf("got %+v, %v", o, err)
			}
			l.wantBody(t, "a", "", body)
			l.audit(t, false)
		}
	})
}

func TestCopyMakesAnotherChecksum(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		for _, body := range []string{small("123456789"), big("123456789")} {
			l.mustPut(t, "a", body, func(in *PutObjectInput) { in.Digest.Algorithm = "CRC32" })
			kept := l.mustCopy(t, "a", "b")
			if kept.Checksum.Algorithm != "CRC32" {
				t.Errorf("kept %+v", kept.Checksum)
			}
			made, err := l.copy(l.mustOpen(t, "a", ""), "c", func(in *CopyInput) { in.Algorithm = "SHA256" })
			if err != nil {
				t.Fatal(err)
			}
			want := l.mustPut(t, "d", body, func(in *PutObjectInput) { in.Digest.Algorithm = "SHA256" })
			if made.Checksum != want.Checksum {
				t.Errorf("made %+v, want %+v", made.Checksum, want.Checksum)
			}
		}
	})
}

func TestCopyOfWhatWasOverwritten(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		l.mustPut(t, "a", big("1"))
		h := l.mustOpen(t, "a", "")
		l.mustPut(t, "a", big("2"))
		if _, err := l.copy(h, "b"); err != nil { // what was read is kept for the leeway
			t.Fatal(err)
		}
		l.wantBody(t, "b", "", big("1"))
		l.audit(t, false)
		// A copy under way for so long that the sweeper may have been there.
		l.advance(l.Leeway)
		_, err := l.copy(h, "c")
		wantRow(t, s3err.SlowDown, err)
		l.wantNone(t, "c", "", s3err.NoSuchKey)
		l.audit(t, false)
		// A version that is only not current any more still stands.
		l.versioning(t, catalog.VersioningEnabled)
		h = l.mustOpen(t, "a", "")
		l.mustPut(t, "a", big("3"))
		if _, err := l.copy(h, "b"); err != nil {
			t.Error(err)
		}
		l.wantBody(t, "b", "", big("2"))
	})
}

func TestRename(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		for _, body := range []string{small("body"), big("body")} {
			o := l.mustPut(t, "a", body)
			l.mustCopy(t, "a", "c")
			l.mustPut(t, "b", big("in the way"))
			l.advance(time.Hour)
			if err := l.RenameObject(ctx, l.bucket, "a", "b", WriteCond{IfMatch: o.ETag}, WriteCond{}); err != nil {
				t.Fatal(err)
			}
			l.wantNone(t, "a", "", s3err.NoSuchKey)
			l.wantBody(t, "b", "", body)
			if h := l.mustOpen(t, "b", ""); !h.ModTime.Equal(o.ModTime) || h.ContentType != "text/plain" {
				t.Errorf("renamed %+v", h.Object)
			}
			l.audit(t, false)
			l.mustRemove(t, "c", "")
			l.audit(t, false)
			wantRow(t, s3err.NoSuchKey, l.RenameObject(ctx, l.bucket, "a", "b", WriteCond{}, WriteCond{}))
			wantRow(t, s3err.NoSuchKey, l.RenameObject(ctx, l.bucket, "a", "a", WriteCond{}, WriteCond{}))
			wantRow(t, s3err.PreconditionFailed, l.RenameObject(ctx, l.bucket, "b", "a", WriteCond{IfMatch: "x"}, WriteCond{}))
			l.mustPut(t, "a", "x")
			wantRow(t, s3err.PreconditionFailed, l.RenameObject(ctx, l.bucket, "b", "a", WriteCond{}, WriteCond{IfNoneMatch: "*"}))
			if err := l.RenameObject(ctx, l.bucket, "b", "b", WriteCond{}, WriteCond{}); err != nil {
				t.Error(err)
			}
			l.wantBody(t, "b", "", body)
			l.audit(t, false)
		}
		l.versioning(t, catalog.VersioningSuspended)
		wantRow(t, s3err.InvalidBucketState, l.RenameObject(ctx, l.bucket, "b", "a", WriteCond{}, WriteCond{}))
	})
}

// segmented stores an object of several segments, the last few of them shared,
// through a manifest when asked for.
func (l *lab) segmented(t tester, key string, manifest bool, bodies ...string) {
	t.Helper()
	var o catalog.Object
	for i, body := range bodies {
		s, err := l.ingest(ctx, ingested{to: holderOf(l.bucket, key), body: strings.NewReader(body), size: -1, limit: MaxPutSize})
		if err != nil {
			t.Fatal(err)
		}
		if s.inline {
			t.Fatalf("part %d is too small for this test", i)
		}
		o.Segments = append(o.Segments, s.segments...)
		o.Parts = append(o.Parts, catalog.PartInfo{Number: 2 * (i + 1), Size: s.size})
		o.Size += s.size
	}
	o.ETag, o.PartCount = "abc-2", len(bodies)
	if manifest {
		id, w, _, err := l.Repo.create(ctx, holderOf(l.bucket, key), -1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(catalog.EncodeManifest(o.Segments, o.Parts)); err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		o.Manifest, o.Segments, o.Parts = id, nil, nil
	}
	_, err := l.replaceCurrent(ctx, l.bucket, key, nil, WriteCond{}, func(*catalog.Object) (replacement, error) {
		return replacement{object: &o}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSegmentsAndParts(t *testing.T) {
	for _, manifest := range []bool{false, true} {
		onStores(t, func(t *testing.T, l *lab) {
			bodies := []string{big("one"), big("two"), big("three")}
			whole := strings.Join(bodies, "")
			l.segmented(t, "k", manifest, bodies...)
			h := l.mustOpen(t, "k", "")
			for from := 0; from <= len(whole); from += 37 {
				for to := from; to <= len(whole); to += 41 {
					for _, read := range []func(*Handle, int, int) (string, error){readRange, copyRange} {
						got, err := read(h, from, to-from)
						if err != nil || got != whole[from:to] {
							t.Fatalf("%d to %d: %q, %v", from, to, got, err)
						}
					}
				}
			}
			var offset int64
			for i, body := range bodies {
				off, n, err := h.PartRange(ctx, i+1)
				if err != nil || off != offset || n != int64(len(body)) {
					t.Errorf("part %d: %d, %d, %v", i+1, off, n, err)
				}
				offset += n
			}
			for _, n := range []int{0, 4} {
				_, _, err := h.PartRange(ctx, n)
				wantRow(t, s3err.InvalidPartNumber, err)
			}
			parts, err := h.PartList(ctx)
			if err != nil || len(parts) != 3 || parts[2].Number != 6 {
				t.Errorf("parts %+v, %v", parts, err)
			}
			for _, r := range [][2]int64{{-1, 1}, {0, h.Size + 1}, {h.Size + 1, 0}, {1, 1<<63 - 1}} {
				_, err := h.Range(ctx, r[0], r[1])
				wantRow(t, s3err.InvalidRange, err)
			}
			l.mustCopy(t, "k", "copy")
			l.wantBody(t, "copy", "", whole)
		})
	}
}

func TestOnePartObject(t *testing.T) {
	l := newLab(t, stores[0])
	l.mustPut(t, "k", "hello")
	h := l.mustOpen(t, "k", "")
	if off, n, err := h.PartRange(ctx, 1); off != 0 || n != 5 || err != nil {
		t.Error(off, n, err)
	}
	_, _, err := h.PartRange(ctx, 2)
	wantRow(t, s3err.InvalidPartNumber, err)
	if parts, err := h.PartList(ctx); parts != nil || err != nil {
		t.Error(parts, err)
	}
}

func TestLostContent(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		o := l.mustPut(t, "k", big("1"))
		h := l.mustOpen(t, "k", "")
		l.mustPut(t, "k", big("2"))
		if err := l.content.Delete(ctx, o.Segments[0].ID); err != nil { // as the sweeper would, long after
			t.Fatal(err)
		}
		_, err := h.Range(ctx, 0, 1)
		wantRow(t, s3err.SlowDown, err) // the client gets the new one when it tries again
		h = l.mustOpen(t, "k", "")
		if err := l.content.Delete(ctx, h.Segments[0].ID); err != nil {
			t.Fatal(err)
		}
		_, err = h.Range(ctx, 0, 1)
		wantRow(t, s3err.InternalError, err)
	})
}
