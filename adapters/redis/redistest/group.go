package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Group is several servers that belong together.
type Group struct {
	Servers   []*Server // of a replicated group the first is the first primary
	Sentinels []*Server
	cluster   bool
}

// MasterName is what the sentinels call the primary.
const MasterName = "mucura"

// Stop ends all of them.
func (g *Group) Stop() {
	for _, s := range append(g.Sentinels, g.Servers...) {
		s.Kill()
	}
}

// URL is what mucurad's --metadata takes.
func (g *Group) URL() string {
	scheme, path, of := "redis+cluster", "", g.Servers
	if !g.cluster {
		scheme, path, of = "redis+sentinel", MasterName, g.Sentinels
	}
	var addrs []string
	for _, s := range of {
		addrs = append(addrs, s.Addr)
	}
	return scheme + "://" + strings.Join(addrs, ",") + "/" + path
}

// add starts a server in a directory of its own.
func add(ctx context.Context, to *[]*Server, dir, name string, o Options) (*Server, error) {
	o.Dir = filepath.Join(dir, name)
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	s, err := Start(ctx, o)
	if err == nil {
		*to = append(*to, s)
	}
	return s, err
}

// StartSentinel starts a primary, replicas, and three sentinels that fail over
// when it has been away for a second.
func StartSentinel(ctx context.Context, o Options, replicas int) (*Group, error) {
	g := &Group{}
	if err := g.startSentinel(ctx, o, replicas); err != nil {
		g.Stop()
		return nil, err
	}
	return g, nil
}

func (g *Group) startSentinel(ctx context.Context, o Options, replicas int) error {
	primary, err := add(ctx, &g.Servers, o.Dir, "primary", o)
	if err != nil {
		return err
	}
	ro := o
	ro.replicaOf = primary
	for i := range replicas {
		if _, err := add(ctx, &g.Servers, o.Dir, fmt.Sprint("replica", i), ro); err != nil {
			return err
		}
	}
	host, port, err := net.SplitHostPort(primary.Addr)
	if err != nil {
		return err
	}
	so := Options{sentinel: true, Set: []string{
		fmt.Sprintf("sentinel monitor %s %s %s 2", MasterName, host, port),
		"sentinel down-after-milliseconds " + MasterName + " 1000",
		"sentinel failover-timeout " + MasterName + " 5000",
	}}
	if o.Password != "" {
		so.Set = append(so.Set, "sentinel auth-pass "+MasterName+" "+o.Password)
	}
	for i := range 3 {
		if _, err := add(ctx, &g.Sentinels, o.Dir, fmt.Sprint("sentinel", i), so); err != nil {
			return err
		}
	}
	return g.settle(ctx, replicas)
}

// settle waits until the replicas follow and the sentinels know of each other.
func (g *Group) settle(ctx context.Context, replicas int) error {
	return until(ctx, func() error {
		info, err := g.Servers[0].Do(ctx, "INFO", "replication")
		if err != nil {
			return err
		}
		if n := strings.Count(fmt.Sprint(info), "state=online"); n < replicas {
			return fmt.Errorf("%d replicas follow", n)
		}
		for _, s := range g.Sentinels {
			text, err := s.Do(ctx, "INFO", "sentinel")
			if err != nil {
				return err
			}
			if want := fmt.Sprintf("slaves=%d,sentinels=3", replicas); !strings.Contains(fmt.Sprint(text), want) {
				return errors.New("the sentinels do not know each other yet")
			}
		}
		return nil
	})
}

// Primary is the server that the sentinels name.
func (g *Group) Primary(ctx context.Context) (*Server, error) {
	v, err := g.Sentinels[0].Do(ctx, "SENTINEL", "get-master-addr-by-name", MasterName)
	if err != nil {
		return nil, err
	}
	parts, ok := v.([]any)
	if !ok || len(parts) != 2 {
		return nil, fmt.Errorf("sentinel answered %v", v)
	}
	for _, s := range g.Servers {
		if s.Addr == fmt.Sprintf("%v:%v", parts[0], parts[1]) {
			return s, nil
		}
	}
	return nil, fmt.Errorf("no server at %v", parts)
}

const slotCount = 16384

// StartCluster starts a cluster of so many primaries, each with so many
// replicas. The primaries come first in Servers.
func StartCluster(ctx context.Context, o Options, primaries, replicas int) (*Group, error) {
	g := &Group{cluster: true}
	if err := g.startCluster(ctx, o, primaries, replicas); err != nil {
		g.Stop()
		return nil, err
	}
	return g, nil
}

func (g *Group) startCluster(ctx context.Context, o Options, primaries, replicas int) error {
	o.cluster = true
	for i := range primaries * (1 + replicas) {
		s, err := add(ctx, &g.Servers, o.Dir, fmt.Sprint("node", i), o)
		if err != nil {
			return err
		}
		if i < primaries {
			if _, err := s.Do(ctx, "CLUSTER", "ADDSLOTSRANGE", i*slotCount/primaries, (i+1)*slotCount/primaries-1); err != nil {
				return err
			}
		}
		if _, err := s.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1); err != nil {
			return err
		}
	}
	first := g.Servers[0]
	host, port, _ := net.SplitHostPort(first.Addr)
	for _, s := range g.Servers[1:] {
		if _, err := s.Do(ctx, "CLUSTER", "MEET", host, port, strconv.Itoa(first.bus.Number)); err != nil {
			return err
		}
	}
	for i := primaries; i < len(g.Servers); i++ {
		id, err := g.Servers[i%primaries].Do(ctx, "CLUSTER", "MYID")
		if err != nil {
			return err
		}
		// The node is known only when gossip has told of it.
		if err := until(ctx, func() error {
			_, err := g.Servers[i].Do(ctx, "CLUSTER", "REPLICATE", id)
			return err
		}); err != nil {
			return err
		}
	}
	return g.WaitCluster(ctx)
}

// WaitCluster waits until every running node says that all slots are served,
// and knows all nodes.
func (g *Group) WaitCluster(ctx context.Context) error {
	return until(ctx, func() error {
		for _, s := range g.Servers {
			v, err := s.Do(ctx, "CLUSTER", "INFO")
			if err != nil {
				return err
			}
			info := fmt.Sprint(v)
			if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", len(g.Servers))) {
				return errors.New("the cluster is not whole yet")
			}
		}
		return nil
	})
}

// until calls fn until it gives no error, for at most five minutes. On a machine that
// stands still for two seconds sentinels do nothing for half a minute.
func until(ctx context.Context, fn func() error) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		err := fn()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}
