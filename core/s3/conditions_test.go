package s3

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/s3err"
)

func TestConditions(t *testing.T) {
	modified := time.Date(2024, 5, 1, 12, 0, 0, 500e6, time.UTC)
	o := &catalog.Object{ETag: "abc", ModTime: modified}
	before := modified.Add(-time.Hour).Format(http.TimeFormat)
	same := modified.Format(http.TimeFormat)
	after := modified.Add(time.Hour).Format(http.TimeFormat)
	failed, notModified := s3err.PreconditionFailed, s3err.NotModified
	for _, tt := range []struct {
		match, noneMatch, modifiedSince, unmodifiedSince string
		want                                             *s3err.Code
	}{
		{"", "", "", "", nil},
		{`"abc"`, "", "", "", nil},
		{"abc", "", "", "", nil},
		{`"x", "abc"`, "", "", "", nil},
		{"*", "", "", "", nil},
		{`"x"`, "", "", "", failed},
		{"abc", "", "", before, nil}, // If-Match goes before If-Unmodified-Since
		{"x", "", "", after, failed},
		{"", "", "", before, failed},
		{"", "", "", same, nil},
		{"", "", "", after, nil},
		{"", `"abc"`, "", "", notModified},
		{"", "*", "", "", notModified},
		{"", `W/"abc"`, "", "", notModified},
		{"", `"x"`, "", "", nil},
		{"", `"x"`, after, "", nil}, // If-None-Match goes before If-Modified-Since
		{"", "abc", before, "", notModified},
		{"", "", before, "", nil},
		{"", "", same, "", notModified},
		{"", "", after, "", notModified},
		{"abc", "abc", "", "", notModified},
		{"x", "abc", "", "", failed},
		{"", "abc", "", before, failed},
		{"", "", "nonsense", "nonsense", nil},
	} {
		h := http.Header{}
		for name, v := range map[string]string{"If-Match": tt.match, "If-None-Match": tt.noneMatch, "If-Modified-Since": tt.modifiedSince, "If-Unmodified-Since": tt.unmodifiedSince} {
			if v != "" {
				h.Set(name, v)
			}
		}
		q := conditionsFrom(h, "", time.Now())
		err := q.judge(o)
		if (tt.want == nil) != (err == nil) || (tt.want != nil && !errors.Is(err, tt.want)) {
			t.Errorf("%v: %v, want %v", h, err, tt.want)
		}
	}
}

func FuzzConditional(f *testing.F) {
	f.Add(`"abc"`, "*", "Wed, 01 May 2024 12:00:00 GMT", "2024-05-01T12:00:00Z")
	f.Add(",,", `W/"`, "", "x")
	f.Fuzz(func(t *testing.T, match, noneMatch, since, until string) {
		o := &catalog.Object{ETag: "abc", ModTime: time.Unix(1714564800, 0)}
		h := http.Header{"If-Match": {match}, "If-None-Match": {noneMatch}, "If-Modified-Since": {since}, "If-Unmodified-Since": {until}, "If-Range": {match}}
		q := conditionsFrom(h, "", time.Now())
		err := q.judge(o)
		if err != nil && !errors.Is(err, s3err.PreconditionFailed) && !errors.Is(err, s3err.NotModified) {
			t.Fatal(err)
		}
		if !etagIn(match, "abc") && !errors.Is(err, s3err.PreconditionFailed) {
			t.Fatalf("If-Match: %q passed", match)
		}
		c := &call{r: &http.Request{Header: h}}
		c.rangeApplies(o)
	})
}
