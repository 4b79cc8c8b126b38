package s3

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
)

func TestParseRange(t *testing.T) {
	for _, tt := range []struct {
		header string
		want   []span
		ok     bool
	}{
		{"bytes=0-0", []span{{0, 1}}, true},
		{"bytes=00-01", []span{{0, 2}}, true},
		{"bytes=0-99", []span{{0, 100}}, true},
		{"bytes=0-999999", []span{{0, 100}}, true},
		{"bytes=0-99999999999999999999999", []span{{0, 100}}, true},
		{"bytes=50-", []span{{50, 50}}, true},
		{"bytes=-1", []span{{99, 1}}, true},
		{"bytes=-101", []span{{0, 100}}, true},
		{"bytes=0-1,5-6, 8-8", []span{{0, 2}, {5, 2}, {8, 1}}, true},
		{"bytes=0-1,200-300", []span{{0, 2}}, true},
		{"bytes=,0-1", []span{{0, 2}}, true},
		{"bytes=100-", nil, true},
		{"bytes=100-200", nil, true},
		{"bytes=-0", nil, true},
		{"bytes=200-,300-", nil, false},
		{"bytes=0-99,0-99", nil, false},
		{"bytes=", nil, false},
		{"bytes=,", nil, false},
		{"bytes= -1", nil, false},
		{"bytes=-1 ", nil, false},
		{"bytes=--1", nil, false},
		{"bytes=0 -1", nil, false},
		{"bytes=0--1", nil, false},
		{"bytes=10-5", nil, false},
		{"bytes=a-z", nil, false},
		{"bytes=5", nil, false},
		{"bytes=0-1,x", nil, false},
		{"rows=0-1", nil, false},
		{"", nil, false},
		{"bytes=" + strings.Repeat("0-0,", maxRanges) + "0-0", nil, false},
	} {
		got, ok := parseRange(tt.header, 100)
		if ok != tt.ok || (ok && !reflect.DeepEqual(got, tt.want)) {
			t.Errorf("%.40q: %v, %v; want %v, %v", tt.header, got, ok, tt.want, tt.ok)
		}
	}
	for header, want := range map[string]bool{"bytes=0-": true, "bytes=-0": true, "bytes=0-0": true, "bytes=-1": false, "bytes=0-0,1-2": false} {
		if got, ok := parseRange(header, 0); ok != want || got != nil {
			t.Errorf("%s of nothing: %v, %v", header, got, ok)
		}
	}
}

func FuzzRange(f *testing.F) {
	for _, s := range []string{"bytes=0-1", "bytes=-5", "bytes=5-", "bytes=0-0,2-3", "bytes=9999999999999999999-", "bytes=,,", "x"} {
		f.Add(s, int64(10))
	}
	f.Add("bytes=-0", int64(0))
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		spans, ok := parseRange(header, size)
		if !ok && spans != nil {
			t.Fatal("spans of a range to ignore")
		}
		total := int64(0)
		for _, s := range spans {
			if s.offset < 0 || s.length <= 0 || s.offset > size-s.length {
				t.Fatalf("%q of %d: %v", header, size, s)
			}
			if want := "bytes " + strconv.FormatInt(s.offset, 10) + "-"; !strings.HasPrefix(s.contentRange(size), want) {
				t.Fatalf("%v is written %s", s, s.contentRange(size))
			}
			total += s.length
		}
		if len(spans) > 1 && total > size {
			t.Fatalf("%q of %d asks for %d", header, size, total)
		}
	})
}
