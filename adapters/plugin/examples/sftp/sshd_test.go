package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// server is OpenSSH behind a listener of the test's: each connection gets an
// sshd of its own, which the test can kill.
type server struct {
	addr, dir, user, key, knownHosts string

	config   string
	mu       sync.Mutex
	sessions map[*exec.Cmd]net.Conn
	held     bool // connections are accepted and get no answer
}

// sshdPath finds sshd, which is often not on a user's PATH.
func sshdPath(t testing.TB) string {
	t.Helper()
	const path = "/usr/sbin/sshd"
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if os.Getenv("MUCURA_TEST_INSTALL") == "" {
		t.Skip("no OpenSSH server here (Debian: openssh-server); MUCURA_TEST_INSTALL=1 installs it")
	}
	// No two may update the lists at once.
	const script = "install='apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600 openssh-server'\n" +
		"$install || { flock /tmp/mucura-test-apt.lock apt-get update -qq; $install; }"
	cmd := exec.Command("sh", "-c", script)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("apt-get: %v\n%s", err, out)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// startServer serves dir, made under the test's directory. extra are lines of
// sshd's configuration.
func startServer(t testing.TB, extra ...string) *server {
	t.Helper()
	sshd := sshdPath(t)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if me.Uid == "0" {
		// sshd wants this directory when it may separate privileges.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	base := t.TempDir()
	s := &server{dir: filepath.Join(base, "store"), user: me.Username, key: filepath.Join(base, "key"),
		knownHosts: filepath.Join(base, "known_hosts"), config: filepath.Join(base, "sshd_config"), sessions: map[*exec.Cmd]net.Conn{}}
	host := makeKey(t, filepath.Join(base, "host"))
	client := makeKey(t, s.key)
	// A second kind of host key, which known_hosts does not have.
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", filepath.Join(base, "host2")).CombinedOutput(); err != nil {
		t.Logf("only one host key: %v %s", err, out)
	}
	lines := append(extra,
		"HostKey "+filepath.Join(base, "host"),
		"AuthorizedKeysFile "+filepath.Join(base, "authorized"),
		"StrictModes no", "UsePAM no", "PidFile none", "PasswordAuthentication no", "PermitRootLogin yes",
		"Subsystem sftp internal-sftp", "LogLevel ERROR")
	if _, err := os.Stat(filepath.Join(base, "host2")); err == nil {
		lines = append(lines, "HostKey "+filepath.Join(base, "host2"))
	}
	write(t, s.config, strings.Join(lines, "\n")+"\n")
	write(t, filepath.Join(base, "authorized"), string(ssh.MarshalAuthorizedKey(client)))

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = listener.Addr().String()
	write(t, s.knownHosts, knownhosts.Line([]string{s.addr}, host)+"\n")
	var done sync.WaitGroup
	done.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			done.Go(func() { s.serve(t, sshd, conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		s.cut()
		done.Wait()
	})
	return s
}

// serve runs an sshd on one connection, as inetd would.
func (s *server) serve(t testing.TB, sshd string, conn net.Conn) {
	defer conn.Close()
	cmd := exec.Command(sshd, "-i", "-e", "-f", s.config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err == nil {
		cmd.Stdout, cmd.Stderr = conn, io.Discard
		s.mu.Lock()
		if !s.held {
			err = cmd.Start()
		}
		s.sessions[cmd] = conn
		s.mu.Unlock()
	}
	if err != nil {
		t.Error(err)
		return
	}
	_, _ = io.Copy(in, conn)
	in.Close()
	if cmd.Process != nil {
		_ = cmd.Wait()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, cmd)
}

// cut kills every sshd and its connection.
func (s *server) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for cmd, conn := range s.sessions {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
		conn.Close()
	}
}

// hold stops every sshd where it is, and lets new connections wait.
func (s *server) hold(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = on
	for cmd := range s.sessions {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, map[bool]syscall.Signal{true: syscall.SIGSTOP, false: syscall.SIGCONT}[on])
		}
	}
}

func makeKey(t testing.TB, path string) ssh.PublicKey {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(pem.EncodeToMemory(block)))
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// settings are what reaches this server; more are pairs that replace or add.
func (s *server) settings(more ...string) map[string]string {
	m := map[string]string{"addr": s.addr, "user": s.user, "dir": s.dir, "key-file": s.key, "known-hosts": s.knownHosts}
	for i := 0; i < len(more); i += 2 {
		if more[i+1] == "" {
			delete(m, more[i])
		} else {
			m[more[i]] = more[i+1]
		}
	}
	return m
}

func (s *server) String() string { return fmt.Sprintf("%s@%s", s.user, s.addr) }
