package boottest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// dial connects to a port of the machine, whatever the address says before it.
func (m *machine) dial(ctx context.Context, _, address string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", m.address(n))
}

const url4 = `https://10\.0\.2\.15/`

// unclaimed waits for the console of a fresh appliance and reads it.
func (m *machine) unclaimed() (code, fingerprint string) {
	m.t.Helper()
	m.wait(`URL\s+` + url4)
	code = m.wait(`Set-up code\s+(\S{4}-\S{4}-\S{4})`)[1]
	f := m.wait(`SHA-256\s+([0-9A-F:]{48})\s+([0-9A-F:]{47})`)
	return code, f[1] + f[2]
}

// answers waits for the first answer over verified HTTPS, of whoever listens, and
// tells how long that took from power on.
func (m *machine) answers(what string) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), hang)
	defer cancel()
	for {
		err := m.answer(ctx)
		if err == nil {
			break
		}
		select {
		case <-m.gone:
			m.t.Fatal("the machine went off")
		case <-ctx.Done():
			m.t.Fatalf("no answer: %v", err)
		case <-time.After(time.Second):
		}
	}
	m.t.Logf("%s: first HTTPS answer %.0f s after power on, %.0f s of processor time", what, time.Since(m.began).Seconds(), m.worked().Seconds())
}

// worked is the processor time that the machine has taken from this one so far: on a
// busy machine it says more than the clock.
func (m *machine) worked() time.Duration {
	m.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", m.cmd.Process.Pid))
	if err != nil {
		m.t.Fatal(err)
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	user, err1 := strconv.Atoi(f[11])
	system, err2 := strconv.Atoi(f[12])
	if err := errors.Join(err1, err2); err != nil {
		m.t.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond // Linux counts in 1/100 s
}

// answer is one try.
func (m *machine) answer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	roots, err := authority(ctx, m.dial, "")
	if err != nil {
		return err
	}
	_, _, err = visit(m.dial, roots, "10.0.2.15").send(ctx, "GET", "/-/live", nil)
	return err
}

// sshKey makes a key for one test.
func sshKey(t *testing.T) (private, public string) {
	t.Helper()
	tool(t, "ssh-keygen", "openssh-client")
	private = filepath.Join(t.TempDir(), "key")
	command(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "boottest", "-f", private)
	b, err := os.ReadFile(private + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return private, strings.TrimSpace(string(b))
}

// ssh runs a script as root in the machine. A connection to a machine that has just
// been switched off may stay for ever, so the script has to end within the limit.
func (m *machine) ssh(key, script string, limit time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(m.t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ssh", "-i", key, "-p", strconv.Itoa(m.ports[22]), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
		"-o", "BatchMode=yes", "-o", "ConnectTimeout=120", "-o", "ServerAliveInterval=30", "-o", "ServerAliveCountMax=20", "-o", "LogLevel=ERROR", "root@127.0.0.1", script)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// shell runs a script as root in the machine. It waits until somebody answers,
// so the script may be run by the first that does.
func (m *machine) shell(key, script string) string {
	m.t.Helper()
	for deadline := time.Now().Add(hang); ; time.Sleep(2 * time.Second) {
		out, err := m.ssh(key, script, hang)
		if err == nil {
			return out
		}
		// 255 is ssh's own: nobody answers yet.
		if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 255 || time.Now().After(deadline) {
			m.t.Fatalf("%s: %v\n%s", script, err, out)
		}
	}
}

// healthy waits until everything has started, and nothing has failed.
func (m *machine) healthy(key string) {
	m.t.Helper()
	out := m.shell(key, "systemctl is-system-running --wait || { systemctl --failed --no-pager; for u in $(systemctl --failed --no-legend --plain | cut -d' ' -f1); do journalctl --no-pager -n 20 -u $u; done; }")
	if !strings.HasPrefix(out, "running") {
		m.t.Errorf("not everything runs:\n%s", out)
	}
}

// idle measures what the whole machine uses, some seconds after the last request:
// less what the kernel could have back at once, and, larger, less what it would let
// programs have, which leaves its own reserve out.
func (m *machine) idle(key string) {
	m.t.Helper()
	out := m.shell(key, `sleep 20; awk '{ k[$1] = $2 } END {
		cache = k["MemFree:"] + k["Buffers:"] + k["Cached:"] - k["Shmem:"] + k["SReclaimable:"]
		printf "%d %d %d\n", (k["MemTotal:"] - cache) / 1024, (k["MemTotal:"] - k["MemAvailable:"]) / 1024, k["MemTotal:"] / 1024 }' /proc/meminfo
		ps -eo rss,comm --sort=-rss --no-headers | head -n 12; df -m --output=used,target / /run /tmp /data
		nft list set inet mucura open | tr -d '\n'; cut -d' ' -f1 /proc/uptime`)
	var used, reserved, all int
	if _, err := fmt.Sscan(out, &used, &reserved, &all); err != nil {
		m.t.Fatalf("%v: %s", err, out)
	}
	m.t.Logf("idle: %d MiB of %d in use, %d with the kernel's reserve\n%s", used, all, reserved, out)
	if reserved > 256 {
		m.t.Errorf("the appliance uses %d MiB at idle, more than 256", reserved)
	}
}

// TestMirror is the life of an appliance on two disks, booted from the ISO by a
// BIOS with 512 MiB: claimed with the console's code, used, restarted, its power
// cut while clients write, one disk damaged and healed, one disk lost.
func TestMirror(t *testing.T) {
	needMachine(t)
	key, public := sshKey(t)
	disks := []string{blank(t, "one.raw", "2G"), blank(t, "two.raw", "2G")}
	hw := hardware{cd: image(t, ".iso"), disks: disks, memory: 512}
	m := start(t, hw)
	m.answers("ISO, BIOS, 512 MiB")
	code, fingerprint := m.unclaimed()
	m.screen("fresh")
	p := claimed(t, m.dial, "10.0.2.15", fingerprint, code, url.Values{"disk": {"/dev/vda", "/dev/vdb"}, "ssh_keys": {public}, "site": {"Boot test"}})
	s3 := serving(t, m.dial, fingerprint, "10.0.2.15", p.id, p.secret)
	m.wait(`The repository is running`)
	stored := use(t, s3, "kept")
	m.healthy(key)
	m.idle(key)
	m.powerOff()

	m = start(t, hw)
	m.answers("the same, second start")
	s3 = serving(t, m.dial, fingerprint, "10.0.2.15", p.id, p.secret)
	stored.check(t, s3, "kept")
	w := write(t, s3, "load")
	w.until(60)
	m.kill()
	acked := w.stop()

	damage(t, disks[1])
	m = start(t, hw)
	s3 = serving(t, m.dial, fingerprint, "10.0.2.15", p.id, p.secret)
	stored.check(t, s3, "kept")
	acked.present(t, s3, "load")
	if found := m.scrub(key); found == 0 {
		t.Error("a scrub finds nothing on a disk that was overwritten")
	}
	if seen := m.shell(key, "cat /dev/vcs1"); strings.Contains(seen, "BTRFS") {
		t.Errorf("the kernel's messages bury the console:\n%s", seen)
	}
	if found := m.scrub(key); found != 0 {
		t.Errorf("after one scrub another finds %d errors", found)
	}
	m.healthy(key)
	m.powerOff()

	hw.disks = disks[1:] // the healed one alone
	m = start(t, hw)
	s3 = serving(t, m.dial, fingerprint, "10.0.2.15", p.id, p.secret)
	m.wait(`Data disk\s+DEGRADED`)
	stored.check(t, s3, "kept")
	acked.present(t, s3, "load")
	m.healthy(key)
}

// scrub heals and gives the number of errors that it found.
func (m *machine) scrub(key string) int {
	m.t.Helper()
	out := m.shell(key, "mucurad-appliance scrub")
	found := regexp.MustCompile(`errors found by this scrub: (\d+)`).FindStringSubmatch(out)
	if found == nil {
		m.t.Fatalf("scrub says:\n%s", out)
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Logf("scrub: %s", strings.TrimSpace(out))
	return n
}

// damage overwrites parts of a disk with noise, as a dying one does: 4 KiB in each
// 64 KiB that holds anything. The first 4 MiB stay, with btrfs's superblock;
// without that the disk would be a lost one, not a damaged one.
func damage(t *testing.T, disk string) {
	t.Helper()
	f, err := os.OpenFile(disk, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	const second = 64 << 20 // of btrfs's superblocks
	block, hits := make([]byte, 64<<10), 0
	for at := int64(4 << 20); at < st.Size(); at += int64(len(block)) {
		if _, err := f.ReadAt(block, at); err != nil {
			t.Fatal(err)
		}
		if at == second || strings.Trim(string(block), "\x00") == "" {
			continue
		}
		if _, err := f.WriteAt(body(uint64(hits), 4096), at+8192); err != nil {
			t.Fatal(err)
		}
		hits++
	}
	if hits == 0 {
		t.Fatal("there was nothing to damage")
	}
	t.Logf("overwrote %d blocks of 4 KiB", hits)
}
