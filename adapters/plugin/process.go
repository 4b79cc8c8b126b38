package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/mucura/mucura/adapters/plugin/internal/wire"
	pb "github.com/mucura/mucura/adapters/plugin/storepb"
)

// startTimeout is how long a plug-in may take for its handshake, and again for
// opening its store.
const startTimeout = 30 * time.Second

// process is one running plug-in.
type process struct {
	program *program
	client  *goplugin.Client
	conn    *grpc.ClientConn
	meta    pb.MetaClient
	content pb.ContentClient
	log     *slog.Logger
}

// launch starts the plug-in's process and connects to it.
func launch(s *spec, log *slog.Logger) (*process, error) {
	p := &process{log: log}
	p.client = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  wire.Handshake(),
		VersionedPlugins: versions(),
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		RunnerFunc:       runnerFunc(s, func(made *program) { p.program = made }),
		SkipHostEnv:      true,
		AutoMTLS:         true,
		StartTimeout:     startTimeout,
		GRPCDialOptions:  wire.DialOptions(),
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Off, Output: io.Discard}),
		Stderr:           newLines(log, "stderr"),
		SyncStdout:       newLines(log, "stdout"),
		SyncStderr:       newLines(log, "stderr"),
	})
	proto, err := p.client.Client()
	if err != nil {
		p.kill()
		return nil, plain(err)
	}
	g, ok := proto.(*goplugin.GRPCClient)
	if !ok {
		p.kill()
		return nil, errors.New("plug-in does not speak gRPC")
	}
	p.conn, p.meta, p.content = g.Conn, pb.NewMetaClient(g.Conn), pb.NewContentClient(g.Conn)
	return p, nil
}

// versions are the protocol versions this host speaks. The clients are made in
// launch; go-plugin needs the sets to agree on a version.
func versions() map[int]goplugin.PluginSet {
	return map[int]goplugin.PluginSet{wire.Version: {}}
}

func versionList() string {
	var all []int
	for v := range versions() {
		all = append(all, v)
	}
	sort.Ints(all)
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(all), " ", ", "), "[]")
}

// plain says in the operator's words what go-plugin found wrong at the start.
func plain(err error) error {
	text := err.Error()
	switch {
	case errors.Is(err, ErrUntrusted):
		return err
	case strings.Contains(text, "incompatible API version"):
		theirs, _, _ := strings.Cut(strings.TrimPrefix(text[strings.Index(text, "Plugin version:"):], "Plugin version: "), ",")
		return fmt.Errorf("plug-in speaks version %s of the store protocol, this server speaks %s: use a plug-in built for this server", wire.Clean(theirs, 20), versionList())
	case strings.Contains(text, "Failed to read any lines"), strings.Contains(text, "exited before we could connect"):
		return errors.New("plug-in ended before it said how to reach it; what it printed is in the log")
	case strings.Contains(text, "Unrecognized remote plugin message"):
		return fmt.Errorf("plug-in printed something else than a plug-in's first line (it must print nothing before): %s",
			strconv.Quote(wire.Clean(strings.TrimPrefix(text, "Unrecognized remote plugin message: "), 120)))
	case strings.Contains(text, "timeout while waiting for plugin to start"):
		return fmt.Errorf("plug-in did not say within %v how to reach it", startTimeout)
	}
	return err
}

// broken waits until the connection is lost, which is when the process died.
func (p *process) broken(ctx context.Context) {
	for state := p.conn.GetState(); ; state = p.conn.GetState() {
		if state == connectivity.TransientFailure || state == connectivity.Shutdown || state == connectivity.Idle {
			return
		}
		if !p.conn.WaitForStateChange(ctx, state) {
			return
		}
	}
}

// alive asks whether the plug-in answers at all.
func (p *process) alive(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, err := grpc_health_v1.NewHealthClient(p.conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: goplugin.GRPCServiceName})
	return err
}

// kill ends the process at once. go-plugin's own Kill asks the plug-in to
// shut down and waits for the answer without limit, so the process goes first.
func (p *process) kill() {
	if p.program != nil {
		if err := p.program.Kill(context.Background()); err != nil {
			p.log.Warn("plug-in not killed", "error", err.Error())
		}
	}
	p.client.Kill()
}

// end lets the process end in an orderly way, but not for long.
func (p *process) end() {
	timer := time.AfterFunc(3*time.Second, func() { _ = p.program.Kill(context.Background()) })
	defer timer.Stop()
	p.client.Kill()
}
