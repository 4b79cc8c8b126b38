package quota_test

import (
	"slices"
	"testing"
	"time"

	"github.com/mucura/mucura/core/quota"
)

func begin(t *testing.T, k *quota.Keeper) int64 {
	t.Helper()
	token, err := k.BeginRecount(ctx, "a1")
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func end(t *testing.T, k *quota.Keeper, token, bytes, objects int64) {
	t.Helper()
	if err := k.EndRecount(ctx, "a1", token, bytes, objects); err != nil {
		t.Fatal(err)
	}
}

// A process is killed with writes settled, deletions noted and a reservation
// open, none of it flushed. The account becomes stale when the lease has run out for
// certain, and a recount makes its figure exact.
func TestKilledProcess(t *testing.T) {
	for _, limit := range []int64{1 << 30, -1} {
		reg, c := newRegistry(), newClock()
		a := account(limit)
		k := keeper(reg, c, "killed")
		mustReserve(t, k, a, 5000).Settle(5000, 5)
		mustFlush(t, k)
		mustReserve(t, k, a, 700).Settle(700, 1)
		k.Note("a1", -200, -1)
		mustReserve(t, k, a, 100) // and is committed, but never settled

		heir := keeper(reg, c, "heir")
		stale := func(want ...string) {
			t.Helper()
			got, err := heir.Stale(ctx)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("stale: %v, %v; want %v", got, err, want)
			}
		}
		stale()
		c.pass(time.Minute + time.Second)
		stale() // clocks differ
		token := begin(t, heir)
		end(t, heir, token, 5600, 6)
		if u := reg.usage(t, "a1"); leased(u) == 0 || u.Bytes+leased(u) < 5600 {
			t.Errorf("too early a recount: %+v", u)
		}
		c.pass(2 * time.Minute)
		stale("a1")
		token = begin(t, heir)
		end(t, heir, token, 5600, 6)
		wantUsage(t, reg, 5600, 6, 0)
		if u := reg.usage(t, "a1"); u.Doubt != 0 || u.Recount != nil || u.Epoch != 4 {
			t.Errorf("left %+v", u)
		}
		stale()
	}
}

// Whatever the record says, a count while nothing changes is the truth.
func TestRecountHealsWrongFigures(t *testing.T) {
	for _, recorded := range []int64{0, 10, 100, 1000} {
		reg, c := newRegistry(), newClock()
		k := keeper(reg, c, "p")
		k.Note("a1", recorded, recorded)
		mustClose(t, k)
		token := begin(t, k)
		end(t, k, token, 100, 3)
		wantUsage(t, reg, 100, 3, 0)
	}
}

// Changes during a count, seen by it or not, and recorded before its end or after.
func TestRecountWhileWriting(t *testing.T) {
	type step struct {
		bytes   int64
		seen    bool // by the count
		flushed bool // before the recount's end
	}
	for name, steps := range map[string][]step{
		"addition seen":            {{50, true, true}},
		"addition not seen":        {{50, false, true}},
		"addition seen, late":      {{50, true, false}},
		"addition not seen, late":  {{50, false, false}},
		"removal seen":             {{-50, true, true}},
		"removal not seen":         {{-50, false, true}},
		"removal seen, late":       {{-50, true, false}},
		"removal not seen, late":   {{-50, false, false}},
		"both":                     {{50, true, true}, {-70, false, true}},
		"both, partly late":        {{50, false, true}, {-70, true, false}, {20, true, false}},
		"much comes and goes":      {{500, true, true}, {-500, false, true}},
		"much comes and goes late": {{500, true, false}, {-500, true, false}},
	} {
		t.Run(name, func(t *testing.T) {
			reg, c := newRegistry(), newClock()
			a := account(1 << 20)
			writer, counter := keeper(reg, c, "w"), keeper(reg, c, "c")
			truth, count := int64(1000), int64(1000)
			mustReserve(t, writer, a, truth).Settle(truth, 1)
			mustFlush(t, writer)
			token := begin(t, counter)
			late := false
			for _, s := range steps {
				if s.bytes > 0 {
					mustReserve(t, writer, a, s.bytes).Settle(s.bytes, 0)
				} else {
					writer.Note("a1", s.bytes, 0)
				}
				truth += s.bytes
				if s.seen {
					count += s.bytes
				}
				if s.flushed {
					mustFlush(t, writer)
				}
				late = late || !s.flushed
			}
			end(t, counter, token, count, 1)
			c.pass(time.Second)
			mustFlush(t, writer)
			mustClose(t, writer)
			u := reg.usage(t, "a1")
			if u.Bytes < truth || u.Bytes > truth+max(u.Doubt, 0) {
				t.Errorf("%d bytes recorded, %d in doubt, %d used", u.Bytes, u.Doubt, truth)
			}
			if !late && u.Bytes != truth {
				t.Errorf("all was flushed, but %d bytes are recorded of %d", u.Bytes, truth)
			}
			token = begin(t, counter)
			end(t, counter, token, truth, 1)
			wantUsage(t, reg, truth, 1, 0)
			if u := reg.usage(t, "a1"); u.Doubt != 0 {
				t.Errorf("doubt of %d bytes remains", u.Doubt)
			}
		})
	}
}

// An account with a doubt is looked at again, a small doubt later.
func TestDoubtIsStale(t *testing.T) {
	for _, c := range []struct {
		doubt int64
		after time.Duration
	}{{500, time.Hour}, {1, 24 * time.Hour}} {
		reg, cl := newRegistry(), newClock()
		writer, counter := keeper(reg, cl, "w"), keeper(reg, cl, "c")
		mustReserve(t, writer, account(-1), 1000).Settle(1000, 1)
		mustClose(t, writer)
		token := begin(t, counter)
		writer = keeper(reg, cl, "w2")
		writer.Note("a1", -c.doubt, 0) // reaches the record only after the count
		end(t, counter, token, 1000, 1)
		mustClose(t, writer)
		wantUsage(t, reg, 1000, 1, 0)
		for _, at := range []struct {
			wait time.Duration
			want int
		}{{c.after, 0}, {time.Second, 1}} {
			cl.pass(at.wait)
			if got, err := counter.Stale(ctx); err != nil || len(got) != at.want {
				t.Errorf("doubt of %d: stale %v, %v", c.doubt, got, err)
			}
		}
	}
}

// A process that was away so long that its lease was given up loses nothing
// and spends nothing it no longer has.
func TestBackFromTheDead(t *testing.T) {
	reg, c := newRegistry(), newClock()
	a := account(1000)
	away, heir := keeper(reg, c, "away"), keeper(reg, c, "heir")
	open := mustReserve(t, away, a, 200)
	mustReserve(t, away, a, 40).Settle(40, 1) // not recorded
	c.pass(time.Hour)
	token := begin(t, heir)
	end(t, heir, token, 40, 1)
	wantUsage(t, reg, 40, 1, 0)
	mustReserve(t, heir, a, 700).Settle(700, 1)
	open.Settle(200, 1)
	if _, err := away.Reserve(ctx, a, 21); err == nil {
		t.Error("a byte over")
	}
	mustClose(t, away)
	mustClose(t, heir)
	// What it had added was counted once by the recount and once by itself.
	if u := reg.usage(t, "a1"); u.Bytes != 980 || u.Doubt < 40 {
		t.Errorf("%+v", u)
	}
	c.pass(2 * time.Hour)
	if stale, err := heir.Stale(ctx); err != nil || len(stale) != 1 {
		t.Errorf("stale %v, %v", stale, err)
	}
	token = begin(t, heir)
	end(t, heir, token, 940, 3)
	wantUsage(t, reg, 940, 3, 0)
}
