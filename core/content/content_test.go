package content_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/content"
)

func TestNewIDSortsByAge(t *testing.T) {
	start := time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC)
	var ids []content.ID
	for _, d := range []time.Duration{0, time.Millisecond, time.Second, time.Hour, 24 * 365 * time.Hour, 24 * 365 * 200 * time.Hour} {
		ids = append(ids, content.NewID(start.Add(d)))
	}
	if !slices.IsSorted(ids) {
		t.Errorf("not in order: %v", ids)
	}
}

func TestIDTime(t *testing.T) {
	for _, at := range []time.Time{
		time.UnixMilli(0), time.UnixMilli(1), time.Date(2026, 2, 3, 4, 5, 6, 789e6, time.UTC),
	} {
		id := content.NewID(at)
		if !id.Valid() || content.CheckID(id) != nil {
			t.Errorf("%q is not valid", id)
		}
		if !id.Time().Equal(at) {
			t.Errorf("time of %q is %v, want %v", id, id.Time(), at)
		}
	}
	if !content.ID("x").Time().IsZero() {
		t.Error("a malformed ID has a time")
	}
}

func TestNewIDIsUnique(t *testing.T) {
	now := time.Now()
	seen := map[content.ID]bool{}
	for range 10_000 {
		id := content.NewID(now)
		if seen[id] {
			t.Fatalf("%s twice", id)
		}
		seen[id] = true
	}
}

func TestMalformedIDs(t *testing.T) {
	for _, id := range []content.ID{
		"", "..", "0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdef0",
		"0123456789ABCDEF0123456789abcdef", "0123456789abcdef/123456789abcdef",
		"0123456789abcdef0123456789abcde\n", "ａ123456789abcdef0123456789abc",
	} {
		if id.Valid() || content.CheckID(id) == nil {
			t.Errorf("%q is valid", id)
		}
	}
}

func FuzzValid(f *testing.F) {
	f.Add("0123456789abcdef0123456789abcdef")
	f.Add("../../../../../../../../etc/host")
	f.Fuzz(func(t *testing.T, s string) {
		want := len(s) == 32 && strings.Trim(s, "0123456789abcdef") == ""
		if content.ID(s).Valid() != want {
			t.Errorf("Valid(%q) is %v", s, !want)
		}
	})
}
