package repo

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/s3err"
)

func TestPutAndRead(t *testing.T) {
	onBuckets(t, func(t *testing.T, l *lab) {
		for _, body := range []string{"", small("hello"), strings.Repeat("x", labInline), strings.Repeat("x", labInline+1), big("hello")} {
			for _, known := range []bool{true, false} {
				o := l.mustPut(t, "k", body, func(in *PutObjectInput) {
					if !known {
						in.Size = -1
					}
				})
				sum := md5.Sum([]byte(body))
				if o.ETag != hex.EncodeToString(sum[:]) || o.Size != int64(len(body)) || !o.ModTime.Equal(l.now) {
					t.Errorf("got %+v", o)
				}
				if o.Inline != (int64(len(body)) <= l.inlineLimit()) {
					t.Errorf("%d bytes inline: %v", len(body), o.Inline)
				}
				l.wantBody(t, "k", "", body)
				l.wantBody(t, "k", o.VersionID(), body)
			}
		}
		l.audit(t, false)
	})
}

func TestNothingThere(t *testing.T) {
	onBuckets(t, func(t *testing.T, l *lab) {
		l.wantNone(t, "k", "", s3err.NoSuchKey)
		l.wantNone(t, "k", catalog.NullVersion, s3err.NoSuchVersion)
		l.wantNone(t, "k", catalog.VersionRef{Seq: 1, Rand: 2}.ID(), s3err.NoSuchVersion)
		l.wantNone(t, "k", "no-version", s3err.InvalidArgument)
		l.wantNone(t, "k", "someothersserver", s3err.NoSuchVersion)
		l.wantNone(t, strings.Repeat("k", MaxKeyBytes+1), "", s3err.KeyTooLong)
		l.wantNone(t, "\xff", "", s3err.InvalidURI)
		if res := l.mustRemove(t, "k", catalog.NullVersion); res.DeleteMarker {
			t.Errorf("deleted %+v", res)
		}
		_, err := l.Update(ctx, l.bucket, "k", "", func(*catalog.Object) error { return nil })
		wantRow(t, s3err.NoSuchKey, err)
		_, err = l.Update(ctx, l.bucket, "k", catalog.NullVersion, func(*catalog.Object) error { return nil })
		wantRow(t, s3err.NoSuchVersion, err)
	})
}

func TestHandleNamesTheMarker(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		l.versioning(t, catalog.VersioningEnabled)
		o := l.mustPut(t, "k", "body")
		res := l.mustRemove(t, "k", "")
		h, err := l.Open(ctx, l.bucket, "k", "", true)
		wantRow(t, s3err.NoSuchKey, err)
		if h == nil || !h.DeleteMarker || h.VersionID() != res.VersionID {
			t.Errorf("handle %+v does not name marker %s", h, res.VersionID)
		}
		h, err = l.Open(ctx, l.bucket, "k", res.VersionID, true)
		wantRow(t, s3err.MethodNotAllowed, err)
		if h == nil || !h.DeleteMarker {
			t.Errorf("handle %+v", h)
		}
		_, err = l.Update(ctx, l.bucket, "k", res.VersionID, func(*catalog.Object) error { return nil })
		wantRow(t, s3err.MethodNotAllowed, err)
		l.wantBody(t, "k", o.VersionID(), "body")
	})
}

func TestBodiesThatAreRefused(t *testing.T) {
	sum := md5.Sum([]byte("other"))
	broken := errors.New("signature does not match")
	want := func(s string) func() string { return func() string { return s } }
	cases := []struct {
		name   string
		row    error
		change func(in *PutObjectInput, body string)
	}{
		{"short", s3err.IncompleteBody, func(in *PutObjectInput, _ string) { in.Size++ }},
		{"long", s3err.IncompleteBody, func(in *PutObjectInput, _ string) { in.Size-- }},
		{"cut off", s3err.IncompleteBody, func(in *PutObjectInput, b string) {
			in.Body = &pieces{bytes.NewReader([]byte(b)), 3, io.ErrUnexpectedEOF}
		}},
		{"cut off, unknown size", s3err.IncompleteBody, func(in *PutObjectInput, b string) {
			in.Size, in.Body = -1, &pieces{bytes.NewReader([]byte(b)), 3, io.ErrUnexpectedEOF}
		}},
		{"error of the body", broken, func(in *PutObjectInput, b string) {
			in.Body = &pieces{bytes.NewReader([]byte(b)), 3, broken}
		}},
		{"no body", s3err.IncompleteBody, func(in *PutObjectInput, _ string) { in.Body = nil }},
		{"MD5", s3err.BadDigest, func(in *PutObjectInput, _ string) { in.Digest.MD5 = sum[:] }},
		{"malformed MD5", s3err.InvalidDigest, func(in *PutObjectInput, _ string) { in.Digest.MD5 = sum[:3] }},
		{"checksum", s3err.BadDigest, func(in *PutObjectInput, _ string) {
			in.Digest.Algorithm, in.Digest.Want = "CRC32", want("AAAAAA==")
		}},
		{"unknown algorithm", s3err.InvalidRequest, func(in *PutObjectInput, _ string) { in.Digest.Algorithm = "CRC5" }},
		{"too large", s3err.EntityTooLarge, func(in *PutObjectInput, _ string) { in.Size = MaxPutSize + 1 }},
	}
	onStores(t, func(t *testing.T, l *lab) {
		for _, c := range cases {
			for _, body := range []string{small("hello"), big("hello")} {
				_, err := l.put("k", body, func(in *PutObjectInput) { c.change(in, body) })
				if !errors.Is(err, c.row) {
					t.Errorf("%s: %v", c.name, err)
				}
			}
		}
		l.wantNone(t, "k", "", s3err.NoSuchKey)
		if err := l.content.Walk(ctx, "", func(i content.Info) error { return errors.New("left: " + string(i.ID)) }); err != nil {
			t.Error(err)
		}
	})
}

func TestLimitOfUnknownSize(t *testing.T) {
	l := newLab(t, stores[0])
	_, err := l.ingest(ctx, ingested{to: holderOf(l.bucket, "k"), body: strings.NewReader(big("a")), size: -1, limit: 40})
	wantRow(t, s3err.EntityTooLarge, err)
	if f := s3err.From(err).Fields; len(f) != 2 || f[1] != [2]string{"MaxSizeAllowed", "40"} {
		t.Errorf("fields %v", f)
	}
}

func TestChecksums(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		for _, body := range []string{small("hello world"), big("hello world")} {
			sum := md5.Sum([]byte(body))
			h, _ := (&Digest{Algorithm: "SHA256"}).hash()
			h.Write([]byte(body))
			want := base64.StdEncoding.EncodeToString(h.Sum(nil))
			asked := 0
			o := l.mustPut(t, "k", body, func(in *PutObjectInput) {
				in.Digest = Digest{MD5: sum[:], Algorithm: "SHA256", Want: func() string { asked++; return want }}
			})
			if o.Checksum != (catalog.Checksum{Algorithm: "SHA256", Type: catalog.FullObject, Value: want}) || asked != 1 {
				t.Errorf("checksum %+v, asked %d times", o.Checksum, asked)
			}
		}
	})
}

func TestConditionalPut(t *testing.T) {
	onBuckets(t, func(t *testing.T, l *lab) {
		unread := func(in *PutObjectInput) { in.Body = &pieces{bytes.NewReader(nil), 1, errors.New("was read")} }
		_, err := l.put("k", "1", ifMatch("*"), unread)
		wantRow(t, s3err.NoSuchKey, err)
		_, err = l.put("k", "1", ifMatch("abc"), unread)
		wantRow(t, s3err.NoSuchKey, err)
		o := l.mustPut(t, "k", "1", ifNone)
		_, err = l.put("k", "2", ifNone, unread)
		wantRow(t, s3err.PreconditionFailed, err)
		_, err = l.put("k", "2", ifMatch("abc"), unread)
		wantRow(t, s3err.PreconditionFailed, err)
		_, err = l.put("k", "2", func(in *PutObjectInput) { in.Cond.IfNoneMatch = o.ETag })
		wantRow(t, s3err.PreconditionFailed, err)
		l.mustPut(t, "k", "2", ifMatch(o.ETag))
		l.mustPut(t, "k", "3", ifMatch("*"))
		l.wantBody(t, "k", "", "3")
		l.mustRemove(t, "k", "")
		l.mustPut(t, "k", "4", ifNone) // a delete marker is nothing
		l.wantBody(t, "k", "", "4")
	})
}

func TestConditionsNeedCompareAndSet(t *testing.T) {
	caps := stores[0]
	caps.CAS = 0
	l := newLab(t, caps)
	_, err := l.put("k", "1", ifNone)
	wantRow(t, s3err.NotImplemented, err)
	l.mustPut(t, "k", "1")
	_, err = l.DeleteObject(ctx, DeleteInput{Bucket: l.bucket, Key: "k", Cond: WriteCond{IfMatch: "x"}})
	wantRow(t, s3err.NotImplemented, err)
}

func TestConditionalDelete(t *testing.T) {
	onBuckets(t, func(t *testing.T, l *lab) {
		size := func(n int64) *int64 { return &n }
		del := func(c WriteCond) error {
			_, err := l.DeleteObject(ctx, DeleteInput{Bucket: l.bucket, Key: "k", Cond: c})
			return err
		}
		if err := del(WriteCond{IfMatch: "abc"}); err != nil {
			t.Errorf("deleting nothing: %v", err)
		}
		o := l.mustPut(t, "k", "12345")
		wantRow(t, s3err.PreconditionFailed, del(WriteCond{IfMatch: "abc"}))
		wantRow(t, s3err.PreconditionFailed, del(WriteCond{IfMatchSize: size(4)}))
		wantRow(t, s3err.PreconditionFailed, del(WriteCond{IfMatchModified: o.ModTime.Add(time.Second)}))
		l.wantBody(t, "k", "", "12345")
		if err := del(WriteCond{IfMatch: o.ETag, IfMatchSize: size(5), IfMatchModified: o.ModTime}); err != nil {
			t.Error(err)
		}
		l.wantNone(t, "k", "", s3err.NoSuchKey)
	})
}

func TestVersionsMoveAndComeBack(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		null := l.mustPut(t, "k", big("null"))
		l.versioning(t, catalog.VersioningEnabled)
		v1 := l.mustPut(t, "k", small("one"))
		v2 := l.mustPut(t, "k", big("two"))
		mark := l.mustRemove(t, "k", "")
		if !mark.DeleteMarker || mark.VersionID == catalog.NullVersion {
			t.Errorf("marker %+v", mark)
		}
		equalLines(t, []string{
			versionLine(mark.VersionID, true, true, 0),
			versionLine(v2.VersionID(), false, false, v2.Size),
			versionLine(v1.VersionID(), false, false, v1.Size),
			versionLine("null", false, false, null.Size),
		}, l.versionsOf(t, "k"))

		res := l.mustRemove(t, "k", mark.VersionID) // undelete
		if !res.DeleteMarker || res.VersionID != mark.VersionID {
			t.Errorf("got %+v", res)
		}
		l.wantBody(t, "k", "", big("two"))
		l.mustRemove(t, "k", v2.VersionID()) // the one before becomes current, body and all
		l.wantBody(t, "k", "", small("one"))
		l.wantNone(t, "k", v2.VersionID(), s3err.NoSuchVersion)
		l.mustRemove(t, "k", "null") // not current
		l.wantNone(t, "k", "null", s3err.NoSuchVersion)
		l.wantBody(t, "k", "", small("one"))
		l.mustRemove(t, "k", v1.VersionID())
		l.wantNone(t, "k", "", s3err.NoSuchKey)
		equalLines(t, nil, l.versionsOf(t, "k"))
		l.audit(t, false)
	})
}

func TestSuspendedKeepsOneNull(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		l.mustPut(t, "k", big("null 1"))
		l.versioning(t, catalog.VersioningEnabled)
		v1 := l.mustPut(t, "k", big("one"))
		l.versioning(t, catalog.VersioningSuspended)
		null2 := l.mustPut(t, "k", big("null 2")) // replaces null 1, keeps one
		equalLines(t, []string{
			versionLine("null", true, false, null2.Size),
			versionLine(v1.VersionID(), false, false, v1.Size),
		}, l.versionsOf(t, "k"))
		l.mustPut(t, "k", small("null 3"))
		l.wantBody(t, "k", "null", small("null 3"))
		res := l.mustRemove(t, "k", "") // a null marker takes its place
		if !res.DeleteMarker || res.VersionID != catalog.NullVersion {
			t.Errorf("got %+v", res)
		}
		equalLines(t, []string{
			versionLine("null", true, true, 0),
			versionLine(v1.VersionID(), false, false, v1.Size),
		}, l.versionsOf(t, "k"))
		l.mustPut(t, "k", small("null 4")) // and an object that of the marker
		equalLines(t, []string{
			versionLine("null", true, false, 6),
			versionLine(v1.VersionID(), false, false, v1.Size),
		}, l.versionsOf(t, "k"))
		l.mustRemove(t, "k", "null")
		l.wantBody(t, "k", "", big("one"))
		l.audit(t, false)
	})
}

func TestObjectLock(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		l.versioning(t, catalog.VersioningEnabled)
		until := l.now.Add(time.Hour)
		lock := func(ret catalog.Retention, hold bool) func(*PutObjectInput) {
			return func(in *PutObjectInput) { in.Object.Retention, in.Object.LegalHold = ret, hold }
		}
		compliance := l.mustPut(t, "c", "x", lock(catalog.Retention{Mode: catalog.Compliance, Until: until}, false))
		governance := l.mustPut(t, "g", "x", lock(catalog.Retention{Mode: catalog.Governance, Until: until}, false))
		held := l.mustPut(t, "h", "x", lock(catalog.Retention{}, true))
		del := func(key string, o *catalog.Object, bypass bool) error {
			_, err := l.DeleteObject(ctx, DeleteInput{Bucket: l.bucket, Key: key, VersionID: o.VersionID(), BypassGovernance: bypass})
			return err
		}
		wantRow(t, s3err.AccessDenied, del("c", compliance, true))
		wantRow(t, s3err.AccessDenied, del("g", governance, false))
		wantRow(t, s3err.AccessDenied, del("h", held, true))
		if msg := s3err.From(del("h", held, true)).Message(); msg != "Access Denied because object protected by object lock." {
			t.Error(msg)
		}
		for key, o := range map[string]*catalog.Object{"c": compliance, "g": governance, "h": held} {
			mark := l.mustRemove(t, key, "") // a marker may hide what is locked
			wantRow(t, s3err.AccessDenied, del(key, o, false))
			l.mustRemove(t, key, mark.VersionID)
			l.wantBody(t, key, o.VersionID(), "x")
		}
		if err := del("g", governance, true); err != nil {
			t.Error(err)
		}
		if _, err := l.Update(ctx, l.bucket, "h", held.VersionID(), func(o *catalog.Object) error { o.LegalHold = false; return nil }); err != nil {
			t.Fatal(err)
		}
		if err := del("h", held, false); err != nil {
			t.Error(err)
		}
		l.advance(2 * time.Hour)
		if err := del("c", compliance, false); err != nil {
			t.Error(err)
		}
	})
}

func TestUpdate(t *testing.T) {
	onBuckets(t, func(t *testing.T, l *lab) {
		tag := func(v string) func(*catalog.Object) error {
			return func(o *catalog.Object) error { o.Tags = []catalog.Tag{{Key: "k", Value: v}}; return nil }
		}
		old := l.mustPut(t, "k", small("old"))
		cur := l.mustPut(t, "k", small("new"))
		o, err := l.Update(ctx, l.bucket, "k", "", tag("1"))
		if err != nil || o.Tags[0].Value != "1" || o.VersionID() != cur.VersionID() || !o.ModTime.Equal(cur.ModTime) {
			t.Fatalf("got %+v, %v", o, err)
		}
		l.wantBody(t, "k", "", small("new"))
		if l.bucket.Versioning == catalog.VersioningEnabled {
			if _, err := l.Update(ctx, l.bucket, "k", old.VersionID(), tag("2")); err != nil {
				t.Fatal(err)
			}
			h, err := l.Open(ctx, l.bucket, "k", old.VersionID(), false)
			if err != nil || h.Tags[0].Value != "2" {
				t.Fatalf("got %+v, %v", h, err)
			}
			l.wantBody(t, "k", old.VersionID(), small("old"))
		}
		refused := errors.New("refused")
		if _, err := l.Update(ctx, l.bucket, "k", "", func(*catalog.Object) error { return refused }); err != refused {
			t.Errorf("got %v", err)
		}
		l.audit(t, false)
	})
}
