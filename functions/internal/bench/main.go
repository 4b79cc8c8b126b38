// Bench measures what the functions cost, in CPU time of their processes: a cold
// start to the first answer, and what an event of Lambda costs over plain HTTP.
// The stores are a Redis and the stand-in for Riak, which need no minute to start.
//
//	go run ./functions/internal/bench [-rounds 5] [-ops 2000] [-zips out/functions]
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mucura/mucura/adapters/lambdahttp/lambdatest"
	"github.com/mucura/mucura/adapters/redis/redistest"
	"github.com/mucura/mucura/adapters/riak/riaktest"
	"github.com/mucura/mucura/core/sigv4"
	"github.com/mucura/mucura/functions/internal/world"
)

func main() {
	rounds := flag.Int("rounds", 5, "rounds; the median counts")
	ops := flag.Int("ops", 2000, "requests of a round")
	zips := flag.String("zips", "out/functions", "where make functions has left the zips")
	flag.Parse()
	if err := run(context.Background(), *rounds, *ops, *zips); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds, ops int, zips string) error {
	if err := redistest.Install(ctx); err != nil {
		fmt.Println("SKIP functions:", err)
		return nil
	}
	dir, err := os.MkdirTemp("", "mucura-functions-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w, stop, err := start(ctx, dir)
	if err != nil {
		return err
	}
	defer stop()
	fmt.Println("functions: CPU of their processes, median (spread) | goal")
	if err := sizes(zips); err != nil {
		return err
	}
	if err := coldStart(ctx, w, rounds); err != nil {
		return err
	}
	return warm(ctx, w, rounds, ops)
}

// start starts the stores and builds the functions.
func start(ctx context.Context, dir string) (*world.World, func(), error) {
	redis, err := redistest.Start(ctx, redistest.Options{Dir: dir})
	if err != nil {
		return nil, nil, err
	}
	riak, err := riaktest.Start(riaktest.Config{Mode: riaktest.PreferToken, Types: map[string]riaktest.Props{"mucura": {AllowMult: true}}})
	if err != nil {
		redis.Stop()
		return nil, nil, err
	}
	stop := func() { riak.Close(); redis.Stop() }
	bin := filepath.Join(dir, "bin")
	if err := world.Build(ctx, bin, "-trimpath"); err != nil {
		stop()
		return nil, nil, err
	}
	w, err := world.New(dir, bin, redis.URL(), "riak://"+strings.Join(riak.Hosts(), ",")+"/?type=mucura", io.Discard)
	if err != nil {
		stop()
		return nil, nil, err
	}
	return w, stop, nil
}

func sizes(dir string) error {
	all, err := filepath.Glob(filepath.Join(dir, "*.zip"))
	if err != nil {
		return err
	}
	largest := int64(0)
	for _, path := range all {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		largest = max(largest, info.Size())
	}
	if largest > 0 {
		fmt.Printf("%-44s %.1f MiB | at most 12\n", "largest zip (make functions)", float64(largest)/(1<<20))
	}
	return nil
}

// coldStart measures a process up to its first answer.
func coldStart(ctx context.Context, w *world.World, rounds int) error {
	var all []float64
	for range rounds + 1 {
		f := w.Function("gateway", 1, false, "GODEBUG=")
		res, err := f.Invoke(ctx, []byte(`{"rawPath":"/","headers":{"host":"h"},"requestContext":{"domainName":"x.lambda-url.y","http":{"method":"GET","sourceIp":"127.0.0.1"}}}`))
		if err != nil {
			f.Close()
			return err
		}
		_, err = io.Copy(io.Discard, res.Body)
		f.Close()
		if err != nil {
			return err
		}
		all = append(all, float64(f.Used(0).Microseconds())/1000)
	}
	show("cold start to the first answer, ms", all[1:], "at most 60") // the first reads the program from disk
	return nil
}

// warm compares a request through a Function URL with the same over HTTP.
func warm(ctx context.Context, w *world.World, rounds, ops int) error {
	c, err := w.Container(ctx, "gateway")
	if err != nil {
		return err
	}
	defer c.Kill()
	f := w.Function("gateway", 1, false)
	defer f.Close()
	door, stop, err := world.Front(lambdatest.FunctionURL, f)
	if err != nil {
		return err
	}
	defer stop()
	if err := prepare(ctx, c.URL); err != nil {
		return err
	}
	var plain, event, more []float64
	for range rounds + 1 {
		p, e, err := both(ctx, c, f, door, ops)
		if err != nil {
			return err
		}
		plain, event, more = append(plain, p), append(event, e), append(more, e-p)
	}
	show("GET 4 KiB over plain HTTP, µs", plain[1:], "")
	show("GET 4 KiB by event, µs", event[1:], "")
	show("what an event costs more, µs", more[1:], "at most 150")
	return nil
}

// both measures a round: requests of both kinds by turns, so that whatever else
// the machine does touches both alike.
func both(ctx context.Context, c *world.Container, f *lambdatest.Function, door string, ops int) (plain, event float64, err error) {
	const turn = 100
	for done := 0; done < ops; done += turn {
		p, err := cost(ctx, c.URL, turn, c.Used)
		if err != nil {
			return 0, 0, err
		}
		e, err := cost(ctx, door, turn, func() time.Duration { return f.Used(0) })
		if err != nil {
			return 0, 0, err
		}
		plain, event = plain+p, event+e
	}
	turns := float64((ops + turn - 1) / turn)
	return plain / turns, event / turns, nil
}

var creds = sigv4.Credentials{AccessKeyID: world.RootKey, SecretAccessKey: world.RootSecret}

func send(ctx context.Context, method, target string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return err
	}
	sigv4.Sign(r, creds, world.Region, sigv4.UnsignedPayload, time.Now())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		err = errors.Join(err, &url.Error{Op: method, URL: target, Err: errors.New(resp.Status)})
	}
	return errors.Join(err, resp.Body.Close())
}

func prepare(ctx context.Context, base string) error {
	if err := send(ctx, "PUT", base+"/bench", nil); err != nil {
		return err
	}
	return send(ctx, "PUT", base+"/bench/k", bytes.Repeat([]byte{0, 255}, 2048))
}

// cost is the CPU time of a request in µs.
func cost(ctx context.Context, base string, ops int, used func() time.Duration) (float64, error) {
	if err := send(ctx, "GET", base+"/bench/k", nil); err != nil { // starts what has to start
		return 0, err
	}
	before := used()
	for range ops {
		if err := send(ctx, "GET", base+"/bench/k", nil); err != nil {
			return 0, err
		}
	}
	return float64((used() - before).Microseconds()) / float64(ops), nil
}

func show(name string, v []float64, goal string) {
	v = slices.Sorted(slices.Values(v))
	fmt.Printf("%-44s %.1f (%.1f-%.1f)", name, v[len(v)/2], v[0], v[len(v)-1])
	if goal != "" {
		fmt.Print(" | ", goal)
	}
	fmt.Println()
}
