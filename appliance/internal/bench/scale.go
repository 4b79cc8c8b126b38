package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/mucura/mucura/appliance/internal/harness"
)

// scaleRun shows how cost grows with the number of objects: the same figures
// with 20,000 and with n, and what the maintenance commands take.
func scaleRun(o options, n int) error {
	makePayload(4 << 10) // small: a child's peak memory begins with its parent's
	dir, err := os.MkdirTemp(o.dir, "mucura-scale-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Printf("%-34s%20s%20s%10s\n", "", "20,000 objects", fmt.Sprintf("%d objects", n), "ratio")
	small, err := scaleOf(o, filepath.Join(dir, "small"), 20000)
	if err != nil {
		return err
	}
	large, err := scaleOf(o, filepath.Join(dir, "large"), n)
	if err != nil {
		return err
	}
	for i := range small {
		ratio := ""
		if small[i].value > 0 {
			ratio = fmt.Sprintf("%.2f", large[i].value/small[i].value)
		}
		fmt.Printf("%-34s%20.0f%20.0f%10s\n", small[i].name, small[i].value, large[i].value, ratio)
	}
	return nil
}

type figure struct {
	name  string
	value float64
}

// scaleOf seeds n small objects and measures.
func scaleOf(o options, data string, n int) (figures []figure, err error) {
	add := func(name string, v float64) { figures = append(figures, figure{name, v}) }
	bin, err := filepath.Abs(o.mucurad)
	if err != nil {
		return nil, err
	}
	command := func(args ...string) (*exec.Cmd, error) {
		cmd := exec.Command(bin, append(args, "--data", data)...)
		cmd.Env = append(os.Environ(), "MUCURA_ROOT_ACCESS_KEY_ID="+harness.RootKey, "MUCURA_ROOT_SECRET_ACCESS_KEY="+harness.RootSecret)
		out, err := cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
		}
		return cmd, err
	}
	cmd, err := command("seed", "--bucket", listBucket, "--count", fmt.Sprint(n), "--size", "100")
	if err != nil {
		return nil, err
	}
	use := func(cmd *exec.Cmd) (cpu, peak float64) {
		ru := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		return float64(cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()) / float64(time.Microsecond), float64(ru.Maxrss) / 1024
	}
	cpu, peak := use(cmd)
	add("store, CPU µs an object", cpu/float64(n))
	add("store, peak MiB", peak)
	bytes, _ := diskUse(data)
	add("disk, bytes an object", float64(bytes)/float64(n))

	s, err := launch("mucura", data, func(port, admin, data string) *exec.Cmd {
		cmd := exec.Command(bin, "serve", "--listen", port, "--admin-listen", admin, "--data", data, "--sweep-interval", "0")
		cmd.Env = append(os.Environ(), "MUCURA_ROOT_ACCESS_KEY_ID="+harness.RootKey, "MUCURA_ROOT_SECRET_ACCESS_KEY="+harness.RootSecret)
		return cmd
	})
	if err != nil {
		return nil, err
	}
	add("start to first answer, ms", s.startMillis)
	ctx := context.Background()
	key := func(i int) string { return fmt.Sprintf("seed/%04d/object-%09d", i%1000, i) }
	for _, c := range []benchCase{
		{name: "GET, µs", ops: 4000, op: func(ctx context.Context, s *server, round, i int) error {
			_, err := s.client.Must(ctx, "GET", listBucket, key((i*7919+round)%n), "", nil, 200)
			return err
		}},
		{name: "HEAD, µs", ops: 4000, op: func(ctx context.Context, s *server, round, i int) error {
			_, err := s.client.Must(ctx, "HEAD", listBucket, key((i*7919+round)%n), "", nil, 200)
			return err
		}},
		{name: "LIST 1000 keys, µs", ops: 100, op: func(ctx context.Context, s *server, round, i int) error {
			q := fmt.Sprintf("list-type=2&prefix=seed%%2F&start-after=%s", strings.ReplaceAll(key((i*997+round)%(n-2000)), "/", "%2F"))
			_, err := s.client.Must(ctx, "GET", listBucket, "", q, nil, 200)
			return err
		}},
		{name: "LIST one key, µs", ops: 1000, op: func(ctx context.Context, s *server, round, i int) error {
			_, err := s.client.Must(ctx, "GET", listBucket, "", "list-type=2&prefix="+strings.ReplaceAll(key((i*997+round)%n), "/", "%2F"), nil, 200)
			return err
		}},
		{name: "LIST delimiter at the root, µs", ops: 1000, op: func(ctx context.Context, s *server, _, _ int) error {
			_, err := s.client.Must(ctx, "GET", listBucket, "", "list-type=2&delimiter=%2F", nil, 200)
			return err
		}},
		{name: "PUT 4 KiB, µs", ops: 2000, op: func(ctx context.Context, s *server, round, i int) error {
			_, err := s.client.Must(ctx, "PUT", listBucket, fmt.Sprintf("seed/%04d/new-%d-%d", i%1000, round, i), "", payload[4<<10], 200)
			return err
		}},
	} {
		var got []float64
		for round := range o.rounds {
			v, err := s.cost(ctx, o, c, round, max(o.clients, int(float64(c.ops)*o.scale)))
			if err != nil {
				s.stop()
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			got = append(got, v)
		}
		add(c.name, median(got))
	}
	add("peak memory, MiB", s.memory("VmHWM"))
	s.stop()
	for _, verb := range []string{"fsck", "sweep"} {
		cmd, err := command(verb)
		if err != nil {
			return nil, err
		}
		cpu, peak := use(cmd)
		add(verb+", CPU µs an object", cpu/float64(n))
		add(verb+", peak MiB", peak)
	}
	return figures, nil
}
