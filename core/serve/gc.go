package serve

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// gcHeadroom is how much garbage may gather before it is collected, bytes; of a
// large live heap, at least gcLeast percent of it, as collecting it costs more.
const (
	gcHeadroom = 24 << 20
	gcLeast    = 33
)

// TuneGC, called once as the process starts, makes the collector run after a fixed amount of garbage rather than
// after a fraction of the live heap. The server's live heap is some megabytes,
// so the usual setting would collect many times a second under load, for nearly
// half the cost of a listing; and with thousands of idle connections, whose
// memory is live, it would let as much garbage gather again.
func TuneGC() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	heap := max(live[0].Value.Uint64(), 1<<20)
	percent := int(min(max(100*gcHeadroom/heap, gcLeast), 1000))
	debug.SetGCPercent(percent)
	// Run again after the next collection.
	runtime.SetFinalizer(&struct{ b [16]byte }{}, func(*struct{ b [16]byte }) { TuneGC() })
}
