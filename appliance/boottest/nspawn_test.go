package boottest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// container is the image's root file system, booted by systemd-nspawn: its own
// network, our kernel, native speed. There is no bus, no GRUB, no disk in it: the
// directory data stands for the data disk.
type container struct {
	t      *testing.T
	root   string
	data   string
	leader int // process ID of its systemd, outside
	cmd    *exec.Cmd
	log    *transcript
	gone   chan struct{}
}

// rootFS mounts the image's squashfs and gives each container a layer of its own
// above it, in memory, as live-boot does.
func rootFS(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	mount := func(args ...string) {
		t.Helper()
		out, err := exec.Command("mount", args...).CombinedOutput()
		if err != nil {
			t.Fatalf("mount %v: %v\n%s", args, err, out)
		}
		target := args[len(args)-1]
		t.Cleanup(func() {
			if err := syscall.Unmount(target, syscall.MNT_DETACH); err != nil {
				t.Errorf("umount %s: %v", target, err)
			}
		})
	}
	for _, d := range []string{"lower", "layer", "root"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mount("-t", "squashfs", "-o", "loop,ro", extract(t, "/live/filesystem.squashfs"), dir+"/lower")
	mount("-t", "tmpfs", "tmpfs", dir+"/layer")
	for _, d := range []string{"upper", "work"} {
		if err := os.Mkdir(filepath.Join(dir, "layer", d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mount("-t", "overlay", "overlay", "-o", fmt.Sprintf("lowerdir=%s/lower,upperdir=%[1]s/layer/upper,workdir=%[1]s/layer/work", dir), dir+"/root")
	return dir + "/root"
}

// contain boots the image in a container on the data directory given.
func contain(t *testing.T, data string, args ...string) *container {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("containers need root")
	}
	c := &container{t: t, root: rootFS(t), data: data, log: newTranscript(), gone: make(chan struct{})}
	args = append([]string{"-q", "--register=no", "--keep-unit", "-D", c.root, "--private-network", "--bind=" + data + ":/data",
		"--machine=" + fmt.Sprintf("mucura-test-%d-%d", os.Getpid(), time.Now().UnixNano()), "--boot", "--console=pipe"}, args...)
	c.cmd = exec.Command("systemd-nspawn", args...)
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = c.cmd.Wait(); c.log.close(); close(c.gone) }()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("console of the container:\n%s", c.log.tail(6000))
		}
		c.kill()
	})
	c.leader = c.findLeader()
	return c
}

// findLeader finds the container's process 1: nspawn's child, or grandchild,
// that is in a PID namespace of its own.
func (c *container) findLeader() int {
	c.t.Helper()
	for range 600 {
		for pid := c.cmd.Process.Pid; pid != 0; pid = child(pid) {
			comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
			if s := strings.TrimSpace(string(comm)); s == "systemd" || s == "init" {
				return pid
			}
		}
		select {
		case <-c.gone:
			c.t.Fatalf("the container ended: %s", c.log.tail(2000))
		case <-time.After(100 * time.Millisecond):
		}
	}
	c.t.Fatal("no systemd in the container")
	return 0
}

func child(pid int) int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid))
	first, _, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	n, _ := strconv.Atoi(first)
	return n
}

// kill ends every process of the container at once.
func (c *container) kill() {
	if c.leader != 0 {
		_ = syscall.Kill(c.leader, syscall.SIGKILL)
	} else {
		_ = c.cmd.Process.Kill()
	}
	select {
	case <-c.gone:
	case <-time.After(time.Minute):
		_ = c.cmd.Process.Kill()
		<-c.gone
	}
}

// halt shuts the container down as "poweroff" does.
func (c *container) halt() {
	c.t.Helper()
	// SIGRTMIN+4 is systemd's poweroff; the C library's SIGRTMIN is 34.
	if err := syscall.Kill(c.leader, syscall.Signal(34+4)); err != nil {
		c.t.Fatal(err)
	}
	select {
	case <-c.gone:
		c.leader = 0
	case <-time.After(hang):
		c.t.Fatal("the container does not shut down")
	}
}

// run runs a command in the container and gives what it printed.
func (c *container) run(args ...string) (string, error) {
	in := []string{"-t", strconv.Itoa(c.leader), "-m", "-u", "-i", "-n", "-p", "-r", "-w", "--",
		"/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"}
	out, err := exec.Command("nsenter", append(in, args...)...).CombinedOutput()
	return string(out), err
}

func (c *container) must(args ...string) string {
	c.t.Helper()
	out, err := c.run(args...)
	if err != nil {
		c.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

// dial connects to a port of the container, from inside its network.
func (c *container) dial(ctx context.Context, network, address string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", c.leader))
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its namespace
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- result{nil, err}
			return
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp4", "127.0.0.1:"+port)
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}

// booted waits until systemd has started all it wants to, and none failed.
func (c *container) booted() {
	c.t.Helper()
	deadline := time.Now().Add(hang)
	for time.Now().Before(deadline) {
		state, _ := c.run("systemctl", "is-system-running")
		switch strings.TrimSpace(state) {
		case "running":
			return
		case "degraded":
			c.t.Fatalf("units failed:\n%s\n%s", c.must("systemctl", "--failed", "--no-pager"), c.failures())
		}
		time.Sleep(300 * time.Millisecond)
	}
	c.t.Fatalf("not up:\n%s", c.must("systemctl", "list-jobs", "--no-pager"))
}

// failures is the journal of the units that failed.
func (c *container) failures() string {
	var text bytes.Buffer
	for _, unit := range regexp.MustCompile(`(?m)^\S+`).FindAllString(c.must("systemctl", "--failed", "--no-legend", "--plain"), -1) {
		text.WriteString(c.must("journalctl", "--no-pager", "-n", "30", "-u", unit))
	}
	return text.String()
}
