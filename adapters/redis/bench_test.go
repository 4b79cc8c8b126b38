package redis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/redis/redistest"
	"github.com/mucura/mucura/core/meta"
)

// Run with: go test -run '^$' -bench . ./adapters/redis
// It reports the CPU time of this process and of the server for each operation.

const (
	benchPart    = meta.Partition("b/bench")
	benchObjects = 20000
)

func benchKey(i int) string { return fmt.Sprintf("orun-2024/detector/file-%08d.root", i) }

// benchRecord is like an object of so many bytes, inlined.
func benchRecord(body int) meta.Record {
	r := meta.Record{Value: make([]byte, 180), Summary: make([]byte, 60), Body: make([]byte, body)}
	for _, b := range [][]byte{r.Value, r.Summary, r.Body} {
		for i := range b {
			b[i] = byte(rand.Uint32())
		}
	}
	return r
}

func benchStore(b *testing.B, settings ...string) (*Store, *redistest.Server) {
	r := server(b, redistest.Options{})
	s := open(b, with(r.URL(), settings...))
	return s, r
}

// fill puts n objects in random order.
func fill(b testing.TB, s *Store, n, body int) {
	b.Helper()
	record := benchRecord(body)
	order := rand.Perm(n)
	const step = 500
	for from := 0; from < n; from += step {
		var ops []meta.Op
		for _, i := range order[from:min(from+step, n)] {
			ops = append(ops, meta.Op{Key: benchKey(i), Record: record})
		}
		if err := s.Batch(context.Background(), benchPart, ops); err != nil {
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

// measure runs fn b.N times from so many goroutines.
func measure(b *testing.B, r *redistest.Server, clients int, fn func(i int) error) {
	b.Helper()
	b.ReportAllocs()
	serverBegin, err := r.CPU()
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	begin := cpu()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range clients {
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
	b.StopTimer()
	used := cpu() - begin
	serverEnd, err := r.CPU()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(used.Nanoseconds())/1000/float64(b.N), "client-cpu-µs/op")
	b.ReportMetric(float64((serverEnd-serverBegin).Nanoseconds())/1000/float64(b.N), "server-cpu-µs/op")
}

func BenchmarkPut(b *testing.B) {
	for _, lanes := range []string{"lanes=4", "lanes=32"} {
		for _, clients := range []int{1, 8, 64} {
			for _, body := range []int{0, 4096} {
				b.Run(fmt.Sprintf("%s/clients=%d/body=%d", lanes, clients, body), func(b *testing.B) {
					s, r := benchStore(b, lanes, "connections=80")
					fill(b, s, 1000, body)
					record := benchRecord(body)
					measure(b, r, clients, func(i int) error {
						_, err := s.Put(context.Background(), benchPart, benchKey(i*7919%1000003), record, meta.Always)
						return err
					})
				})
			}
		}
	}
}

func BenchmarkGet(b *testing.B) {
	for _, lanes := range []string{"lanes=4", "lanes=32"} {
		for _, clients := range []int{1, 8, 64} {
			for _, withBody := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s/clients=%d/body=%v", lanes, clients, withBody), func(b *testing.B) {
					s, r := benchStore(b, lanes, "connections=80")
					fill(b, s, benchObjects, 4096)
					measure(b, r, clients, func(int) error {
						_, err := s.Get(context.Background(), benchPart, benchKey(rand.IntN(benchObjects)), withBody)
						return err
					})
				})
			}
		}
	}
}

func BenchmarkScan(b *testing.B) {
	for _, c := range []struct {
		n         int
		withValue bool
	}{{1, false}, {1000, false}, {1000, true}} {
		b.Run(fmt.Sprintf("entries=%d/values=%v", c.n, c.withValue), func(b *testing.B) {
			s, r := benchStore(b)
			fill(b, s, benchObjects, 0)
			measure(b, r, 4, func(int) error {
				from := benchKey(rand.IntN(benchObjects - 1000))
				page, err := s.Scan(context.Background(), benchPart, meta.Range{From: from, Limit: c.n, WithValue: c.withValue})
				if err == nil && len(page.Entries) != c.n {
					err = fmt.Errorf("page of %d entries", len(page.Entries))
				}
				return err
			})
		})
	}
}

// BenchmarkMemory reports the server's memory for each object, of 50,000.
func BenchmarkMemory(b *testing.B) {
	for _, body := range []int{0, 4096} {
		b.Run(fmt.Sprint("body=", body), func(b *testing.B) {
			const n = 50000
			for range b.N {
				s, r := benchStore(b)
				before := used(b, r)
				for from := 0; from < n; from += 500 {
					var ops []meta.Op
					for i := range 500 {
						ops = append(ops, meta.Op{Key: benchKey(from + i), Record: benchRecord(body)})
					}
					if err := s.Batch(context.Background(), benchPart, ops); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(used(b, r)-before)/n, "server-bytes/object")
			}
		})
	}
}

func used(b *testing.B, r *redistest.Server) int64 {
	b.Helper()
	v, err := r.Do(context.Background(), "MEMORY", "STATS")
	if err != nil {
		b.Fatal(err)
	}
	list := v.([]any)
	for i := 0; i+1 < len(list); i += 2 {
		if list[i] == "total.allocated" {
			return list[i+1].(int64)
		}
	}
	b.Fatal("no total.allocated")
	return 0
}
