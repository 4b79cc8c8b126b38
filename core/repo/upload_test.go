package repo

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/checksum"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/quota"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/storewrap"
)

// fullPart is the smallest body of a part that is not the last.
func fullPart(fill byte) string { return strings.Repeat(string(fill), MinPartSize) }

// count makes the lab keep what ana uses.
func (l *lab) count(t tester) *lab {
	t.Helper()
	l.Repo.Accounts = &accounts.Service{Registry: l.Registry, Now: l.clock, SiteKey: make([]byte, 32)}
	l.Repo.Quota = &quota.Keeper{Registry: l.Registry, Now: l.clock, Process: "lab"}
	value, err := json.Marshal(catalog.Account{ID: "ana", Name: "ana", State: catalog.Active, Role: catalog.Member, Quota: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Registry.Put(ctx, catalog.Accounts, "ana", meta.Record{Value: value}, meta.Always); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *lab) wantUsage(t tester, bytes, objects int64) {
	t.Helper()
	u, err := l.Quota.Usage(ctx, "ana")
	if err != nil || u.Bytes != bytes || u.Objects != objects {
		t.Errorf("usage %d bytes, %d objects, %v; want %d, %d", u.Bytes, u.Objects, err, bytes, objects)
	}
}

func (l *lab) begin(t tester, key string, change ...func(*CreateUploadInput)) *catalog.Upload {
	t.Helper()
	in := CreateUploadInput{Bucket: l.bucket, Key: key, Initiator: "ben", Object: catalog.Object{Owner: "ana", ContentType: "text/plain"}}
	for _, c := range change {
		c(&in)
	}
	u, err := l.CreateUpload(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (l *lab) part(key string, u *catalog.Upload, n int, body string, d Digest) (*catalog.Part, error) {
	return l.UploadPart(ctx, UploadPartInput{
		Bucket: l.bucket, Key: key, UploadID: u.ID, Number: n, Body: strings.NewReader(body), Size: int64(len(body)), Digest: d,
	})
}

func (l *lab) mustPart(t tester, key string, u *catalog.Upload, n int, body string) CompletedPart {
	t.Helper()
	p, err := l.part(key, u, n, body, Digest{})
	if err != nil {
		t.Fatalf("part %d: %v", n, err)
	}
	if p.ETag != md5Of(body) || p.Size != int64(len(body)) {
		t.Fatalf("part %d: %+v", n, p)
	}
	return CompletedPart{Number: n, ETag: p.ETag}
}

func (l *lab) complete(key string, u *catalog.Upload, parts []CompletedPart, change ...func(*CompleteUploadInput)) (*catalog.Object, error) {
	in := CompleteUploadInput{Bucket: l.bucket, Key: key, UploadID: u.ID, Parts: parts}
	for _, c := range change {
		c(&in)
	}
	return l.CompleteUpload(ctx, in)
}

func md5Of(body string) string {
	sum := md5.Sum([]byte(body))
	return hex.EncodeToString(sum[:])
}

// etagOf is the ETag of an object made of bodies.
func etagOf(bodies ...string) string {
	h := md5.New()
	for _, b := range bodies {
		sum := md5.Sum([]byte(b))
		h.Write(sum[:])
	}
	return fmt.Sprintf("%x-%d", h.Sum(nil), len(bodies))
}

// noParts checks that no record of an upload is left but Finished ones.
func (l *lab) noParts(t tester) {
	t.Helper()
	for _, space := range []string{catalog.SpaceUpload, catalog.SpacePart} {
		if left := l.scanAll(t, l.partition(), space); len(left) > 0 {
			t.Errorf("%d records left, first %q", len(left), left[0].Key)
		}
	}
}

func TestUpload(t *testing.T) {
	onBuckets(t, func(t *testing.T, l *lab) {
		l.count(t)
		l.mustPut(t, "k", "what was before")
		u := l.begin(t, "k", func(in *CreateUploadInput) { in.Object.UserMeta = []catalog.Tag{{Key: "a", Value: "b"}} })
		a, b := fullPart('a'), "the end"
		parts := []CompletedPart{l.mustPart(t, "k", u, 2, a), l.mustPart(t, "k", u, 7, b)}
		l.wantUsage(t, int64(len(a)+len(b)+15), 1)
		listed, more, err := l.ListParts(ctx, l.bucket, "k", u.ID, 0, 1000)
		if err != nil || more || len(listed) != 2 || listed[1].Number != 7 {
			t.Fatalf("parts %v, %v, %v", listed, more, err)
		}

		o, err := l.complete("k", u, parts)
		if err != nil {
			t.Fatal(err)
		}
		if o.ETag != etagOf(a, b) || o.PartCount != 2 || o.Parts[1].Number != 7 || o.ContentType != "text/plain" || len(o.UserMeta) != 1 {
			t.Fatalf("completed %+v", o)
		}
		l.wantBody(t, "k", "", a+b)
		h, err := l.Open(ctx, l.bucket, "k", "", false)
		if err != nil {
			t.Fatal(err)
		}
		if off, n, err := h.PartRange(ctx, 2); off != MinPartSize || n != 7 || err != nil {
			t.Fatalf("part 2 is %d bytes from %d, %v", n, off, err)
		}
		kept, objects := int64(0), int64(1)
		if l.bucket.Versioning != catalog.Unversioned {
			kept, objects = 15, 2
		}
		if l.bucket.Versioning == catalog.VersioningSuspended {
			kept, objects = 0, 1
		}
		l.wantUsage(t, int64(len(a)+len(b))+kept, objects)
		l.noParts(t)
		l.audit(t, false)

		// The same call again, and what no longer goes.
		again, err := l.complete("k", u, parts)
		if err != nil || again.ETag != o.ETag || again.VersionID() != o.VersionID() {
			t.Fatalf("again: %+v, %v", again, err)
		}
		wantRow(t, s3err.NoSuchUpload, l.AbortUpload(ctx, l.bucket, "k", u.ID))
		_, err = l.part("k", u, 1, b, Digest{})
		wantRow(t, s3err.NoSuchUpload, err)
		_, err = l.complete("other", u, parts)
		wantRow(t, s3err.NoSuchUpload, err)
		l.mustPut(t, "k", "after")
		again, err = l.complete("k", u, parts)
		if err != nil || again.ETag != o.ETag || again.VersionID() != o.VersionID() {
			t.Fatalf("again after an overwrite: %+v, %v", again, err)
		}
	})
}

func TestUploadRefuses(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		l.count(t)
		u := l.begin(t, "k")
		p1, p2, p3 := l.mustPart(t, "k", u, 1, "short"), l.mustPart(t, "k", u, 2, fullPart('b')), l.mustPart(t, "k", u, 3, "")
		wrong := p2
		wrong.ETag = p1.ETag
		sized := func(n int64) func(*CompleteUploadInput) {
			return func(in *CompleteUploadInput) { in.Size = &n }
		}
		for _, c := range []struct {
			row    *s3err.Code
			parts  []CompletedPart
			change []func(*CompleteUploadInput)
		}{
			{s3err.MalformedXML, nil, nil},
			{s3err.InvalidPartOrder, []CompletedPart{p2, p1}, nil},
			{s3err.InvalidPartOrder, []CompletedPart{p2, p2}, nil},
			{s3err.InvalidPart, []CompletedPart{wrong}, nil},
			{s3err.InvalidPart, []CompletedPart{p2, {Number: 4, ETag: p1.ETag}}, nil},
			{s3err.InvalidPart, []CompletedPart{{Number: 0, ETag: p1.ETag}}, nil},
			{s3err.InvalidPart, []CompletedPart{{Number: -5, ETag: p1.ETag}, p2}, nil},
			{s3err.InvalidPart, []CompletedPart{{Number: 1 << 40, ETag: p1.ETag}}, nil},
			{s3err.EntityTooSmall, []CompletedPart{p1, p2}, nil},
			{s3err.InvalidRequest, []CompletedPart{p2}, []func(*CompleteUploadInput){sized(7)}},
			{s3err.NoSuchKey, []CompletedPart{p2}, []func(*CompleteUploadInput){func(in *CompleteUploadInput) { in.Cond.IfMatch = "x" }}},
			{s3err.NoSuchUpload, []CompletedPart{p2}, []func(*CompleteUploadInput){func(in *CompleteUploadInput) { in.UploadID = "../../x" }}},
			{s3err.NoSuchUpload, []CompletedPart{p2}, []func(*CompleteUploadInput){func(in *CompleteUploadInput) { in.UploadID = strings.ToUpper(in.UploadID) + "F" }}},
		} {
			_, err := l.complete("k", u, c.parts, c.change...)
			if !errors.Is(err, c.row) {
				t.Errorf("%v: %v, want %s", c.parts, err, c.row.Code)
			}
		}
		_, err := l.complete("k", u, []CompletedPart{p1, p2})
		want := [][2]string{{"ProposedSize", "5"}, {"MinSizeAllowed", "5242880"}, {"PartNumber", "1"}, {"ETag", p1.ETag}}
		if got := s3err.From(err).Fields; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("fields %v", got)
		}
		for _, n := range []int{0, -1, MaxPartNumber + 1} {
			_, err := l.part("k", u, n, "x", Digest{})
			wantRow(t, s3err.InvalidArgument, err)
		}
		_, err = l.part("k", u, 5, "x", Digest{MD5: make([]byte, 16)})
		wantRow(t, s3err.BadDigest, err)
		_, err = l.UploadPart(ctx, UploadPartInput{Bucket: l.bucket, Key: "k", UploadID: u.ID, Number: 5, Body: strings.NewReader("x"), Size: 9})
		wantRow(t, s3err.IncompleteBody, err)
		_, err = l.CreateUpload(ctx, CreateUploadInput{Bucket: l.bucket, Key: strings.Repeat("k", MaxKeyBytes+1)})
		wantRow(t, s3err.KeyTooLong, err)
		_, err = l.CreateUpload(ctx, CreateUploadInput{Bucket: l.bucket, Key: "k", Object: catalog.Object{Checksum: catalog.Checksum{Algorithm: "ROT13"}}})
		wantRow(t, s3err.InvalidRequest, err)

		// After all that the upload still completes; parts left out are given back.
		if _, err := l.complete("k", u, []CompletedPart{p2, p3}, sized(MinPartSize)); err != nil {
			t.Fatal(err)
		}
		l.wantBody(t, "k", "", fullPart('b'))
		l.wantUsage(t, MinPartSize, 1)
		l.noParts(t)
		l.audit(t, false)
	})
}

func TestUploadPartAgain(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		l.count(t)
		u := l.begin(t, "k")
		first := l.mustPart(t, "k", u, 1, "first")
		l.wantUsage(t, 5, 0)
		second := l.mustPart(t, "k", u, 1, "the second")
		l.wantUsage(t, 10, 0)
		_, err := l.complete("k", u, []CompletedPart{first})
		wantRow(t, s3err.InvalidPart, err)
		if _, err := l.complete("k", u, []CompletedPart{second}); err != nil {
			t.Fatal(err)
		}
		l.wantBody(t, "k", "", "the second")
		l.wantUsage(t, 10, 1)
		l.audit(t, false)
	})
}

func TestAbortUpload(t *testing.T) {
	onBuckets(t, func(t *testing.T, l *lab) {
		l.count(t)
		l.mustPut(t, "k", "stays")
		for _, key := range []string{"k", "none"} {
			u := l.begin(t, key)
			for n := range 5 {
				l.mustPart(t, key, u, n+1, fmt.Sprint("part ", n))
			}
			l.wantUsage(t, 5+30, 1)
			if err := l.AbortUpload(ctx, l.bucket, key, u.ID); err != nil {
				t.Fatal(err)
			}
			wantRow(t, s3err.NoSuchUpload, l.AbortUpload(ctx, l.bucket, key, u.ID))
			_, err := l.Upload(ctx, l.bucket, key, u.ID)
			wantRow(t, s3err.NoSuchUpload, err)
			_, err = l.complete(key, u, []CompletedPart{{Number: 1}})
			wantRow(t, s3err.NoSuchUpload, err)
			_, _, err = l.ListParts(ctx, l.bucket, key, u.ID, 0, 10)
			wantRow(t, s3err.NoSuchUpload, err)
		}
		l.wantBody(t, "k", "", "stays")
		l.wantNone(t, "none", "", s3err.NoSuchKey)
		l.wantUsage(t, 5, 1)
		l.noParts(t)
		l.audit(t, false)
	})
}

// More parts than a record holds go into a manifest.
func TestUploadManyParts(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		l.count(t)
		l.mustPut(t, "source", fullPart('s'))
		src, err := l.Open(ctx, l.bucket, "source", "", false)
		if err != nil {
			t.Fatal(err)
		}
		u := l.begin(t, "k")
		const n = catalog.MaxEmbedded + 6
		var parts []CompletedPart
		for i := range n {
			p, err := l.CopyPart(ctx, CopyPartInput{Source: src, Length: src.Size, Bucket: l.bucket, Key: "k", UploadID: u.ID, Number: i + 1})
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, CompletedPart{Number: i + 1, ETag: p.ETag})
		}
		o, err := l.complete("k", u, parts)
		if err != nil {
			t.Fatal(err)
		}
		if o.Manifest == "" || len(o.Segments) != 0 || o.PartCount != n || o.Size != n*MinPartSize {
			t.Fatalf("completed %+v", o)
		}
		h, err := l.Open(ctx, l.bucket, "k", "", false)
		if err != nil {
			t.Fatal(err)
		}
		if list, err := h.PartList(ctx); err != nil || len(list) != n || list[n-1].Number != n {
			t.Fatalf("%d parts, %v", len(list), err)
		}
		rc, err := h.Range(ctx, h.Size-10, 10)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(rc); string(got) != "ssssssssss" || err != nil {
			t.Fatalf("the end is %q, %v", got, err)
		}
		l.wantUsage(t, (n+1)*MinPartSize, 2)
		if len(l.scanAll(t, l.partition(), catalog.SpaceUpload)) > 0 {
			t.Error("the upload is still there")
		}
	})
}

// Completing 10,000 parts reads and removes them in pages.
func TestUploadTenThousandParts(t *testing.T) {
	l := newLab(t, stores[0])
	u := l.begin(t, "k")
	parts := make([]CompletedPart, MaxPartNumber)
	for i := range parts {
		p := &catalog.Part{
			Number: i + 1, Size: MinPartSize, ETag: "d41d8cd98f00b204e9800998ecf8427e", WriteID: newWriteID(),
			Segments: []catalog.Segment{{ID: content.NewID(l.now), Length: MinPartSize}},
		}
		rec := meta.Record{Value: catalog.EncodePart(p)}
		if _, err := l.meta.Put(ctx, l.partition(), catalog.PartKey(u.ID, i+1), rec, meta.Always); err != nil {
			t.Fatal(err)
		}
		parts[i] = CompletedPart{Number: i + 1, ETag: p.ETag}
	}
	o, err := l.complete("k", u, parts)
	if err != nil {
		t.Fatal(err)
	}
	if o.Size != MaxPartNumber*MinPartSize || o.PartCount != MaxPartNumber {
		t.Fatalf("completed %d bytes in %d parts", o.Size, o.PartCount)
	}
	l.noParts(t)
}

func TestUploadChecksums(t *testing.T) {
	a, b := fullPart('a'), "the end"
	for _, c := range []struct {
		algorithm string
		kind      catalog.ChecksumType
	}{
		{"CRC32", catalog.FullObject}, {"CRC32C", catalog.FullObject}, {"CRC64NVME", catalog.FullObject}, {"CRC64NVME", ""},
		{"CRC32", catalog.Composite}, {"SHA256", catalog.Composite}, {"SHA1", ""},
	} {
		t.Run(c.algorithm+" "+string(c.kind), func(t *testing.T) {
			l := newLab(t, stores[0])
			sum := func(body string) string {
				h := checksum.New(c.algorithm)
				h.Write([]byte(body))
				return checksum.Encode(h.Sum(nil))
			}
			u := l.begin(t, "k", func(in *CreateUploadInput) {
				in.ChecksumAsked, in.Object.Checksum = true, catalog.Checksum{Algorithm: c.algorithm, Type: c.kind}
			})
			var parts []CompletedPart
			for i, body := range []string{a, b} {
				p, err := l.part("k", u, i+1, body, Digest{Algorithm: c.algorithm, Want: func() string { return sum(body) }})
				if err != nil || p.Checksum.Value != sum(body) {
					t.Fatalf("part %+v, %v", p, err)
				}
				parts = append(parts, CompletedPart{Number: i + 1, ETag: p.ETag, Checksum: p.Checksum})
			}
			_, err := l.part("k", u, 3, b, Digest{Algorithm: "SHA512"})
			wantRow(t, s3err.InvalidRequest, err)

			kind, want := catalog.FullObject, sum(a+b)
			if c.kind == catalog.Composite || c.algorithm == "SHA1" {
				kind = catalog.Composite
				first, _ := checksum.Decode(c.algorithm, sum(a))
				second, _ := checksum.Decode(c.algorithm, sum(b))
				want = checksum.Encode(checksum.Composite(c.algorithm, [][]byte{first, second}))
			}
			bare := []CompletedPart{{Number: 1, ETag: parts[0].ETag}, {Number: 2, ETag: parts[1].ETag}}
			if kind == catalog.Composite {
				_, err := l.complete("k", u, bare)
				wantRow(t, s3err.InvalidRequest, err)
				_, err = l.part("k", u, 3, b, Digest{})
				wantRow(t, s3err.InvalidRequest, err)
			}
			bad := append([]CompletedPart(nil), parts...)
			bad[1].Checksum.Value = sum(a)
			_, err = l.complete("k", u, bad)
			wantRow(t, s3err.InvalidPart, err)
			bad[1].Checksum = catalog.Checksum{Algorithm: "SHA512", Value: "x"}
			_, err = l.complete("k", u, bad)
			wantRow(t, s3err.BadDigest, err)
			expect := func(value string, kind catalog.ChecksumType) func(*CompleteUploadInput) {
				return func(in *CompleteUploadInput) {
					in.Checksum = catalog.Checksum{Algorithm: c.algorithm, Type: kind, Value: value}
				}
			}
			_, err = l.complete("k", u, parts, expect(sum(b), ""))
			wantRow(t, s3err.BadDigest, err)
			other := catalog.Composite
			if kind == other {
				other = catalog.FullObject
			}
			_, err = l.complete("k", u, parts, expect(want, other))
			wantRow(t, s3err.InvalidRequest, err)
			given := want
			if kind == catalog.Composite {
				given += "-2"
			}
			o, err := l.complete("k", u, parts, expect(given, kind))
			if err != nil || o.Checksum != (catalog.Checksum{Algorithm: c.algorithm, Type: kind, Value: want}) || o.Parts[0].Checksum != sum(a) {
				t.Fatalf("checksum %+v, %v; want %s", o.Checksum, err, want)
			}
		})
	}
}

// A checksum nobody asked for is kept where the parts happen to make one.
func TestUploadChecksumNotAsked(t *testing.T) {
	a, b := fullPart('a'), "the end"
	whole := checksum.New("CRC64NVME")
	whole.Write([]byte(a + b))
	want := checksum.Encode(whole.Sum(nil))
	for _, c := range []struct {
		first, second, want string
	}{
		{"CRC64NVME", "CRC64NVME", want}, {"CRC64NVME", "", want}, {"CRC64NVME", "CRC32", ""}, {"SHA256", "SHA256", ""},
	} {
		l := newLab(t, stores[0])
		u := l.begin(t, "k", func(in *CreateUploadInput) { in.Object.Checksum.Algorithm = "CRC64NVME" })
		p1, err := l.part("k", u, 1, a, Digest{Algorithm: c.first})
		if err != nil {
			t.Fatal(err)
		}
		p2, err := l.part("k", u, 2, b, Digest{Algorithm: c.second})
		if err != nil {
			t.Fatal(err)
		}
		parts := []CompletedPart{{Number: 1, ETag: p1.ETag, Checksum: p1.Checksum}, {Number: 2, ETag: p2.ETag}}
		_, err = l.complete("k", u, parts, func(in *CompleteUploadInput) {
			in.Checksum = catalog.Checksum{Algorithm: "CRC64NVME", Value: "AAAAAAAAAAA="}
		})
		wantRow(t, s3err.BadDigest, err)
		o, err := l.complete("k", u, parts)
		if err != nil || o.Checksum.Value != c.want {
			t.Errorf("%+v: %+v, %v", c, o.Checksum, err)
		}
	}
}

func TestUploadConditions(t *testing.T) {
	onBuckets(t, func(t *testing.T, l *lab) {
		before := l.mustPut(t, "k", "before")
		u := l.begin(t, "k")
		parts := []CompletedPart{l.mustPart(t, "k", u, 1, "new")}
		_, err := l.complete("k", u, parts, func(in *CompleteUploadInput) { in.Cond.IfNoneMatch = "*" })
		wantRow(t, s3err.PreconditionFailed, err)
		_, err = l.complete("k", u, parts, func(in *CompleteUploadInput) { in.Cond.IfMatch = "other" })
		wantRow(t, s3err.PreconditionFailed, err)
		if _, err = l.complete("k", u, parts, func(in *CompleteUploadInput) { in.Cond.IfMatch = before.ETag }); err != nil {
			t.Fatal(err)
		}
		l.wantBody(t, "k", "", "new")
		l.audit(t, false)
	})
}

func TestCopyPart(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		l.count(t)
		l.mustPut(t, "tiny", "tiny")
		a, b := fullPart('a'), big("b")
		u := l.begin(t, "multi")
		if _, err := l.complete("multi", u, []CompletedPart{l.mustPart(t, "multi", u, 1, a), l.mustPart(t, "multi", u, 2, b)}); err != nil {
			t.Fatal(err)
		}
		l.mustPut(t, "single", a)
		used := int64(4 + len(a) + len(b) + len(a))
		stored := func() int {
			n := 0
			if err := l.content.Walk(ctx, "", func(content.Info) error { n++; return nil }); err != nil {
				t.Fatal(err)
			}
			return n
		}
		whole := int64(len(a) + len(b))
		for _, c := range []struct {
			source         string
			offset, length int64
			want           string
			shared         bool
		}{
			{"single", 0, MinPartSize, a, true},
			{"multi", 0, whole, a + b, true},
			{"multi", MinPartSize, int64(len(b)), b, true},
			{"multi", 0, MinPartSize, a, true},
			{"multi", MinPartSize - 3, 5, "aaa" + b[:2], false},
			{"multi", 1, whole - 1, (a + b)[1:], false},
			{"multi", 0, whole - 1, (a + b)[:whole-1], false},
			{"tiny", 1, 2, "in", false},
			{"tiny", 0, 0, "", false},
		} {
			src, err := l.Open(ctx, l.bucket, c.source, "", false)
			if err != nil {
				t.Fatal(err)
			}
			u := l.begin(t, "copy", func(in *CreateUploadInput) { in.Object.Checksum.Algorithm = "CRC32" })
			before := stored()
			p, err := l.CopyPart(ctx, CopyPartInput{Source: src, Offset: c.offset, Length: c.length, Bucket: l.bucket, Key: "copy", UploadID: u.ID, Number: 1})
			if err != nil {
				t.Fatalf("%+v: %v", c.source, err)
			}
			crc := checksum.New("CRC32")
			crc.Write([]byte(c.want))
			if p.ETag != md5Of(c.want) || p.Checksum.Value != checksum.Encode(crc.Sum(nil)) {
				t.Fatalf("%s %d+%d: part %+v", c.source, c.offset, c.length, p)
			}
			if shared := stored() == before; shared != c.shared {
				t.Errorf("%s %d+%d: shared is %v", c.source, c.offset, c.length, shared)
			}
			l.wantUsage(t, used+c.length, 3)
			if _, err := l.complete("copy", u, []CompletedPart{{Number: 1, ETag: p.ETag}}); err != nil {
				t.Fatal(err)
			}
			l.wantBody(t, "copy", "", c.want)
			l.audit(t, false)
			l.mustRemove(t, "copy", "")
			l.wantUsage(t, used, 3)
			l.audit(t, false)
		}
		src, err := l.Open(ctx, l.bucket, "tiny", "", false)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range [][2]int64{{0, 5}, {5, 0}, {-1, 1}, {0, -1}, {3, 1 << 62}} {
			_, err := l.CopyPart(ctx, CopyPartInput{Source: src, Offset: r[0], Length: r[1], Bucket: l.bucket, Key: "copy", UploadID: u.ID, Number: 1})
			wantRow(t, s3err.InvalidArgument, err)
		}
	})
}

// A source that was overwritten so long ago that the sweeper may have been
// there is not shared.
func TestCopyPartOfWhatGoes(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		l.mustPut(t, "source", fullPart('s'))
		src, err := l.Open(ctx, l.bucket, "source", "", false)
		if err != nil {
			t.Fatal(err)
		}
		l.mustPut(t, "source", "another")
		l.advance(l.Leeway)
		u := l.begin(t, "k")
		_, err = l.CopyPart(ctx, CopyPartInput{Source: src, Length: src.Size, Bucket: l.bucket, Key: "k", UploadID: u.ID, Number: 1})
		if s3err.From(err).Status != 503 {
			t.Fatalf("a part of an overwritten object: %v", err)
		}
		if list, _, err := l.ListParts(ctx, l.bucket, "k", u.ID, 0, 10); err != nil || len(list) != 0 {
			t.Fatalf("%d parts, %v", len(list), err)
		}
	})
}

// rivals runs functions at once and gives their errors.
func rivals(fns ...func() error) []error {
	errs := make([]error, len(fns))
	var wg sync.WaitGroup
	for i, fn := range fns {
		wg.Go(func() { errs[i] = fn() })
	}
	wg.Wait()
	return errs
}

// Whoever meets, in the end there is one object or none, what is kept is
// counted, and what is not is freed.
func TestUploadRaces(t *testing.T) {
	onBuckets(t, func(t *testing.T, l *lab) {
		for round := range 30 {
			l := newLab(t, l.meta.Capabilities()).count(t)
			l.versioning(t, catalog.VersioningEnabled)
			u := l.begin(t, "k")
			parts := []CompletedPart{l.mustPart(t, "k", u, 1, "first")}
			etag := etagOf("first")
			var mu sync.Mutex
			ids := map[string]bool{}
			complete := func() error {
				o, err := l.complete("k", u, parts)
				if err == nil {
					mu.Lock()
					defer mu.Unlock()
					if ids[o.VersionID()] = true; o.ETag != etag {
						return fmt.Errorf("ETag %s", o.ETag)
					}
				}
				return err
			}
			again := func() error { _, err := l.part("k", u, 1, "the second", Digest{}); return err }
			another := func() error { _, err := l.part("k", u, 2, "another", Digest{}); return err }
			abort := func() error { return l.AbortUpload(ctx, l.bucket, "k", u.ID) }
			fns := []func() error{complete, complete, another, again}
			if round%3 == 0 {
				fns = []func() error{complete, complete, abort, another}
			} else if round%3 == 1 {
				fns = []func() error{complete, complete, complete}
			}
			errs := rivals(fns...)
			for i, err := range errs {
				if err != nil && !errors.Is(err, s3err.NoSuchUpload) && !errors.Is(err, s3err.InvalidPart) {
					t.Fatalf("rival %d: %v", i, err)
				}
			}
			if round%3 == 0 && (errs[2] == nil) == (errs[0] == nil || errs[1] == nil) {
				t.Fatalf("aborted and completed: %v", errs)
			}
			if round%3 == 1 && len(ids) != 1 {
				t.Fatalf("%d versions were answered: %v", len(ids), errs)
			}
			if len(ids) > 1 {
				t.Fatalf("%d versions were answered", len(ids))
			}
			_ = abort() // when InvalidPart has left the upload
			if lines := l.versionsOf(t, "k"); len(lines) != len(ids) {
				t.Fatalf("%d versions, %d were answered", len(lines), len(ids))
			}
			l.noParts(t)
			l.audit(t, false)
			l.wantUsage(t, int64(5*len(ids)), int64(len(ids)))
		}
	})
}

// A part that comes when the used one of its number is gone already took no place
// of that: of it nothing was booked as freed.
func TestPartAfterItsNumberIsDropped(t *testing.T) {
	l := newLab(t, stores[1]).count(t)
	u := l.begin(t, "k")
	parts := []CompletedPart{l.mustPart(t, "k", u, 1, "first")}
	l.mustPart(t, "k", u, 2, "not listed")
	came := false
	l.Repo.Meta = &storewrap.Fault{Store: l.meta, Before: func(op storewrap.Op, p meta.Partition, key string) error {
		if came || op != storewrap.Delete || key != catalog.PartKey(u.ID, 2) {
			return nil
		}
		came = true // and the other part is sent again, so that all are looked through again
		for n := range 2 {
			value := catalog.EncodePart(&catalog.Part{Number: n + 1, Size: 10, WriteID: newWriteID()})
			if _, err := l.meta.Put(ctx, p, catalog.PartKey(u.ID, n+1), meta.Record{Value: value}, meta.Always); err != nil {
				return err
			}
		}
		l.charge(ctx, l.bucket, 10, 0)
		return nil
	}}
	if _, err := l.complete("k", u, parts); err != nil || !came {
		t.Fatal(came, err)
	}
	l.noParts(t)
	l.wantUsage(t, 5, 1)
}
