package repo

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

// An upload listing is the sorted model, in pages of any size.
func TestListUploads(t *testing.T) {
	onStores(t, func(t *testing.T, l *lab) {
		keys := []string{"a", "a/b", "a/c", "b", "b\x00", "b\x00c", "d//e", "d//f", "é"}
		var want []string
		for _, key := range keys {
			for range 3 {
				u := l.begin(t, key)
				want = append(want, key+" "+u.ID)
				l.advance(time.Microsecond)
			}
		}
		l.mustPut(t, "a", "an object")
		for _, max := range []int{1, 2, 4, 26, 27, 1000} {
			in := ListInput{Max: max}
			marker := ""
			var got []string
			for {
				page, err := l.ListUploads(ctx, l.bucket, in, marker)
				if err != nil || len(page.Uploads) > max {
					t.Fatalf("%d uploads, %v", len(page.Uploads), err)
				}
				for _, u := range page.Uploads {
					got = append(got, u.Key+" "+u.ID)
				}
				if in.After, marker = page.NextKey, page.NextUpload; !page.Truncated {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("max %d:\n got %q\nwant %q", max, got, want)
			}
		}
		for _, c := range []struct {
			in      ListInput
			marker  string
			uploads int
			want    string
			more    bool
		}{
			{ListInput{Delimiter: "/", Max: 100}, "", 15, "a/ d/", false},
			{ListInput{Delimiter: "//", Max: 100}, "", 21, "d//", false},
			{ListInput{Delimiter: "/", Prefix: "a", Max: 100}, "", 3, "a/", false},
			{ListInput{Delimiter: "/", Prefix: "a/", Max: 100}, "", 6, "", false},
			{ListInput{Delimiter: "/", Max: 4}, "", 3, "a/", true},
			{ListInput{Delimiter: "/", Max: 100, After: "a/"}, "", 12, "d/", false},
			{ListInput{Delimiter: "/", Max: 100, After: "a/b"}, "", 12, "d/", false},
			{ListInput{Max: 100, After: "b"}, "", 15, "", false},
			{ListInput{Max: 100, After: "b"}, "0", 18, "", false},
			{ListInput{Max: 100, After: "b"}, "g", 15, "", false},
			{ListInput{Max: 0}, "", 0, "", false},
		} {
			page, err := l.ListUploads(ctx, l.bucket, c.in, c.marker)
			if err != nil || len(page.Uploads) != c.uploads || strings.Join(page.Prefixes, " ") != c.want || page.Truncated != c.more {
				t.Errorf("%+v %q: %d uploads, prefixes %q, %v, %v", c.in, c.marker, len(page.Uploads), page.Prefixes, page.Truncated, err)
			}
		}
	})
}

func TestListParts(t *testing.T) {
	l := newLab(t, stores[0])
	u := l.begin(t, "k")
	var want []int
	for _, n := range []int{1, 2, 5, 255, 256, 257, 9999, 10000} {
		l.mustPart(t, "k", u, n, fmt.Sprint("part ", n))
		want = append(want, n)
	}
	for _, max := range []int{1, 3, 7, 8, 1000} {
		var got []int
		for after, more := 0, true; more; {
			var page []catalog.Part
			var err error
			page, more, err = l.ListParts(ctx, l.bucket, "k", u.ID, after, max)
			if err != nil || len(page) > max {
				t.Fatal(len(page), err)
			}
			for _, p := range page {
				got = append(got, p.Number)
				after = p.Number
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("max %d: %v", max, got)
		}
	}
	for _, c := range [][2]int{{0, 0}, {10000, 5}, {1 << 40, 5}} {
		if page, more, err := l.ListParts(ctx, l.bucket, "k", u.ID, c[0], c[1]); err != nil || more || len(page) != 0 {
			t.Errorf("after %d, max %d: %d, %v, %v", c[0], c[1], len(page), more, err)
		}
	}
	_, _, err := l.ListParts(ctx, l.bucket, "other", u.ID, 0, 5)
	wantRow(t, s3err.NoSuchUpload, err)
}
