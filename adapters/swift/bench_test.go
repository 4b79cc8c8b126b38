package swift

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/swift/swifttest"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/content/contenttest"
	"github.com/ncw/swift/v2"
)

// BenchmarkCPU measures processor time an operation, of this process and of
// Swift, for the adapter with its usual settings and for plain calls of
// ncw/swift that compare MD5s, too. Rates would say more about the machine.
//
//	go test ./adapters/swift -run '^$' -bench CPU -benchtime 20x
func BenchmarkCPU(b *testing.B) {
	n := stack.Get(b)
	s := open(b, n.URL(), Options{Prefix: newPrefix(), Containers: 4, Getenv: func(string) string { return "" }})
	plain := &swift.Connection{AuthUrl: "http://" + n.Addr + "/auth/v1.0", UserName: swifttest.User, ApiKey: swifttest.Key}
	if err := plain.ContainerCreate(b.Context(), "plain", nil); err != nil {
		b.Fatal(err)
	}
	for range 32 { // every container is there
		contenttest.Write(b, s, []byte("x"), 1)
	}
	for _, size := range []int{4 << 10, 1 << 20, 64 << 20} {
		data := contenttest.Bytes(1, size)
		ids := map[int]content.ID{}
		name := fmt.Sprintf("%dKiB", size>>10)
		measure(b, n, "PUT/"+name+"/plain", func(i int) error {
			_, err := plain.ObjectPut(b.Context(), "plain", name+strconv.Itoa(i), bytes.NewReader(data), true, "", octets,
				swift.Headers{"Content-Length": strconv.Itoa(size)})
			return err
		})
		measure(b, n, "PUT/"+name+"/adapter", func(i int) error {
			ids[i] = content.NewID(time.Now())
			return write(s, ids[i], data)
		})
		measure(b, n, "GET/"+name+"/plain", func(i int) error {
			_, err := plain.ObjectGet(b.Context(), "plain", name+"0", io.Discard, true, nil)
			return err
		})
		measure(b, n, "GET/"+name+"/adapter", func(i int) error {
			r, err := s.Open(b.Context(), ids[0], 0, int64(size))
			if err != nil {
				return err
			}
			defer r.Close()
			_, err = io.Copy(io.Discard, r)
			return err
		})
	}
}

func measure(b *testing.B, n *swifttest.Node, name string, op func(i int) error) {
	b.Run(name, func(b *testing.B) {
		if err := op(0); err != nil { // connections are there
			b.Fatal(err)
		}
		ours, theirs := used(b), cpu(b, n)
		for i := 0; i < b.N; i++ {
			if err := op(i); err != nil {
				b.Fatal(err)
			}
		}
		ms := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(b.N) }
		ours, theirs = used(b)-ours, cpu(b, n)-theirs
		b.ReportMetric(ms(ours), "client-ms/op")
		b.ReportMetric(ms(theirs), "swift-ms/op")
		b.ReportMetric(ms(ours+theirs), "cpu-ms/op")
		b.ReportMetric(0, "ns/op")
	})
}

func cpu(b *testing.B, n *swifttest.Node) time.Duration {
	d, err := n.CPU()
	if err != nil {
		b.Fatal(err)
	}
	return d
}

// used is the processor time of this process.
func used(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
