// Package plugin runs stores that anybody brings as a separate program, over
// hashicorp/go-plugin and gRPC. It is the host's side of both ports; package
// sdk is the plug-in's.
//
//	plugin:///usr/lib/mucura/sftp?sha256=…&config-file=/etc/mucura/sftp.conf&env=TZ&addr=nas:22
//
//	sha256          the binary must have this sum; each start checks it
//	config-file     further settings, "name = value" lines, read at each start:
//	                the place for secrets, open to nobody else
//	env             names of variables the plug-in gets; it inherits no others
//	call-timeout    how long a call may take (30s)
//	stream-timeout  how long one step of an upload, download or walk may take (2m)
//
// Every other name of the query is a setting of the plug-in's own. Settings
// travel over the connection, never by environment or arguments.
//
// # What is promised
//
// What the plug-in's store promises, for its process may die at any moment:
// the calls that were running fail (a write of metadata with
// meta.ErrOutcomeUnknown, because nobody knows), an upload leaves nothing visible, and
// calls fail with ErrUnavailable until the program, which is started again after
// a pause that grows from a fifth of a second to half a minute, serves again. A
// program that does not answer is killed and started again. What it says of
// itself (Capabilities, which optional interfaces there are) must then be the same.
//
// The binary and the directories above it must be writable by root and the
// server's user only. It runs as that user: a plug-in is trusted with the data
// it stores, and with what the server's user can do.
//
// # What it costs
//
// A process, one more copy of each byte at either end, TLS on a local socket,
// and about a fifth of a millisecond a call.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// ErrNoSuchPort: the plug-in has no store of the kind asked for.
var ErrNoSuchPort = errors.New("plug-in has no such store")

// Buffered is more than what an upload can have on its way to the plug-in's
// store, in bytes; the conformance suite asks for it.
const Buffered = 16 << 20

// Options tune the host's side. The zero value is right for servers.
type Options struct {
	// Log gets what the plug-in prints and what happens to it; nil is slog.Default.
	Log *slog.Logger
	// CallTimeout is how long a call may take; 0 is 30 seconds. The store URL
	// may say otherwise.
	CallTimeout time.Duration
	// StreamTimeout is how long a chunk, or a commit, may take; 0 is 2 minutes.
	// The store URL may say otherwise.
	StreamTimeout time.Duration
	// HealthInterval is how often the program is asked whether it lives; when
	// it has not answered three times it is killed. 0 is 10 seconds.
	HealthInterval time.Duration
	// RestartDelay is the first pause before the program is started again; it
	// doubles up to half a minute. 0 is 200 milliseconds.
	RestartDelay time.Duration
}

func (o Options) withDefaults(s *spec) Options {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	for _, d := range []struct {
		field *time.Duration
		url   time.Duration
		def   time.Duration
	}{
		{&o.CallTimeout, s.calls, 30 * time.Second},
		{&o.StreamTimeout, s.streams, 2 * time.Minute},
		{&o.HealthInterval, 0, 10 * time.Second},
		{&o.RestartDelay, 0, 200 * time.Millisecond},
	} {
		if d.url > 0 {
			*d.field = d.url
		}
		if *d.field == 0 {
			*d.field = d.def
		}
	}
	return o
}

// OpenMeta starts the plug-in that a store URL names and opens its metadata
// store. ctx bounds the start only.
func OpenMeta(ctx context.Context, url string, o Options) (meta.Store, error) {
	s, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	return openMeta(ctx, s, o.withDefaults(s))
}

// OpenContent starts the plug-in that a store URL names and opens its content
// store. ctx bounds the start only. The result implements content.Stat,
// content.Janitor, content.Space and content.Signer exactly where the plug-in's store does.
func OpenContent(ctx context.Context, url string, o Options) (content.Store, error) {
	s, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	return openContent(ctx, s, o.withDefaults(s))
}

// errOther: after a restart the plug-in is not the store that callers know.
var errOther = errors.New("it says other things of itself than when it was first started; restart the server")

// failed says which plug-in could not be opened.
func failed(s *spec, err error) error { return fmt.Errorf("plug-in %s: %w", s.name(), err) }
