package swifttest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// processes starts programs that die with this process, and not as root.
type processes struct {
	credential *syscall.Credential // nil: run as we are
	calls      chan func()
	mu         sync.Mutex
	running    map[string]*process
	spent      time.Duration // CPU of those that ended
}

type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // valid then
}

func newProcesses() *processes {
	p := &processes{calls: make(chan func()), running: map[string]*process{}}
	if os.Getuid() == 0 {
		p.credential = &syscall.Credential{Uid: 65534, Gid: 65534}
		if u, err := user.Lookup("nobody"); err == nil {
			uid, _ := strconv.ParseUint(u.Uid, 10, 32)
			gid, _ := strconv.ParseUint(u.Gid, 10, 32)
			p.credential.Uid, p.credential.Gid = uint32(uid), uint32(gid)
		}
	}
	// The kernel sends Pdeathsig when the thread that forked ends, so all are
	// forked by one thread, which the runtime must not end.
	go func() {
		runtime.LockOSThread()
		for call := range p.calls {
			call()
		}
	}()
	return p
}

// own gives the directory to the user the programs run as.
func (p *processes) own(dir string) error {
	if p.credential == nil {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(p.credential.Uid), int(p.credential.Gid))
	})
}

// userName is who the programs run as.
func (p *processes) userName() string {
	id := strconv.Itoa(os.Getuid())
	if p.credential != nil {
		id = strconv.FormatUint(uint64(p.credential.Uid), 10)
	}
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

// start starts a program under a name that no running one has.
func (p *processes) start(name, log string, argv ...string) error {
	out, err := os.OpenFile(log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = filepath.Dir(filepath.Dir(log))
	cmd.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "HOME=" + cmd.Dir, "LANG=C.UTF-8"}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true, Credential: p.credential}
	started := make(chan error)
	p.calls <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return err
	}
	proc := &process{cmd: cmd, done: make(chan struct{})}
	p.mu.Lock()
	p.running[name] = proc
	p.mu.Unlock()
	go func() {
		proc.err = cmd.Wait()
		p.mu.Lock()
		p.spent += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		if p.running[name] == proc {
			delete(p.running, name)
		}
		p.mu.Unlock()
		close(proc.done)
	}()
	return nil
}

func (p *processes) get(name string) *process {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running[name]
}

// wait waits for a program that was just started.
func (p *processes) wait(name string) error {
	proc := p.get(name)
	if proc == nil {
		return errors.New("ended at once")
	}
	<-proc.done
	return proc.err
}

func (p *processes) alive(name string) bool { return p.get(name) != nil }

// stop kills a program with its children and waits for it: nothing that Swift
// acknowledged may depend on an orderly end.
func (p *processes) stop(name string) error {
	proc := p.get(name)
	if proc == nil {
		return fmt.Errorf("%s does not run", name)
	}
	if err := syscall.Kill(-proc.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	<-proc.done
	return nil
}

func (p *processes) stopAll() error {
	p.mu.Lock()
	var names []string
	for name := range p.running {
		names = append(names, name)
	}
	p.mu.Unlock()
	var errs []error
	for _, name := range names {
		if err := p.stop(name); err != nil && p.alive(name) {
			errs = append(errs, err)
		}
	}
	if p.calls != nil {
		close(p.calls)
		p.calls = nil
	}
	return errors.Join(errs...)
}

// cpu sums what the programs used, those that ended included.
func (p *processes) cpu() (time.Duration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	sum := p.spent
	for name, proc := range p.running {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", proc.cmd.Process.Pid))
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		// The second field, the command in parentheses, may hold spaces.
		_, rest, _ := strings.Cut(string(b), ") ")
		f := strings.Fields(rest)
		if len(f) < 15 {
			return 0, fmt.Errorf("%s: short stat", name)
		}
		const tick = time.Second / 100 // of /proc on Linux, whatever HZ is
		for _, field := range f[11:13] {
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, err
			}
			sum += time.Duration(n) * tick
		}
	}
	return sum, nil
}
