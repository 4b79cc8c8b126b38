package repo

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
)

// manifest is a decoded manifest content; it never changes.
type manifest struct {
	segments []catalog.Segment
	parts    []catalog.PartInfo
}

const (
	// maxManifest bounds the bytes of a manifest that is read.
	maxManifest = 64 << 20
	// maxCachedLines bounds the segments and parts of all cached manifests together.
	maxCachedLines = 100_000
)

// manifestCache keeps manifests by content ID, which stands for the same bytes
// for ever.
type manifestCache struct {
	mu    sync.Mutex
	m     map[content.ID]*manifest
	lines int
}

func (m *manifest) lines() int { return len(m.segments) + len(m.parts) }

func (c *manifestCache) get(id content.ID) *manifest {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.m[id]
}

// put adds a manifest, and drops others of no particular order to make room.
func (c *manifestCache) put(id content.ID, m *manifest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m[id] != nil || m.lines() > maxCachedLines/2 {
		return
	}
	for old, dropped := range c.m {
		if c.lines+m.lines() <= maxCachedLines {
			break
		}
		delete(c.m, old)
		c.lines -= dropped.lines()
	}
	if c.m == nil {
		c.m = map[content.ID]*manifest{}
	}
	c.m[id] = m
	c.lines += m.lines()
}

// manifest reads a manifest.
func (r *Repo) manifest(ctx context.Context, id content.ID) (*manifest, error) {
	if m := r.state.manifests.get(id); m != nil {
		return m, nil
	}
	rc, err := r.Content.Open(ctx, id, 0, -1)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	b, err := io.ReadAll(io.LimitReader(rc, maxManifest+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxManifest {
		return nil, fmt.Errorf("manifest %s is too long: %w", id, content.ErrCorrupt)
	}
	m := new(manifest)
	if m.segments, m.parts, err = catalog.DecodeManifest(b); err != nil {
		return nil, fmt.Errorf("manifest %s: %w", id, err)
	}
	r.state.manifests.put(id, m)
	return m, nil
}

// Segments gives all segments of an object, reading its manifest where it has
// one. An inline object has none. The result is shared and must not be changed.
func (r *Repo) Segments(ctx context.Context, o *catalog.Object) ([]catalog.Segment, error) {
	if o.Manifest == "" {
		return o.Segments, nil
	}
	m, err := r.manifest(ctx, o.Manifest)
	if err != nil {
		return nil, wrap(err)
	}
	return m.segments, nil
}
