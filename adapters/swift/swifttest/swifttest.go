// Package swifttest runs a real OpenStack Swift of one machine on loopback,
// for tests and trials: from Debian's packages, as an unprivileged user, in a
// directory of its own, without /etc/swift and without systemd. It keeps three
// replicas on four devices, as a small site would.
//
// One start costs some ten seconds of CPU and half a GiB of memory, so a test
// package starts one and gives each test a prefix of containers.
package swifttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Options of a node. The zero value is what Swift's defaults are.
type Options struct {
	// ListingLimit is the longest page of a listing; 0 means Swift's 10,000.
	ListingLimit int
	// Keystone starts a Keystone, too, and has Swift believe its tokens
	// instead of those of its own tempauth.
	Keystone bool
	// Dir holds everything; "" means a new temporary directory, which Stop removes.
	Dir string
}

// The account that tempauth knows.
const (
	User = "test:tester"
	Key  = "testing"
)

const (
	replicas  = 3
	devices   = 4
	partPower = 6
)

// Node is a running Swift.
type Node struct {
	// Addr is the host and port of the proxy server.
	Addr string
	// Keystone is nil unless asked for.
	Keystone *Keystone

	opts      Options
	dir       string
	temporary bool
	ports     map[string]int
	procs     *processes
}

// servers are started in this order, the proxy last.
var servers = []string{"account-server", "container-server", "object-server", "proxy-server"}

// Start starts a node and returns when it can store an object. Stop it.
func Start(ctx context.Context, opts Options) (*Node, error) {
	n := &Node{opts: opts, dir: opts.Dir, procs: newProcesses()}
	if err := n.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start swift: %w", err), n.Stop())
	}
	return n, nil
}

func (n *Node) start(ctx context.Context) (err error) {
	if n.dir == "" {
		n.temporary = true
		if n.dir, err = os.MkdirTemp("", "swift-"); err != nil {
			return err
		}
	}
	if n.ports, err = freePorts("memcached", "account-server", "container-server", "object-server", "proxy-server", "keystone"); err != nil {
		return err
	}
	n.Addr = n.addr("proxy-server")
	if err := n.configure(); err != nil {
		return err
	}
	if err := n.procs.own(n.dir); err != nil {
		return err
	}
	if err := n.run("rings", n.node("rings", n.ringArgs()...)...); err != nil {
		return err
	}
	if err := n.procs.start("memcached", n.log("memcached"),
		"memcached", "-l", "127.0.0.1", "-p", fmt.Sprint(n.ports["memcached"]), "-U", "0", "-m", "64"); err != nil {
		return err
	}
	for _, s := range servers {
		if err := n.StartServer(s); err != nil {
			return err
		}
	}
	if n.opts.Keystone {
		if n.Keystone, err = startKeystone(ctx, n); err != nil {
			return fmt.Errorf("keystone: %w", err)
		}
	}
	for _, s := range servers {
		if err := n.WaitFor(ctx, s); err != nil {
			return err
		}
	}
	return n.probe(ctx)
}

func (n *Node) addr(server string) string { return fmt.Sprintf("127.0.0.1:%d", n.ports[server]) }

func (n *Node) log(name string) string { return filepath.Join(n.dir, "log", name+".log") }

func (n *Node) etc() string { return filepath.Join(n.dir, "etc") }

// python is Debian's, which has Swift; another may come first in PATH.
const python = "/usr/bin/python3"

// node is a command line of node.py.
func (n *Node) node(what string, args ...string) []string {
	return append([]string{python, filepath.Join(n.dir, "node.py"), n.etc(), what}, args...)
}

func (n *Node) ringArgs() []string {
	args := []string{fmt.Sprint(partPower), fmt.Sprint(replicas), fmt.Sprint(devices)}
	for _, s := range servers[:3] {
		args = append(args, fmt.Sprintf("%s:%d", strings.TrimSuffix(s, "-server"), n.ports[s]))
	}
	return args
}

// run runs a command to its end.
func (n *Node) run(name string, argv ...string) error {
	if err := n.procs.start(name, n.log(name), argv...); err != nil {
		return err
	}
	if err := n.procs.wait(name); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, tail(n.log(name)))
	}
	return nil
}

// StartServer starts one of the servers again: "proxy-server", "object-server",
// "container-server" or "account-server". WaitFor tells when it answers.
func (n *Node) StartServer(name string) error {
	return n.procs.start(name, n.log(name), n.node(name)...)
}

// StopServer kills one of the servers and returns when it is gone.
func (n *Node) StopServer(name string) error { return n.procs.stop(name) }

// WaitFor returns when the server answers.
func (n *Node) WaitFor(ctx context.Context, server string) error {
	url := "http://" + n.addr(server) + "/healthcheck"
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		res, err := client.Get(url)
		if err == nil {
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		if !n.procs.alive(server) {
			return fmt.Errorf("%s ended: %s", server, tail(n.log(server)))
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w: %s", server, ctx.Err(), tail(n.log(server)))
		}
	}
}

// RevokeTokens makes every token of tempauth invalid, as if it had expired.
func (n *Node) RevokeTokens() error {
	c, err := net.Dial("tcp", n.addr("memcached"))
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write([]byte("flush_all\r\n")); err != nil {
		return err
	}
	b := make([]byte, 4)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "OK\r\n" {
		return fmt.Errorf("memcached says %q: %w", b, err)
	}
	return nil
}

// Settle brings listings up to date that a stopped or slow container server
// missed: one pass of the object updater.
func (n *Node) Settle() error { return n.run("object-updater-once", n.node("object-updater-once")...) }

// CPU is the processor time all servers have used so far.
func (n *Node) CPU() (time.Duration, error) { return n.procs.cpu() }

// URL names a content store on this node for Mucura. The key is in it, which
// is well enough known.
func (n *Node) URL() string { return n.URLAt(n.Addr) }

// URLAt is URL by way of another address, such as a proxy's.
func (n *Node) URLAt(addr string) string {
	return fmt.Sprintf("swift+http://%s@%s/auth/v1.0", "test%3Atester:"+Key, addr)
}

// Stop stops everything and removes the directory if Start made it.
func (n *Node) Stop() error {
	err := n.procs.stopAll()
	if n.temporary && n.dir != "" {
		err = errors.Join(err, os.RemoveAll(n.dir))
	}
	return err
}

// freePorts finds ports on which nobody listens, below those the kernel gives
// to outgoing connections: one of these could take a port before its server does.
func freePorts(names ...string) (map[string]int, error) {
	ports := map[string]int{}
	for _, name := range names {
		var l net.Listener
		err := errors.New("no port is free")
		for tries := 0; err != nil && tries < 100; tries++ {
			l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 15_000+rand.N(15_000)))
		}
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports[name] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

// tail is the end of a log, for an error.
func tail(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(b[max(0, len(b)-2000):]))
}

// Settings are lines of shell that let mucurad use the node.
func (n *Node) Settings() []string {
	k := n.Keystone
	if k == nil {
		return []string{"export MUCURA_CONTENT='" + n.URL() + "'"}
	}
	return []string{
		"export OS_AUTH_URL=" + k.AuthURL,
		"export OS_APPLICATION_CREDENTIAL_ID=" + k.CredentialID,
		"export OS_APPLICATION_CREDENTIAL_SECRET=" + k.CredentialSecret,
		"export OS_REGION_NAME=" + k.Region,
		"export MUCURA_CONTENT=swift://env",
	}
}
