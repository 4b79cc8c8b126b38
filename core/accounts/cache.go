package accounts

import (
	"sync"

	"github.com/mucura/mucura/core/meta"
)

// maxCached bounds a cache, entries.
const maxCached = 4096

// cache keeps values made from records, each good for one version of its
// record only. The zero value is empty and ready; it is safe for concurrent use.
type cache[T any] struct {
	mu sync.RWMutex
	m  map[string]cached[T]
}

type cached[T any] struct {
	version meta.Version
	value   T
}

func (c *cache[T]) get(id string, v meta.Version) (value T, ok bool) {
	c.mu.RLock()
	e, found := c.m[id]
	c.mu.RUnlock()
	if !found || e.version != v {
		return value, false
	}
	return e.value, true
}

// put adds a value. A full cache drops an arbitrary entry, which costs its
// next user a decoding.
func (c *cache[T]) put(id string, v meta.Version, value T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = make(map[string]cached[T])
	}
	if _, there := c.m[id]; !there && len(c.m) >= maxCached {
		for other := range c.m {
			delete(c.m, other)
			break
		}
	}
	c.m[id] = cached[T]{v, value}
}
