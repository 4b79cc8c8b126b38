package localfs_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/localfs"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/content/contenttest"
	"github.com/spf13/afero"
)

// BenchmarkSend opens a content and sends it over a loopback connection.
func BenchmarkSend(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err == nil {
			io.Copy(io.Discard, c)
		}
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	s := open(b, afero.NewOsFs(), b.TempDir())
	for _, size := range []int{4 << 10, 64 << 10, 1 << 20} {
		id := contenttest.Write(b, s, contenttest.Bytes(1, size), 1<<20)
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				r, err := s.Open(context.Background(), id, 0, int64(size))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(conn, r); err != nil {
					b.Fatal(err)
				}
				r.Close()
			}
		})
	}
}

// BenchmarkPut stores contents of several sizes, with and without early
// writing out.
func BenchmarkPut(b *testing.B) {
	for _, behind := range []int64{-1, 8 << 20} {
		s, err := localfs.Open(afero.NewOsFs(), b.TempDir(), localfs.Options{WriteBehind: behind})
		if err != nil {
			b.Fatal(err)
		}
		for _, size := range []int{64 << 10, 64 << 20} {
			data := contenttest.Bytes(1, size)
			b.Run(fmt.Sprintf("%d/behind=%d", size, behind), func(b *testing.B) {
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					id := content.NewID(time.Now())
					contenttest.WriteID(b, s, id, data, 1<<20)
					if err := s.Delete(context.Background(), id); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
