package riak

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"
	"time"

	"github.com/mucura/mucura/core/content"
)

// Content is a content store in Riak.
type Content struct {
	client    *client
	manifests *bucket
	blocks    *bucket
	blockSize int

	mu      sync.Mutex
	cleaned time.Time // up to which blocks without a manifest were looked for
}

// blockSize is 1 MiB: Riak holds an object in memory, whole, on its way.
const blockSize = 1 << 20

// OpenContent opens a content store. It waits, as long as ctx lets it, until
// the cluster answers.
func OpenContent(ctx context.Context, o Options) (*Content, error) {
	c, err := newClient(o)
	if err != nil {
		return nil, err
	}
	if err := c.ready(ctx); err != nil {
		c.close()
		return nil, err
	}
	s := &Content{client: c, manifests: c.bucket("content"), blocks: c.bucket("block"), blockSize: blockSize}
	// A block is written once, so one replica that has it is as good as all,
	// and one that lacks it says nothing.
	s.blocks.read = "r=1&notfound_ok=false&basic_quorum=false"
	return s, nil
}

// find reads the manifest of a content, in whatever state.
func (s *Content) find(ctx context.Context, id content.ID, head bool) (*object, manifest, []byte, error) {
	o, err := s.manifests.get(ctx, string(id), readRange{head: head})
	if err != nil {
		return nil, manifest{}, nil, contentError(ctx, err)
	}
	if !o.exists() {
		return o, manifest{}, nil, nil
	}
	m, body, err := resolveManifest(o.siblings)
	if err != nil {
		return nil, manifest{}, nil, fmt.Errorf("content %s: %w: %w", id, content.ErrCorrupt, err)
	}
	return o, m, body, nil
}

// committed is find of what a reader may see.
func (s *Content) committed(ctx context.Context, id content.ID, head bool) (manifest, []byte, error) {
	if err := errors.Join(content.CheckID(id), ctx.Err()); err != nil {
		return manifest{}, nil, err
	}
	_, m, body, err := s.find(ctx, id, head)
	if err == nil && m.state != committed {
		err = fmt.Errorf("content %s: %w", id, content.ErrNotFound)
	}
	return m, body, err
}

// Stat gives the size of a content.
func (s *Content) Stat(ctx context.Context, id content.ID) (content.Info, error) {
	m, _, err := s.committed(ctx, id, true)
	if err != nil {
		return content.Info{}, err
	}
	return content.Info{ID: id, Size: m.size}, nil
}

// Delete removes a content: first from sight, then its blocks, then its
// manifest, which until then tells what is left to do.
func (s *Content) Delete(ctx context.Context, id content.ID) error {
	if err := errors.Join(content.CheckID(id), ctx.Err()); err != nil {
		return err
	}
	return s.drop(ctx, id, 0)
}

// drop removes a content in whatever state, which has at least sent blocks.
func (s *Content) drop(ctx context.Context, id content.ID, sent int64) error {
	o, m, err := s.hide(ctx, id, sent)
	if err != nil || !o.exists() {
		return err
	}
	if m.state == dropped && m.size == 0 { // nobody knows how many there are
		_, _, err = s.dropListed(ctx, id)
	} else {
		err = s.dropBlocks(ctx, id, m.blocks())
	}
	if err != nil {
		return contentError(ctx, err)
	}
	return contentError(ctx, s.manifests.delete(ctx, string(id), o))
}

// hide takes a content that has blocks out of sight.
func (s *Content) hide(ctx context.Context, id content.ID, sent int64) (*object, manifest, error) {
	for try := 0; ; try++ {
		o, m, _, err := s.find(ctx, id, true)
		if err != nil || !o.exists() || m.state == dropped || m.blocks() == 0 && m.state == committed {
			return o, m, err
		}
		m.state, m.size = dropped, max(m.size, sent*int64(m.block))
		_, err = s.manifests.put(ctx, string(id), o.prior(), m.value(id, nil), false)
		if err != nil && (!errors.Is(err, errChanged) || try == settleTries) {
			return nil, manifest{}, contentError(ctx, err)
		}
	}
}

// dropBlocks deletes the first n blocks of a content.
func (s *Content) dropBlocks(ctx context.Context, id content.ID, n int64) error {
	const workers = 8
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range min(workers, n) {
		wg.Go(func() {
			for i := w; i < n && errs[w] == nil; i += workers {
				errs[w] = s.blocks.delete(ctx, blockKey(id, i), &object{})
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Capabilities say that a walk may lag behind, as the index does.
func (s *Content) Capabilities() content.Capabilities {
	return content.Capabilities{Name: "riak"}
}

// Ping reads and writes an object.
func (s *Content) Ping(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return contentError(ctx, s.client.ping(ctx))
}

// Close ends idle connections.
func (s *Content) Close() error {
	s.client.close()
	return nil
}

// contentError translates what a request met to the port's errors.
func contentError(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", content.ErrUnavailable, err)
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }
