package quota_test

import (
	"context"
	"errors"
	"testing"

	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/quota"
	"github.com/mucura/mucura/core/s3err"
)

// When the registry cannot answer no write passes, and nothing is miscounted after.
func TestRegistryFails(t *testing.T) {
	odd := errors.New("odd")
	for _, c := range []struct {
		name     string
		get, put error
		landed   bool
		want     *s3err.Code
	}{
		{"get unavailable", meta.ErrUnavailable, nil, false, s3err.SlowDown},
		{"get odd", odd, nil, false, s3err.SlowDown},
		{"put unavailable", nil, meta.ErrUnavailable, false, s3err.SlowDown},
		{"put full", nil, meta.ErrFull, false, s3err.StorageFull},
		{"put unknown, lost", nil, meta.ErrOutcomeUnknown, false, s3err.SlowDown},
		{"put unknown, landed", nil, meta.ErrOutcomeUnknown, true, s3err.SlowDown},
		{"put cancelled, landed", nil, context.Canceled, true, s3err.SlowDown},
		{"put odd, landed", nil, odd, true, s3err.SlowDown},
		{"put odd, lost", nil, odd, false, s3err.SlowDown},
	} {
		t.Run(c.name, func(t *testing.T) {
			reg, cl := newRegistry(), newClock()
			k := keeper(reg, cl, "p")
			a := account(1000)
			mustReserve(t, k, a, 400).Settle(400, 1)
			k.Note("a1", -100, 0)
			reg.get, reg.put, reg.landed = c.get, c.put, c.landed
			if _, err := k.Reserve(ctx, a, 600); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if _, err := k.Reserve(ctx, a, 701); !errors.Is(err, s3err.QuotaExceeded) {
				t.Errorf("a byte over: %v", err)
			}
			mustReserve(t, k, a, 700).Settle(700, 1)
			mustClose(t, k)
			wantUsage(t, reg, 1000, 2, 0)
		})
	}
}

// A flush that fails is made up for by the next, also when it is not known
// whether it happened.
func TestFlushFails(t *testing.T) {
	for _, c := range []struct {
		name   string
		put    error
		landed bool
	}{
		{"unavailable", meta.ErrUnavailable, false},
		{"unknown, lost", meta.ErrOutcomeUnknown, false},
		{"unknown, landed", meta.ErrOutcomeUnknown, true},
	} {
		for _, closing := range []bool{false, true} {
			t.Run(c.name, func(t *testing.T) {
				reg, cl := newRegistry(), newClock()
				k, other := keeper(reg, cl, "p"), keeper(reg, cl, "q")
				a := account(1000)
				mustReserve(t, k, a, 300).Settle(300, 1)
				k.Note("a1", -100, 0)
				reg.put, reg.landed = c.put, c.landed
				flush := k.Flush
				if closing {
					flush = k.Close
				}
				if err := flush(ctx); err == nil {
					t.Error("no error")
				}
				// Life goes on before anybody finds out.
				mustReserve(t, other, a, 50).Settle(50, 1)
				mustFlush(t, other)
				mustReserve(t, k, a, 40).Settle(40, 1)
				k.Note("a1", -7, 0)
				mustFlush(t, k)
				mustClose(t, k)
				mustClose(t, other)
				wantUsage(t, reg, 300-100+50+40-7, 3, 0)
			})
		}
	}
}

// Deletions by a process without a lease leave no trace by which to tell
// whether an unknown write happened. They are then not taken off, perhaps for the second
// time, but remembered as doubt.
func TestUnknownDeletion(t *testing.T) {
	for _, landed := range []bool{false, true} {
		reg, c := newRegistry(), newClock()
		k, other := keeper(reg, c, "p"), keeper(reg, c, "q")
		mustReserve(t, other, account(1000), 500).Settle(500, 2)
		mustClose(t, other)
		k.Note("a1", -100, -1)
		reg.put, reg.landed = meta.ErrOutcomeUnknown, landed
		if err := k.Flush(ctx); err == nil {
			t.Error("no error")
		}
		mustFlush(t, k)
		u := reg.usage(t, "a1")
		if u.Bytes < 400 || u.Doubt != 100 {
			t.Errorf("landed %v: %+v", landed, u)
		}
	}
}

func TestCancelled(t *testing.T) {
	reg, c := newRegistry(), newClock()
	k := keeper(reg, c, "p")
	a := account(1000)
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := k.Reserve(gone, a, 1); err == nil {
		t.Error("reserved")
	}
	k.Note("a1", 10, 1)
	if err := k.Flush(gone); err == nil {
		t.Error("flushed")
	}
	mustReserve(t, k, a, 990).Settle(990, 1)
	mustClose(t, k)
	wantUsage(t, reg, 1000, 2, 0)
}

// A record that cannot be read stops writes, and says so.
func TestBrokenRecord(t *testing.T) {
	reg, c := newRegistry(), newClock()
	if _, err := reg.Store.Put(ctx, "usage", "a1", meta.Record{Value: []byte("{")}, meta.Always); err != nil {
		t.Fatal(err)
	}
	k := keeper(reg, c, "p")
	if _, err := k.Reserve(ctx, account(1000), 1); err == nil {
		t.Error("reserved")
	}
	if _, err := k.Usage(ctx, "a1"); err == nil {
		t.Error("usage is known")
	}
	if stale, err := k.Stale(ctx); err != nil || len(stale) != 1 {
		t.Errorf("stale: %v, %v", stale, err)
	}
}

func TestSuperseded(t *testing.T) {
	reg, c := newRegistry(), newClock()
	k, other := keeper(reg, c, "p"), keeper(reg, c, "q")
	first, err := k.BeginRecount(ctx, "a1")
	if err != nil {
		t.Fatal(err)
	}
	second, err := other.BeginRecount(ctx, "a1")
	if err != nil || second == first {
		t.Fatalf("token %d, %v", second, err)
	}
	if err := k.EndRecount(ctx, "a1", first, 5, 1); !errors.Is(err, quota.ErrRecountSuperseded) {
		t.Errorf("first: %v", err)
	}
	if err := other.EndRecount(ctx, "a1", second, 7, 1); err != nil {
		t.Error(err)
	}
	if err := other.EndRecount(ctx, "a1", second, 9, 1); !errors.Is(err, quota.ErrRecountSuperseded) {
		t.Errorf("twice: %v", err)
	}
	wantUsage(t, reg, 7, 1, 0)
}
