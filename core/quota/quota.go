// Package quota keeps accounts within their bytes, strictly: whatever the
// number of writers and processes, bytes stored never exceed the quota.
//
// The Usage record of an account is changed by compare-and-set. So that a
// small write does not pay a second commit, a process leases a number of bytes
// and spends them locally; used plus leased never exceeds the quota. Near the
// limit it reserves exactly.
package quota

import (
	"context"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/meta"
)

// Keeper reserves and settles bytes for one process. One Keeper serves all requests.
type Keeper struct {
	Registry meta.Store
	Now      func() time.Time
	// Process names this process among those sharing the registry; random.
	Process string

	state keeperState
}

// Reservation is a number of bytes set aside for one write. It is used by one
// goroutine and ends with Settle or Cancel; both may be called twice.
type Reservation struct {
	k       *Keeper
	account string
	bytes   int64
	done    bool
}

// Reserve sets bytes aside for a write by account, before its body is read. It
// returns s3err.QuotaExceeded, naming used bytes and limit, when they do not
// fit. acct gives the quota in force.
func (k *Keeper) Reserve(ctx context.Context, acct *catalog.Account, bytes int64) (*Reservation, error) {
	return k.reserve(ctx, acct, bytes)
}

// Grow sets more bytes aside, for a body whose length was not known.
func (r *Reservation) Grow(ctx context.Context, acct *catalog.Account, more int64) error {
	return r.grow(ctx, acct, more)
}

// Settle ends the reservation: the write was committed and changed what the
// account uses by these bytes and objects (negative when it replaced more than
// it stored). It cannot fail: what it does not write now is written with the
// next flush, and a crash before that is put right by a recount.
func (r *Reservation) Settle(bytes, objects int64) { r.settle(bytes, objects) }

// Cancel ends the reservation without a write.
func (r *Reservation) Cancel() { r.cancel() }

// Note records a change that needed no reservation (a deletion).
func (k *Keeper) Note(account string, bytes, objects int64) { k.note(account, bytes, objects) }

// Flush writes what was settled locally to the registry and returns leases that
// are not used. It is called from a timer, and before the process ends.
func (k *Keeper) Flush(ctx context.Context) error { return k.flush(ctx) }

// Usage reads what an account uses, after flushing what this process knows.
func (k *Keeper) Usage(ctx context.Context, account string) (catalog.Usage, error) {
	return k.usage(ctx, account)
}
