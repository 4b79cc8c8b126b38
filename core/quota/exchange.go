package quota

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

const (
	defaultChunk  = 64 << 20         // bytes
	defaultLease  = time.Minute      // good for this long after a flush
	forgetAfter   = 10 * time.Minute // a ledger nobody uses
	firstBackoff  = time.Millisecond // doubled with each conflict
	longestWait   = 64 * time.Millisecond
	mostConflicts = 60 // each of them another process's progress
)

// order is what a write of the record is to do besides recording changes.
type order struct {
	want    int64 // bytes to lease for a reservation, which is then held
	limit   int64 // quota in force, with reserve
	reserve bool  // a reservation wants them (even 0)
	more    bool  // lease a chunk beyond
	// edit changes the record further; an error ends the exchange without a write.
	edit func(u *catalog.Usage, now time.Time) error
}

// exchange writes the account's record: what was committed since goes in, and
// the lease becomes what is held, what is wanted, and perhaps a chunk more. The turn is
// held. *noRoom when the wanted bytes do not fit.
func (k *Keeper) exchange(ctx context.Context, l *ledger, o order) error {
	wait := firstBackoff
	for range mostConflicts {
		u, version, err := k.read(ctx, l.account)
		if err != nil {
			return err
		}
		if err := k.prepare(l, &u, o); err != nil {
			return err
		}
		err = k.write(ctx, l, &u, version)
		if !errors.Is(err, meta.ErrConflict) {
			return err
		}
		if err := pause(ctx, rand.N(wait)); err != nil {
			return err
		}
		wait = min(2*wait, longestWait)
	}
	return fmt.Errorf("usage of %s: %w", l.account, meta.ErrConflict)
}

// read gives the account's record, an empty one when there is none.
func (k *Keeper) read(ctx context.Context, account string) (u catalog.Usage, v meta.Version, err error) {
	rec, err := k.Registry.Get(ctx, catalog.Usages, account, false)
	if errors.Is(err, meta.ErrNotFound) {
		return u, "", nil
	}
	if err == nil {
		err = json.Unmarshal(rec.Value, &u)
	}
	if err != nil {
		err = fmt.Errorf("read usage of %s: %w", account, err)
	}
	return u, rec.Version, err
}

// prepare turns the record read into the one to write, and notes the attempt.
func (k *Keeper) prepare(l *ledger, u *catalog.Usage, o order) error {
	now := k.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.resolve(u, k.Process)
	mine, had := u.Leases[k.Process]
	if l.leased && !had { // a recount found it expired: we were away too long
		l.leased, l.lease = false, 0
		l.doubt += l.fresh.plus
	}
	if had {
		l.leased, l.lease, l.expires = true, mine.Bytes, mine.Expires
	}
	a := &attempt{
		seq: l.seq + 1, change: l.fresh, doubt: l.doubt, want: o.want, reserve: o.reserve,
		had: had, was: u.Epoch, known: l.known, oldEpoch: l.epoch, limit: l.limit,
	}
	if o.reserve {
		a.limit = o.limit
	}
	record(u, a, l.doubtful(u, k.leaseTime()))
	if o.edit != nil {
		if err := o.edit(u, now); err != nil {
			return err
		}
	}
	if err := k.grant(l, u, a, o, now); err != nil {
		return err
	}
	a.epoch = u.Epoch
	l.seq, l.sent = a.seq, a
	l.fresh, l.doubt = change{}, 0
	l.known, l.epoch = true, u.Epoch
	return nil
}

// grant sets this process's lease in the record.
func (k *Keeper) grant(l *ledger, u *catalog.Usage, a *attempt, o order, now time.Time) error {
	var others int64
	for process, lease := range u.Leases {
		if process != k.Process {
			others += lease.Bytes
		}
	}
	free := a.limit - u.Bytes - others - l.held
	if o.want > 0 && o.want > free {
		return &noRoom{used: u.Bytes, others: others + l.held}
	}
	a.lease = l.held + o.want
	if o.more {
		a.lease += max(0, min(k.chunk(o.want), (free-o.want)/16))
	}
	a.expires = now.Add(k.leaseTime())
	a.keeps = a.lease > 0 || o.reserve || l.open > 0
	if !a.keeps {
		delete(u.Leases, k.Process)
		return nil
	}
	if u.Leases == nil {
		u.Leases = map[string]catalog.Lease{}
	}
	u.Leases[k.Process] = catalog.Lease{Bytes: a.lease, Expires: a.expires, Seq: a.seq}
	return nil
}

// write puts the record and takes in the outcome.
func (k *Keeper) write(ctx context.Context, l *ledger, u *catalog.Usage, v meta.Version) error {
	value, err := json.Marshal(u)
	if err == nil {
		_, err = k.Registry.Put(ctx, catalog.Usages, l.account, meta.Record{Value: value}, meta.IfMatch(v))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.held += l.sent.want
		l.active = l.active || l.sent.reserve
		l.landed()
		return nil
	case errors.Is(err, meta.ErrConflict), errors.Is(err, meta.ErrUnavailable),
		errors.Is(err, meta.ErrFull), errors.Is(err, meta.ErrTooLarge):
		l.failed()
	default: // perhaps it was written: the next reader of the record finds out
		l.sent.want = 0
	}
	return fmt.Errorf("write usage of %s: %w", l.account, err)
}

// landed: the attempt was written.
func (l *ledger) landed() {
	a := l.sent
	l.sent = nil
	l.leased, l.lease, l.expires, l.limit = a.keeps, a.lease, a.expires, a.limit
}

// failed: the attempt was not written.
func (l *ledger) failed() {
	a := l.sent
	l.sent = nil
	l.fresh.merge(a.change)
	l.doubt += a.doubt
	l.known, l.epoch = a.known, a.oldEpoch
}

// resolve finds out from the record what became of an attempt.
func (l *ledger) resolve(u *catalog.Usage, process string) {
	a := l.sent
	if a == nil {
		return
	}
	mine, there := u.Leases[process]
	recounted := u.Epoch != a.was && u.Epoch != a.epoch
	switch {
	case there && mine.Seq == a.seq, !there && a.had && !a.keeps && !recounted:
		l.landed()
	case there, a.keeps && !recounted:
		l.failed()
	default:
		// It cannot be told. Additions are counted, if need be twice; removals are
		// not, and a recount puts that right.
		l.doubt += a.change.plus + a.change.minus
		a.change.minus, a.change.minusObjects = 0, 0
		l.failed()
		l.leased, l.lease = false, 0
	}
}

// chunk is how much to lease beyond what is wanted: where objects are large,
// enough for some more of them.
func (k *Keeper) chunk(want int64) int64 {
	switch {
	case k.Chunk < 0:
		return 0
	case k.Chunk == 0:
		return max(defaultChunk, 16*want)
	}
	return max(k.Chunk, 16*want)
}

func (k *Keeper) leaseTime() time.Duration {
	if k.LeaseTime <= 0 {
		return defaultLease
	}
	return k.LeaseTime
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
