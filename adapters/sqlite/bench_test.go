package sqlite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mucura/mucura/core/meta"
)

// Run with: go test -run '^$' -bench . ./adapters/sqlite

const benchPart = meta.Partition("b/bench")

func benchKey(i int) string { return fmt.Sprintf("orun-2024/detector/file-%08d.root", i) }

// benchRecord is like an object of 4 KiB with its bytes inlined.
func benchRecord() meta.Record {
	r := meta.Record{Value: make([]byte, 180), Summary: make([]byte, 60), Body: make([]byte, 4096)}
	for _, b := range [][]byte{r.Value, r.Summary, r.Body} {
		for i := range b {
			b[i] = byte(rand.Uint32())
		}
	}
	return r
}

// benchStore is a store without the check at its end.
func benchStore(b *testing.B) *Store {
	s, err := Open(filepath.Join(b.TempDir(), "meta.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// load puts n objects in random order.
func load(b testing.TB, s *Store, n int) {
	b.Helper()
	r := benchRecord()
	order := rand.Perm(n)
	const step = 500
	for from := 0; from < n; from += step {
		var ops []meta.Op
		for _, i := range order[from:min(from+step, n)] {
			ops = append(ops, meta.Op{Key: benchKey(i), Record: r})
		}
		if err := s.Batch(b.Context(), benchPart, ops); err != nil {
			b.Fatal(err)
		}
	}
}

// cpu is the user and system time of this process.
func cpu() time.Duration {
	var ru syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &ru) != nil {
		return 0
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

// measure reports CPU time per operation, of all threads.
func measure(b *testing.B, run func()) {
	b.ReportAllocs()
	b.ResetTimer()
	start := cpu()
	run()
	b.ReportMetric(float64((cpu()-start).Nanoseconds())/float64(b.N)/1000, "cpu-µs/op")
}

const benchObjects = 20000

func benchGet(b *testing.B, withBody bool) {
	s := benchStore(b)
	load(b, s, benchObjects)
	ctx := context.Background()
	measure(b, func() {
		for range b.N {
			if _, err := s.Get(ctx, benchPart, benchKey(rand.IntN(benchObjects)), withBody); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkGet(b *testing.B)       { benchGet(b, false) }
func BenchmarkGetBody4K(b *testing.B) { benchGet(b, true) }

func BenchmarkGetMissing(b *testing.B) {
	s := benchStore(b)
	load(b, s, benchObjects)
	ctx := context.Background()
	measure(b, func() {
		for range b.N {
			if _, err := s.Get(ctx, benchPart, benchKey(rand.IntN(benchObjects))+"x", false); err == nil {
				b.Fatal("found")
			}
		}
	})
}

// parallel runs fn b.N times from n goroutines.
func parallel(b *testing.B, n int, fn func(i int) error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= b.N {
					return
				}
				if err := fn(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func benchPut(b *testing.B, clients int) {
	s := benchStore(b)
	load(b, s, 1000)
	r := benchRecord()
	ctx := context.Background()
	measure(b, func() {
		parallel(b, clients, func(i int) error {
			_, err := s.Put(ctx, benchPart, benchKey(i*7919%1000003), r, meta.Always)
			return err
		})
	})
}

func BenchmarkPutParallel1(b *testing.B)  { benchPut(b, 1) }
func BenchmarkPutParallel8(b *testing.B)  { benchPut(b, 8) }
func BenchmarkPutParallel64(b *testing.B) { benchPut(b, 64) }

func BenchmarkDeleteParallel8(b *testing.B) {
	s := benchStore(b)
	load(b, s, b.N)
	ctx := context.Background()
	measure(b, func() {
		parallel(b, 8, func(i int) error { return s.Delete(ctx, benchPart, benchKey(i), meta.Always) })
	})
}

func benchScan(b *testing.B, withValue bool) {
	s := benchStore(b)
	load(b, s, benchObjects)
	ctx := context.Background()
	measure(b, func() {
		for range b.N {
			from := benchKey(rand.IntN(benchObjects - 1000))
			page, err := s.Scan(ctx, benchPart, meta.Range{From: from, Before: "p", WithValue: withValue})
			if err != nil || len(page.Entries) != 1000 {
				b.Fatal(len(page.Entries), err)
			}
		}
	})
}

func BenchmarkScan1000(b *testing.B)       { benchScan(b, false) }
func BenchmarkScanValues1000(b *testing.B) { benchScan(b, true) }

func BenchmarkScanOne(b *testing.B) {
	s := benchStore(b)
	load(b, s, benchObjects)
	ctx := context.Background()
	measure(b, func() {
		for range b.N {
			key := benchKey(rand.IntN(benchObjects))
			page, err := s.Scan(ctx, benchPart, meta.Range{From: key, Before: meta.PrefixEnd(key)})
			if err != nil || len(page.Entries) != 1 {
				b.Fatal(len(page.Entries), err)
			}
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	s := benchStore(b)
	load(b, s, 1000)
	path := s.path
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	measure(b, func() {
		for range b.N {
			s, err := Open(path, Options{})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := s.Get(b.Context(), benchPart, benchKey(1), false); err != nil {
				b.Fatal(err)
			}
			s.Close()
		}
	})
}
