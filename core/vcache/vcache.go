// Package vcache keeps values made from records, each good for one version of
// its record. Whoever uses it reads the record all the same and saves only the
// decoding, so nothing stale is ever used.
package vcache

import (
	"sync"

	"github.com/mucura/mucura/core/meta"
)

// Max bounds a cache, entries.
const Max = 4096

// Cache holds values by key and record version. The zero value is empty and
// ready; it is safe for concurrent use. Values are shared by all who get them.
type Cache[T any] struct {
	mu sync.RWMutex
	m  map[string]entry[T]
}

type entry[T any] struct {
	version meta.Version
	value   T
}

// Get gives the value made from a version of a record.
func (c *Cache[T]) Get(key string, v meta.Version) (value T, ok bool) {
	c.mu.RLock()
	e, found := c.m[key]
	c.mu.RUnlock()
	if !found || e.version != v {
		return value, false
	}
	return e.value, true
}

// Put keeps a value in place of one of another version. A full cache drops an
// arbitrary entry, which costs its next user a decoding.
func (c *Cache[T]) Put(key string, v meta.Version, value T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = make(map[string]entry[T])
	}
	if _, there := c.m[key]; !there && len(c.m) >= Max {
		for other := range c.m {
			delete(c.m, other)
			break
		}
	}
	c.m[key] = entry[T]{v, value}
}
