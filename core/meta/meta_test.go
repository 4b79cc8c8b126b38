package meta

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPrefixEnd(t *testing.T) {
	for _, c := range []struct{ prefix, want string }{
		{"", ""},
		{"a", "b"},
		{"a/", "a0"},
		{"a\x00", "a\x01"},
		{"a\xff", "b"},
		{"a\xff\xff", "b"},
		{"\xff", ""},
		{"\xff\xff", ""},
		{"\xfe\xff", "\xff"},
	} {
		if got := PrefixEnd(c.prefix); got != c.want {
			t.Errorf("PrefixEnd(%q) = %q, want %q", c.prefix, got, c.want)
		}
	}
}

// binary draws strings in which NUL and 0xff are frequent.
func binary() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return string(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 'a', 'b', 0xfe, 0xff}), 0, 6).Draw(t, "bytes"))
	})
}

// TestRangeBounds shows that [prefix, PrefixEnd) holds exactly the keys with
// the prefix, and that nothing lies between a key and Next of it.
func TestRangeBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prefix, key := binary().Draw(t, "prefix"), binary().Draw(t, "key")
		end := PrefixEnd(prefix)
		in := key >= prefix && (end == "" || key < end)
		if in != strings.HasPrefix(key, prefix) {
			t.Fatalf("key %q, range %q to %q: in is %v", key, prefix, end, in)
		}
		other := binary().Draw(t, "other")
		if other > key && other < Next(key) {
			t.Fatalf("%q lies between %q and its Next", other, key)
		}
	})
}

func TestIfMatch(t *testing.T) {
	if IfMatch("") != IfAbsent {
		t.Error(`IfMatch("") is not IfAbsent`)
	}
	if c := IfMatch("v"); c.Kind != Match || c.Version != "v" {
		t.Errorf(`IfMatch("v") = %+v`, c)
	}
}

func TestCheck(t *testing.T) {
	c := Capabilities{MaxValue: MinValue, MaxInline: 10}
	long := func(n int) string { return strings.Repeat("x", n) }
	for _, x := range []struct {
		name string
		p    Partition
		key  string
		r    Record
		ok   bool
	}{
		{"smallest", "p", "k", Record{}, true},
		{"largest", Partition(long(MaxPartition)), long(MaxKey), Record{
			Value: make([]byte, MinValue), Summary: make([]byte, MaxSummary), Body: make([]byte, 10)}, true},
		{"no partition", "", "k", Record{}, false},
		{"long partition", Partition(long(MaxPartition + 1)), "k", Record{}, false},
		{"no key", "p", "", Record{}, false},
		{"long key", "p", long(MaxKey + 1), Record{}, false},
		{"long value", "p", "k", Record{Value: make([]byte, MinValue+1)}, false},
		{"long summary", "p", "k", Record{Summary: make([]byte, MaxSummary+1)}, false},
		{"long body", "p", "k", Record{Body: make([]byte, 11)}, false},
	} {
		err := Check(c, x.p, x.key, x.r)
		if x.ok && err != nil || !x.ok && !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", x.name, err)
		}
	}
}

func TestCheckBatch(t *testing.T) {
	c := Capabilities{MaxValue: MinValue, Batch: true}
	keys := func(n int) (ops []Op) {
		for i := range n {
			ops = append(ops, Op{Key: fmt.Sprint("k", i)})
		}
		return ops
	}
	for _, x := range []struct {
		name string
		c    Capabilities
		ops  []Op
		want error
	}{
		{"empty", c, nil, nil},
		{"three", c, keys(3), nil},
		{"most", c, keys(MaxBatch), nil},
		{"too many", c, keys(MaxBatch + 1), ErrTooLarge},
		{"twice in few", c, append(keys(3), Op{Key: "k0"}), ErrUnsupported},
		{"twice in many", c, append(keys(100), Op{Key: "k99"}), ErrUnsupported},
		{"large value", c, []Op{{Key: "k", Record: Record{Value: make([]byte, MinValue+1)}}}, ErrTooLarge},
		{"no batches", Capabilities{MaxValue: MinValue}, keys(1), ErrUnsupported},
	} {
		if err := CheckBatch(x.c, "p", x.ops); !errors.Is(err, x.want) {
			t.Errorf("%s: %v, want %v", x.name, err, x.want)
		}
	}
}

func TestLevelNames(t *testing.T) {
	var names []string
	for l := None; l <= Linearizable; l++ {
		names = append(names, l.String())
	}
	sort.Strings(names)
	if got := strings.Join(names, " "); got != "linearizable none when-healthy" {
		t.Errorf("names: %s", got)
	}
}
