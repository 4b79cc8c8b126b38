// Demo starts a site of functions on this machine: the gateway, credentials,
// registration and sweep as the programs that are deployed, over a real Swift
// and a real Redis, behind a stand-in for AWS Lambda. Then aws, boto3, rclone
// and s3cmd work with it. It prints the endpoints, and runs until it gets
// SIGINT, or with -once until the clients have done.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/mucura/mucura/adapters/lambdahttp/lambdatest"
	"github.com/mucura/mucura/functions/internal/world"
)

func main() {
	once := flag.Bool("once", false, "end when the clients have done")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, *once); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, once bool) (err error) {
	dir, err := os.MkdirTemp("", "mucura-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := errors.Join(world.Install(ctx), world.InstallClients(ctx)); err != nil {
		return err
	}
	fmt.Println("Starting Redis and Swift, building the functions ...")
	stores, err := world.StartStores(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stores.Stop()) }()
	bin := filepath.Join(dir, "bin")
	if err := world.Build(ctx, bin); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	w, err := world.New(dir, bin, stores.Redis.URL(), stores.Swift.URL(), log)
	if err != nil {
		return err
	}
	d := &demo{w: w, out: os.Stdout}
	defer d.stop()
	if err := d.start(ctx); err != nil {
		return fmt.Errorf("%w (log: %s)", err, log.Name())
	}
	if err := d.clients(ctx, dir); err != nil {
		return err
	}
	if !once {
		fmt.Printf("\nThe functions write to %s. Ctrl-C ends everything.\n", log.Name())
		<-ctx.Done()
	}
	return nil
}

// doors are those of shape A.
var doors = []lambdatest.Door{lambdatest.LoadBalancer, lambdatest.HTTPAPI, lambdatest.FunctionURL, lambdatest.StreamURL}

// demo is what runs.
type demo struct {
	w     *world.World
	out   io.Writer
	s3    string // shape B
	doors map[lambdatest.Door]string
	ends  []func()
}

func (d *demo) stop() {
	for _, end := range d.ends {
		end()
	}
}

func (d *demo) start(ctx context.Context) error {
	fmt.Fprintf(d.out, "\nAccess key %s, secret %s, region %s\n\nContainers (shape B):\n", world.RootKey, world.RootSecret, world.Region)
	for _, name := range []string{"gateway", "credentials", "registration"} {
		c, err := d.w.Container(ctx, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		d.ends = append(d.ends, c.Kill)
		fmt.Fprintf(d.out, "  %-22s %s\n", name, c.URL)
		if d.s3 == "" {
			d.s3 = c.URL
		}
	}
	fmt.Fprintf(d.out, "\nLambda (shape A), four environments each, frozen between events:\n")
	d.doors = map[lambdatest.Door]string{}
	for _, door := range doors {
		f := d.w.Function("gateway", 4, true, fmt.Sprint("MUCURA_FUNCTION_STREAMING=", door == lambdatest.StreamURL))
		u, stop, err := world.Front(door, f)
		if err != nil {
			return err
		}
		d.ends, d.doors[door] = append(d.ends, stop, f.Close), u
		fmt.Fprintf(d.out, "  %-22s %s\n", "gateway, "+door.String(), u)
	}
	if err := d.people(ctx); err != nil {
		return err
	}
	return d.job(ctx)
}

// people has the functions that deal with people do what they are for: one shows
// its first page, and the other gives credentials that the gateway takes.
func (d *demo) people(ctx context.Context) error {
	at := map[string]string{}
	for _, name := range []string{"credentials", "registration"} {
		f := d.w.Function(name, 4, true)
		u, stop, err := world.Front(lambdatest.LoadBalancer, f)
		if err != nil {
			return err
		}
		d.ends, at[name] = append(d.ends, stop, f.Close), u
		fmt.Fprintf(d.out, "  %-22s %s\n", name+", "+lambdatest.LoadBalancer.String(), u)
	}
	resp, err := http.Get(at["registration"] + "/")
	if err != nil {
		return err
	}
	_ = resp.Body.Close() // the status is all
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("registration: %s", resp.Status)
	}
	s, err := world.Session(ctx, at["credentials"])
	if err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	status, err := world.ListWith(ctx, d.s3, s)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d", status)
	}
	if err != nil {
		return fmt.Errorf("with temporary credentials: %w", err)
	}
	fmt.Fprintf(d.out, "\nTemporary credentials of the function, which the gateway takes: %s\n", s.AccessKeyID)
	return nil
}

// job has the sweep function run a job by event.
func (d *demo) job(ctx context.Context) error {
	f := d.w.Function("sweep", 1, true)
	d.ends = append(d.ends, f.Close)
	res, err := f.Invoke(ctx, []byte(`{"job":"usage"}`))
	if err != nil {
		return err
	}
	report, err := io.ReadAll(res.Body)
	fmt.Fprintf(d.out, "\nScheduled event {\"job\":\"usage\"}:\n  %s\n", report)
	return err
}

// clients has the real clients work through everything.
func (d *demo) clients(ctx context.Context, dir string) error {
	large, err := world.MakeFiles(filepath.Join(dir, "large"), 20_000_000, 30)
	if err != nil {
		return err
	}
	small, err := world.MakeFiles(filepath.Join(dir, "small"), 300_000, 5)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "\nClients: put, get, list, copy, move, multipart, delete\n")
	endpoints := []struct {
		name, url string
		files     *world.Files
	}{{"container", d.s3, large}}
	for _, door := range doors {
		endpoints = append(endpoints, struct {
			name, url string
			files     *world.Files
		}{door.String(), d.doors[door], small})
	}
	// Each client goes from endpoint to endpoint; the clients work at once.
	errs := make([]error, len(world.Clients))
	var all sync.WaitGroup
	for i, c := range world.Clients {
		all.Go(func() {
			for _, e := range endpoints {
				begin := time.Now()
				err := e.files.Run(ctx, c, e.url, fmt.Sprintf("demo-%s-%d", e.name, i))
				verdict := "ok"
				switch {
				case errors.Is(err, world.ErrNoClient):
					verdict = "SKIP: " + err.Error()
				case err != nil:
					verdict = "FAIL: " + err.Error()
					errs[i] = errors.Join(errs[i], fmt.Errorf("%s through %s failed", c, e.name))
				}
				fmt.Fprintf(d.out, "  %-14s %-16s %s (%.0f s)\n", e.name, c, verdict, time.Since(begin).Seconds())
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}
