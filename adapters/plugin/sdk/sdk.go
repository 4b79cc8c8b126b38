// Package sdk is for programs that bring a store of their own to Mucura: a
// metadata store, a content store, or both, as a separate binary that the server
// starts and talks to over gRPC.
//
// A plug-in implements meta.Store or content.Store, exactly as a built-in
// adapter does, and calls Serve:
//
//	func main() {
//		sdk.Serve(sdk.Plugin{Name: "tape", Content: open})
//	}
//
//	func open(ctx context.Context, c sdk.Config) (content.Store, error) { … }
//
// What a store additionally implements (content.Stat, content.Janitor,
// content.Space, content.Signer) reaches the server, too. "mucurad adapter test" runs the
// conformance suites on the finished binary. docs/plugins.md has a whole example.
//
// # What surrounds a plug-in
//
// It is started with an empty environment but for variables the operator names,
// in the directory "/". It is killed when the server dies, and started again,
// after a pause, when it dies itself: a panic costs the calls that were running
// and nothing else, provided the store keeps the ports' promises about crashes.
// SIGTERM and SIGINT are ignored, because a server that was told to stop first
// finishes its requests; it ends the plug-in by closing the store.
//
// Standard output belongs to the protocol until Serve runs; what is printed
// later, and standard error, becomes log lines of the server, within limits.
// Config.Log makes lines that keep their level and attributes.
package sdk

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/mucura/mucura/adapters/plugin/internal/wire"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// Plugin is what a program offers. At least one of Meta and Content is set. A
// process opens one store: the server starts one process for each.
type Plugin struct {
	// Name is that of the plug-in, for people: "sftp".
	Name string
	// Meta opens a metadata store. It returns when the store can serve, or says
	// why not; ctx ends when the server has no more patience (30 seconds).
	Meta func(ctx context.Context, c Config) (meta.Store, error)
	// Content opens a content store.
	Content func(ctx context.Context, c Config) (content.Store, error)
}

// Serve serves p to the server that started this process, and returns only
// when that is over. It is the only thing main does. Started by a person, the
// process says what it is and exits with status 2.
func Serve(p Plugin) {
	if os.Getenv(wire.CookieKey) != wire.CookieValue {
		fmt.Fprint(os.Stderr, p.about())
		os.Exit(2)
	}
	signal.Ignore(syscall.SIGTERM)
	if runtime.GOOS != "linux" {
		go endWithHost(os.Getppid())
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  wire.Handshake(),
		VersionedPlugins: map[int]goplugin.PluginSet{wire.Version: p.set(log)},
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, wire.ServerOptions()...)...)
		},
		Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, JSONFormat: true, Output: os.Stderr}),
	})
}

// about tells a person who started the plug-in what to do with it.
func (p Plugin) about() string {
	path, err := filepath.Abs(os.Args[0])
	if err != nil {
		path = os.Args[0]
	}
	s := fmt.Sprintf("%s is a store for Mucura, to be named in a setting of mucurad:\n", p.Name)
	if p.Meta != nil {
		s += fmt.Sprintf("  mucurad --metadata 'plugin://%s?SETTING=VALUE'\n", path)
	}
	if p.Content != nil {
		s += fmt.Sprintf("  mucurad --content 'plugin://%s?SETTING=VALUE'\n", path)
	}
	return s + fmt.Sprintf("Tested by:\n  mucurad adapter test 'plugin://%s?SETTING=VALUE'\n", path)
}

// set is what go-plugin serves.
func (p Plugin) set(log *slog.Logger) goplugin.PluginSet {
	set := goplugin.PluginSet{}
	if p.Meta != nil {
		set[string(wire.Meta)] = &service{register: func(s *grpc.Server) { registerMeta(s, p.Meta, log) }}
	}
	if p.Content != nil {
		set[string(wire.Content)] = &service{register: func(s *grpc.Server) { registerContent(s, p.Content, log) }}
	}
	return set
}

// service makes a gRPC service a go-plugin plugin.
type service struct {
	goplugin.NetRPCUnsupportedPlugin
	register func(*grpc.Server)
}

func (s *service) GRPCServer(_ *goplugin.GRPCBroker, server *grpc.Server) error {
	s.register(server)
	return nil
}

func (s *service) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, io.ErrUnexpectedEOF // the host does not ask here for clients
}

// endWithHost ends the process when its host is gone. Linux has the kernel do it.
func endWithHost(host int) {
	for range time.Tick(2 * time.Second) {
		if os.Getppid() != host {
			os.Exit(3)
		}
	}
}
