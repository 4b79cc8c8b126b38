// Package migrate copies a repository to other stores while it serves: any
// metadata and content store to any other.
//
// It works at the ports. A pass goes through all partitions of the source and
// copies what has changed since the last one, comparing the versions the source
// gives with those remembered in a state of its own; so the first pass copies
// everything, and further ones what happened meanwhile. In the end the source is
// made read-only, and passes are made until one finds nothing. A pass that is
// killed is simply made again: every step can be repeated.
//
// Contents keep their IDs, so what shares bytes still does. Records are copied as
// they are, but for their layout: a small content is inlined where the target
// takes it, and an inlined one becomes a content where the target does not. No
// record that is copied embeds a version of its store; work that is still Pending
// does, and is done before.
package migrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/repo"
)

// Side is one of the two repositories.
type Side struct {
	Meta     meta.Store
	Registry meta.Store
	Content  content.Store
	// Repo is over the same stores.
	Repo *repo.Repo
}

// Migration copies From to To. Its fields are set before the first use and not changed.
type Migration struct {
	From, To Side
	// State remembers what was copied, from run to run; it has batches and
	// fresh scans. One state belongs to one migration.
	State meta.Store
	// SiteKey names the key that the source's secrets are sealed under.
	SiteKey string
	Now     func() time.Time
	Log     *slog.Logger
	// Freeze makes the source read-only, and returns when no process writes any more.
	Freeze func(ctx context.Context) error
	// Pause is the first pause before a record is tried again whose copying failed
	// because a store was unavailable; 0 means 200 ms.
	Pause time.Duration
	// Workers is how many records are copied at once; 0 means 16.
	Workers int
	// Progress is told how far it is, from time to time; may be nil.
	Progress func(Progress)

	id    string
	run   running
	slice int // contents compared with the records at a time; 0: sliceSize
}

// Progress tells how far a migration is.
type Progress struct {
	Phase      string `json:"phase"` // "copy", "final", "verify", "done"
	Pass       int    `json:"pass"`  // counted from 1
	Partitions int    `json:"partitions"`
	Done       int    `json:"partitions_done"`
	Seen       int64  `json:"records_seen"`
	Records    int64  `json:"records_copied"`
	Deleted    int64  `json:"records_deleted"`
	Contents   int64  `json:"contents_copied"`
	Bytes      int64  `json:"bytes_copied"`
	Later      int64  `json:"records_put_off"` // owe work at the source
}

// Changes is how many records a pass found changed.
func (p *Progress) Changes() int64 { return p.Records + p.Deleted + p.Later }

// The errors besides those of the stores.
var (
	// ErrTarget says that the target is not one this migration may fill.
	ErrTarget = errors.New("the target is not empty, and not of this migration")
	// ErrSource says that the source cannot be copied.
	ErrSource = errors.New("the source cannot be copied")
	// ErrDamaged says that bytes did not arrive as they are, or are not whole at
	// the source.
	ErrDamaged = errors.New("content damaged")
)

// stateKey is where the state remembers its migration.
const stateKey = "migration"

// Partitions of the state.
var (
	ownState      = statePartition("own", "")
	contentsState = statePartition("content", "")
)

// statePartition names a partition of the state: what was copied of one of a store.
func statePartition(kind string, p meta.Partition) meta.Partition {
	return meta.Partition(kind + "!" + string(p))
}

// Begin prepares state and target, or finds them prepared. ErrTarget when the
// target holds something that is not this migration's.
func (m *Migration) Begin(ctx context.Context) error {
	if !m.State.Capabilities().Batch || !m.State.Capabilities().FreshScan {
		return fmt.Errorf("state in %s: %w", m.State.Capabilities().Name, meta.ErrUnsupported)
	}
	note, err := readNote(ctx, m.State, ownState, stateKey)
	if errors.Is(err, meta.ErrNotFound) {
		note = catalog.Migration{ID: string(content.NewID(m.Now())), Begun: m.Now().UTC(), SiteKey: m.SiteKey}
		err = writeNote(ctx, m.State, ownState, stateKey, note, meta.IfAbsent)
	}
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	m.id = note.ID
	if source, err := readNote(ctx, m.From.Registry, catalog.Site, catalog.SiteMigration); err == nil && source.Ended.IsZero() {
		return fmt.Errorf("%w: it is itself the unfinished target of a migration", ErrSource)
	} else if err != nil && !errors.Is(err, meta.ErrNotFound) {
		return err
	}
	if err := m.claim(ctx, note); err != nil {
		return err
	}
	// What a run that was killed left half written would be in the way.
	if j, ok := content.As[content.Janitor](m.To.Content); ok {
		if _, _, err := j.Clean(ctx, m.Now()); err != nil {
			return fmt.Errorf("clean the target: %w", err)
		}
	}
	return nil
}

// claim marks the target as this migration's.
func (m *Migration) claim(ctx context.Context, note catalog.Migration) error {
	there, err := readNote(ctx, m.To.Registry, catalog.Site, catalog.SiteMigration)
	switch {
	case err == nil && there.ID == m.id && there.Ended.IsZero():
		return nil
	case err == nil && there.ID == m.id:
		return fmt.Errorf("%w: it was completed, and may have been written to since", ErrTarget)
	case err == nil:
		return fmt.Errorf("%w: it belongs to migration %s, the state to %s", ErrTarget, there.ID, m.id)
	case !errors.Is(err, meta.ErrNotFound):
		return fmt.Errorf("target: %w", err)
	}
	for _, p := range []meta.Partition{catalog.Accounts, catalog.Buckets} {
		page, err := m.To.Registry.Scan(ctx, p, meta.Range{Limit: 1})
		if err != nil {
			return fmt.Errorf("target: %w", err)
		}
		if len(page.Entries) > 0 {
			return fmt.Errorf("%w: there is %s %s", ErrTarget, p, page.Entries[0].Key)
		}
	}
	return writeNote(ctx, m.To.Registry, catalog.Site, catalog.SiteMigration, note, meta.IfAbsent)
}

func readNote(ctx context.Context, s meta.Store, p meta.Partition, key string) (note catalog.Migration, err error) {
	rec, err := s.Get(ctx, p, key, false)
	if err == nil {
		err = json.Unmarshal(rec.Value, &note)
	}
	return note, err
}

func writeNote(ctx context.Context, s meta.Store, p meta.Partition, key string, note catalog.Migration, cond meta.Cond) error {
	value, err := json.Marshal(note)
	if err == nil {
		_, err = s.Put(ctx, p, key, meta.Record{Value: value}, cond)
	}
	return err
}

// mostPasses bounds the passes over a source that is read-only: the second of
// them should find nothing.
const mostPasses = 10

// Final makes the source read-only, copies the rest and completes the target. When it
// returns nil the target is whole and may be served; the source stays read-only.
func (m *Migration) Final(ctx context.Context) error {
	if err := m.Freeze(ctx); err != nil {
		return fmt.Errorf("make the source read-only: %w", err)
	}
	caps := m.From.Meta.Capabilities()
	for pass := 0; ; pass++ {
		// A pass, too, writes to the source: work that records owe.
		if err := sleep(ctx, caps.ScanSettles()); err != nil {
			return err
		}
		p, err := m.pass(ctx, true)
		if err != nil {
			return err
		}
		if p.Changes() == 0 {
			break
		}
		if pass == mostPasses {
			return fmt.Errorf("%w: it is read-only, and still changes", ErrSource)
		}
	}
	if err := m.finish(ctx); err != nil {
		return fmt.Errorf("complete the target: %w", err)
	}
	note, err := readNote(ctx, m.To.Registry, catalog.Site, catalog.SiteMigration)
	if err != nil {
		return err
	}
	note.Ended = m.Now().UTC()
	if err := writeNote(ctx, m.To.Registry, catalog.Site, catalog.SiteMigration, note, meta.Always); err != nil {
		return err
	}
	m.report("done")
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
