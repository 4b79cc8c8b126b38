package redis

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mucura/mucura/core/meta"
)

func binaryKey() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return string(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 2, 'a', 0xff}), 0, 6).Draw(t, "key"))
	})
}

// TestMembersSortAsKeys: whatever follows the key, and no member is taken for
// that of another key.
func TestMembersSortAsKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := binaryKey().Draw(t, "a"), binaryKey().Draw(t, "b")
		after := rapid.SliceOf(rapid.Byte())
		ma := append(appendEscaped(nil, a), after.Draw(t, "after a")...)
		mb := append(appendEscaped(nil, b), after.Draw(t, "after b")...)
		if a != b && (a < b) != (bytes.Compare(ma, mb) < 0) {
			t.Fatalf("%q and %q sort otherwise than %q and %q", ma, mb, a, b)
		}
		// The bounds of a scan: a member of a is at or above a's own.
		if from := string(appendEscaped(nil, b)); (a >= b) != (string(ma) >= from) {
			t.Fatalf("a scan from %q and the member %q", b, ma)
		}
		if key, _, err := unescape(string(ma)); err != nil || key != a {
			t.Fatalf("%q became %q, %v", a, key, err)
		}
	})
}

func TestRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := meta.Record{
			Value:   rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "value"),
			Summary: rapid.SliceOfN(rapid.Byte(), 0, meta.MaxSummary).Draw(t, "summary"),
			Version: newVersion(),
		}
		got, err := decode(encode(r, r.Version))
		if err != nil || got.Version != r.Version || !bytes.Equal(got.Value, r.Value) || !bytes.Equal(got.Summary, r.Summary) {
			t.Fatalf("%+v became %+v, %v", r, got, err)
		}
	})
}

// TestDamaged gives what no script wrote: an error, no panic.
func TestDamaged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 2, 255}), 0, 40).Draw(t, "bytes")
		_, _ = decode(b)
		_, _ = entry(string(b))
	})
	for _, s := range []string{"", "a", "a\x00", "a\x00\x02", "a\x00\x00short"} {
		if _, err := entry(s); err == nil {
			t.Errorf("%q was taken for a member", s)
		}
	}
	if _, err := decode(append([]byte{0, 1, 0}, make([]byte, 20)...)); err == nil {
		t.Error("a summary longer than the record was taken")
	}
}

// TestOneSlot: both keys of a partition carry the same hash tag, whatever its
// name, and no two partitions share keys.
func TestOneSlot(t *testing.T) {
	a := &address{prefix: "m"}
	seen := map[string]meta.Partition{}
	for _, p := range []meta.Partition{"a", "}", "{", "{}", "}{", "%7D", "%", "a}b", "{a}", "b/1", "%257D"} {
		h, i := a.keysOf(p)
		for _, k := range []string{h, i} {
			if strings.Count(k, "{") != 1 || strings.Count(k, "}") != 1 || strings.Contains(k, "{}") {
				t.Errorf("%s: key %s", p, k)
			}
			if q, there := seen[k]; there {
				t.Errorf("%s and %s share %s", p, q, k)
			}
			seen[k] = p
		}
	}
}
