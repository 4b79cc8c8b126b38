package quota_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/quota"
	"github.com/mucura/mucura/core/s3err"
)

var ctx = context.Background()

// clock is a time that moves when told to.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time       { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) pass(d time.Duration) { c.at.Add(int64(d)) }

// registry counts calls and fails on demand.
type registry struct {
	meta.Store
	mu         sync.Mutex
	gets, puts int
	// put, when set, answers the next Put; landed tells whether it is made first.
	put    error
	landed bool
	get    error // answers the next Get
}

func newRegistry() *registry { return &registry{Store: mem.NewMeta()} }

func (r *registry) Get(ctx context.Context, p meta.Partition, key string, body bool) (meta.Record, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gets++
	if err := r.get; err != nil {
		r.get = nil
		return meta.Record{}, err
	}
	return r.Store.Get(ctx, p, key, body)
}

func (r *registry) Put(ctx context.Context, p meta.Partition, key string, rec meta.Record, c meta.Cond) (meta.Version, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.puts++
	if err := r.put; err != nil {
		r.put = nil
		if r.landed {
			if _, err := r.Store.Put(ctx, p, key, rec, c); err != nil {
				return "", err
			}
		}
		return "", err
	}
	return r.Store.Put(ctx, p, key, rec, c)
}

// usage reads the record as it is.
func (r *registry) usage(t interface{ Fatal(...any) }, account string) (u catalog.Usage) {
	rec, err := r.Store.Get(ctx, catalog.Usages, account, false)
	if errors.Is(err, meta.ErrNotFound) {
		return u
	}
	if err == nil {
		err = json.Unmarshal(rec.Value, &u)
	}
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func leased(u catalog.Usage) (sum int64) {
	for _, l := range u.Leases {
		sum += l.Bytes
	}
	return sum
}

func keeper(r meta.Store, c *clock, name string) *quota.Keeper {
	return &quota.Keeper{Registry: r, Now: c.now, Process: name, Settling: -1}
}

func account(quota int64) *catalog.Account {
	return &catalog.Account{ID: "a1", Name: "ada", Quota: quota}
}

func mustReserve(t *testing.T, k *quota.Keeper, a *catalog.Account, n int64) *quota.Reservation {
	t.Helper()
	r, err := k.Reserve(ctx, a, n)
	if err != nil {
		t.Fatalf("reserve %d: %v", n, err)
	}
	return r
}

func mustFlush(t *testing.T, k *quota.Keeper) {
	t.Helper()
	if err := k.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

func mustClose(t *testing.T, k *quota.Keeper) {
	t.Helper()
	if err := k.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

// wantUsage says what the record holds.
func wantUsage(t *testing.T, r *registry, bytes, objects, lease int64) {
	t.Helper()
	u := r.usage(t, "a1")
	if u.Bytes != bytes || u.Objects != objects || leased(u) != lease {
		t.Errorf("record has %d bytes, %d objects, %d leased; want %d, %d, %d",
			u.Bytes, u.Objects, leased(u), bytes, objects, lease)
	}
}

func TestCounts(t *testing.T) {
	for _, limit := range []int64{-1, 1 << 30} {
		for _, chunk := range []int64{0, -1, 1000} {
			reg, c := newRegistry(), newClock()
			k := keeper(reg, c, "p")
			k.Chunk = chunk
			a := account(limit)
			r := mustReserve(t, k, a, 100)
			r.Settle(100, 1)
			r.Settle(100, 1)
			r.Cancel()
			mustReserve(t, k, a, 50).Settle(-20, 0) // replaced something bigger
			mustReserve(t, k, a, 1000).Cancel()
			k.Note("a1", -30, -1)
			mustReserve(t, k, a, 7).Settle(7, 1)
			if u, err := k.Usage(ctx, "a1"); err != nil || u.Bytes != 57 || u.Objects != 1 {
				t.Errorf("limit %d, chunk %d: usage %+v, %v", limit, chunk, u, err)
			}
			mustClose(t, k)
			wantUsage(t, reg, 57, 1, 0)
			if u := reg.usage(t, "a1"); len(u.Leases) != 0 || u.Doubt != 0 {
				t.Errorf("left %+v", u)
			}
		}
	}
}

func TestUsageOfNobody(t *testing.T) {
	u, err := keeper(newRegistry(), newClock(), "p").Usage(ctx, "nobody")
	if err != nil || u.Bytes != 0 || u.Objects != 0 {
		t.Errorf("%+v, %v", u, err)
	}
}

// The refusal tells used bytes, limit, and where to have it raised.
func TestRefusal(t *testing.T) {
	reg, c := newRegistry(), newClock()
	k := keeper(reg, c, "p")
	a := account(10 << 20)
	mustReserve(t, k, a, 6<<20).Settle(6<<20, 1)
	held := mustReserve(t, k, a, 1<<20)
	_, err := k.Reserve(ctx, a, 3<<20+1)
	want := `This write needs 3.0 MiB (3145729 bytes), but account "ada" uses 6.0 MiB (6291456 bytes) of its quota of 10.0 MiB (10485760 bytes)` +
		`, and 1.0 MiB (1048576 bytes) are set aside for other writes under way. Whoever operates this repository can raise the quota.`
	if !errors.Is(err, s3err.QuotaExceeded) || s3err.From(err).Message() != want {
		t.Errorf("error %v", err)
	}
	held.Cancel()
	k.RaiseHint = "Write to help@example.org to have it raised."
	_, err = k.Reserve(ctx, a, 5<<20)
	if err == nil || !strings.HasSuffix(s3err.From(err).Message(), "quota of 10.0 MiB (10485760 bytes). "+k.RaiseHint) {
		t.Errorf("error %v", err)
	}
	// Nothing is kept of what was refused, and what fits still fits.
	mustReserve(t, k, a, 4<<20).Settle(4<<20, 1)
	// An account that is full may still store nothing, and no byte more.
	mustReserve(t, k, a, 0).Settle(0, 1)
	if _, err := k.Reserve(ctx, a, 1); !errors.Is(err, s3err.QuotaExceeded) {
		t.Errorf("a byte over: %v", err)
	}
	if _, err := k.Reserve(ctx, a, -1); err == nil {
		t.Error("less than nothing is reserved")
	}
	mustClose(t, k)
	wantUsage(t, reg, 10<<20, 3, 0)
}

func TestGrow(t *testing.T) {
	reg, c := newRegistry(), newClock()
	k := keeper(reg, c, "p")
	a := account(1000)
	r := mustReserve(t, k, a, 0)
	for range 10 {
		if err := r.Grow(ctx, a, 100); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Grow(ctx, a, 1); !errors.Is(err, s3err.QuotaExceeded) {
		t.Errorf("a byte over: %v", err)
	}
	r.Settle(1000, 1)
	if err := r.Grow(ctx, a, 1); err == nil {
		t.Error("a reservation grows after its end")
	}
	mustClose(t, k)
	wantUsage(t, reg, 1000, 1, 0)
}

// Small writes are spent from the lease; a flush with nothing to do asks nothing.
func TestFewCalls(t *testing.T) {
	reg, c := newRegistry(), newClock()
	k := keeper(reg, c, "p")
	a := account(1 << 40)
	for range 1000 {
		mustReserve(t, k, a, 4096).Settle(4096, 1)
	}
	if reg.gets != 1 || reg.puts != 1 {
		t.Errorf("%d reads and %d writes for 1000 reservations", reg.gets, reg.puts)
	}
	mustFlush(t, k) // records
	mustFlush(t, k) // returns the lease
	wantUsage(t, reg, 4096000, 1000, 0)
	calls := reg.gets + reg.puts
	for range 10 {
		mustFlush(t, k)
	}
	if n := reg.gets + reg.puts - calls; n != 0 {
		t.Errorf("%d calls of idle flushes", n)
	}
}

// Alone, an account can be filled to its last byte, whatever is leased, freed
// and not yet recorded.
func TestFillsExactly(t *testing.T) {
	const limit = 100_000_000
	for _, chunk := range []int64{0, -1, 1 << 20} {
		reg, c := newRegistry(), newClock()
		k := keeper(reg, c, "p")
		k.Chunk = chunk
		a := account(limit)
		rnd := rand.New(rand.NewPCG(1, 1))
		var used int64
		for used < limit {
			n := min(1+rnd.Int64N(1_000_000), limit-used)
			mustReserve(t, k, a, n).Settle(n, 1)
			used += n
			if rnd.IntN(5) == 0 {
				freed := rnd.Int64N(n)
				k.Note("a1", -freed, 0)
				used -= freed
			}
			if _, err := k.Reserve(ctx, a, limit-used+1); !errors.Is(err, s3err.QuotaExceeded) {
				t.Fatalf("chunk %d: a byte over with %d used: %v", chunk, used, err)
			}
		}
		k.Note("a1", -1000, -1)
		mustReserve(t, k, a, 1000).Settle(1000, 1)
	}
}

// Many writers in two processes, against a quota that half of them fit into,
// while others delete: never a byte over, and nothing lost in counting.
func TestNeverOver(t *testing.T) {
	const writers, each, limit = 64, 30, 64 * 30 * 5000 / 2
	for _, chunk := range []int64{0, -1, 100_000} {
		t.Run(fmt.Sprint(chunk), func(t *testing.T) {
			reg, c := newRegistry(), newClock()
			a := account(limit)
			keepers := []*quota.Keeper{keeper(reg, c, "p"), keeper(reg, c, "q")}
			var used, objects, refused atomic.Int64
			var wg sync.WaitGroup
			for w := range writers {
				wg.Go(func() {
					k := keepers[w%2]
					rnd := rand.New(rand.NewPCG(uint64(w), 2))
					var mine []int64
					for range each {
						n := rnd.Int64N(10_000)
						r, err := k.Reserve(ctx, a, n)
						if errors.Is(err, s3err.QuotaExceeded) {
							refused.Add(1)
							if len(mine) > 0 && rnd.IntN(4) == 0 {
								used.Add(-mine[0])
								objects.Add(-1)
								keepers[rnd.IntN(2)].Note("a1", -mine[0], -1)
								mine = mine[1:]
							}
							continue
						}
						if err != nil {
							t.Error(err)
							return
						}
						if u := used.Add(n); u > limit {
							t.Errorf("%d bytes used of %d", u, limit)
						}
						objects.Add(1)
						mine = append(mine, n)
						r.Settle(n, 1)
						if rnd.IntN(50) == 0 {
							if err := k.Flush(ctx); err != nil {
								t.Error(err)
							}
						}
					}
				})
			}
			wg.Wait()
			mustClose(t, keepers[0])
			mustClose(t, keepers[1])
			wantUsage(t, reg, used.Load(), objects.Load(), 0)
			if refused.Load() == 0 || used.Load() < limit/2 {
				t.Errorf("%d refused, %d used of %d", refused.Load(), used.Load(), limit)
			}
		})
	}
}

// A lowered quota holds from the next write, whatever is still leased.
func TestLoweredQuota(t *testing.T) {
	reg, c := newRegistry(), newClock()
	k := keeper(reg, c, "p")
	mustReserve(t, k, account(1<<30), 1000).Settle(1000, 1)
	if _, err := k.Reserve(ctx, account(1500), 501); !errors.Is(err, s3err.QuotaExceeded) {
		t.Errorf("error %v", err)
	}
	mustReserve(t, k, account(1500), 500).Settle(500, 1)
	mustReserve(t, k, account(1501), 1).Settle(1, 1)
	if _, err := k.Reserve(ctx, account(100), 1); !errors.Is(err, s3err.QuotaExceeded) {
		t.Errorf("error %v", err)
	}
	mustReserve(t, k, account(-1), 1<<40).Cancel()
}

// What one process has leased and does not use comes back with its second flush.
func TestIdleLeaseReturns(t *testing.T) {
	reg, c := newRegistry(), newClock()
	p, q := keeper(reg, c, "p"), keeper(reg, c, "q")
	a := account(1600)
	mustReserve(t, p, a, 1).Settle(1, 1)
	if n := leased(reg.usage(t, "a1")); n <= 1 {
		t.Fatalf("%d bytes leased", n)
	}
	if _, err := q.Reserve(ctx, a, 1599); !errors.Is(err, s3err.QuotaExceeded) {
		t.Errorf("bytes leased to another process are given away: %v", err)
	}
	mustFlush(t, p)
	mustFlush(t, p)
	mustReserve(t, q, a, 1599).Settle(1599, 1)
	mustClose(t, q)
	wantUsage(t, reg, 1600, 2, 0)
}

// A lease that has run out is not spent, and one in use is renewed.
func TestLeaseRunsOut(t *testing.T) {
	reg, c := newRegistry(), newClock()
	k := keeper(reg, c, "p")
	a := account(1 << 30)
	open := mustReserve(t, k, a, 1000)
	for range 10 { // a long upload
		c.pass(20 * time.Second)
		mustFlush(t, k)
		if stale, err := k.Stale(ctx); len(stale) != 0 || err != nil {
			t.Fatalf("stale %v, %v", stale, err)
		}
	}
	wantUsage(t, reg, 0, 0, 1000)
	open.Settle(1000, 1)
	mustReserve(t, k, a, 10).Settle(10, 1)
	calls := reg.puts
	c.pass(time.Hour)
	mustReserve(t, k, a, 10).Settle(10, 1)
	if reg.puts == calls {
		t.Error("an expired lease is spent")
	}
}

func BenchmarkReserve(b *testing.B) {
	k := &quota.Keeper{Registry: mem.NewMeta(), Now: time.Now, Process: "p", Chunk: 1 << 50}
	a := account(-1)
	b.ReportAllocs()
	for b.Loop() {
		r, err := k.Reserve(ctx, a, 4096)
		if err != nil {
			b.Fatal(err)
		}
		r.Settle(4096, 1)
	}
}
