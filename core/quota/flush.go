package quota

import (
	"context"
	"errors"
	"time"

	"github.com/mucura/mucura/core/catalog"
)

func (k *Keeper) flush(ctx context.Context) error {
	var errs []error
	for _, l := range k.all() {
		if k.hasWork(l, k.Now()) {
			errs = append(errs, k.flushOne(ctx, l.account, false))
		}
	}
	return errors.Join(errs...)
}

func (k *Keeper) close(ctx context.Context) error {
	var errs []error
	for _, l := range k.all() {
		errs = append(errs, k.flushOne(ctx, l.account, true))
	}
	return errors.Join(errs...)
}

// hasWork tells whether a flush of the ledger has anything to do.
func (k *Keeper) hasWork(l *ledger, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.clean() || l.leased || l.open == 0 && now.Sub(l.touched) > forgetAfter
}

// flushOne flushes the ledger of one account, and with closing returns its lease.
func (k *Keeper) flushOne(ctx context.Context, account string, closing bool) error {
	l, err := k.inTurn(ctx, account)
	if err != nil {
		return err
	}
	defer l.endTurn()
	now := k.Now()
	l.mu.Lock()
	active := l.active && !closing
	l.active = false
	due := !l.clean() ||
		// bytes nobody reserved from since the last flush go back
		l.leased && !active && (l.lease > l.held || l.open == 0) ||
		// and what is in use is renewed in time
		l.leased && l.expires.Sub(now) < k.leaseTime()/2
	idle := !l.leased && l.open == 0
	l.mu.Unlock()
	if due {
		return k.exchange(ctx, l, order{more: active})
	}
	if idle {
		k.forget(l, now)
	}
	return nil
}

func (k *Keeper) usage(ctx context.Context, account string) (catalog.Usage, error) {
	l := k.locked(account)
	clean := l.clean()
	l.mu.Unlock()
	if !clean {
		l, err := k.inTurn(ctx, account)
		if err != nil {
			return catalog.Usage{}, err
		}
		err = k.exchange(ctx, l, order{})
		l.endTurn()
		if err != nil {
			return catalog.Usage{}, err
		}
	}
	u, _, err := k.read(ctx, account)
	return u, err
}
