package quota

import (
	"context"
	"sync"
	"time"
)

// keeperState holds the ledgers of the accounts this process deals with.
type keeperState struct {
	mu      sync.Mutex
	ledgers map[string]*ledger
}

// change is what the committed writes of a while did, gross: bytes and objects
// added and removed, all positive.
type change struct {
	plus, minus               int64
	plusObjects, minusObjects int64
	since                     time.Time // of the first removal
}

func (c *change) empty() bool {
	return c.plus == 0 && c.minus == 0 && c.plusObjects == 0 && c.minusObjects == 0
}

// add takes in one write.
func (c *change) add(bytes, objects int64, now time.Time) {
	if (bytes < 0 || objects < 0) && c.since.IsZero() {
		c.since = now
	}
	c.plus += max(bytes, 0)
	c.minus -= min(bytes, 0)
	c.plusObjects += max(objects, 0)
	c.minusObjects -= min(objects, 0)
}

// merge takes in what an earlier while did.
func (c *change) merge(earlier change) {
	c.plus += earlier.plus
	c.minus += earlier.minus
	c.plusObjects += earlier.plusObjects
	c.minusObjects += earlier.minusObjects
	if !earlier.since.IsZero() {
		c.since = earlier.since
	}
}

// ledger is what this process knows of one account.
type ledger struct {
	account string
	// turn is held by whoever writes the account's record, so that the writers
	// of one process queue here and not on conflicts.
	turn chan struct{}

	mu      sync.Mutex
	gone    bool // dropped from the keeper; look it up again
	touched time.Time

	leased  bool      // the record holds a lease of this process
	lease   int64     // bytes of it
	expires time.Time // when it ends
	limit   int64     // quota it was granted under
	active  bool      // reserved from since the last flush

	open  int    // reservations under way
	held  int64  // their bytes
	fresh change // committed, not recorded, and not in sent
	doubt int64  // to add to the record's Doubt

	// epoch is that of the record when fresh was last empty, if known.
	known bool
	epoch int64

	seq  int64    // of the last attempt
	sent *attempt // a write of the record whose outcome is not known (yet)
}

// attempt is one write of the record.
type attempt struct {
	seq     int64
	change  change // what it records
	doubt   int64
	had     bool  // the record held our lease before
	keeps   bool  // it holds it after
	lease   int64 // after
	expires time.Time
	limit   int64
	want    int64 // of lease, promised to the reservation that waits
	reserve bool  // there is one, if only for 0 bytes
	was     int64 // epoch of the record it replaces
	epoch   int64 // epoch after

	known    bool // of the ledger before, to go back to
	oldEpoch int64
}

// ledger gives the account's ledger.
func (k *Keeper) ledger(account string) *ledger {
	k.state.mu.Lock()
	defer k.state.mu.Unlock()
	l := k.state.ledgers[account]
	if l == nil {
		if k.state.ledgers == nil {
			k.state.ledgers = map[string]*ledger{}
		}
		l = &ledger{account: account, turn: make(chan struct{}, 1)}
		k.state.ledgers[account] = l
	}
	return l
}

// locked gives the account's ledger with mu held.
func (k *Keeper) locked(account string) *ledger {
	for {
		l := k.ledger(account)
		l.mu.Lock()
		if !l.gone {
			return l
		}
		l.mu.Unlock()
	}
}

// inTurn gives the account's ledger with the turn held.
func (k *Keeper) inTurn(ctx context.Context, account string) (*ledger, error) {
	for {
		l := k.ledger(account)
		select {
		case l.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		l.mu.Lock()
		gone := l.gone
		l.mu.Unlock()
		if !gone {
			return l, nil
		}
		l.endTurn()
	}
}

func (l *ledger) endTurn() { <-l.turn }

// all gives the ledgers there are.
func (k *Keeper) all() []*ledger {
	k.state.mu.Lock()
	defer k.state.mu.Unlock()
	if len(k.state.ledgers) == 0 {
		return nil
	}
	all := make([]*ledger, 0, len(k.state.ledgers))
	for _, l := range k.state.ledgers {
		all = append(all, l)
	}
	return all
}

// room is how many bytes may be reserved without asking the registry. While an
// attempt is under way both must have room for them: the record as it was, and
// as it may be now.
func (l *ledger) room() int64 {
	room := l.lease
	if l.sent != nil {
		room = min(room-l.sent.change.plus, l.sent.lease-l.sent.want)
	}
	return room - l.fresh.plus - l.held
}

// spend reserves bytes from the lease if it can.
func (l *ledger) spend(bytes, limit int64, now time.Time) bool {
	if !l.leased || limit != l.limit || !now.Before(l.expires) || l.room() < bytes {
		return false
	}
	l.held += bytes
	l.active = true
	return true
}

// clean tells that the registry need not hear anything.
func (l *ledger) clean() bool {
	return l.fresh.empty() && l.doubt == 0 && l.sent == nil
}

// forget drops a ledger that nobody has used for a while. Its turn is held.
func (k *Keeper) forget(l *ledger, now time.Time) {
	k.state.mu.Lock()
	defer k.state.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.clean() && !l.leased && l.open == 0 && now.Sub(l.touched) > forgetAfter {
		l.gone = true
		delete(k.state.ledgers, l.account)
	}
}
