package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
	"github.com/mucura/mucura/core/sigv4"
)

// server is one S3 server under measurement.
type server struct {
	name        string
	cmd         *exec.Cmd
	dir         string
	admin       string
	client      *harness.Client
	startMillis float64
	state       map[string]string // what cases remember
}

// start starts ours and every peer that is there.
func start(o options, dir string) ([]*server, error) {
	ours, err := filepath.Abs(o.mucurad)
	if err != nil {
		return nil, err
	}
	s, err := startOurs("mucura", ours, dir)
	if err != nil {
		return nil, err
	}
	servers := []*server{s}
	if o.against != "" {
		other, err := filepath.Abs(o.against)
		if err != nil {
			return servers, err
		}
		if s, err = startOurs("mucura other", other, dir); err != nil {
			return servers, err
		}
		servers = append(servers, s)
	}
	if o.tls {
		s, err := startTLS(ours, dir)
		if err != nil {
			return servers, err
		}
		servers = append(servers, s)
	}
	if !o.peers {
		return servers, nil
	}
	for _, p := range []struct {
		name, env, install string
		command            func(bin, port, data string, secure ...string) *exec.Cmd
		secure             []string // arguments that have it speak TLS
	}{
		{"versitygw", "MUCURA_BENCH_VERSITYGW", "go install github.com/versity/versitygw/cmd/versitygw@v1.8.0", versitygw, []string{"--cert", filepath.Join(dir, certFile), "--key", filepath.Join(dir, keyFile)}},
		{"minio", "MUCURA_BENCH_MINIO", "a minio binary", minio, []string{"--certs-dir", dir}},
	} {
		bin := os.Getenv(p.env)
		if bin == "" {
			if bin, err = exec.LookPath(p.name); err != nil {
				fmt.Printf("SKIP %s: not on PATH and %s is not set (%s)\n", p.name, p.env, p.install)
				continue
			}
		}
		s, err := launch(p.name, filepath.Join(dir, p.name), func(port, _, data string) *exec.Cmd { return p.command(bin, port, data) })
		if err != nil {
			return servers, err
		}
		s.admin = ""
		servers = append(servers, s)
		if !o.tls {
			continue
		}
		s, err = launchWith(p.name+" TLS", filepath.Join(dir, p.name+"-tls"), "https", func(port, _, data string) *exec.Cmd {
			return p.command(bin, port, data, p.secure...)
		})
		if err != nil {
			return servers, err
		}
		s.admin = ""
		servers = append(servers, s)
	}
	return servers, nil
}

func startOurs(name, bin, dir string) (*server, error) {
	return launch(name, filepath.Join(dir, name), func(port, admin, data string) *exec.Cmd {
		cmd := exec.Command(bin, "serve", "--listen", port, "--admin-listen", admin, "--data", data)
		cmd.Env = append(os.Environ(), "MUCURA_ROOT_ACCESS_KEY_ID="+harness.RootKey, "MUCURA_ROOT_SECRET_ACCESS_KEY="+harness.RootSecret)
		return cmd
	})
}

func versitygw(bin, port, data string, secure ...string) *exec.Cmd {
	args := append([]string{"--port", port, "--access", harness.RootKey, "--secret", harness.RootSecret, "--region", harness.Region, "--keep-alive", "--quiet"}, secure...)
	cmd := exec.Command(bin, append(args, "posix", data)...)
	cmd.Env = os.Environ()
	return cmd
}

func minio(bin, port, data string, secure ...string) *exec.Cmd {
	args := append([]string{"server", "--quiet", "--address", port}, secure...)
	cmd := exec.Command(bin, append(args, data)...)
	cmd.Env = append(os.Environ(), "MINIO_ROOT_USER="+harness.RootKey, "MINIO_ROOT_PASSWORD="+harness.RootSecret, "MINIO_REGION="+harness.Region, "MINIO_BROWSER=off")
	return cmd
}

func launch(name, data string, command func(port, admin, data string) *exec.Cmd) (*server, error) {
	return launchWith(name, data, "http", command)
}

func launchWith(name, data, scheme string, command func(port, admin, data string) *exec.Cmd) (*server, error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	addr := [2]string{}
	for i := range addr {
		p, err := harness.FreePort()
		if err != nil {
			return nil, err
		}
		addr[i] = fmt.Sprintf("127.0.0.1:%d", p)
	}
	s := &server{name: name, dir: data, admin: "http://" + addr[1], state: map[string]string{}}
	s.cmd = command(addr[0], addr[1], data)
	log, err := os.Create(data + ".log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.cmd.Stderr, s.cmd.Stdout = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	begin := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.client = &harness.Client{
		Endpoint: scheme + "://" + addr[0],
		Creds:    sigv4.Credentials{AccessKeyID: harness.RootKey, SecretAccessKey: harness.RootSecret},
		HTTP:     &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: 64, DisableCompression: true, WriteBufferSize: 128 << 10, ReadBufferSize: 128 << 10}},
	}
	for range 20000 {
		c, err := net.Dial("tcp", addr[0])
		if err == nil {
			_ = c.Close()
			if resp, err := s.client.HTTP.Get(s.client.Endpoint + "/"); err == nil {
				_ = resp.Body.Close()
				s.startMillis = float64(time.Since(begin).Microseconds()) / 1000
				return s, nil
			}
		}
		time.Sleep(time.Millisecond)
	}
	return nil, fmt.Errorf("%s does not answer: see %s.log", name, data)
}

// ours tells whether it is Mucura, of whatever build.
func (s *server) ours() bool { return strings.HasPrefix(s.name, "mucura") }

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
}

// cpu is the CPU time of the process and its ended children so far, µs.
func (s *server) cpu() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:]))
	var ticks float64
	for _, f := range fields[11:15] { // utime stime cutime cstime, in 1/100 s
		v, _ := strconv.ParseFloat(f, 64)
		ticks += v
	}
	return ticks * 1e4
}

// memory is a line of /proc/PID/status in MiB.
func (s *server) memory(line string) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	for l := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(l, line+":"); ok {
			v, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return v / 1024
		}
	}
	return 0
}

// profile starts a CPU profile; the returned function ends it.
func (s *server) profile(file string) func() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		resp, err := http.Get(s.admin + "/debug/pprof/profile?seconds=4")
		if err != nil {
			return
		}
		defer resp.Body.Close()
		_ = os.MkdirAll(filepath.Dir(file), 0o755)
		f, err := os.Create(file)
		if err != nil {
			return
		}
		_, _ = io.Copy(f, resp.Body)
		_ = f.Close()
	}()
	time.Sleep(50 * time.Millisecond)
	return func() { <-done }
}

// parallel runs op for 0 to n-1, so many at once, and stops at the first error.
func parallel(clients, n int, op func(i int) error) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, clients)
	for c := range clients {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := op(i); err != nil {
					errs[c] = err
					next.Store(int64(n))
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// diskUse is what the files below dir take, bytes and count.
func diskUse(dir string) (bytes int64, files int) {
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		var st syscall.Stat_t
		if syscall.Lstat(path, &st) == nil {
			bytes += st.Blocks * 512
			if !d.IsDir() {
				files++
			}
		}
		return nil
	})
	return bytes, files
}
