// Package quota keeps accounts within their bytes, strictly: whatever the
// number of writers and processes, bytes stored never exceed the quota.
//
// The Usage record of an account is changed by compare-and-set, so the
// registry must be linearizable. So that a small write does not pay a second
// commit, a process leases a number of bytes and spends them locally; used plus
// leased never exceeds the quota. Near the limit leases shrink, until each
// write is reserved exactly.
//
// What each process knows is in its ledger of the account: bytes reserved for
// writes under way, bytes added and removed that are not in the record yet.
// Two things hold at all times, and everything else follows from them:
//
//   - reserved plus added and not yet recorded is at most the process's lease;
//   - bytes really used are at most the recorded bytes, plus what the processes
//     have added and not recorded.
//
// Bytes removed make room only once they are recorded. A process that dies
// leaves its lease, which stays counted until a recount (see BeginRecount) has
// found out what became of it. An error therefore always counts too much.
//
// A write may be refused although it would fit, by as much as other processes
// have leased and not spent, or freed and not yet recorded: at most a 16th of
// what was left, and until their next Flush.
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
	// Chunk is how many bytes are leased beyond those asked for; near the limit
	// it is less. 0 means 64 MiB. -1 leases nothing beyond: every write reserves
	// exactly, as suits a process that may be frozen after any request. Such a
	// one calls Flush at the end of a request.
	Chunk int64
	// LeaseTime is how long a lease is good for after a Flush; 0 means a
	// minute. It must be several times the period of the flushing timer, and more
	// than the clocks of two processes may differ.
	LeaseTime time.Duration
	// Settling is how long EndRecount waits after a count, for deletions that were
	// made during it to reach Note; 0 means two seconds, -1 not at all.
	Settling time.Duration
	// RaiseHint is the sentence that tells a person whose quota is used up
	// where to have it raised.
	RaiseHint string

	state keeperState
}

// Reservation is a number of bytes set aside for one write. It is used by one
// goroutine and ends with Settle or Cancel; both may be called twice.
type Reservation struct {
	k      *Keeper
	ledger *ledger
	bytes  int64
	done   bool
	tally  *Tally
}

// Reserve sets bytes aside for a write by account, before its body is read. It
// returns s3err.QuotaExceeded, naming used bytes and limit, when they do not
// fit; s3err.SlowDown or StorageFull when the registry cannot answer, as no
// write may pass uncounted. acct gives the quota in force.
func (k *Keeper) Reserve(ctx context.Context, acct *catalog.Account, bytes int64) (*Reservation, error) {
	return k.reserve(ctx, acct, bytes)
}

// Grow sets more bytes aside, for a body whose length was not known. After an
// error the reservation is as it was.
func (r *Reservation) Grow(ctx context.Context, acct *catalog.Account, more int64) error {
	return r.grow(ctx, acct, more)
}

// Settle ends the reservation: the write was committed and changed what the
// account uses by these bytes and objects (negative when it replaced more than
// it stored), bytes being at most those reserved. It cannot fail: what it does
// not write now is written with the next flush, and a crash before that is put
// right by a recount.
func (r *Reservation) Settle(bytes, objects int64) { r.settle(bytes, objects) }

// Cancel ends the reservation without a write.
func (r *Reservation) Cancel() { r.cancel() }

// Note records a change that needed no reservation (a deletion), right after it
// was committed. When the process dies before the next flush, and holds no
// lease, the change is forgotten until somebody recounts the account.
func (k *Keeper) Note(account string, bytes, objects int64) { k.note(account, bytes, objects) }

// Flush writes what was settled locally to the registry, renews leases in use
// and returns those not used since the last Flush. It is called from a timer,
// and costs nothing when there is nothing to do. After an error the rest was
// flushed, and the next Flush tries again.
func (k *Keeper) Flush(ctx context.Context) error { return k.flush(ctx) }

// Close flushes and returns all leases but for reservations still open. Called
// before the process ends, it saves the recount an abandoned lease would cost.
// The Keeper stays usable.
func (k *Keeper) Close(ctx context.Context) error { return k.close(ctx) }

// Usage reads what an account uses, after flushing what this process knows.
func (k *Keeper) Usage(ctx context.Context, account string) (catalog.Usage, error) {
	return k.usage(ctx, account)
}
