// Package function is what the functions share: settings from the environment,
// the stores of large sites, and the choice of a shape. The mains say what they
// serve.
//
// A function keeps nothing of its own, and needs no disk: all it knows comes
// from its environment, and all it stores goes to the stores.
package function

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mucura/mucura/adapters/awssecrets"
	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/obs"
	"github.com/mucura/mucura/core/serve"
)

// Function is one of the functions.
type Function struct {
	Name string
	// Handler answers requests; nil for a function that runs jobs only.
	Handler func(*app.App) http.Handler
	// Part is what the function is of a site, auth or web, "" for the S3 endpoint:
	// with listeners of its own it serves that part only.
	Part string
	// Jobs says that it runs scheduled jobs.
	Jobs bool
	// People says that it deals with people who are not known yet, by password
	// or at an institute.
	People bool
	// Root says that it makes the administrator's account.
	Root bool
	// Contents says that it reads or frees the bytes of objects. Without it opens
	// no content store, whatever the settings name, and needs no credentials of one.
	Contents bool
}

// Release is the version; the linker sets it.
var Release = "unknown"

// Main runs the function until SIGTERM, and ends the process.
func (f *Function) Main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := f.run(ctx, os.Args[1:], os.Environ())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, f.Name+":", err)
		os.Exit(1)
	}
}

// Shape is how a function is reached.
type Shape string

// The shapes, as docs/functions.md tells of them.
const (
	Lambda    Shape = "lambda"    // A: events of AWS Lambda
	Container Shape = "container" // B: HTTP on $PORT
	Daemon    Shape = "daemon"    // C: listeners and TLS of its own
	Once      Shape = "once"      // a job named on the command line
)

// shapeOf chooses the shape by what the platform has put into the environment.
func shapeOf(args []string, getenv func(string) string) Shape {
	switch {
	case getenv("AWS_LAMBDA_RUNTIME_API") != "":
		return Lambda
	case len(args) > 0:
		return Once
	case getenv("PORT") != "":
		return Container
	}
	return Daemon
}

func (f *Function) run(ctx context.Context, args, environ []string) error {
	getenv := lookup(environ)
	shape := shapeOf(args, getenv)
	if shape == Once && !f.Jobs {
		return fmt.Errorf("arguments are names of jobs, and this function has none: %q", args)
	}
	var jobs []string
	var budget time.Duration
	if shape == Once {
		var err error
		if jobs, budget, err = jobArguments(args); err != nil { // before any store is opened
			return err
		}
	}
	c, _, err := config.Parse(f.Name, nil, f.settings(shape, environ), nil)
	if err == nil {
		err = awssecrets.Resolve(ctx, c)
	}
	if err != nil {
		return err
	}
	serve.TuneGC()
	log := obs.NewLog(os.Stderr, c.LogLevel)
	a, err := f.open(ctx, c, shape, log)
	if err != nil {
		return err
	}
	defer a.Stores.Close()
	contents := config.Redact(c.Content)
	if !f.Contents {
		contents = "none"
	}
	log.Info("started", "function", f.Name, "release", Release, "shape", string(shape),
		"metadata", config.Redact(c.Metadata), "registry", config.Redact(c.Registry), "content", contents, "base_path", c.BasePath)
	switch shape {
	case Lambda:
		return f.lambda(ctx, a, getenv("AWS_LAMBDA_RUNTIME_API"))
	case Container:
		return f.container(ctx, a, getenv("PORT"))
	case Once:
		return f.once(ctx, a, jobs, budget)
	}
	return f.daemon(ctx, a)
}

// open opens the stores and makes the App.
func (f *Function) open(ctx context.Context, c *config.Config, shape Shape, log *slog.Logger) (*app.App, error) {
	stores, err := f.openStores(ctx, c, shape)
	if err != nil {
		return nil, err
	}
	a, err := f.makeApp(ctx, c, stores, shape, log)
	if err != nil {
		return nil, errors.Join(err, stores.Close())
	}
	return a, nil
}

func (f *Function) makeApp(ctx context.Context, c *config.Config, stores *app.Stores, shape Shape, log *slog.Logger) (*app.App, error) {
	a := app.New(c, stores, log)
	if shape == Lambda {
		// Nothing may depend on what the process remembers after an event.
		a.Quota.Chunk = -1
	}
	parts, err := f.parts(c)
	if err != nil {
		return nil, err
	}
	if err := a.Register(parts); err != nil {
		return nil, err
	}
	if f.Root && c.RootAccessKeyID != "" {
		if _, _, _, err := a.Accounts.EnsureRoot(ctx, c.RootAccessKeyID, c.RootSecretAccessKey); err != nil {
			return nil, fmt.Errorf("administrator's account: %w", err)
		}
	}
	return a, nil
}
