package riaktest

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// conditional writes v if the conditions of the request hold, and returns 0;
// else the status of the refusal.
func (n *Node) conditional(r *http.Request, a address, seen vclock, v value) int {
	h := r.Header
	none, match, unmodified := h.Get("If-None-Match") == "*", h.Get("If-Match"), h.Get("X-Riak-If-Not-Modified")
	// A condition that is no vclock is ignored: the write happens.
	clock, err := parseClock(unmodified)
	byClock := unmodified != "" && err == nil
	s := &n.cluster.state
	if n.cluster.conf.Mode == PreferToken && (none || byClock) {
		token := &n.cluster.tokens[a.hash()%uint64(len(n.cluster.tokens))]
		token.Lock()
		defer token.Unlock()
	}
	current, values := s.snapshot(a)
	switch {
	case none && !gone(values):
		return http.StatusPreconditionFailed
	case match != "" && (gone(values) || strings.Trim(match, `"`) != values[0].etag):
		return http.StatusPreconditionFailed
	case byClock && (gone(values) || !clock.equal(current)): // a tombstone's own clock does not match either
		return http.StatusConflict
	}
	token := n.cluster.conf.Mode == PreferToken
	if (none || byClock) && !token || match != "" { // If-Match is never under a token
		time.Sleep(n.cluster.conf.RaceWindow)
	}
	if none && token {
		if len(values) > 0 && values[0].conditional && seen == nil {
			// The write is acknowledged and lost: the tombstone's clock covers it.
			return 0
		}
		v.conditional = true
	} else if len(values) > 0 {
		v.conditional = values[0].conditional
	}
	s.put(a, seen, v, n.name)
	return 0
}

// quorum is how many replicas or nodes a request asks for.
type quorum struct{ pr, pw, confirms int }

var errQuorum = errors.New("specified w/dw/pw/node_confirms values invalid for bucket n value of 3")

// parseQuorum reads the parameters of a request.
func (n *Node) parseQuorum(r *http.Request, kind Props) (quorum, error) {
	params := r.URL.Query()
	nval := kind.nval()
	one := func(name string) (int, error) {
		switch s := params.Get(name); s {
		case "", "default":
			return 0, nil
		case "quorum":
			return nval/2 + 1, nil
		case "all":
			return nval, nil
		case "one":
			return 1, nil
		default:
			i, err := strconv.Atoi(s)
			if err != nil || i < 0 || i > nval {
				return 0, errQuorum
			}
			return i, nil
		}
	}
	switch params.Get("sync_on_write") {
	case "", "default", "backend", "one", "all":
	default:
		return quorum{}, errors.New("sync_on_write query parameter must be one of the following words: [default,backend,one,all]")
	}
	var q quorum
	for name, to := range map[string]*int{"pr": &q.pr, "pw": &q.pw, "node_confirms": &q.confirms, "r": new(int), "w": new(int), "dw": new(int)} {
		var err error
		if *to, err = one(name); err != nil {
			return quorum{}, err
		}
	}
	return q, nil
}

// primariesUp tells how many of an object's replicas lie on nodes that run.
func (n *Node) primariesUp(a address, kind Props) int {
	up, first := 0, a.hash()%uint64(len(n.cluster.nodes))
	for i := range kind.nval() {
		if n.cluster.nodes[(int(first)+i)%len(n.cluster.nodes)].Up() {
			up++
		}
	}
	return up
}

// up tells how many nodes run.
func (c *Cluster) up() int {
	up := 0
	for _, n := range c.nodes {
		if n.Up() {
			up++
		}
	}
	return up
}
