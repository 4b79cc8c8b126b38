package riak

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// node is one member of the cluster, and what is known of its health.
type node struct {
	host string

	mu       sync.Mutex
	failures int       // in a row
	until    time.Time // passed over until then
}

// A node that cannot be reached is passed over for pauseMin, doubled with each
// further failure up to pauseMax. One that only answers errors is when it did
// so errorsInRow times: a single error may be of the request.
const (
	pauseMin    = 250 * time.Millisecond
	pauseMax    = 10 * time.Second
	errorsInRow = 3
)

func (n *node) down(now time.Time) (time.Time, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.until, now.Before(n.until)
}

// failed notes a failure; it tells whether the node is passed over from now on.
func (n *node) failed(now time.Time, unreachable bool) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.failures++
	if !unreachable && n.failures < errorsInRow {
		return false
	}
	was := now.Before(n.until)
	n.until = now.Add(min(pauseMin<<min(n.failures-1, 10), pauseMax))
	return !was
}

// worked notes an answer; it tells whether the node had failed before.
func (n *node) worked() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	was := !n.until.IsZero()
	n.failures, n.until = 0, time.Time{}
	return was
}

// nodes are the cluster.
type nodes struct {
	all  []*node
	turn atomic.Uint64
}

// order gives the nodes to try for one request: those that work, beginning
// with another one each time, then those passed over, soonest first: when all
// fail, trying is better than not.
func (ns *nodes) order(now time.Time) []*node {
	first := int(ns.turn.Add(1) % uint64(len(ns.all)))
	up := make([]*node, 0, len(ns.all))
	type pausing struct {
		n     *node
		until time.Time
	}
	var down []pausing
	for i := range ns.all {
		n := ns.all[(first+i)%len(ns.all)]
		if until, is := n.down(now); is {
			down = append(down, pausing{n, until})
		} else {
			up = append(up, n)
		}
	}
	slices.SortStableFunc(down, func(a, b pausing) int { return a.until.Compare(b.until) })
	for _, p := range down {
		up = append(up, p.n)
	}
	return up
}
