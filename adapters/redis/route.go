package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// router finds the server of a key.
type router interface {
	// node gives the client of the primary that serves a key.
	node(ctx context.Context, key string) (*goredis.Client, error)
	// at gives the client of the primary at an address.
	at(ctx context.Context, addr string) (*goredis.Client, error)
	// moved asks for a new map of the cluster, which comes soon.
	moved(ctx context.Context)
	// each runs fn for every primary and returns the first error.
	each(ctx context.Context, fn func(context.Context, *goredis.Client) error) error
	close() error
}

// fixed is a router to one server, or to the one that sentinels name.
type fixed struct{ c *goredis.Client }

func (r fixed) node(context.Context, string) (*goredis.Client, error) { return r.c, nil }
func (r fixed) at(context.Context, string) (*goredis.Client, error)   { return r.c, nil }
func (r fixed) moved(context.Context)                                 {}
func (r fixed) close() error                                          { return r.c.Close() }
func (r fixed) each(ctx context.Context, fn func(context.Context, *goredis.Client) error) error {
	return fn(ctx, r.c)
}

// slots is a router over a cluster. The commands go to the clients of its
// nodes, never to the cluster client: that repeats a command after a cut
// connection, when it may have been run already.
type slots struct{ c *goredis.ClusterClient }

func (r slots) node(ctx context.Context, key string) (*goredis.Client, error) {
	c, err := r.c.MasterForKey(ctx, key)
	if err != nil {
		return nil, &notSent{fmt.Errorf("no map of the cluster: %w", err)}
	}
	return c, nil
}

func (r slots) at(ctx context.Context, addr string) (found *goredis.Client, err error) {
	var mu sync.Mutex
	err = r.c.ForEachMaster(ctx, func(_ context.Context, c *goredis.Client) error {
		if mu.Lock(); c.Options().Addr == addr {
			found = c
		}
		mu.Unlock()
		return nil
	})
	if err == nil && found == nil {
		err = errors.New("the cluster sends us to a server it does not list")
	}
	if err != nil {
		return nil, &notSent{err}
	}
	return found, nil
}

func (r slots) moved(ctx context.Context) { r.c.ReloadState(ctx) }
func (r slots) close() error              { return r.c.Close() }
func (r slots) each(ctx context.Context, fn func(context.Context, *goredis.Client) error) error {
	return r.c.ForEachMaster(ctx, fn)
}

// connect makes the clients; they connect when they are used. None of them may
// repeat a command by itself. RESP2, and no notices of maintenance: nothing then
// arrives on a connection but answers.
func (a *address) connect() (router, error) {
	quiet := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	switch a.kind {
	case cluster:
		c := goredis.NewClusterClient(&goredis.ClusterOptions{
			Addrs: a.hosts, Username: a.user, Password: a.password, TLSConfig: a.tls, OnConnect: a.inspect, Protocol: 2,
			MaxRedirects: -1, MaxRetries: -1, DialerRetries: 1, DialTimeout: a.timeout, ReadTimeout: a.timeout, WriteTimeout: a.timeout,
			ContextTimeoutEnabled: true, PoolSize: a.pool, MaxActiveConns: a.pool, PipelinePoolSize: -1, PoolTimeout: a.timeout,
			DisableIdentity: true, MaintNotificationsConfig: quiet, ClusterStateReloadInterval: 10 * time.Second,
		})
		c.OnNewNode(func(node *goredis.Client) { node.AddHook(watched{}) })
		return slots{c}, nil
	case sentinel:
		c := goredis.NewFailoverClient(&goredis.FailoverOptions{
			MasterName: a.master, SentinelAddrs: a.hosts, SentinelUsername: a.sentinelUser, SentinelPassword: a.sentinelPassword,
			Username: a.user, Password: a.password, DB: a.db, TLSConfig: a.tls, OnConnect: a.inspect, Protocol: 2,
			MaxRetries: -1, DialerRetries: 1, DialTimeout: a.timeout, ReadTimeout: a.timeout, WriteTimeout: a.timeout,
			ContextTimeoutEnabled: true, PoolSize: a.pool, MaxActiveConns: a.pool, PipelinePoolSize: -1, PoolTimeout: a.timeout,
			DisableIdentity: true,
		})
		c.AddHook(watched{})
		return fixed{c}, nil
	}
	o := &goredis.Options{
		Addr: a.hosts[0], Username: a.user, Password: a.password, DB: a.db, TLSConfig: a.tls, OnConnect: a.inspect, Protocol: 2,
		MaxRetries: -1, DialerRetries: 1, DialTimeout: a.timeout, ReadTimeout: a.timeout, WriteTimeout: a.timeout,
		ContextTimeoutEnabled: true, PoolSize: a.pool, MaxActiveConns: a.pool, PipelinePoolSize: -1, PoolTimeout: a.timeout,
		DisableIdentity: true, MaintNotificationsConfig: quiet,
	}
	if a.unix {
		o.Network, o.TLSConfig = "unix", nil
	}
	c := goredis.NewClient(o)
	c.AddHook(watched{})
	return fixed{c}, nil
}

// watched is a hook that tells what was surely not sent.
type watched struct{}

func (watched) DialHook(next goredis.DialHook) goredis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := next(ctx, network, addr)
		if err != nil {
			return nil, &notSent{err}
		}
		return watch(c), nil
	}
}

func (watched) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook { return next }
func (watched) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

// redirects is how often a command follows the cluster's directions. Most are
// gone after the first; a failover or a moving slot may need a few, some time
// apart.
const redirects = 8

// send runs commands on the primary that serves key and returns them with their
// answers. build makes them for each try; full asks for the script's text
// rather than its hash. Only what was surely not run is tried again. The error
// is an unknown one when the first command may have been run.
func (s *Store) send(ctx context.Context, key string, size int, build func(full bool) []goredis.Cmder, over *lanes) ([]goredis.Cmder, error) {
	full, asking := false, ""
	for try := 0; ; try++ {
		node, err := s.target(ctx, key, asking)
		if err != nil {
			return nil, err
		}
		c := &call{cmds: build(full), size: size}
		cmds := c.cmds
		if asking != "" {
			c.cmds = append([]goredis.Cmder{goredis.NewStatusCmd(ctx, "asking")}, cmds...)
		}
		if over == nil {
			run(ctx, node, c)
		} else {
			over.of(node, s.a.lanes).do(ctx, c)
		}
		err = c.err()
		if err == nil {
			return cmds, nil
		}
		switch verb, rest, _ := strings.Cut(answered(cmds[0].Err()), " "); {
		case try >= redirects:
		case verb == "NOSCRIPT" && !full:
			full = true
			continue
		case verb == "ASK":
			_, asking, _ = strings.Cut(rest, " ")
			continue
		case verb == "MOVED", verb == "TRYAGAIN":
			asking = ""
			s.route.moved(ctx)
			if pause(ctx, min(5*time.Millisecond<<try, 200*time.Millisecond)) {
				continue
			}
		}
		if cmds[0].Err() == nil || !nothingWritten(err, c.alone) {
			err = &unknown{err}
		}
		return cmds, err
	}
}

// target is where the next try goes: where the cluster sent us, or to the
// primary of the key.
func (s *Store) target(ctx context.Context, key, asking string) (*goredis.Client, error) {
	if asking != "" {
		return s.route.at(ctx, asking)
	}
	return s.route.node(ctx, key)
}
