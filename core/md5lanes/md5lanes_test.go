package md5lanes

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
)

// serial is a machine without vector registers.
func serial(state *[4][lanes]uint32, messages *[lanes]*byte, blocks int) {
	for i := range lanes {
		d := digest{Hash: md5.New()}
		d.export()
		for w := range state {
			d.stream.state[w] = state[w][i]
		}
		d.inform(0)
		d.Hash.Write(unsafe.Slice(messages[i], blocks*md5.BlockSize)) //nolint:errcheck // a hash never fails
		d.export()
		for w := range state {
			state[w][i] = d.stream.state[w]
		}
	}
}

// machines are those that this processor has, and one that all have.
func machines() map[string]machine {
	all := map[string]machine{"serial": serial}
	if m := find(); m != nil {
		all["found"] = m
	}
	return all
}

func random(n int) []byte {
	p := make([]byte, n)
	source := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	source.Read(p) //nolint:errcheck // it never fails
	return p
}

// TestMachine: each message's state is what crypto/md5 makes of it, wherever it
// lies in memory.
func TestMachine(t *testing.T) {
	for name, m := range machines() {
		t.Run(name, func(t *testing.T) {
			for _, blocks := range []int{1, 2, 3, 17, slice} {
				var state [4][lanes]uint32
				var messages [lanes]*byte
				var want [lanes][4]uint32
				for i := range lanes {
					before, message := random(md5.BlockSize*i), random(i + blocks*md5.BlockSize)[i:]
					messages[i] = &message[0]
					d := digest{Hash: md5.New()}
					d.Hash.Write(before) //nolint:errcheck // a hash never fails
					d.export()
					for w := range state {
						state[w][i] = d.stream.state[w]
					}
					d.Hash.Write(message) //nolint:errcheck // as above
					d.export()
					want[i] = d.stream.state
				}
				m(&state, &messages, blocks)
				for i := range lanes {
					for w := range state {
						if state[w][i] != want[i][w] {
							t.Errorf("%d blocks, message %d, word %d: %08x, want %08x", blocks, i, w, state[w][i], want[i][w])
						}
					}
				}
			}
		})
	}
}

// TestUnderstood fails when crypto/md5 writes its state in another way than this
// package reads it: then all digests are crypto/md5's, and slow.
func TestUnderstood(t *testing.T) {
	if !understood() {
		t.Error("crypto/md5 marshals its state in another way")
	}
}

// TestHash: pieces of all sizes from many streams at once give what crypto/md5
// gives.
func TestHash(t *testing.T) {
	for name, m := range machines() {
		t.Run(name, func(t *testing.T) {
			g := &Group{machine: m}
			var wg sync.WaitGroup
			for i := range 3 * lanes {
				wg.Go(func() {
					r := rand.New(rand.NewPCG(1, uint64(i)))
					d, want := g.New(), md5.New()
					for range 12 {
						n := r.IntN(4)
						p := random([]int{r.IntN(200), r.IntN(least), least + r.IntN(least), least + r.IntN(8*least)}[n])
						for _, h := range []io.Writer{d, want} {
							if n, err := h.Write(p); n != len(p) || err != nil {
								t.Errorf("wrote %d of %d bytes: %v", n, len(p), err)
							}
						}
						if r.IntN(5) == 0 && !bytes.Equal(d.Sum(nil), want.Sum(nil)) {
							t.Error("another sum on the way")
						}
					}
					if got := d.Sum([]byte("x")); !bytes.Equal(got, want.Sum([]byte("x"))) {
						t.Errorf("stream %d: %x, want %x", i, got, want.Sum(nil))
					}
					d.Reset()
					d.Write(random(least)) //nolint:errcheck // a hash never fails
					if got := md5.Sum(random(least)); !bytes.Equal(d.Sum(nil), got[:]) {
						t.Error("another sum after Reset")
					}
				})
			}
			wg.Wait()
			if len(g.waiting) > 0 {
				t.Errorf("%d still wait", len(g.waiting))
			}
		})
	}
}

// patient is a group that would wait for ever, and what its machine was given.
func patient() (g *Group, batches func() []int) {
	var mu sync.Mutex
	var sizes []int
	g = &Group{machine: func(state *[4][lanes]uint32, messages *[lanes]*byte, blocks int) {
		different := map[*byte]bool{}
		for _, m := range messages {
			different[m] = true
		}
		mu.Lock()
		sizes = append(sizes, len(different))
		mu.Unlock()
		serial(state, messages, blocks)
	}, patience: func(time.Time) time.Duration { return 24 * time.Hour }}
	return g, func() []int {
		mu.Lock()
		defer mu.Unlock()
		return sizes
	}
}

// TestCompany: streams that are under way are waited for, up to the number of
// lanes, and no longer than until all are there.
func TestCompany(t *testing.T) {
	for _, n := range []int{2, 5, lanes, lanes + 3} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			g, batches := patient()
			streams := make([]hash.Hash, n)
			for i := range streams {
				streams[i] = g.New()
			}
			var wg sync.WaitGroup
			for i, s := range streams {
				wg.Go(func() {
					s.Write(random(least + i)) //nolint:errcheck // a hash never fails
					s.Sum(nil)                 // nobody waits for it any more
				})
			}
			wg.Wait()
			if got := batches(); len(got) == 0 || got[0] != min(n, lanes) {
				t.Errorf("batches of %v, want %d in the first", got, min(n, lanes))
			}
		})
	}
}

// TestAlone: what has no company does not wait, whatever the patience; nor does it
// when the others have ended.
func TestAlone(t *testing.T) {
	g, batches := patient()
	a := g.New()
	a.Write(random(least)) //nolint:errcheck // a hash never fails
	b := g.New()
	b.Write(random(10)) //nolint:errcheck // as above
	b.Sum(nil)
	a.Write(random(least)) //nolint:errcheck // as above
	if got := batches(); got != nil {
		t.Errorf("batches of %v", got)
	}
	want := md5.Sum(bytes.Repeat(random(least), 2))
	if got := a.Sum(nil); !bytes.Equal(got, want[:]) {
		t.Errorf("%x, want %x", got, want)
	}
}

// TestEnding: one that waits goes on when the last one it waits for ends.
func TestEnding(t *testing.T) {
	g, _ := patient()
	a, b := g.New(), g.New()
	wrote := make(chan struct{})
	go func() {
		a.Write(random(least)) //nolint:errcheck // a hash never fails
		close(wrote)
	}()
	for {
		g.mu.Lock()
		n := len(g.waiting)
		g.mu.Unlock()
		if n > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	select {
	case <-wrote:
		t.Error("it did not wait")
	default:
	}
	b.Sum(nil)
	<-wrote
}

// TestSilent: a stream of which nothing was heard for the time of patience is not
// waited for, and forgotten.
func TestSilent(t *testing.T) {
	g, _ := patient()
	a, b := g.New(), g.New()
	g.mu.Lock()
	b.(*digest).stream.seen = time.Now().Add(-24 * time.Hour)
	g.mu.Unlock()
	a.Write(random(least)) //nolint:errcheck // a hash never fails
	if len(g.under) != 1 {
		t.Errorf("%d streams are under way", len(g.under))
	}
	b.Write(random(1)) //nolint:errcheck // as above
	if want := md5.Sum(random(1)); !bytes.Equal(b.Sum(nil), want[:]) {
		t.Error("another sum after a pause")
	}
}

// TestPatience: one that never comes is waited for so long, and no longer.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := new(Group)
		g.machine = serial
		a, start := g.New(), time.Now()
		g.New()                // never writes
		a.Write(random(least)) //nolint:errcheck // a hash never fails
		if waited := time.Since(start); waited != patienceIdle {
			t.Errorf("waited %s", waited)
		}
		start = time.Now()
		a.Write(random(least)) //nolint:errcheck // as above
		if waited := time.Since(start); waited != 0 {
			t.Errorf("waited %s for one that is silent", waited)
		}
		if want := md5.Sum(append(random(least), random(least)...)); !bytes.Equal(a.Sum(nil), want[:]) {
			t.Error("another sum")
		}
	})
}

// TestLoad: patience is longer while more than half of the processors are in use.
func TestLoad(t *testing.T) {
	start := time.Now()
	l := load{at: start}
	for i, c := range []struct {
		used time.Duration // of two processors, in the next second
		want time.Duration
	}{{0, patienceIdle}, {900 * time.Millisecond, patienceIdle}, {1100 * time.Millisecond, patienceBusy}, {2 * time.Second, patienceBusy}, {time.Millisecond, patienceIdle}} {
		l.look(l.at.Add(time.Second), l.used+c.used, 2)
		if got := l.patience(l.at); got != c.want {
			t.Errorf("%d: %s, want %s", i, got, c.want)
		}
	}
	for start := cpuTime(); cpuTime() == start; { // it counts
	}
}

// TestWithout: where there is no machine all is crypto/md5.
func TestWithout(t *testing.T) {
	defer func(m machine) { native = m }(native)
	native = nil
	if got, want := fmt.Sprintf("%T", new(Group).New()), fmt.Sprintf("%T", md5.New()); got != want {
		t.Errorf("a %s, want a %s", got, want)
	}
}

// BenchmarkStreams digests 1 MiB of each of some streams at once; the time is that
// of one MiB.
func BenchmarkStreams(b *testing.B) {
	for _, n := range []int{1, 2, 4, 8} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			g := new(Group)
			streams, p := make([]hash.Hash, n), random(1<<20)
			for i := range streams {
				streams[i] = g.New()
			}
			b.SetBytes(1 << 20)
			var wg sync.WaitGroup
			for i, s := range streams {
				wg.Go(func() {
					for range (b.N + n - 1 - i) / n {
						s.Write(p) //nolint:errcheck // a hash never fails
					}
					s.Sum(nil)
				})
			}
			wg.Wait()
		})
	}
}

// TestForgets: streams that ended, or were given up, take no memory, also when none
// of them ever had a piece that was worth company.
func TestForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Group{machine: serial}
		for i := range 10_000 {
			d := g.New()
			d.Write([]byte("small")) //nolint:errcheck // a hash never fails
			if i%2 == 0 {
				d.Sum(nil)
			}
			time.Sleep(time.Millisecond)
		}
		if n := cap(g.under); n > 100 {
			t.Errorf("%d streams are remembered", n)
		}
	})
}
