package lawtest

import (
	"strings"
	"testing"
)

func TestReadResults(t *testing.T) {
	const mark = "\x16"
	in := strings.Join([]string{
		mark + "=== RUN   meta",
		mark + "=== RUN   meta/Keys",
		mark + "    --- PASS: meta/Keys (0.02s)",
		mark + "=== RUN   meta/Batch",
		"    metatest.go:220: not applicable: plain has no batches",
		mark + "    --- SKIP: meta/Batch (0.00s)",
		mark + "=== RUN   meta/Bodies",
		mark + "=== RUN   meta/Bodies/large",
		"    records.go:10: body came back changed",
		"--- FAIL: meta/Keys (0.02s)", // printed by the store, not by testing
		mark + "        --- FAIL: meta/Bodies/large (0.10s)",
		mark + "    --- FAIL: meta/Bodies (0.50s)",
		mark + "=== RUN   meta/Closed",
		"panic: test timed out after 10m0s",
		"goroutine 1 [running]:",
	}, "\n")
	var got []Result
	readResults(strings.NewReader(in), "meta", func(r Result) { got = append(got, r) })
	want := []Result{
		{"meta", "Keys", OK, "", 0.02},
		{"meta", "Batch", Skipped, "not applicable: plain has no batches", 0},
		{"meta", "Bodies", Failed, "records.go:10: body came back changed\n--- FAIL: meta/Keys (0.02s)", 0.5},
		{"meta", "Closed", Failed, "panic: test timed out after 10m0s\ngoroutine 1 [running]:\nthe test process ended", 0},
	}
	if len(got) != len(want) {
		t.Fatalf("%d results: %+v", len(got), got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
}

// TestLongOutput: a store that prints without end neither stops the run nor
// fills the memory.
func TestLongOutput(t *testing.T) {
	in := "\x16=== RUN   meta/Keys\n" + strings.Repeat("x", 3<<20) + "\n\x16    --- PASS: meta/Keys (0.02s)\n"
	var got []Result
	readResults(strings.NewReader(in), "meta", func(r Result) { got = append(got, r) })
	if len(got) != 1 || got[0].Result != Failed || len(got[0].Reason) > 2*maxReason {
		t.Errorf("%d results", len(got))
	}
}
