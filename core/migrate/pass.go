package migrate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// running is a pass under way.
type running struct {
	mu     sync.Mutex
	p      Progress
	told   time.Time
	copied map[string]*copying // contents of this run, by ID
}

// tellEvery is the least time between two reports of progress.
const tellEvery = 200 * time.Millisecond

func (m *Migration) count(change func(*Progress)) {
	m.run.mu.Lock()
	change(&m.run.p)
	p, due := m.run.p, m.Progress != nil && time.Since(m.run.told) >= tellEvery
	if due {
		m.run.told = time.Now()
	}
	m.run.mu.Unlock()
	if due {
		m.Progress(p)
	}
}

func (m *Migration) report(phase string) {
	m.run.mu.Lock()
	m.run.p.Phase = phase
	p := m.run.p
	m.run.mu.Unlock()
	if m.Progress != nil {
		m.Progress(p)
	}
}

// Pass copies what has changed since the last pass, or everything, and tells how
// much that was. The source may be written to meanwhile.
func (m *Migration) Pass(ctx context.Context) (Progress, error) { return m.pass(ctx, false) }

func (m *Migration) pass(ctx context.Context, final bool) (Progress, error) {
	phase := "copy"
	if final {
		phase = "final"
	}
	m.run.mu.Lock()
	m.run.p = Progress{Phase: phase, Pass: m.run.p.Pass + 1}
	if m.run.copied == nil {
		m.run.copied = map[string]*copying{}
	}
	m.run.mu.Unlock()
	parts, err := m.partitions(ctx)
	if err != nil {
		return Progress{}, err
	}
	m.count(func(p *Progress) { p.Partitions = len(parts) })
	for _, p := range parts {
		if err := m.partition(ctx, p, final); err != nil {
			return Progress{}, fmt.Errorf("partition %s: %w", p.name, err)
		}
		m.count(func(p *Progress) { p.Done++ })
	}
	m.report(phase)
	m.run.mu.Lock()
	defer m.run.mu.Unlock()
	return m.run.p, nil
}

// part is a partition to copy.
type part struct {
	name meta.Partition
	kind catalog.Kind
	gone bool // its bucket or account is no more: everything in it goes
}

// state is where the state remembers what was copied of it.
func (p *part) state() meta.Partition {
	if p.kind.Registry {
		return statePartition("registry", p.name)
	}
	return statePartition("catalogue", p.name)
}

func (m *Migration) stores(p *part) (from, to meta.Store) {
	if p.kind.Registry {
		return m.From.Registry, m.To.Registry
	}
	return m.From.Meta, m.To.Meta
}

// partitions lists those of the source, and those copied earlier that it has no
// more. The state remembers the IDs.
func (m *Migration) partitions(ctx context.Context) ([]part, error) {
	ids := map[catalog.Family][]string{}
	gone := map[catalog.Family][]string{}
	for family, sources := range map[catalog.Family][]meta.Partition{
		catalog.PerAccount: {catalog.Accounts, catalog.Usages},
		catalog.PerBucket:  {catalog.Buckets, catalog.Dropped},
	} {
		there := map[string]bool{}
		for _, p := range sources {
			if err := m.idsIn(ctx, p, there); err != nil {
				return nil, err
			}
		}
		known := statePartition("ids", meta.Partition(fmt.Sprint(family)))
		err := scan(ctx, m.State, known, func(e meta.Entry) error {
			if !there[e.Key] {
				gone[family] = append(gone[family], e.Key)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		var ops []meta.Op
		for id := range there {
			ids[family] = append(ids[family], id)
			ops = append(ops, meta.Op{Key: id})
		}
		if err := m.remember(ctx, known, ops); err != nil {
			return nil, err
		}
	}
	var parts []part
	for _, k := range catalog.Kinds() {
		if k.Copying == catalog.Local || k.Copying == catalog.Recounted {
			continue
		}
		for _, name := range k.Partitions(ids[catalog.PerAccount], ids[catalog.PerBucket]) {
			parts = append(parts, part{name: name, kind: k})
		}
		if k.Family == catalog.PerAccount || k.Family == catalog.PerBucket {
			for _, name := range k.Partitions(gone[catalog.PerAccount], gone[catalog.PerBucket]) {
				parts = append(parts, part{name: name, kind: k, gone: true})
			}
		}
	}
	return parts, nil
}

// idsIn gathers the IDs of the buckets or accounts that a partition is about.
func (m *Migration) idsIn(ctx context.Context, p meta.Partition, ids map[string]bool) error {
	if p != catalog.Buckets {
		return scan(ctx, m.From.Registry, p, func(e meta.Entry) error { ids[e.Key] = true; return nil })
	}
	return m.From.Repo.AllBuckets(ctx, func(b *catalog.Bucket) error { ids[b.ID] = true; return nil })
}

// scan calls fn for each record of a partition, without values.
func scan(ctx context.Context, s meta.Store, p meta.Partition, fn func(meta.Entry) error) error {
	return scanWith(ctx, s, p, false, fn)
}

func scanWith(ctx context.Context, s meta.Store, p meta.Partition, values bool, fn func(meta.Entry) error) error {
	c := cursor{store: s, part: p, values: values}
	for {
		e, err := c.peek(ctx)
		if e == nil || err != nil {
			return err
		}
		if err := fn(*e); err != nil {
			return err
		}
		c.i++
	}
}

// cursor goes through a partition page by page.
type cursor struct {
	store  meta.Store
	part   meta.Partition
	values bool
	page   []meta.Entry
	i      int
	from   string
	ended  bool
}

// peek gives the next entry, nil at the end.
func (c *cursor) peek(ctx context.Context) (*meta.Entry, error) {
	for c.i >= len(c.page) {
		if c.ended {
			return nil, nil
		}
		page, err := c.store.Scan(ctx, c.part, meta.Range{From: c.from, WithValue: c.values})
		if err != nil {
			return nil, fmt.Errorf("scan %s: %w", c.part, err)
		}
		c.page, c.i = page.Entries, 0
		c.ended = !page.More || len(page.Entries) == 0
		if len(page.Entries) > 0 {
			c.from = meta.Next(page.Entries[len(page.Entries)-1].Key)
		}
	}
	return &c.page[c.i], nil
}

// digest is what the state remembers of a version, however long that is.
func digest(v meta.Version) string {
	sum := sha256.Sum256([]byte(v))
	return string(sum[:16])
}

// partition brings one partition of the target up to date.
func (m *Migration) partition(ctx context.Context, p part, final bool) error {
	from, _ := m.stores(&p)
	source := &cursor{store: from, part: p.name, ended: p.gone}
	known := &cursor{store: m.State, part: p.state()}
	var todo []step
	for {
		s, err := source.peek(ctx)
		if err != nil {
			return err
		}
		k, err := known.peek(ctx)
		if err != nil {
			return err
		}
		if s == nil && k == nil {
			return m.steps(ctx, &p, todo, final)
		}
		switch {
		case k == nil || s != nil && s.Key < k.Key:
			todo = append(todo, step{key: s.Key, first: true})
			source.i++
		case s == nil || k.Key < s.Key:
			todo = append(todo, step{key: k.Key, drop: true})
			known.i++
		default:
			if digest(s.Record.Version) != string(k.Record.Summary) {
				todo = append(todo, step{key: s.Key})
			}
			source.i++
			known.i++
		}
		if s != nil {
			m.count(func(p *Progress) { p.Seen++ })
		}
		if len(todo) == stepsAtOnce {
			if err := m.steps(ctx, &p, todo, final); err != nil {
				return err
			}
			todo = nil
		}
	}
}

// stepsAtOnce is how many records are done between two writes of the state.
const stepsAtOnce = 256

// step is one record to copy, or to drop at the target.
type step struct {
	key  string
	drop bool
	// first: the state knows nothing of it yet.
	first bool
	op    meta.Op // for the state, when done
}

// steps does some steps, several at once, and then notes those done.
func (m *Migration) steps(ctx context.Context, p *part, todo []step, final bool) error {
	// Keys are noted before they are written to the target: one that is deleted at
	// the source after a kill must go there, too.
	var first []meta.Op
	for i := range todo {
		if todo[i].first {
			first = append(first, meta.Op{Key: todo[i].key})
		}
	}
	if err := m.remember(ctx, p.state(), first); err != nil {
		return err
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, cmp.Or(m.Workers, 16))
	errs := make([]error, len(todo))
	for i := range todo {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := m.step(ctx, p, &todo[i], final); err != nil {
				errs[i] = fmt.Errorf("record %q: %w", todo[i].key, err)
			}
		})
	}
	wg.Wait()
	var ops []meta.Op
	for i := range todo {
		if todo[i].op.Key != "" {
			ops = append(ops, todo[i].op)
		}
	}
	if err := m.remember(ctx, p.state(), ops); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// remember writes to the state.
func (m *Migration) remember(ctx context.Context, p meta.Partition, ops []meta.Op) error {
	ctx = context.WithoutCancel(ctx)
	for len(ops) > 0 {
		n := min(len(ops), meta.MaxBatch)
		if err := m.State.Batch(ctx, p, ops[:n]); err != nil {
			return fmt.Errorf("state: %w", err)
		}
		ops = ops[n:]
	}
	return nil
}

// tries is how often a record is read again that changes under the reader.
const tries = 5

// passing tells whether what failed may succeed in a moment.
func passing(err error) bool {
	return errors.Is(err, content.ErrUnavailable) || errors.Is(err, meta.ErrUnavailable) || errors.Is(err, meta.ErrOutcomeUnknown)
}

func ofTarget(err error) error {
	if err != nil {
		return fmt.Errorf("write to the target: %w", err)
	}
	return nil
}

func (m *Migration) step(ctx context.Context, p *part, s *step, final bool) error {
	from, to := m.stores(p)
	for try := 0; ; try++ {
		var rec meta.Record
		err := meta.ErrNotFound
		if !s.drop || !p.gone { // a scan is not the last word
			rec, err = from.Get(ctx, p.name, s.key, true)
		}
		gone := errors.Is(err, meta.ErrNotFound)
		if err != nil && !gone {
			return err
		}
		version := rec.Version
		if gone { // it is no more
			err = ofTarget(to.Delete(ctx, p.name, s.key, meta.Always))
		} else {
			err = m.lay(ctx, p, s.key, &rec, final)
		}
		switch {
		case errors.Is(err, errOwing):
			m.count(func(p *Progress) { p.Later++ })
			return nil
		case errors.Is(err, errChanged) && try < tries:
			continue
		case err == nil && !gone:
			_, err = to.Put(ctx, p.name, s.key, rec, meta.Always)
			err = ofTarget(err)
		}
		if passing(err) && try < tries {
			if err := sleep(ctx, cmp.Or(m.Pause, 200*time.Millisecond)<<try); err != nil {
				return err
			}
			continue
		}
		switch {
		case err != nil:
			return err
		case gone:
			s.op = meta.Op{Key: s.key, Delete: true}
			m.count(func(p *Progress) { p.Deleted++ })
		default:
			s.op = meta.Op{Key: s.key, Record: meta.Record{Summary: []byte(digest(version))}}
			m.count(func(p *Progress) { p.Records++ })
		}
		return nil
	}
}
