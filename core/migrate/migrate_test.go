package migrate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/mucura/mucura/adapters/mem"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/sse"
	"github.com/mucura/mucura/core/storewrap"
	"github.com/mucura/mucura/core/weak"
)

// TestMigrate copies a repository that is being written to, from the embedded
// stores to each grade of others, and from there back.
func TestMigrate(t *testing.T) {
	for _, g := range grades() {
		t.Run(g.Caps.Name, func(t *testing.T) {
			home, away := newSite(t, embedded), newSite(t, g)
			home.fill()
			home.migrate(away)
			back := newSite(t, embedded)
			away.migrate(back)
			back.wantReadable()
		})
	}
}

// migrate copies s to t while writers write, and compares.
func (s *site) migrate(t *site) {
	s.Helper()
	writing, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() { s.write(writing, uint64(i)) })
	}
	m := s.migration(t, mem.NewMeta())
	m.Freeze = func(ctx context.Context) error {
		err := s.freeze(ctx)
		wg.Wait() // a write that has passed the gate may take its time
		return err
	}
	s.must(m.Begin(ctx))
	for range 3 {
		_, err := m.Pass(ctx)
		s.must(err)
	}
	s.must(m.Final(ctx))
	stop()
	wg.Wait()
	s.wantEqual(t)
	s.readOnly = false
	if err := m.Begin(ctx); !errors.Is(err, ErrTarget) {
		s.Errorf("again after the end: %v", err)
	}
	if err := s.migration(t, mem.NewMeta()).Begin(ctx); !errors.Is(err, ErrTarget) {
		s.Errorf("another migration into the same target: %v", err)
	}
}

// wantReadable reads what is encrypted in every way.
func (s *site) wantReadable() {
	s.Helper()
	customer, err := sse.NewCustomerKey(bytes.Repeat([]byte{9}, 32))
	s.must(err)
	b, err := s.Repo.Bucket(ctx, "versions")
	s.must(err)
	for key, want := range map[string]string{
		"smallsite": "smallversions", "bigsite": big("again versionssite"), "copy-encrypted": big("again versionssite"), "copy": big("again versions"), "empty": "",
	} {
		if got := s.readAll(b, key, nil); got != want {
			s.Errorf("%s: %d bytes %.20q, want %.20q", key, len(got), got, want)
		}
	}
	for key, want := range map[string]string{"smallcustomer": "smallversions", "tinycustomer": "t", "bigcustomer": big("again versionscustomer")} {
		if got := s.readAll(b, key, customer); got != want {
			s.Errorf("%s: %.20q, want %.20q", key, got, want)
		}
	}
}

// TestKilled kills a migration at each of its calls to a store in turn, several times
// in a row, and lets it go on; in the end everything must have arrived.
func TestKilled(t *testing.T) {
	target := weak.Grade{Caps: meta.Capabilities{Name: "no-inline", CAS: meta.Linearizable, FreshScan: true, MaxValue: meta.MinValue}}
	killed := true
	step := 13
	if testing.Short() {
		step = 101
	}
	for n := 1; killed; n += step {
		home, away := newSite(t, embedded), newSite(t, target)
		home.fill()
		state := mem.NewMeta()
		killed = false
		ended := false
		for life := range 4 {
			dead := home.runKilled(away, state, n+life*3, life == 3)
			killed = killed || dead
			if ended = life == 3 && !dead; !ended {
				home.write(quick(), uint64(life)) // life goes on at the source
			}
		}
		if !ended {
			m := home.migration(away, state)
			home.must(m.Begin(ctx))
			_, err := m.Pass(ctx)
			home.must(err)
			home.must(m.Final(ctx))
		}
		home.wantEqual(away)
		if t.Failed() {
			t.Fatalf("killed at call %d", n)
		}
	}
}

// quick is a context for a few writes.
func quick() context.Context {
	c, cancel := context.WithCancel(ctx)
	n := 0
	return countdown{c, cancel, &n}
}

type countdown struct {
	context.Context
	cancel context.CancelFunc
	n      *int
}

func (c countdown) Err() error {
	if *c.n++; *c.n == 60 {
		c.cancel()
	}
	return c.Context.Err()
}

// runKilled migrates, and dies before the n-th call to any store. It tells whether
// there were so many.
func (s *site) runKilled(t *site, state meta.Store, n int, final bool) bool {
	s.Helper()
	var mu sync.Mutex
	left := n
	dead := func() error {
		mu.Lock()
		defer mu.Unlock()
		if left--; left <= 0 {
			return errors.Join(meta.ErrUnavailable, content.ErrUnavailable)
		}
		return nil
	}
	wrap := func(m meta.Store) meta.Store {
		return &storewrap.Fault{Store: m, Before: func(storewrap.Op, meta.Partition, string) error { return dead() }}
	}
	m := s.migration(t, wrap(state))
	m.From.Meta, m.From.Registry = wrap(s.Meta), wrap(s.Registry)
	m.To.Meta, m.To.Registry = wrap(t.Meta), wrap(t.Registry)
	m.To.Content = &dying{t.Content, func(string, content.ID) error { return dead() }}
	m.To.Repo = t.over(m.To.Meta, m.To.Registry, m.To.Content)
	err := m.Begin(ctx)
	if err == nil {
		_, err = m.Pass(ctx)
	}
	if err == nil && final {
		m.Freeze = func(context.Context) error { return nil } // dies before
		err = m.Final(ctx)
	}
	if err != nil && left > 0 {
		s.Fatal(err)
	}
	return err != nil
}

// dying is a content store whose process dies, also in the midst of a content. dead is
// asked before each call.
type dying struct {
	content.Store
	dead func(call string, id content.ID) error
}

func (d *dying) Create(ctx context.Context, id content.ID, size int64) (content.Writer, error) {
	if err := d.dead("create", id); err != nil {
		return nil, err
	}
	w, err := d.Store.Create(ctx, id, size)
	return &dyingWriter{w, func(call string) error { return d.dead(call, id) }}, err
}

func (d *dying) Delete(ctx context.Context, id content.ID) error {
	if err := d.dead("delete", id); err != nil {
		return err
	}
	return d.Store.Delete(ctx, id)
}

type dyingWriter struct {
	content.Writer
	dead func(call string) error
}

func (w *dyingWriter) Commit() error {
	if err := w.dead("commit"); err != nil {
		return err
	}
	return w.Writer.Commit()
}

func (w *dyingWriter) Abort() error {
	if err := w.dead("abort"); err != nil {
		return err
	}
	return w.Writer.Abort()
}

// TestOutagesAreRiddenOut lets every call to the target fail when it is made first.
func TestOutagesAreRiddenOut(t *testing.T) {
	home, away := newSite(t, embedded), newSite(t, weak.Large()[1])
	home.fill()
	var mu sync.Mutex
	made := map[string]bool{}
	fail := func(call ...any) error {
		mu.Lock()
		defer mu.Unlock()
		if c := fmt.Sprint(call...); !made[c] {
			made[c] = true
			return errors.Join(meta.ErrUnavailable, content.ErrUnavailable)
		}
		return nil
	}
	m := home.migration(away, mem.NewMeta())
	home.must(m.Begin(ctx))
	m.To.Meta = &storewrap.Fault{Store: away.Meta, Before: func(op storewrap.Op, p meta.Partition, key string) error { return fail(op, " ", p, " ", key) }}
	m.To.Content = &dying{away.Content, func(call string, id content.ID) error { return fail(call, " ", id) }}
	_, err := m.Pass(ctx)
	home.must(err)
	b, err := home.repo.Bucket(ctx, "plain")
	home.must(err)
	home.delete(b, "small", "")
	home.delete(b, "big", "")
	_, err = m.Pass(ctx)
	home.must(err)
	m.To = away.Side
	home.must(m.Final(ctx))
	home.wantEqual(away)
}

// TestNoPartitionIsLeftBehind compares the partitions there are with those that a
// migration goes through.
func TestNoPartitionIsLeftBehind(t *testing.T) {
	s := newSite(t, embedded)
	s.fill()
	m := s.migration(newSite(t, embedded), mem.NewMeta())
	s.must(m.Begin(ctx))
	parts, err := m.partitions(ctx)
	s.must(err)
	known := map[meta.Partition]bool{}
	for _, p := range parts {
		known[p.name] = true
	}
	for _, k := range catalog.Kinds() {
		if k.Copying == catalog.Local || k.Copying == catalog.Recounted {
			known[meta.Partition(k.Prefix)] = true
		}
	}
	all := append(s.catalog.Partitions(), s.registry.Partitions()...)
	if len(all) < 15 {
		t.Errorf("only %d partitions: %q", len(all), all)
	}
	for _, p := range all {
		if !known[p] {
			t.Errorf("partition %s would be left behind", p)
		}
	}
}

// TestRefused are migrations that must not begin.
func TestRefused(t *testing.T) {
	home, full := newSite(t, embedded), newSite(t, embedded)
	home.fill()
	full.fill()
	if err := home.migration(full, mem.NewMeta()).Begin(ctx); !errors.Is(err, ErrTarget) {
		t.Errorf("into a repository in use: %v", err)
	}
	if err := home.migration(home, mem.NewMeta()).Begin(ctx); !errors.Is(err, ErrTarget) {
		t.Errorf("into itself: %v", err)
	}
	half := newSite(t, embedded)
	home.must(home.migration(half, mem.NewMeta()).Begin(ctx))
	if err := half.migration(newSite(t, embedded), mem.NewMeta()).Begin(ctx); !errors.Is(err, ErrSource) {
		t.Errorf("from an unfinished target: %v", err)
	}
}

// TestLostContent says which content a damaged source has lost, and does not
// complete the target.
func TestLostContent(t *testing.T) {
	home, away := newSite(t, embedded), newSite(t, weak.Large()[1])
	home.fill()
	b, err := home.Repo.Bucket(ctx, "plain")
	home.must(err)
	h, err := home.Repo.Open(ctx, b, "big", "", false)
	home.must(err)
	lost := h.Segments[0].ID
	home.must(home.content.Delete(ctx, lost))
	m := home.migration(away, mem.NewMeta())
	home.must(m.Begin(ctx))
	if _, err := m.Pass(ctx); !errors.Is(err, ErrDamaged) || !bytes.Contains([]byte(fmt.Sprint(err)), []byte(lost)) {
		t.Errorf("%v, want content %s", err, lost)
	}
}

// TestDifferencesAreFound changes one fact at a time.
func TestDifferencesAreFound(t *testing.T) {
	for name, change := range map[string]func(s *site){
		"tags": func(s *site) {
			b, _ := s.Repo.Bucket(ctx, "versions")
			_, err := s.Repo.Update(ctx, b, "small", "", func(o *catalog.Object) error { o.Tags = nil; return nil })
			s.must(err)
		},
		"bytes": func(s *site) {
			b, err := s.Repo.Bucket(ctx, "plain")
			s.must(err)
			h, err := s.Repo.Open(ctx, b, "big", "", false)
			s.must(err)
			id := h.Segments[0].ID
			s.must(s.content.Delete(ctx, id))
			w, err := s.content.Create(ctx, id, -1)
			s.must(err)
			_, err = w.Write([]byte("other"))
			s.must(errors.Join(err, w.Commit()))
		},
		"version": func(s *site) {
			b, _ := s.Repo.Bucket(ctx, "plain")
			_, err := s.Repo.DeleteObject(ctx, deleteOf(b, "small"))
			s.must(err)
		},
		"bucket setting": func(s *site) {
			_, err := s.Repo.UpdateBucket(ctx, "locked", func(b *catalog.Bucket) error { b.Lock.Days = 2; return nil })
			s.must(err)
		},
		"account": func(s *site) {
			_, err := s.Repo.Accounts.Update(ctx, s.ben.ID, func(a *catalog.Account) error { a.Quota = 5; return nil })
			s.must(err)
		},
		"upload": func(s *site) {
			b, _ := s.Repo.Bucket(ctx, "plain")
			_, err := s.Repo.CreateUpload(ctx, uploadOf(b))
			s.must(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			home, away := newSite(t, embedded), newSite(t, embedded)
			home.fill()
			m := home.migration(away, mem.NewMeta())
			home.must(m.Begin(ctx))
			home.must(m.Final(ctx))
			away.ben = home.ben
			change(away)
			c := &Comparison{A: home.Side, B: away.Side, ReadData: true}
			if sum, err := c.Run(ctx); err != nil || sum.Differences == 0 {
				t.Errorf("%+v, %v", sum, err)
			}
		})
	}
}
