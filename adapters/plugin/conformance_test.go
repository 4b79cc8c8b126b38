package plugin

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/content/contenttest"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/meta/metatest"
)

// places remembers where the data of each store lie.
type places struct {
	mu  sync.Mutex
	dir map[any]string
}

func (p *places) put(s any, dir string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dir == nil {
		p.dir = map[any]string{}
	}
	p.dir[s] = dir
}

func (p *places) get(s any) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dir[s]
}

// TestMetaConformance runs the suite on SQLite in a plug-in. An unknown outcome
// is a real one: the process ends before or after the write.
func TestMetaConformance(t *testing.T) {
	var at places
	open := func(t *testing.T, dir string) meta.Store {
		s := mustMeta(t, quick(&logs{}), "kind", "sqlite", "dir", dir, "hooks", dir)
		at.put(s, dir)
		return s
	}
	metatest.Run(t, metatest.Options{
		Open: func(t *testing.T) meta.Store { return open(t, t.TempDir()) },
		Reopen: func(t *testing.T, old meta.Store) meta.Store {
			old.Close()
			return open(t, at.get(old))
		},
		Second: func(t *testing.T, first meta.Store) meta.Store { return open(t, at.get(first)) },
		Unknown: func(t *testing.T, s meta.Store, done bool) meta.Store {
			// The store recovers from the cut before before the next one.
			eventually(t, "service", func() bool { return s.Ping(t.Context()) == nil })
			name := map[bool]string{true: "die-after", false: "die-before"}[done]
			hooks{at.get(s)}.set(t, name)
			return &recovering{s, t}
		},
	})
}

// recovering waits after a write until the plug-in serves again, as the
// retrying decorator does.
type recovering struct {
	meta.Store
	t *testing.T
}

func (s *recovering) wait() {
	eventually(s.t, "service", func() bool { return s.Ping(s.t.Context()) == nil })
}

func (s *recovering) Put(ctx context.Context, p meta.Partition, key string, r meta.Record, cond meta.Cond) (meta.Version, error) {
	defer s.wait()
	return s.Store.Put(ctx, p, key, r, cond)
}

func (s *recovering) Delete(ctx context.Context, p meta.Partition, key string, cond meta.Cond) error {
	defer s.wait()
	return s.Store.Delete(ctx, p, key, cond)
}

// TestMetaGrades runs it on stores that promise more and less. Much of it waits for
// scans to settle.
func TestMetaGrades(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"plain", "lagging"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			metatest.Run(t, metatest.Options{Open: func(t *testing.T) meta.Store { return mustMeta(t, quick(&logs{}), "kind", kind) }})
		})
	}
}

// TestScanLag: the host waits as long as the plug-in says, and no plug-in may say
// more than a host would bear.
func TestScanLag(t *testing.T) {
	caps := mustMeta(t, quick(&logs{}), "kind", "lagging").Capabilities()
	if caps.FreshScan || caps.ScanSettles() != 200*time.Millisecond {
		t.Errorf("capabilities %+v", caps)
	}
	caps = mustMeta(t, quick(&logs{}), "kind", "plain").Capabilities()
	if caps.ScanSettles() != meta.DefaultScanLag {
		t.Errorf("capabilities %+v of a store that does not say", caps)
	}
	if s, err := OpenMeta(t.Context(), pluginURL(t, "kind", "late"), quick(&logs{})); err == nil {
		t.Errorf("opened one with %+v", s.Capabilities())
	}
}

func TestContentConformance(t *testing.T) {
	var at places
	open := func(t *testing.T, dir string) content.Store {
		s := mustContent(t, quick(&logs{}), "kind", "file", "dir", dir)
		at.put(fmt.Sprintf("%p", supervisorOf(t, s)), dir)
		return s
	}
	contenttest.Run(t, contenttest.Options{
		Open: func(t *testing.T) content.Store { return open(t, t.TempDir()) },
		Reopen: func(t *testing.T, s content.Store) content.Store {
			return open(t, at.get(fmt.Sprintf("%p", supervisorOf(t, s))))
		},
		Buffered: Buffered,
	})
}

// TestContentPlain is a store without any optional interface.
func TestContentPlain(t *testing.T) {
	contenttest.Run(t, contenttest.Options{
		Open:     func(t *testing.T) content.Store { return mustContent(t, quick(&logs{}), "kind", "plain") },
		Buffered: Buffered,
	})
}
