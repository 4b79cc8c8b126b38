package quota

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

// How a recount is exact enough while people write.
//
// A count takes a while, and of what changes meanwhile it sees some and not
// the rest. So from BeginRecount to EndRecount the record gathers how many
// bytes were added (P) and removed (M). Of a count S the truth lies between
// S-M and S+P, additions not recorded yet set aside; they follow in any case. The record's
// own figure plus the leases that are given up (A) is not less than the truth either. So
// the new figure is the lesser of S+P and A: never too little, and
// exactly S when nothing changed. Only when A is less than it can be, after
// an accident with the registry, S+P is taken for itself.
//
// Removals that were not recorded when the recount ended are the trouble: the
// count may have missed those bytes already, and taking them off once more
// would count too little for good. They are recognised, because the ledger
// has not seen the record since the recount ended and they were made before it
// (give or take the clocks' difference), and are not taken off. The record
// remembers as Doubt by how much it may count too much, and Stale names the
// account again after a while.
//
// A lease is given up only when it had expired before the recount began, by
// its own time once more: then its process has long stopped spending it.

// ErrRecountSuperseded says that somebody else began a recount of the account.
var ErrRecountSuperseded = errors.New("another recount was begun")

// Doubt is looked into after doubtTime, a small one after smallDoubtTime.
const (
	doubtTime      = time.Hour
	smallDoubtTime = 24 * time.Hour
	smallDoubt     = 64 // one such part of the bytes used
)

// record applies what an attempt brings. Removals in doubt are not taken off.
func record(u *catalog.Usage, a *attempt, doubtful bool) {
	c := a.change
	if r := u.Recount; r != nil {
		r.Plus += c.plus
		r.Minus += c.minus
		r.PlusObjects += c.plusObjects
		r.MinusObjects += c.minusObjects
	}
	u.Doubt += a.doubt
	if doubtful {
		u.Doubt += c.minus
		c.minus, c.minusObjects = 0, 0
	}
	u.Bytes = max(0, u.Bytes+c.plus-c.minus)
	u.Objects = max(0, u.Objects+c.plusObjects-c.minusObjects)
}

// doubtful tells whether the last recount may have taken off the removals not
// recorded yet.
func (l *ledger) doubtful(u *catalog.Usage, skew time.Duration) bool {
	ended := u.Epoch &^ 1
	switch {
	case l.fresh.since.IsZero(), u.Recounted.IsZero(), l.known && l.epoch >= ended:
		return false
	}
	return l.fresh.since.Before(u.Recounted.Add(skew))
}

// BeginRecount prepares for counting what an account really uses. Count after
// it has returned, then give the result and the token to EndRecount. Writers
// go on meanwhile. A recount that is not ended does no harm.
func (k *Keeper) BeginRecount(ctx context.Context, account string) (token int64, err error) {
	err = k.edit(ctx, account, func(u *catalog.Usage, now time.Time) error {
		u.Epoch += 1 + u.Epoch&1 // odd, and another than that of a recount never ended
		u.Recount = &catalog.Recount{Started: now}
		token = u.Epoch
		return nil
	})
	return token, err
}

// EndRecount sets what the account uses to what was counted, taking into
// account what changed since BeginRecount, and gives up leases that had
// expired before it. The figure is exact when nothing changed meanwhile,
// and else too high by at most what changed. The number of objects, which
// limits nothing, may be off by what changed. ErrRecountSuperseded
// when the token is not that of the last BeginRecount.
func (k *Keeper) EndRecount(ctx context.Context, account string, token, bytes, objects int64) error {
	if err := pause(ctx, k.settling()); err != nil {
		return err
	}
	return k.edit(ctx, account, func(u *catalog.Usage, now time.Time) error {
		if u.Recount == nil || u.Epoch != token {
			return fmt.Errorf("account %s: %w", account, ErrRecountSuperseded)
		}
		k.setCount(u, bytes, objects)
		u.Epoch++
		u.Recount, u.Recounted = nil, now
		return nil
	})
}

// setCount draws the conclusion from a count.
func (k *Keeper) setCount(u *catalog.Usage, bytes, objects int64) {
	r := u.Recount
	var dead, live int64
	for process, lease := range u.Leases {
		if k.isDead(lease, r.Started) {
			dead += lease.Bytes
			delete(u.Leases, process)
		} else {
			live += lease.Bytes
		}
	}
	least, most, own := bytes-r.Minus, bytes+r.Plus, u.Bytes+dead
	u.Bytes = max(0, min(most, own))
	if own+live < least {
		u.Bytes = most
	}
	u.Doubt = max(u.Bytes-least, least-u.Bytes)
	if dead > 0 { // additions of the living that the count saw come once more
		u.Doubt += live
	}
	u.Objects = max(0, objects-r.MinusObjects, min(objects+r.PlusObjects, u.Objects))
}

// isDead tells whether at a time a lease had expired beyond any doubt of clocks.
func (k *Keeper) isDead(lease catalog.Lease, at time.Time) bool {
	return lease.Expires.Add(k.leaseTime()).Before(at)
}

// edit changes an account's record beyond recording what this process did.
func (k *Keeper) edit(ctx context.Context, account string, fn func(*catalog.Usage, time.Time) error) error {
	l, err := k.inTurn(ctx, account)
	if err != nil {
		return err
	}
	defer l.endTurn()
	return k.exchange(ctx, l, order{edit: fn})
}

func (k *Keeper) settling() time.Duration {
	switch {
	case k.Settling < 0:
		return 0
	case k.Settling == 0:
		return 2 * time.Second
	}
	return k.Settling
}

// Stale lists the accounts that need a recount: a process died holding a
// lease, or an earlier recount left a doubt a while ago.
func (k *Keeper) Stale(ctx context.Context) ([]string, error) {
	var stale []string
	now := k.Now()
	r := meta.Range{WithValue: true}
	for {
		page, err := k.Registry.Scan(ctx, catalog.Usages, r)
		if err != nil {
			return nil, fmt.Errorf("list usage: %w", err)
		}
		for _, e := range page.Entries {
			var u catalog.Usage
			if json.Unmarshal(e.Record.Value, &u) != nil || k.isStale(&u, now) {
				stale = append(stale, e.Key)
			}
			r.From = meta.Next(e.Key)
		}
		if !page.More {
			return stale, nil
		}
	}
}

func (k *Keeper) isStale(u *catalog.Usage, now time.Time) bool {
	for _, lease := range u.Leases {
		if k.isDead(lease, now) {
			return true
		}
	}
	wait := doubtTime
	if u.Doubt < u.Bytes/smallDoubt {
		wait = smallDoubtTime
	}
	return u.Doubt > 0 && now.Sub(u.Recounted) > wait
}
