package catalog

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// Generators of records as core writes them: lists are nil rather than empty,
// times are UTC and whole milliseconds, sizes are not negative.

func genTime() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.IntRange(0, 3).Draw(t, "zero") == 0 {
			return time.Time{}
		}
		// Up to the year 9999, as a retention may ask for.
		return time.UnixMilli(rapid.Int64Range(-1e12, 253402300799999).Draw(t, "ms")).UTC()
	})
}

func genID() *rapid.Generator[content.ID] {
	return rapid.Custom(func(t *rapid.T) content.ID {
		return content.ID(rapid.StringMatching(`[0-9a-f]{32}`).Draw(t, "id"))
	})
}

func few[T any](g *rapid.Generator[T]) *rapid.Generator[[]T] {
	return rapid.Custom(func(t *rapid.T) []T {
		if s := rapid.SliceOfN(g, 0, 4).Draw(t, "list"); len(s) > 0 {
			return s
		}
		return nil
	})
}

func genTag() *rapid.Generator[Tag] {
	return rapid.Custom(func(t *rapid.T) Tag {
		return Tag{rapid.String().Draw(t, "key"), rapid.String().Draw(t, "value")}
	})
}

func genBytes() *rapid.Generator[[]byte] { return few(rapid.Byte()) }

func genSegment() *rapid.Generator[Segment] {
	size := rapid.Int64Range(0, 1<<62)
	return rapid.Custom(func(t *rapid.T) Segment {
		return Segment{genID().Draw(t, "id"), size.Draw(t, "offset"), size.Draw(t, "length")}
	})
}

func genPart() *rapid.Generator[PartInfo] {
	return rapid.Custom(func(t *rapid.T) PartInfo {
		return PartInfo{rapid.IntRange(0, 10000).Draw(t, "n"), rapid.Int64Range(0, 5<<30).Draw(t, "size"), rapid.String().Draw(t, "sum")}
	})
}

func genGrant() *rapid.Generator[Grant] {
	return rapid.Custom(func(t *rapid.T) Grant {
		return Grant{rapid.String().Draw(t, "account"), rapid.String().Draw(t, "group"), Permission(rapid.String().Draw(t, "permission"))}
	})
}

func genChecksum(t *rapid.T) Checksum {
	return Checksum{
		rapid.SampledFrom([]string{"", "CRC32", "CRC64NVME", "SHA256"}).Draw(t, "algorithm"),
		rapid.SampledFrom([]ChecksumType{"", FullObject, Composite}).Draw(t, "type"),
		rapid.String().Draw(t, "sum"),
	}
}

func genEncryption(t *rapid.T) Encryption {
	return Encryption{rapid.String().Draw(t, "algorithm"), rapid.String().Draw(t, "site key"), genBytes().Draw(t, "check"), genBytes().Draw(t, "salt")}
}

func genPending() *rapid.Generator[PendingOp] {
	return rapid.Custom(func(t *rapid.T) PendingOp {
		return PendingOp{
			Key: rapid.String().Draw(t, "key"), Delete: rapid.Bool().Draw(t, "delete"),
			Value: genBytes().Draw(t, "value"), Summary: genBytes().Draw(t, "summary"), Body: genBytes().Draw(t, "body"),
			Absent: rapid.Bool().Draw(t, "absent"), Match: rapid.String().Draw(t, "match"),
		}
	})
}

func genWriteID(t *rapid.T) (id [16]byte) {
	copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "write ID"))
	return id
}

func genObject(t *rapid.T) Object {
	text := rapid.String()
	o := Object{
		Ref:  VersionRef{rapid.Uint64().Draw(t, "seq"), rapid.Uint64().Draw(t, "rand")},
		Null: rapid.Bool().Draw(t, "null"), DeleteMarker: rapid.Bool().Draw(t, "marker"),
		WriteID: genWriteID(t), Owner: text.Draw(t, "owner"), ModTime: genTime().Draw(t, "mtime"),
		Size: rapid.Int64Range(0, 1<<62).Draw(t, "size"), ETag: text.Draw(t, "etag"),
		StorageClass: text.Draw(t, "class"), ContentType: text.Draw(t, "type"),
		CacheControl: text.Draw(t, "cache"), ContentDisposition: text.Draw(t, "disposition"),
		ContentEncoding: text.Draw(t, "encoding"), ContentLanguage: text.Draw(t, "language"),
		Expires: text.Draw(t, "expires"), Redirect: text.Draw(t, "redirect"),
		UserMeta: few(genTag()).Draw(t, "meta"), Tags: few(genTag()).Draw(t, "tags"),
		Checksum: genChecksum(t), Retention: Retention{LockMode(text.Draw(t, "mode")), genTime().Draw(t, "until")},
		LegalHold: rapid.Bool().Draw(t, "hold"), Encryption: genEncryption(t),
		Inline: rapid.Bool().Draw(t, "inline"), Segments: few(genSegment()).Draw(t, "segments"),
		Manifest: genID().Draw(t, "manifest"), PartCount: rapid.IntRange(0, 10000).Draw(t, "count"),
		Parts: few(genPart()).Draw(t, "parts"), Pending: few(genPending()).Draw(t, "pending"),
		Gone: rapid.Bool().Draw(t, "gone"), HoldReleased: rapid.Bool().Draw(t, "released"),
	}
	if rapid.Bool().Draw(t, "has ACL") {
		o.ACL = &ACL{Grants: few(genGrant()).Draw(t, "grants")}
	}
	return o
}

func same[T any](t *rapid.T, want T, got T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("not the same after a round trip:\nwant %+v\n got %+v", want, got)
	}
}

func TestRecordsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := genObject(t)
		got, err := DecodeObject(EncodeObject(&o))
		same(t, &o, got, err)

		s, err := DecodeSummary(ObjectSummary(&o))
		same(t, summaryOf(&o), s, err)

		u := Upload{rapid.String().Draw(t, "id"), rapid.String().Draw(t, "initiator"), genTime().Draw(t, "at"), o, rapid.Bool().Draw(t, "asked")}
		gotU, err := DecodeUpload(EncodeUpload(&u))
		same(t, &u, gotU, err)

		p := Part{
			Number: rapid.IntRange(1, 10000).Draw(t, "number"), Size: rapid.Int64Range(0, 5<<30).Draw(t, "size"),
			ETag: rapid.String().Draw(t, "etag"), ModTime: genTime().Draw(t, "at"), Checksum: genChecksum(t),
			Inline: rapid.Bool().Draw(t, "inline"), Segments: few(genSegment()).Draw(t, "segments"),
			WriteID: genWriteID(t), Encryption: genEncryption(t), Shared: rapid.Bool().Draw(t, "shared"),
		}
		gotP, err := DecodePart(EncodePart(&p))
		same(t, &p, gotP, err)

		f := Finished{rapid.String().Draw(t, "key"), rapid.String().Draw(t, "version"), rapid.String().Draw(t, "etag"), genTime().Draw(t, "at"), few(genID()).Draw(t, "used")}
		gotF, err := DecodeFinished(EncodeFinished(&f))
		same(t, &f, gotF, err)

		rel := Release{genID().Draw(t, "id"), genTime().Draw(t, "at"), rapid.String().Draw(t, "key"), rapid.String().Draw(t, "upload"), rapid.Bool().Draw(t, "manifest"), rapid.Bool().Draw(t, "intent"), genTime().Draw(t, "looked")}
		gotRel, err := DecodeRelease(EncodeRelease(&rel))
		same(t, &rel, gotRel, err)

		ref := Reference{genTime().Draw(t, "at"), rapid.String().Draw(t, "bucket"), rapid.String().Draw(t, "key"), rapid.String().Draw(t, "upload"), rapid.IntRange(0, 10000).Draw(t, "part"), content.ID(rapid.String().Draw(t, "manifest"))}
		gotRef, err := DecodeReference(EncodeReference(&ref))
		same(t, &ref, gotRef, err)

		segments, parts, err := DecodeManifest(EncodeManifest(o.Segments, o.Parts))
		same(t, o.Segments, segments, err)
		same(t, o.Parts, parts, err)
	})
}

func summaryOf(o *Object) Summary {
	return Summary{
		Ref: o.Ref, Null: o.Null, DeleteMarker: o.DeleteMarker, Gone: o.Gone, Pending: len(o.Pending) > 0, Size: o.Size, ModTime: o.ModTime,
		ETag: o.ETag, Owner: o.Owner, StorageClass: o.StorageClass,
		Checksum: Checksum{Algorithm: o.Checksum.Algorithm, Type: o.Checksum.Type},
	}
}

func TestSummaryFits(t *testing.T) {
	long := strings.Repeat("x", 4096)
	limit := long[:maxSummaryText]
	for _, text := range []string{long, limit} {
		o := Object{
			Ref: VersionRef{1<<64 - 1, 1<<64 - 1}, Null: true, DeleteMarker: true, Gone: true, Size: 1<<63 - 1,
			ModTime: time.UnixMilli(1<<62 - 1), ETag: text, Owner: text, StorageClass: text,
			Checksum: Checksum{Algorithm: text, Type: ChecksumType(text)},
		}
		b := ObjectSummary(&o)
		if len(b) > meta.MaxSummary {
			t.Errorf("summary of %d bytes", len(b))
		}
		if _, err := DecodeSummary(b); err != nil {
			t.Error(err)
		}
	}
}

func TestUnknownFieldsAreSkipped(t *testing.T) {
	e := newEncoder(0)
	e.string(900, "from the future")
	e.uint(901, 7)
	e.string(objETag, "abc")
	o, err := DecodeObject(e.b)
	if err != nil || o.ETag != "abc" {
		t.Fatalf("got %+v, %v", o, err)
	}
}

func TestMalformedRecords(t *testing.T) {
	full := EncodeObject(&Object{Ref: VersionRef{1, 2}, ETag: "abc", Segments: []Segment{{"x", 1, 2}}})
	for name, b := range map[string][]byte{
		"empty":            {},
		"other format":     {99, 1, 2},
		"truncated":        full[:len(full)-1],
		"field zero":       {wireFormat, 0, 0},
		"endless number":   {wireFormat, 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1},
		"unknown type":     {wireFormat, 1<<3 | 5, 0, 0, 0, 0},
		"length over end":  {wireFormat, 1<<3 | wireBytes, 200, 1},
		"short version":    {wireFormat, objRef<<3 | wireBytes, 1, 1},
		"huge part count":  append([]byte{wireFormat, objPartCount<<3&0x7f | 0x80, objPartCount >> 4}, 255, 255, 255, 255, 255, 1),
		"nested truncated": {wireFormat, objTag<<3&0x7f | 0x80 | wireBytes, objTag >> 4, 2, 1<<3 | wireBytes, 9},
	} {
		if _, err := DecodeObject(b); !errors.Is(err, ErrRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	o := Object{Ref: VersionRef{1, 2}, ETag: "abc", Tags: []Tag{{"a", "b"}}, ACL: &ACL{}, Segments: []Segment{{"x", 1, 2}},
		Parts: []PartInfo{{1, 2, "x"}}, Pending: []PendingOp{{Key: "k", Value: []byte("v")}}}
	f.Add(EncodeObject(&o))
	f.Add(ObjectSummary(&o))
	f.Add(EncodeUpload(&Upload{ID: "u", Object: o}))
	f.Add(EncodeManifest(o.Segments, o.Parts))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if o, err := DecodeObject(b); err == nil {
			again, err := DecodeObject(EncodeObject(o))
			if err != nil || !reflect.DeepEqual(o, again) {
				t.Fatalf("%+v became %+v, %v", o, again, err)
			}
		}
		DecodeSummary(b)
		DecodeUpload(b)
		DecodePart(b)
		DecodeFinished(b)
		DecodeRelease(b)
		DecodeReference(b)
		DecodeManifest(b)
	})
}

func BenchmarkDecodeSummary(b *testing.B) {
	s := ObjectSummary(&Object{
		Ref: VersionRef{1 << 60, 1 << 61}, Size: 4096, ModTime: time.Now(), ETag: strings.Repeat("a", 32),
		Owner: strings.Repeat("b", 20), Checksum: Checksum{Algorithm: "CRC64NVME", Type: FullObject},
	})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeSummary(s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkObject(b *testing.B) {
	o := Object{
		Ref: VersionRef{1 << 60, 1 << 61}, Size: 4096, ModTime: time.Now(), ETag: strings.Repeat("a", 32),
		Owner: strings.Repeat("b", 20), ContentType: "text/plain", UserMeta: []Tag{{"mtime", "1234567"}}, Inline: true,
		Checksum: Checksum{Algorithm: "CRC64NVME", Type: FullObject, Value: "abcdefgh"},
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeObject(EncodeObject(&o)); err != nil {
			b.Fatal(err)
		}
	}
}
