package plugin

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// cpu is the time both ends have used.
func cpu(b *testing.B, pid int) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	var user, system int64 // in ticks of 10 ms
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano()+u.Stime.Nano()) + time.Duration(user+system)*10*time.Millisecond
}

// measure reports what both ends use.
func measure(b *testing.B, pid int, bytes int64, f func()) {
	b.SetBytes(bytes)
	before := cpu(b, pid)
	for b.Loop() {
		f()
	}
	used := cpu(b, pid) - before
	if bytes > 0 {
		b.ReportMetric(float64(bytes)*float64(b.N)/(1<<20)/used.Seconds(), "MiB/cpu-s")
	} else {
		b.ReportMetric(float64(used.Microseconds())/float64(b.N), "cpu-µs/op")
	}
}

const benchSize = 64 << 20

func BenchmarkWrite(b *testing.B) {
	for _, chunk := range []int{32 << 10, 256 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", chunk>>10), func(b *testing.B) {
			s := mustContent(b, Options{Log: quick(&logs{}).Log}, "kind", "sink")
			data := make([]byte, chunk)
			measure(b, pidOf(b, s), benchSize, func() {
				w, err := s.Create(b.Context(), content.NewID(time.Now()), benchSize)
				for n := 0; n < benchSize && err == nil; n += chunk {
					_, err = w.Write(data)
				}
				if err == nil {
					err = w.Commit()
				}
				if err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

func BenchmarkRead(b *testing.B) {
	s := mustContent(b, Options{Log: quick(&logs{}).Log}, "kind", "sink")
	id := content.NewID(time.Now())
	measure(b, pidOf(b, s), benchSize, func() {
		r, err := s.Open(b.Context(), id, 0, benchSize)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, r); err != nil || n != benchSize {
			b.Fatal(n, err)
		}
		r.Close()
	})
}

func BenchmarkUnary(b *testing.B) {
	s := mustMeta(b, Options{Log: quick(&logs{}).Log})
	if _, err := s.Put(b.Context(), "p", "k", meta.Record{Value: make([]byte, 400)}, meta.Always); err != nil {
		b.Fatal(err)
	}
	pid := pidOf(b, s)
	b.Run("Get", func(b *testing.B) {
		measure(b, pid, 0, func() {
			if _, err := s.Get(b.Context(), "p", "k", true); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("Put", func(b *testing.B) {
		measure(b, pid, 0, func() {
			if _, err := s.Put(b.Context(), "p", "k", meta.Record{Value: make([]byte, 400)}, meta.Always); err != nil {
				b.Fatal(err)
			}
		})
	})
}

// BenchmarkOpen is a start with all that belongs to it, and an end.
func BenchmarkOpen(b *testing.B) {
	for _, pinned := range []bool{false, true} {
		b.Run(fmt.Sprintf("pinned=%v", pinned), func(b *testing.B) {
			url := pluginURL(b)
			if pinned {
				url = pluginURL(b, "sha256", sumOf(b, os.Args[0]))
			}
			for b.Loop() {
				s, err := OpenMeta(b.Context(), url, Options{Log: quick(&logs{}).Log})
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
