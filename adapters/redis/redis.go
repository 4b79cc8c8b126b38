// Package redis keeps metadata in Redis, the kind of store that holds
// everything in memory and every change in an append-only file.
//
// A partition is two Redis keys in one hash slot: a hash with the records and
// their inlined contents, and a sorted set with what a listing shows (see
// layout.go). Every mutation is one Lua script over the two, so it is done
// whole or not at all, on one server as on a cluster; a scan is one ZRANGE.
//
// # What is promised
//
// Open refuses a server that does not run with appendonly yes, appendfsync
// always and maxmemory-policy noeviction, and the same is looked at again on
// every new connection: a failover does not lead to a server that keeps less.
// Then, on one server, compare-and-set is linearizable, a scan is fresh, and
// an acknowledged write survives kill -9 and power cuts.
//
// Redis replicates asynchronously. A failover (Sentinel, Cluster) may forget
// writes that were acknowledged in the moments before, and a primary that was
// cut off may acknowledge some that are forgotten later. The setting wait=N
// acknowledges only what N replicas have, too, which narrows that window and
// does not close it. So compare-and-set is graded "when healthy" there, as it
// is with appendfsync=everysec, where a power cut loses a second or two.
// Versions are random: none is used again, not even by a server that has
// forgotten it. See docs/stores-redis.md.
//
// Not for a server reached through a proxy that moves connections between
// servers, and Redis Enterprise's active-active, which has no such scripts.
package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/mucura/mucura/core/meta"
)

// Options are what a URL does not say. The zero value is good.
type Options struct {
	// Password is used when the URL has none and no password-file.
	Password string
	// SentinelPassword is used when the URL has no sentinel-password-file.
	SentinelPassword string
}

// maxValue is the largest value; see docs/stores-redis.md on what that costs.
const maxValue = 256 << 10

// Store is a metadata store in Redis.
type Store struct {
	a        *address
	route    router
	script   string
	reads    lanes // reads do not queue behind writes, which wait for the disk
	writes   lanes
	caps     meta.Capabilities
	warnings []string
	waiting  unconfirmed

	mu     sync.RWMutex // held for reading by every call, for writing by Close
	closed bool
}

var _ meta.Store = (*Store)(nil)

// Open opens the store at a URL, for instance
//
//	redis://user@host:6379/0?password-file=/etc/mucura/redis
//	rediss://host?ca-file=/etc/ssl/redis-ca.pem       (TLS)
//	redis+unix:///run/redis/redis.sock
//	redis+sentinel://host1,host2,host3/MASTER
//	redis+cluster://host1,host2,host3
//
// and checks the server's settings. No error tells a password. Close the store.
func Open(ctx context.Context, url string, opts Options) (*Store, error) {
	// The library would write to standard error what the port's errors say.
	goredis.SetLogger(&logging.VoidLogger{})
	a, err := parse(url, opts)
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	s := &Store{a: a, caps: a.capabilities(), script: scriptHash()}
	s.warnings = a.warnings()
	if s.route, err = a.connect(); err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	if err := s.reach(ctx); err != nil {
		return nil, errors.Join(failedCall(ctx, "open", err, false), s.route.close())
	}
	return s, nil
}

// reach connects to every primary, which looks at its settings (check.go). It
// waits while one is loading: store and server are often started together.
func (s *Store) reach(ctx context.Context) error {
	for {
		err := s.route.each(ctx, func(ctx context.Context, c *goredis.Client) error { return c.DBSize(ctx).Err() })
		if !strings.HasPrefix(answered(err), "LOADING") || !pause(ctx, 200*time.Millisecond) {
			return err
		}
	}
}

// Warnings are for the operator: settings of the URL that promise less than
// the adapter does by default.
func (s *Store) Warnings() []string { return s.warnings }

// CapabilitiesOf says what a store at a URL promises, without asking a server.
func CapabilitiesOf(url string) (meta.Capabilities, error) {
	a, err := parse(url, Options{})
	if err != nil {
		return meta.Capabilities{}, fmt.Errorf("redis: %w", err)
	}
	return a.capabilities(), nil
}

// Capabilities say what this store promises.
func (s *Store) Capabilities() meta.Capabilities { return s.caps }

// enter begins a call; the caller must call leave when the error is nil.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return fmt.Errorf("redis: closed: %w", meta.ErrUnavailable)
	}
	return nil
}

func (s *Store) leave() { s.mu.RUnlock() }

// Ping tells whether every primary serves reads, and the cluster all keys. A
// server at its memory limit answers, because it still serves reads.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	err := s.route.each(ctx, func(ctx context.Context, c *goredis.Client) error {
		role := goredis.NewSliceCmd(ctx, "role")
		pipe := c.Pipeline()
		_ = pipe.Process(ctx, role)
		// Unlike ROLE, DBSIZE is refused while the server is loading.
		size := pipe.DBSize(ctx)
		if _, err := pipe.Exec(ctx); err != nil {
			return errors.Join(role.Err(), size.Err())
		}
		if parts := role.Val(); len(parts) == 0 || parts[0] != "master" {
			return errors.New("the server is a replica")
		}
		return s.pingCluster(ctx, c)
	})
	if err != nil {
		return failedCall(ctx, "ping", err, false)
	}
	return nil
}

func (s *Store) pingCluster(ctx context.Context, c *goredis.Client) error {
	if s.a.kind != cluster {
		return nil
	}
	info, err := c.ClusterInfo(ctx).Result()
	if err == nil && infoField(info, "cluster_state") != "ok" {
		err = errors.New("the cluster does not serve all keys")
	}
	return err
}

// Close waits for running calls and closes all connections.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if err := s.route.close(); err != nil && !errors.Is(err, goredis.ErrClosed) {
		return fmt.Errorf("redis close: %w", err)
	}
	return nil
}

// pause waits before a repetition, and tells whether the caller still wants it.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
