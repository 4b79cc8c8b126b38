// Package redistest runs real Redis servers on loopback for tests and trials:
// one, one with TLS or on a socket, a primary with replicas and sentinels, a
// cluster. They end with the process that started them, and can be killed,
// restarted and paused on the way.
package redistest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/core/loopback"
)

// Install looks whether the server is there. With MUCURA_TEST_INSTALL=1 and as
// root it installs Debian's package.
func Install(ctx context.Context) error {
	if _, err := exec.LookPath("redis-server"); err == nil {
		return nil
	}
	if os.Getenv("MUCURA_TEST_INSTALL") != "1" || os.Getuid() != 0 {
		return errors.New("redis-server is missing: install it (or run as root with MUCURA_TEST_INSTALL=1)")
	}
	// RUNLEVEL keeps the package from starting a server of its own.
	const script = `set -e
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
install='apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600 redis-server'
$install || { flock /tmp/mucura-test-apt.lock apt-get update -qq; $install; } # no two may update at once`
	if out, err := exec.CommandContext(ctx, "sh", "-c", script).CombinedOutput(); err != nil {
		return fmt.Errorf("install redis-server: %w: %s", err, out[max(0, len(out)-2000):])
	}
	return nil
}

// Need skips a test where Redis is missing. When MUCURA_TEST_INSTALL=1 asked
// for it, it fails the test instead.
func Need(t testing.TB) {
	t.Helper()
	err := Install(t.Context())
	switch {
	case err == nil:
	case os.Getenv("MUCURA_TEST_INSTALL") == "1":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}

// Options are how a server runs. The zero value is a durable one on a free port
// of 127.0.0.1.
type Options struct {
	Dir      string // everything is here; it must exist
	Password string
	TLS      bool // speak only TLS; the CA is Server.CAFile
	Unix     bool // listen on a socket, too
	// Set are further lines of the configuration; they win over the usual ones.
	Set []string
	// FileLimit is a size in bytes beyond which no file of the server grows, as
	// on a full disk; 0 for none.
	FileLimit int

	cluster   bool
	replicaOf *Server
	sentinel  bool
}

// usual are the settings that Mucura asks for, and what keeps tests quick.
var usual = []string{
	"bind 127.0.0.1", "daemonize no", "databases 4", "save \"\"", "appendonly yes", "appendfsync always",
	"no-appendfsync-on-rewrite no", "maxmemory-policy noeviction", "repl-diskless-sync-delay 0", "repl-ping-replica-period 1",
	"enable-debug-command local",
}

// Server is one Redis process; its address stays over restarts.
type Server struct {
	Addr   string // host:port
	Socket string // path, with Options.Unix
	CAFile string // with Options.TLS
	o      Options
	port   *loopback.Port // kept while the server is down
	bus    *loopback.Port // of a cluster
	proc   process
}

// Start starts a server and waits until it answers.
func Start(ctx context.Context, o Options) (*Server, error) {
	var err error
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, err
	}
	s := &Server{o: o}
	if o.TLS {
		if err := s.certificates(); err != nil {
			return nil, err
		}
	}
	if s.port, err = loopback.Reserve(); err != nil {
		return nil, err
	}
	if s.bus, err = loopback.Reserve(); err != nil {
		return nil, err
	}
	s.Addr = s.port.Addr()
	if err := s.configure(s.port.Number); err != nil {
		return nil, err
	}
	return s, s.Restart(ctx)
}

func (s *Server) configure(port int) error {
	lines := append([]string{"dir " + s.o.Dir}, usual...)
	if s.o.sentinel {
		lines = []string{"bind 127.0.0.1", "daemonize no", "dir " + s.o.Dir}
	}
	if s.o.TLS {
		lines = append(lines, "port 0", fmt.Sprintf("tls-port %d", port), "tls-auth-clients no",
			"tls-cert-file "+s.file("cert.pem"), "tls-key-file "+s.file("key.pem"), "tls-ca-cert-file "+s.CAFile)
	} else {
		lines = append(lines, fmt.Sprintf("port %d", port))
	}
	if s.o.Unix {
		s.Socket = s.file("redis.sock")
		lines = append(lines, "unixsocket "+s.Socket)
	}
	if s.o.Password != "" {
		lines = append(lines, "requirepass "+s.o.Password, "masterauth "+s.o.Password)
	}
	if s.o.cluster {
		lines = append(lines, "cluster-enabled yes", "cluster-config-file nodes.conf", "cluster-node-timeout 2000", fmt.Sprintf("cluster-port %d", s.bus.Number))
	}
	if r := s.o.replicaOf; r != nil {
		lines = append(lines, "replicaof "+strings.Replace(r.Addr, ":", " ", 1))
	}
	lines = append(lines, s.o.Set...)
	return os.WriteFile(s.file("redis.conf"), []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}

func (s *Server) file(name string) string { return filepath.Join(s.o.Dir, name) }

// Restart starts the server again after Kill or Stop, on what it has kept, and
// waits until it answers and has loaded.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.Launch(); err != nil {
		return err
	}
	return s.Ready(ctx)
}

// Launch starts the server and does not wait.
func (s *Server) Launch() error {
	args := []string{s.file("redis.conf")}
	if s.o.sentinel {
		args = append(args, "--sentinel")
	}
	if s.o.FileLimit == 0 {
		return s.proc.start(s.file("log"), "redis-server", args...)
	}
	// Without the signal, writing beyond the limit is an error like any other.
	// The unit of ulimit -f is 512 bytes.
	const limited = `trap "" XFSZ; ulimit -f "$1"; shift; exec redis-server "$@"`
	return s.proc.start(s.file("log"), "sh", append([]string{"-c", limited, "sh", fmt.Sprint(s.o.FileLimit / 512)}, args...)...)
}

// Unlimited lifts FileLimit, from the next start on.
func (s *Server) Unlimited() { s.o.FileLimit = 0 }

// Configure adds a line to the configuration of the next start.
func (s *Server) Configure(line string) error {
	f, err := os.OpenFile(s.file("redis.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}

// Ready waits until the server answers and has loaded.
func (s *Server) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		_, err := s.Do(ctx, "PING")
		if err == nil {
			return nil
		}
		select {
		case <-s.proc.done:
			return fmt.Errorf("redis-server ended: %s", s.Log())
		case <-ctx.Done():
			return fmt.Errorf("redis-server is not ready: %w: %s", err, s.Log())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Log is the end of what the server has written.
func (s *Server) Log() string {
	b, err := os.ReadFile(s.file("log"))
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-2000):])
}

// Kill sends SIGKILL and waits for the end.
func (s *Server) Kill() { s.proc.kill() }

// Stop sends SIGTERM, which makes the server save, and waits for the end.
func (s *Server) Stop() { s.proc.stop() }

// Wait waits until the server has ended by itself.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-s.proc.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// CPU is the user and system time of the process.
func (s *Server) CPU() (time.Duration, error) { return s.proc.cpu() }

// RSS is the memory of the process in bytes.
func (s *Server) RSS() (int64, error) { return s.proc.rss() }

// URL is what mucurad's --metadata takes.
func (s *Server) URL() string {
	scheme, userinfo, query := "redis", "", ""
	if s.o.Password != "" {
		userinfo = ":" + url.PathEscape(s.o.Password) + "@"
	}
	if s.o.TLS {
		scheme, query = "rediss", "?ca-file="+s.CAFile
	}
	return scheme + "://" + userinfo + s.Addr + "/" + query
}

// UnixURL is the same over the socket.
func (s *Server) UnixURL() string { return "redis+unix://" + s.Socket }
