// Bench measures what a request costs the server, in CPU time (user and system
// of the process and its children) and memory, and how that compares with
// other S3 servers on the same disk in the same run. CPU time is what holds on
// a noisy machine; rounds are interleaved and the median is printed.
//
//	go run ./appliance/internal/bench -mucurad bin/mucurad [-case 'PUT 4'] [-rounds 3] [-profile DIR]
//	go run ./appliance/internal/bench -mucurad bin/mucurad -peers=false -against OTHER
//	go run ./appliance/internal/bench -mucurad bin/mucurad -objects 1000000
//	go run ./appliance/internal/bench -mucurad bin/mucurad -idle 10000
//	go run ./appliance/internal/bench -floors
//	go run ./appliance/internal/bench -mucurad bin/mucurad -stores
//
// A peer takes part when its binary is found: MUCURA_BENCH_VERSITYGW (or
// versitygw on PATH), MUCURA_BENCH_MINIO (or minio on PATH).
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

type options struct {
	mucurad string
	against string
	only    *regexp.Regexp
	rounds  int
	clients int
	scale   float64
	profile string
	dir     string
	peers   bool
	tls     bool
}

func main() {
	var o options
	var only string
	var objects, connections int
	flag.StringVar(&o.mucurad, "mucurad", "bin/mucurad", "our server")
	flag.StringVar(&o.against, "against", "", "another binary of our server, measured beside it: how a change shows on a busy machine")
	flag.StringVar(&only, "case", "", "only cases that match this regular expression")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of each case; the median counts")
	flag.IntVar(&o.clients, "clients", 8, "clients at once")
	flag.Float64Var(&o.scale, "scale", 1, "factor on the number of operations")
	flag.StringVar(&o.profile, "profile", "", "write a CPU profile of our server for each case to this directory, and print where the time goes")
	flag.StringVar(&o.dir, "dir", "", "where the servers keep their data (default: a temporary directory)")
	flag.BoolVar(&o.peers, "peers", true, "measure the other servers too")
	flag.BoolVar(&o.tls, "tls", false, "measure the servers over TLS too")
	flag.IntVar(&connections, "idle", 0, "instead: what this many idle connections cost")
	flag.IntVar(&objects, "objects", 0, "instead: how cost grows from 20,000 to this many objects")
	stores := flag.Bool("stores", false, "instead: what requests cost on Redis and Swift, beside Swift's own S3 interface")
	bare := flag.Bool("floors", false, "instead: what bytes cost here at the least, with no server around")
	peer := flag.String("peer-of-floor", "", "for -floors itself")
	flag.Parse()
	o.only = regexp.MustCompile("(?i)" + only)
	work := run
	if objects > 0 {
		work = func(o options) error { return scaleRun(o, objects) }
	}
	if connections > 0 {
		work = func(o options) error { return idleRun(o, connections) }
	}
	if *stores {
		work = storesRun
	}
	if *bare {
		work = floorsRun
	}
	if *peer != "" {
		work = func(options) error { return peerOfFloor(*peer) }
	}
	if err := work(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	makePayload(4<<10, 1<<20, 16<<20)
	dir, err := os.MkdirTemp(o.dir, "mucura-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	servers, err := start(o, dir)
	defer func() {
		for _, s := range servers {
			s.stop()
		}
	}()
	if err != nil {
		return err
	}
	fmt.Printf("%d CPUs, %s, %d clients, %d rounds; µs of server CPU per operation, median (spread)\n\n", runtime.NumCPU(), runtime.Version(), o.clients, o.rounds)
	t := newTable(servers)
	t.row("start to first answer, ms", func(s *server) string { return fmt.Sprintf("%.0f", s.startMillis) }, func(s *server) float64 { return s.startMillis })
	idle := map[*server]float64{}
	for _, s := range servers {
		idle[s] = s.memory("VmRSS")
	}
	ctx := context.Background()
	for _, c := range cases() {
		if !o.only.MatchString(c.name) {
			continue
		}
		if err := measure(ctx, o, c, servers, t); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	t.row("idle memory, MiB", func(s *server) string { return fmt.Sprintf("%.0f", idle[s]) }, func(s *server) float64 { return idle[s] })
	t.row("peak memory, MiB", func(s *server) string { return fmt.Sprintf("%.0f", s.memory("VmHWM")) }, func(s *server) float64 { return s.memory("VmHWM") })
	return nil
}

// measure prepares a case on every server and runs its rounds, interleaved.
func measure(ctx context.Context, o options, c benchCase, servers []*server, t *table) error {
	got := map[*server][]float64{}
	skipped := map[*server]bool{}
	for _, s := range servers {
		if c.prepare == nil {
			continue
		}
		if err := c.prepare(ctx, s, o); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %s: %v\n", s.name, c.name, err)
			skipped[s] = true
		}
	}
	n := max(o.clients, int(float64(c.ops)*o.scale))
	profile := ""
	for round := range o.rounds {
		for _, s := range servers {
			if skipped[s] {
				continue
			}
			ops := n
			if c.elsewhere > 0 && !s.ours() {
				ops = c.elsewhere
			}
			v, err := s.cost(ctx, o, c, round, ops)
			if err != nil {
				fmt.Fprintf(os.Stderr, "%s: %s: %v\n", s.name, c.name, err)
				skipped[s] = true
				continue
			}
			got[s] = append(got[s], v)
			if o.profile != "" && s.admin != "" && s.name == "mucura" && c.figure == nil {
				profile = profileFile(o, c)
			}
		}
	}
	t.row(c.name, func(s *server) string {
		if skipped[s] {
			return "failed"
		}
		v := got[s]
		return fmt.Sprintf("%.0f (%.0f-%.0f)", median(v), slices.Min(v), slices.Max(v))
	}, func(s *server) float64 {
		if skipped[s] {
			return 0
		}
		return median(got[s])
	})
	if profile != "" {
		return breakdown(profile)
	}
	return nil
}

func profileFile(o options, c benchCase) string {
	return filepath.Join(o.profile, strings.NewReplacer(" ", "_", "/", "_").Replace(c.name)+".pprof")
}

// cost runs n operations on a server and returns CPU µs for each, or for a
// case with a figure of its own, that.
func (s *server) cost(ctx context.Context, o options, c benchCase, round, n int) (float64, error) {
	if c.figure != nil {
		return c.figure(ctx, s, o)
	}
	if c.before != nil {
		if err := c.before(ctx, s, o, round, n); err != nil {
			return 0, err
		}
	}
	stopProfile := func() {}
	if o.profile != "" && s.admin != "" && s.name == "mucura" {
		stopProfile = s.profile(profileFile(o, c))
	}
	before := s.cpu()
	err := parallel(o.clients, n, func(i int) error { return c.op(ctx, s, round, i) })
	after := s.cpu()
	stopProfile()
	return (after - before) / float64(n), err
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// table prints a row a case, a column a server, and the ratio to ours.
type table struct{ servers []*server }

func newTable(servers []*server) *table {
	fmt.Printf("%-34s", "")
	for i, s := range servers {
		fmt.Printf("%22s", s.name)
		if i > 0 {
			fmt.Printf("%8s", "ratio")
		}
	}
	fmt.Println()
	return &table{servers}
}

func (t *table) row(name string, cell func(*server) string, value func(*server) float64) {
	fmt.Printf("%-34s", name)
	ours := value(t.servers[0])
	for i, s := range t.servers {
		fmt.Printf("%22s", cell(s))
		if i > 0 {
			ratio := "-"
			if v := value(s); v > 0 && ours > 0 {
				ratio = fmt.Sprintf("%.1f", v/ours)
			}
			fmt.Printf("%8s", ratio)
		}
	}
	fmt.Println()
}
