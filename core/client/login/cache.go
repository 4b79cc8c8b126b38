package login

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mucura/mucura/core/client/profile"
)

// Cache keeps credentials in files of mode 0600, so that a tool that asks for
// each command does not get a session each time.
type Cache struct {
	Dir string
	Now func() time.Time
	// Alive tells whether the server still takes credentials that are kept; nil:
	// what has not expired counts. See [Server.Alive].
	Alive func(context.Context, *Credentials) bool
}

// kept is a file of the cache.
type kept struct {
	Credentials
	Issued time.Time
}

// Key names a place in the cache for what credentials depend on: server,
// identity, scope, lifetime. None of it can be read from the name.
func Key(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

func (c *Cache) path(key string) string { return filepath.Join(c.Dir, "credentials", key+".json") }

// Get gives credentials from the cache while they have a fifth of their life
// left, and gets others otherwise. While the old ones still hold, an
// authentication server that does not answer is no error.
func (c *Cache) Get(ctx context.Context, key string, get func(context.Context) (*Credentials, error)) (*Credentials, error) {
	old := c.load(key)
	now := c.Now()
	ended := old != nil && c.Alive != nil && !c.Alive(ctx, &old.Credentials)
	if old != nil && !ended && now.Before(old.refresh()) {
		return &old.Credentials, nil
	}
	fresh, err := get(ctx)
	if err != nil {
		if old != nil && !ended && now.Add(time.Minute).Before(old.Expiration) {
			return &old.Credentials, nil
		}
		return nil, err
	}
	c.save(key, &kept{*fresh, now})
	return fresh, nil
}

// refresh is when four fifths of the life are over.
func (k *kept) refresh() time.Time { return Refresh(k.Issued, k.Expiration) }

// Refresh is when credentials of such a life should be replaced.
func Refresh(issued, expires time.Time) time.Time {
	return issued.Add(expires.Sub(issued) * 4 / 5)
}

func (c *Cache) load(key string) *kept {
	path := c.path(key)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o077 != 0 {
		return nil // none, or one that others may have read or written
	}
	b, err := os.ReadFile(path)
	k := new(kept)
	if err != nil || json.Unmarshal(b, k) != nil || k.AccessKeyID == "" || k.Issued.After(c.Now()) {
		return nil
	}
	return k
}

// save keeps credentials. That it fails costs only another request next time.
func (c *Cache) save(key string, k *kept) {
	if b, err := json.Marshal(k); err == nil {
		_ = profile.WriteFile(c.path(key), b)
	}
}

// Clear forgets all that is kept, and gives how much that was.
func (c *Cache) Clear() (n int, err error) {
	paths, err := filepath.Glob(c.path("*"))
	if err != nil {
		return 0, err
	}
	for _, p := range paths {
		if err := os.Remove(p); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
