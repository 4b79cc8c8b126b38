package boottest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
)

// hang is when a boot is given up. Software emulation takes one to three minutes
// on an idle machine, and a shared one may be ten times slower.
const hang = 25 * time.Minute

// hardware is what a virtual machine is made of.
type hardware struct {
	cd     string   // ISO image
	discs  []string // further CDs, not to boot from
	disks  []string // virtio disks, qcow2 or raw by their names
	uefi   bool
	memory int // MiB; 0 is 1024
}

// machine is a running virtual machine.
type machine struct {
	t      *testing.T
	cmd    *exec.Cmd
	serial *transcript
	keys   io.Writer // what is typed on the serial line
	qmp    string
	ports  map[int]int // the machine's to those on loopback
	began  time.Time
	gone   chan struct{}
}

// accelerator is KVM where it works, which /dev/kvm alone does not tell: nested
// in some hypervisors it opens and then hangs.
func accelerator() (accel string, model []string) {
	if a := os.Getenv("QEMU_ACCEL"); a != "" {
		return a, nil
	}
	info, _ := os.ReadFile("/proc/cpuinfo")
	if f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0); err == nil {
		f.Close()
		if regexp.MustCompile(`\b(vmx|svm)\b`).Match(info) {
			return "kvm", nil
		}
	}
	return "tcg", []string{"-cpu", "qemu64"} // the quickest model to emulate
}

// start switches a machine on. It is switched off when the test ends.
func start(t *testing.T, hw hardware) *machine {
	t.Helper()
	m := &machine{t: t, serial: newTranscript(), ports: map[int]int{}, qmp: filepath.Join(t.TempDir(), "qmp"), gone: make(chan struct{})}
	accel, model := accelerator()
	args := append([]string{
		"-accel", accel, "-machine", "q35", "-smp", "1", "-m", strconv.Itoa(max(hw.memory, 0)), "-display", "none", "-vga", "std",
		"-serial", "stdio", "-monitor", "none", "-qmp", "unix:" + m.qmp + ",server=on,wait=off", "-device", "virtio-rng-pci",
	}, model...)
	if hw.memory == 0 {
		args[slices.Index(args, "-m")+1] = "1024"
	}
	forward := "user,model=virtio-net-pci"
	for _, port := range []int{22, 80, 443, 8443} {
		p, err := harness.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		m.ports[port] = p
		forward += fmt.Sprintf(",hostfwd=tcp:127.0.0.1:%d-:%d", p, port)
	}
	args = append(args, "-nic", forward)
	if hw.uefi {
		args = append(args, "-drive", "if=pflash,format=raw,readonly=on,file="+firmware(t))
	}
	if hw.cd != "" {
		args = append(args, "-cdrom", hw.cd, "-boot", "d")
	}
	for i, d := range hw.disks {
		args = append(args, "-drive", fmt.Sprintf("if=none,id=v%d,file=%s,format=%s", i, d, format(d)),
			"-device", fmt.Sprintf("virtio-blk-pci,drive=v%d,serial=MUCURA%d", i, i))
	}
	for i, d := range hw.discs {
		args = append(args, "-drive", fmt.Sprintf("if=none,id=c%d,media=cdrom,readonly=on,format=raw,file=%s", i, d),
			"-device", fmt.Sprintf("ide-cd,drive=c%d,bus=ide.%d", i, i+3)) // -cdrom is ide.2
	}
	m.cmd = exec.Command("qemu-system-x86_64", args...)
	m.cmd.Stdout = m.serial
	m.cmd.Stderr = m.serial
	keys, err := m.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	m.keys = keys
	m.began = time.Now()
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = m.cmd.Wait(); m.serial.close(); close(m.gone) }()
	t.Cleanup(func() {
		m.kill()
		if t.Failed() {
			t.Logf("serial console of %s:\n%s", m.cmd, m.serial.tail(6000))
		}
	})
	return m
}

func format(file string) string {
	if strings.HasSuffix(file, ".qcow2") {
		return "qcow2"
	}
	return "raw"
}

func firmware(t *testing.T) string {
	for _, f := range []string{"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_CODE.fd"} {
		if _, err := os.Stat(f); err == nil {
			return f
		}
	}
	t.Fatal("no OVMF firmware: install ovmf")
	return ""
}

// kill is a power cut.
func (m *machine) kill() {
	_ = m.cmd.Process.Kill()
	<-m.gone
}

// powerOff presses the button and waits until the machine is off.
func (m *machine) powerOff() {
	m.t.Helper()
	m.command("system_powerdown", nil)
	select {
	case <-m.gone:
	case <-time.After(hang):
		m.t.Fatal("the machine does not switch off")
	}
}

// command tells QEMU something, by its machine protocol.
func (m *machine) command(name string, args map[string]any) {
	m.t.Helper()
	c, err := net.Dial("unix", m.qmp)
	if err != nil {
		m.t.Fatal(err)
	}
	defer c.Close()
	answers := bufio.NewScanner(c)
	answers.Scan() // greeting
	for _, q := range []map[string]any{{"execute": "qmp_capabilities"}, {"execute": name, "arguments": args}} {
		if args == nil {
			delete(q, "arguments")
		}
		if err := json.NewEncoder(c).Encode(q); err != nil {
			m.t.Fatal(err)
		}
		for answers.Scan() && !bytes.Contains(answers.Bytes(), []byte(`"return"`)) {
			if bytes.Contains(answers.Bytes(), []byte(`"error"`)) {
				m.t.Fatalf("qemu: %s: %s", name, answers.Text())
			}
		}
	}
}

// screen takes a picture of the screen, which "go test -artifacts" keeps.
func (m *machine) screen(name string) {
	m.t.Helper()
	m.command("screendump", map[string]any{"filename": filepath.Join(m.t.ArtifactDir(), name+".png"), "format": "png"})
}

// presses enters a line on the keyboard: digits and lower-case letters.
func (m *machine) presses(line string) {
	m.t.Helper()
	for _, k := range append(strings.Split(line, ""), "ret") {
		m.command("send-key", map[string]any{"keys": []map[string]string{{"type": "qcode", "data": k}}})
	}
}

// wait waits until the serial console has shown what the pattern says and
// returns its groups.
func (m *machine) wait(pattern string) []string {
	m.t.Helper()
	found, err := m.serial.wait(regexp.MustCompile(pattern), hang)
	if err != nil {
		m.t.Fatalf("waiting for %q: %v", pattern, err)
	}
	return found
}

// types enters a line on the serial console.
func (m *machine) types(line string) {
	m.t.Helper()
	if _, err := io.WriteString(m.keys, line+"\r"); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) address(port int) string { return fmt.Sprintf("127.0.0.1:%d", m.ports[port]) }

// transcript is what a console has shown so far, less its escape sequences.
type transcript struct {
	mu     sync.Mutex
	text   []byte
	from   int           // what waits have consumed
	more   chan struct{} // closed when there is more
	closed bool
}

func newTranscript() *transcript { return &transcript{more: make(chan struct{})} }

var escapes = regexp.MustCompile(`\x1b(\[[0-9;?=]*[A-Za-z]|[()][A-Z0-9]|[=>78cDEHMNOZ])|[\r\x00\x07]`)

func (s *transcript) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = append(s.text, p...)
	close(s.more)
	s.more = make(chan struct{})
	return len(p), nil
}

func (s *transcript) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	close(s.more)
	s.more = make(chan struct{})
}

var errOff = errors.New("the machine is off")

// wait returns the groups of the first match behind that of the wait before.
func (s *transcript) wait(re *regexp.Regexp, limit time.Duration) ([]string, error) {
	timeout := time.After(limit)
	for {
		s.mu.Lock()
		text, more, closed := escapes.ReplaceAll(s.text, nil), s.more, s.closed
		if at := re.FindSubmatchIndex(text[min(s.from, len(text)):]); at != nil {
			var found []string
			for i := 0; i < len(at); i += 2 {
				group := ""
				if at[i] >= 0 {
					group = string(text[s.from+at[i] : s.from+at[i+1]])
				}
				found = append(found, group)
			}
			s.from += at[1]
			s.mu.Unlock()
			return found, nil
		}
		s.mu.Unlock()
		if closed {
			return nil, errOff
		}
		select {
		case <-more:
		case <-timeout:
			return nil, errors.New("not seen on the console")
		}
	}
}

func (s *transcript) tail(n int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := escapes.ReplaceAll(s.text, nil)
	return string(text[max(0, len(text)-n):])
}
