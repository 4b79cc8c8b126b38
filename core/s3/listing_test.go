package s3

import (
	"net/url"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/repo"
)

func TestTokens(t *testing.T) {
	for key, want := range map[string]string{"": "", "bar": "bar", "é/x": "é/x", "~a": "~fmE", "a\x01": "~YQE", " a": "~IGE", "\xff": "~_w"} {
		if got := encodeToken(key); got != want {
			t.Errorf("%q: %q, want %q", key, got, want)
		}
	}
	if err := quick.Check(func(key string) bool {
		back, err := decodeToken(encodeToken(key))
		return err == nil && back == key
	}, nil); err != nil {
		t.Error(err)
	}
	if _, err := decodeToken("~!"); err == nil {
		t.Error("a damaged token was taken")
	}
}

func TestPageSize(t *testing.T) {
	for v, want := range map[string]int{"": 1000, "0": 0, "7": 7, "1000": 1000, "1001": 1000, "2147483647": 1000, "2147483648": -1, "-1": -1, "x": -1, "1.5": -1} {
		n, err := parsePageSize("max-keys", v)
		if (err != nil) != (want < 0) || (want >= 0 && n != want) {
			t.Errorf("%q: %d, %v", v, n, err)
		}
	}
}

func TestAppendURL(t *testing.T) {
	for s, want := range map[string]string{"foo+1/bar": "foo%2B1/bar", "quux ab/thud": "quux%20ab/thud", "a\x00é": "a%00%C3%A9", "~-_.*": "~-_.*"} {
		if got := string(appendURL(nil, s)); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
	if err := quick.Check(func(s string) bool {
		back, err := url.PathUnescape(string(appendURL(nil, s)))
		return err == nil && back == s
	}, nil); err != nil {
		t.Error(err)
	}
}

func TestContents(t *testing.T) {
	c := &call{principal: &catalog.Principal{Account: &catalog.Account{ID: "u1", CanonicalID: "c1", Name: "ann", DisplayName: "Ann"}}}
	l := &repo.Listing{Entries: []repo.ListEntry{{
		Key: "a<b", Size: 5, ETag: "e1", Owner: "u1", ModTime: time.Date(2024, 2, 3, 4, 5, 6, 789e6, time.UTC),
		Checksum: catalog.Checksum{Algorithm: "CRC32", Type: catalog.FullObject},
	}, {Key: "z é", ETag: "e2-3", Owner: "u1", StorageClass: "STANDARD_IA"}}}
	in := &listing{}
	got := string(c.contents(nil, in, l, true))
	want := `<Contents><Key>a&lt;b</Key><LastModified>2024-02-03T04:05:06.000Z</LastModified><ETag>&quot;e1&quot;</ETag>` +
		`<ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType><Size>5</Size><StorageClass>STANDARD</StorageClass>` +
		`<Owner><ID>c1</ID><DisplayName>Ann</DisplayName></Owner></Contents>` +
		`<Contents><Key>z é</Key><LastModified>0001-01-01T00:00:00.000Z</LastModified><ETag>&quot;e2-3&quot;</ETag><Size>0</Size><StorageClass>STANDARD_IA</StorageClass>` +
		`<Owner><ID>c1</ID><DisplayName>Ann</DisplayName></Owner></Contents>`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	in.encode = true
	if got := string(c.contents(nil, in, l, false)); !strings.Contains(got, "<Key>z%20%C3%A9</Key>") || strings.Contains(got, "Owner") {
		t.Errorf("encoded: %s", got)
	}
}

func BenchmarkContents1000(b *testing.B) {
	c := &call{principal: &catalog.Principal{Account: &catalog.Account{ID: "u1", CanonicalID: strings.Repeat("c", 64), Name: "ann"}}}
	l := &repo.Listing{Entries: make([]repo.ListEntry, 1000)}
	for i := range l.Entries {
		l.Entries[i] = repo.ListEntry{Key: "some/prefix/of/usual/length/file-000001.root", Size: 123456, ETag: strings.Repeat("a", 32), Owner: "u1", ModTime: time.Now()}
	}
	b.ReportAllocs()
	for b.Loop() {
		buf := c.begin("ListBucketResult", &listing{}, len(l.Entries))
		c.contents(buf, &listing{}, l, true)
	}
}

func FuzzListQuery(f *testing.F) {
	for _, s := range []string{"", "max-keys=5&prefix=a%2F&delimiter=/", "max-keys=-1", "encoding-type=url&marker=%00", "continuation-token=~x", "max-keys=99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := parseQuery(raw)
		if err != nil {
			return
		}
		c := &call{query: q}
		in, err := c.listInput("max-keys")
		if err != nil {
			return
		}
		if in.Max < 0 || in.Max > maxPage || in.Prefix != q.get("prefix") {
			t.Fatalf("%q gave %+v", raw, in)
		}
		if key, err := decodeToken(q.get("continuation-token")); err == nil {
			if back, err := decodeToken(encodeToken(key)); err != nil || back != key {
				t.Fatalf("token of %q", key)
			}
		}
	})
}
