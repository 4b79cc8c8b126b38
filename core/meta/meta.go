// Package meta is the metadata port: partitions of ordered records, each
// replaced one at a time by compare-and-set.
//
// Everything Mucura knows about objects, buckets and people is kept through
// this port. Adapters implement Store over one engine (SQLite, Redis, Riak, a
// plug-in); package metatest holds the conformance suite every adapter passes.
//
// The contract is chosen so that stores without multi-key transactions can
// keep it. A caller may use Batch only where Capabilities promise it, and must
// be correct without it.
package meta

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Partition names an ordered key space. There is no atomicity across
// partitions. A partition exists as soon as it holds a record; it needs no
// creation. Names are printable ASCII without spaces, at most MaxPartition bytes.
type Partition string

// Version is the opaque revision of a record. It changes with every
// successful Put and is never used again for the same key, not even after the
// record was deleted and created anew. The empty Version means "no record".
type Version string

// Limits every store keeps.
const (
	MaxPartition = 128      // bytes in a partition name
	MaxKey       = 2304     // bytes in a key; any byte values, also NUL and invalid UTF-8
	MaxSummary   = 512      // bytes in a summary
	MinValue     = 64 << 10 // every store accepts values (Value plus Body) at least this long
	MaxScan      = 1000     // most entries a page holds
	MaxBatch     = 1024     // most operations in a batch
)

// Record is what a key holds.
type Record struct {
	// Value is what core encoded; at most Capabilities.MaxValue bytes.
	Value []byte
	// Summary is the short part a Scan returns; at most MaxSummary bytes.
	Summary []byte
	// Body is inlined content, which neither a Scan nor a Get without WithBody
	// has to read; at most Capabilities.MaxInline bytes.
	Body []byte
	// Version is set by Get and Scan and ignored by Put and Batch.
	Version Version
}

// CondKind tells what a write requires of the record it replaces.
type CondKind uint8

// The three conditions.
const (
	Any    CondKind = iota // no condition
	Absent                 // there must be no record
	Match                  // the record must be at the given version
)

// Cond is the condition of one write.
type Cond struct {
	Kind    CondKind
	Version Version // for Match
}

// Always, IfAbsent and IfMatch make conditions.
var (
	Always   = Cond{Kind: Any}
	IfAbsent = Cond{Kind: Absent}
)

// IfMatch requires that the record is still at version v. IfMatch("") is IfAbsent.
func IfMatch(v Version) Cond {
	if v == "" {
		return IfAbsent
	}
	return Cond{Kind: Match, Version: v}
}

// Op is one operation of a batch: a Put of Record, or with Delete set a removal.
type Op struct {
	Key    string
	Delete bool
	Record Record
	Cond   Cond
}

// Range selects the keys k with From <= k, and k < Before unless Before is "".
type Range struct {
	From   string
	Before string
	// Limit is the most entries wanted, 1 to MaxScan; 0 means MaxScan.
	Limit int
	// WithValue asks for each entry's Value too, not only its Summary.
	WithValue bool
}

// Entry is one line of a page. Record.Body is never set; Record.Value only when
// Range.WithValue was asked for.
type Entry struct {
	Key    string
	Record Record
}

// Page is a stretch of a partition in bytewise ascending order of keys.
type Page struct {
	Entries []Entry
	// More tells that keys may follow the last entry; the next page starts at
	// Next(last key). A page may be shorter than Limit, even empty only when
	// More is false.
	More bool
}

// Next is the smallest key after key.
func Next(key string) string { return key + "\x00" }

// PrefixEnd is the smallest key above every key that begins with prefix, or ""
// (no bound) when there is none.
func PrefixEnd(prefix string) string {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			return prefix[:i] + string([]byte{prefix[i] + 1})
		}
	}
	return ""
}

// Level grades compare-and-set.
type Level uint8

// What a conditional write promises.
const (
	None         Level = iota // conditions are not exact; core answers 501 to conditional requests
	WhenHealthy               // exact while the cluster is healthy
	Linearizable              // exact always
)

func (l Level) String() string {
	return [...]string{"none", "when-healthy", "linearizable"}[l]
}

// Capabilities say what a store promises. They are constant while it is open.
type Capabilities struct {
	Name      string // of the engine, for logs and documents: "sqlite"
	CAS       Level
	FreshScan bool // a Scan shows every acknowledged write
	// ScanLag is the longest time after which a Scan shows a write, where
	// FreshScan is not promised; DefaultScanLag when it says nothing. Core waits
	// for it where a listing decides, as in the deletion of a bucket.
	ScanLag   time.Duration
	Batch     bool // Batch works
	MaxValue  int  // most bytes of Value; at least MinValue
	MaxInline int  // most bytes of Body; 0: the store takes no inlined content
}

// DefaultScanLag is the ScanLag of a store that does not say.
const DefaultScanLag = 2 * time.Second

// ScanSettles is how long after a write a scan shows it.
func (c *Capabilities) ScanSettles() time.Duration {
	switch {
	case c.FreshScan:
		return 0
	case c.ScanLag > 0:
		return c.ScanLag
	}
	return DefaultScanLag
}

// The errors a store returns, wrapped with what it did. Anything else is a bug
// of the adapter and treated as ErrUnavailable by callers.
var (
	// ErrNotFound: there is no record at the key.
	ErrNotFound = errors.New("record not found")
	// ErrConflict: the condition did not hold; nothing was written.
	ErrConflict = errors.New("record changed")
	// ErrOutcomeUnknown: the write may or may not have happened (a cut
	// connection after sending). The caller reads back to find out.
	ErrOutcomeUnknown = errors.New("outcome unknown")
	// ErrUnavailable: the store cannot answer now; nothing was written.
	ErrUnavailable = errors.New("metadata store unavailable")
	// ErrReadOnly: writes are refused for a while, for maintenance. It is not the
	// engine's to say, and comes together with ErrUnavailable.
	ErrReadOnly = errors.New("read-only for maintenance")
	// ErrFull: no space is left; nothing was written, reads still work.
	ErrFull = errors.New("metadata store full")
	// ErrTooLarge: key, value, summary or body over the limit; nothing was written.
	ErrTooLarge = errors.New("record too large")
	// ErrUnsupported: the store does not do this (Batch without Capabilities.Batch).
	ErrUnsupported = errors.New("not supported by this store")
)

// Store is the metadata port. All methods are safe for concurrent use by many
// goroutines, and several processes may open the same store.
type Store interface {
	// Get reads the record at key. It returns every write acknowledged before
	// it was called, by whatever process. With withBody the inlined content is
	// read too. ErrNotFound when there is none.
	Get(ctx context.Context, p Partition, key string, withBody bool) (Record, error)

	// Put replaces the record at key if cond holds and returns its new version.
	// When Put returns nil the record survives a power cut. On ErrConflict the
	// record is as it was. The store keeps no reference to r's slices after
	// Put returns.
	Put(ctx context.Context, p Partition, key string, r Record, cond Cond) (Version, error)

	// Delete removes the record at key if cond holds: ErrConflict when it does
	// not. With Any, deleting what is not there is no error. Durable on return.
	Delete(ctx context.Context, p Partition, key string, cond Cond) error

	// Scan returns a page of a range. Deleted records are never shown (where
	// FreshScan is promised). Pages together are no snapshot, but a key that is
	// there throughout a scan appears exactly once.
	Scan(ctx context.Context, p Partition, r Range) (Page, error)

	// Batch does all ops or none, in one partition, durable on return. Every
	// condition is judged against the state before the batch. A key appears at
	// most once. ErrConflict when any condition fails; ErrUnsupported without
	// Capabilities.Batch.
	Batch(ctx context.Context, p Partition, ops []Op) error

	Capabilities() Capabilities

	// Ping tells whether the store can serve reads and writes now.
	Ping(ctx context.Context) error

	// Close waits for running calls and frees what the store holds.
	Close() error
}

// Check tells whether a write keeps the limits that hold for every store;
// adapters call it first, so none has to judge sizes itself.
func Check(c Capabilities, p Partition, key string, r Record) error {
	switch {
	case len(p) == 0 || len(p) > MaxPartition:
		return fmt.Errorf("partition name of %d bytes: %w", len(p), ErrTooLarge)
	case len(key) == 0 || len(key) > MaxKey:
		return fmt.Errorf("key of %d bytes: %w", len(key), ErrTooLarge)
	case len(r.Summary) > MaxSummary:
		return fmt.Errorf("summary of %d bytes: %w", len(r.Summary), ErrTooLarge)
	case len(r.Value) > c.MaxValue:
		return fmt.Errorf("value of %d bytes: %w", len(r.Value), ErrTooLarge)
	case len(r.Body) > c.MaxInline:
		return fmt.Errorf("inlined content of %d bytes: %w", len(r.Body), ErrTooLarge)
	}
	return nil
}

// CheckBatch is Check for a batch: ErrUnsupported when the store has no
// batches or a key appears twice, ErrTooLarge for too many operations or one
// over the limits.
func CheckBatch(c Capabilities, p Partition, ops []Op) error {
	if !c.Batch {
		return fmt.Errorf("batch: %w", ErrUnsupported)
	}
	if len(ops) > MaxBatch {
		return fmt.Errorf("batch of %d operations: %w", len(ops), ErrTooLarge)
	}
	for i := range ops {
		if err := Check(c, p, ops[i].Key, ops[i].Record); err != nil {
			return err
		}
	}
	if twice(ops) {
		return fmt.Errorf("batch names a key twice: %w", ErrUnsupported)
	}
	return nil
}

// twice tells whether two operations have the same key. Most batches are of
// two or three operations, for which a map costs more than comparing.
func twice(ops []Op) bool {
	if len(ops) > 16 {
		seen := make(map[string]bool, len(ops))
		for i := range ops {
			seen[ops[i].Key] = true
		}
		return len(seen) < len(ops)
	}
	for i := range ops {
		for j := range i {
			if ops[i].Key == ops[j].Key {
				return true
			}
		}
	}
	return false
}
