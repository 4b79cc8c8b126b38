package quota

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/s3err"
)

// limitOf is the account's quota, in bytes; a negative one is no limit.
func limitOf(acct *catalog.Account) int64 {
	if acct.Quota < 0 {
		return math.MaxInt64
	}
	return acct.Quota
}

func (k *Keeper) reserve(ctx context.Context, acct *catalog.Account, bytes int64) (*Reservation, error) {
	if bytes < 0 {
		return nil, fmt.Errorf("reserve %d bytes", bytes)
	}
	now := k.Now()
	l := k.locked(acct.ID)
	l.open++ // from now on the ledger is not forgotten
	l.touched = now
	ok := l.spend(bytes, limitOf(acct), now)
	l.mu.Unlock()
	r := &Reservation{k: k, ledger: l, bytes: bytes, tally: TallyOf(ctx)}
	if ok {
		return r, nil
	}
	if err := k.enlarge(ctx, l, acct, bytes); err != nil {
		r.bytes = 0
		r.cancel()
		return nil, err
	}
	return r, nil
}

func (r *Reservation) grow(ctx context.Context, acct *catalog.Account, more int64) error {
	if more <= 0 {
		return nil
	}
	if r.done {
		return errors.New("reservation has ended")
	}
	l := r.ledger
	l.mu.Lock()
	ok := l.spend(more, limitOf(acct), r.k.Now())
	l.mu.Unlock()
	if !ok {
		if err := r.k.enlarge(ctx, l, acct, more); err != nil {
			return err
		}
	}
	r.bytes += more
	return nil
}

// enlarge reserves bytes that the lease has no room for. The ledger has a
// reservation open, so it is not forgotten.
func (k *Keeper) enlarge(ctx context.Context, l *ledger, acct *catalog.Account, bytes int64) error {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return s3err.SlowDown.With(ctx.Err())
	}
	defer l.endTurn()
	limit := limitOf(acct)
	l.mu.Lock() // whoever had the turn before may have leased enough
	ok := l.spend(bytes, limit, k.Now())
	l.mu.Unlock()
	if ok {
		return nil
	}
	err := k.exchange(ctx, l, order{want: bytes, limit: limit, reserve: true, more: true})
	var full *noRoom
	switch {
	case errors.As(err, &full):
		return k.exceeded(acct, bytes, full)
	case errors.Is(err, meta.ErrFull):
		return s3err.StorageFull.With(err)
	case err != nil:
		return s3err.SlowDown.With(err)
	}
	return nil
}

func (r *Reservation) settle(bytes, objects int64) {
	if r.done {
		return
	}
	r.done = true
	r.tally.Add(bytes, objects)
	now := r.k.Now()
	l := r.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	l.held -= r.bytes
	l.touched = now
	l.fresh.add(bytes, objects, now)
}

func (r *Reservation) cancel() {
	if r.done {
		return
	}
	r.done = true
	r.ledger.mu.Lock()
	defer r.ledger.mu.Unlock()
	r.ledger.open--
	r.ledger.held -= r.bytes
}

func (k *Keeper) note(account string, bytes, objects int64) {
	now := k.Now()
	l := k.locked(account)
	defer l.mu.Unlock()
	l.touched = now
	l.fresh.add(bytes, objects, now)
}

// noRoom says that bytes do not fit.
type noRoom struct {
	used   int64 // recorded bytes
	others int64 // set aside for other writes
}

func (e *noRoom) Error() string { return "no room in the quota" }

// exceeded is what the person is told.
func (k *Keeper) exceeded(acct *catalog.Account, bytes int64, full *noRoom) error {
	text := fmt.Sprintf("This write needs %s, but account %q uses %s of its quota of %s",
		size(bytes), acct.Name, size(full.used), size(acct.Quota))
	if full.others > 0 {
		text += fmt.Sprintf(", and %s are set aside for other writes under way", size(full.others))
	}
	hint := k.RaiseHint
	if hint == "" {
		hint = "Whoever operates this repository can raise the quota."
	}
	return s3err.QuotaExceeded.Say("%s. %s", text, hint)
}

// size writes a number of bytes for people and for programs: "1.5 GiB (1610612736 bytes)".
func size(n int64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d bytes", n)
	}
	const units = "KMGTPE"
	f, u := float64(n)/(1<<10), 0
	for f >= 1023.95 && u < len(units)-1 {
		f /= 1 << 10
		u++
	}
	return fmt.Sprintf("%.1f %ciB (%d bytes)", f, units[u], n)
}
