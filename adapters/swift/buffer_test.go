package swift

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/content/contenttest"
)

// A buffer gives the same bytes as often as it is read.
func TestBufferReplays(t *testing.T) {
	b := &buffer{budget: newBudget(10 << 20)}
	data := contenttest.Bytes(1, 3_000_000)
	for rest := data; len(rest) > 0; {
		if b.room() == 0 && !b.grow(int64(len(rest)), false) {
			t.Fatal("no room")
		}
		rest = rest[b.append(rest):]
	}
	for range 2 {
		r := b.reader(watchdog{time.Minute, time.NewTimer(time.Minute)})
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
	b.free()
	if b.budget.taken != 0 {
		t.Errorf("%d bytes are not given back", b.budget.taken)
	}
}

// A writer that finds the budget spent and has little overdraws, up to its
// least segment; the 1,000 segments of a manifest hold 5 GiB even so.
func TestLeastSegments(t *testing.T) {
	s := &Store{opts: Options{SegmentBytes: 32 << 20}}
	w := &writer{store: s}
	sum := int64(0)
	for range 1000 {
		sum += w.least()
		w.segments = append(w.segments, segment{})
	}
	if sum < 5<<30 {
		t.Errorf("%d bytes", sum)
	}
}

// The container of an ID never changes: contents would be lost.
func TestContainerOfID(t *testing.T) {
	s := &Store{opts: Options{Prefix: "mucura"}, containers: 256}
	for id, want := range map[content.ID]string{
		"00000000000000000000000000000000": "mucura-0a5",
		"0123456789abcdef0123456789abcdef": "mucura-055",
	} {
		if got := s.container(id); got != want {
			t.Errorf("%s is in %s", id, got)
		}
	}
	seen := map[string]int{}
	for range 25_600 {
		seen[s.container(content.NewID(time.Now()))]++
	}
	for c, n := range seen {
		if n > 200 {
			t.Errorf("%d of 25,600 contents are in %s", n, c)
		}
	}
	if len(seen) != 256 {
		t.Errorf("%d containers are used", len(seen))
	}
}
