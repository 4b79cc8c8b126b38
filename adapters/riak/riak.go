// Package riak keeps metadata and contents in Riak KV 3.4, over its HTTP API.
//
// # Records
//
// All records lie in one Riak bucket, "NAME.record", of a bucket type with
// allow_mult=true (so that a collision is seen, not lost). A record is one
// Riak object: summary, value and inlined body one after the other, described
// by the header X-Riak-Meta-Mucura. So a crash leaves a record whole or not at
// all; a Get without the body asks for a range of the object.
//
// A record's index term is its partition and key in an encoding that keeps
// their order, followed by its version and summary: a page of a scan is one
// index query and reads no object.
//
// Deleting writes a tombstone record without that term. Riak's own DELETE is
// not used on records that may come back: under prefer_token a re-creation
// within the tombstone's window is acknowledged and lost. Reap deletes
// tombstone records a day old.
//
// Every write is conditional on what was read before: If-None-Match, or
// X-Riak-If-Not-Modified with the vclock. With conditional_put_mode =
// prefer_token, which OpenMeta tries out, one of several racers wins while the
// cluster is healthy (meta.WhenHealthy). Otherwise several can win
// (meta.None). Siblings that arise all the same are resolved the same way by
// everybody: the latest stamp wins, the version breaks a tie.
//
// # Contents
//
// A content is blocks of 1 MiB in bucket "NAME.block" and a manifest in
// "NAME.content", which is written last. A content of one block lies in the
// manifest.
//
// # Several nodes
//
// Requests go to the nodes in turn. One that cannot be reached is passed over
// for a while. A write that may have reached a node is not sent to another:
// its outcome is unknown.
package riak

import (
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// Options say how to use a cluster.
type Options struct {
	// Hosts are the nodes, host:port.
	Hosts []string
	// TLS speaks HTTPS. CAFile, PEM, replaces the system's certificate authorities.
	TLS    bool
	CAFile string
	// User and Password for a cluster with security switched on; needs TLS.
	User, Password string

	Type string // bucket type; "mucura" when empty
	Name string // begins the names of the buckets; "mucura" when empty

	// Sync is sync_on_write: "all" (default), "one" or "backend".
	Sync string
	// Confirms is node_confirms, how many machines must have a write before it
	// is acknowledged; 0 means 2 with several hosts, else 1.
	Confirms int
	// Sloppy lets fallback nodes count in quorums: more available, but what is
	// read may be old and conditions inexact while nodes are missing.
	Sloppy bool
	// CAS skips trying out what the cluster's conditions are worth: "none" or
	// "when-healthy". Empty or "probe" tries.
	CAS string

	// ScanLag is the longest time after which an index query shows a write; 0
	// means meta.DefaultScanLag. Where it says too little, a bucket that is being
	// written to may be found empty and deleted.
	ScanLag time.Duration

	// Timeout bounds one request to one node; 0 means 10 seconds.
	Timeout time.Duration
	// Transport sends the requests; nil for one of its own. For tests.
	Transport http.RoundTripper
	// Log tells of nodes that fail and come back; nil for slog's default.
	Log *slog.Logger
	// Now is the clock of stamps; nil for time.Now.
	Now func() time.Time
}

// The limits of a record in Riak: it is read and written whole, and Riak wants
// objects of at most a megabyte.
const (
	maxValue  = 512 << 10
	maxInline = 64 << 10
)

func (o *Options) fill() error {
	if len(o.Hosts) == 0 {
		return errors.New("riak: no hosts")
	}
	if o.Password != "" && !o.TLS {
		return errors.New("riak: a password needs riak+https")
	}
	for _, d := range []struct {
		field *string
		value string
	}{{&o.Type, "mucura"}, {&o.Name, "mucura"}, {&o.Sync, "all"}, {&o.CAS, "probe"}} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	if o.Confirms == 0 {
		o.Confirms = min(2, len(o.Hosts))
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}
