// Package riaktest is a stand-in for a Riak KV 3.4 cluster: its HTTP API over
// one state in memory, served by as many nodes as a test wants.
//
// It exists because Riak is packaged nowhere and tests must run everywhere. It
// does what a real node was seen to do, its traps included: siblings, vclocks
// with dots, both modes of conditional writes (in one of which several racers
// win), the re-creation that is acknowledged and lost, tombstones that linger,
// index pages that are sorted only when a page size is given. TestFacts states
// each of these and runs on a real node, too, so that the stand-in cannot drift
// from what it stands for.
//
// Not modelled: replicas that differ (all nodes see one state; a lag of the
// index is modelled by Config.IndexLag), handoff, active anti-entropy, data
// types, MapReduce, the protocol-buffers API.
package riaktest

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mucura/mucura/core/loopback"
)

// Mode is how a cluster judges the conditions of a PUT (conditional_put_mode).
type Mode string

// The modes.
const (
	APIOnly     Mode = "api_only"     // looked at before the write: racers can all win
	PreferToken Mode = "prefer_token" // under a token for the key: one racer wins
)

// Props are the properties of a bucket type that change behaviour.
type Props struct {
	AllowMult bool // keep siblings; else the last write wins, silently
	NVal      int  // replicas, 3 when 0
}

// Config says what cluster to start. The zero value is one healthy node in
// Riak's own default, APIOnly, with the bucket type "mucura".
type Config struct {
	Nodes int
	Mode  Mode
	// Types are the bucket types; nil means "mucura" with siblings.
	Types map[string]Props
	// DeleteAfter is how long the tombstone of a DELETE lingers; 0 means 3
	// seconds, negative for ever (delete_mode = keep).
	DeleteAfter time.Duration
	// RaceWindow lies between looking at a condition and writing in APIOnly;
	// 0 means 2 ms.
	RaceWindow time.Duration
	// IndexLag is how long an index shows what was there before a write.
	IndexLag time.Duration
	// TLS makes the nodes speak HTTPS; User and Password make them ask for
	// them, which Riak does over HTTPS only.
	TLS            *tls.Config
	User, Password string
	// Listen are the addresses of the nodes; missing ones get free ports.
	Listen []string
	// InProcess nodes do not listen: Transport reaches them.
	InProcess bool
}

// The sizes at which Riak refuses a request.
const (
	maxObject = 50 << 20 // max_object_size: 500 beyond
	maxLine   = 8192     // a request line or header line: 400 beyond
)

// Cluster is a running stand-in.
type Cluster struct {
	conf  Config
	nodes []*Node
	state state
	fault atomic.Pointer[func(node int, r *http.Request) Fault]
	// tokens are what PreferToken takes before it judges a condition.
	tokens [64]sync.Mutex
}

// Fault is what a request meets; the zero value is nothing.
type Fault struct {
	Delay  time.Duration // before anything
	Status int           // answered instead of doing anything
	Cut    Cut
}

// Cut tells when the connection of a request is closed without an answer.
type Cut int

// The places of a cut.
const (
	NoCut     Cut = iota
	CutBefore     // nothing was done
	CutAfter      // it was done
)

// Start starts a cluster. Close it.
func Start(conf Config) (*Cluster, error) {
	if conf.Nodes == 0 {
		conf.Nodes = 1
	}
	if conf.Mode == "" {
		conf.Mode = APIOnly
	}
	if conf.Types == nil {
		conf.Types = map[string]Props{"mucura": {AllowMult: true}}
	}
	if conf.DeleteAfter == 0 {
		conf.DeleteAfter = 3 * time.Second
	}
	if conf.RaceWindow == 0 {
		conf.RaceWindow = 2 * time.Millisecond
	}
	c := &Cluster{conf: conf}
	c.state.init(conf)
	for i := range conf.Nodes {
		n := &Node{cluster: c, index: i, name: fmt.Sprintf("riak%d@127.0.0.1", i+1)}
		if i < len(conf.Listen) {
			n.addr = conf.Listen[i]
		} else if !conf.InProcess {
			var err error
			if n.port, err = loopback.Reserve(); err != nil {
				c.Close()
				return nil, fmt.Errorf("riak stand-in: %w", err)
			}
			n.addr = n.port.Addr()
		}
		n.ready.Store(true)
		c.nodes = append(c.nodes, n)
		if err := n.Start(); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// Node gives the node i, from 0.
func (c *Cluster) Node(i int) *Node { return c.nodes[i] }

// Nodes tells how many there are.
func (c *Cluster) Nodes() int { return len(c.nodes) }

// Hosts are the addresses of the nodes, host:port, whether they run or not.
func (c *Cluster) Hosts() []string {
	hosts := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		hosts[i] = n.Addr()
	}
	return hosts
}

// SetFault has every request ask f what it meets; nil for nothing.
func (c *Cluster) SetFault(f func(node int, r *http.Request) Fault) {
	if f == nil {
		c.fault.Store(nil)
		return
	}
	c.fault.Store(&f)
}

// Close stops all nodes.
func (c *Cluster) Close() {
	for _, n := range c.nodes {
		n.Stop()
	}
}

// Node is one member: a listener and whether it runs.
type Node struct {
	cluster *Cluster
	index   int
	name    string
	ready   atomic.Bool

	mu     sync.Mutex
	addr   string         // with its port
	port   *loopback.Port // keeps that while the node is down; nil when it was given
	server *http.Server
}

// Addr is where the node listens.
func (n *Node) Addr() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.addr
}

// SetReady(false) puts the node into the state after a start, in which /ping
// says OK and everything else fails with 500.
func (n *Node) SetReady(ready bool) { n.ready.Store(ready) }

// Up tells whether the node runs.
func (n *Node) Up() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.server != nil
}

// Start starts the node, at the address it had when it was stopped.
func (n *Node) Start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.server != nil {
		return nil
	}
	n.server = &http.Server{Handler: http.HandlerFunc(n.serve), ReadHeaderTimeout: time.Minute}
	if n.cluster.conf.InProcess {
		n.addr = fmt.Sprintf("node%d:8098", n.index)
		return nil
	}
	l, err := net.Listen("tcp", n.addr)
	if err != nil {
		n.server = nil
		return fmt.Errorf("riak stand-in: %w", err)
	}
	n.addr = l.Addr().String()
	if n.cluster.conf.TLS != nil {
		l = tls.NewListener(l, n.cluster.conf.TLS)
	}
	go n.server.Serve(l)
	return nil
}

// Stop ends the node as a crash does: open connections are cut.
func (n *Node) Stop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.server != nil {
		n.server.Close()
		n.server = nil
	}
}
