package access

import "sync"

// PolicyCache keeps parsed policies, by the document itself, so it can never be
// stale. A nil cache keeps nothing. It is safe for concurrent use.
type PolicyCache struct {
	max  int
	mu   sync.RWMutex
	kept map[cacheKey]parsed
}

type cacheKey struct {
	session  bool
	document string
}

type parsed struct {
	policy *Policy
	err    error
}

// maxKeptParts is how many parts the patterns of a policy may have for it to be
// kept. One of 20 KiB can have as many, and take a hundred times the memory.
const maxKeptParts = 2048

// NewPolicyCache gives a cache of at most max documents (of at most 20 KiB each
// when they are bucket policies).
func NewPolicyCache(max int) *PolicyCache {
	return &PolicyCache{max: max, kept: map[cacheKey]parsed{}}
}

func (c *PolicyCache) bucket(document string) (*Policy, error) {
	return c.get(cacheKey{document: document})
}

func (c *PolicyCache) session(document string) (*Policy, error) {
	return c.get(cacheKey{session: true, document: document})
}

func (c *PolicyCache) get(k cacheKey) (*Policy, error) {
	if c == nil {
		return compile([]byte(k.document), k.session)
	}
	c.mu.RLock()
	got, ok := c.kept[k]
	c.mu.RUnlock()
	if ok {
		return got.policy, got.err
	}
	got.policy, got.err = compile([]byte(k.document), k.session)
	if got.policy != nil && got.policy.parts > maxKeptParts {
		return got.policy, got.err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for old := range c.kept { // whichever comes first: the order of a map is random
		if len(c.kept) < c.max {
			break
		}
		delete(c.kept, old)
	}
	if c.max > 0 {
		c.kept[k] = got
	}
	return got.policy, got.err
}
