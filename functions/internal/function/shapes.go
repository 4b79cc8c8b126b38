package function

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/mucura/mucura/adapters/acme/autotls"
	"github.com/mucura/mucura/adapters/lambdahttp"
	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/serve"
)

// afterTime bounds what is written after an event.
const afterTime = 5 * time.Second

// lambda serves events from the platform's Runtime API.
func (f *Function) lambda(ctx context.Context, a *app.App, api string) error {
	l := &lambdahttp.Adapter{
		Stream: a.Config.FunctionStreaming, ClientCertificates: a.Config.AuthTerminator == "alb-event", Log: a.Log,
		After: func(ctx context.Context) { f.after(ctx, a) },
	}
	if f.Handler != nil {
		l.Handler = f.Handler(a)
	}
	if f.Jobs {
		l.Job = func(ctx context.Context, name string, budget time.Duration) (any, error) {
			return job(ctx, a, name, budget)
		}
	}
	return l.Run(ctx, api)
}

// after writes what a process would otherwise remember: it may never run again.
// What fails is put right by the usage job.
func (f *Function) after(ctx context.Context, a *app.App) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterTime)
	defer cancel()
	if err := errors.Join(a.Quota.Flush(ctx), a.Accounts.FlushUses(ctx, false)); err != nil {
		a.Log.Warn("usage not flushed", "error", err.Error())
	}
}

// container serves plain HTTP on the port that the platform names.
func (f *Function) container(ctx context.Context, a *app.App, port string) error {
	if f.Handler == nil {
		return fmt.Errorf("this function answers no requests: give the name of a job as argument")
	}
	s, err := serve.Container(ctx, a, net.JoinHostPort("", port), f.Handler(a))
	if err != nil {
		return err
	}
	a.Log.Info("serving", "address", s.Address("s3"))
	return s.Run(ctx)
}

// daemon serves on listeners of its own, with TLS.
func (f *Function) daemon(ctx context.Context, a *app.App) error {
	if f.Handler == nil {
		return fmt.Errorf("this function answers no requests: give the name of a job as argument")
	}
	certificates, err := autotls.Open(ctx, a.Config, a.Stores.Registry, a.Stores.SiteKey, a.Stores.OldSiteKeys, a.Log)
	if err != nil {
		return err
	}
	var s *serve.Server
	if f.Part == "" {
		s, err = serve.Listen(ctx, a, certificates)
	} else {
		s, err = serve.ListenPart(ctx, a, certificates, serve.Part{Name: f.Part, Handler: f.Handler(a), Asks: f.Part == "auth"})
	}
	if err != nil {
		return err
	}
	a.Log.Info("serving", "s3", s.Address("s3"), "auth", s.Address("auth"), "web", s.Address("web"))
	return s.Run(ctx)
}

// once runs the named jobs, and prints what they report.
func (f *Function) once(ctx context.Context, a *app.App, names []string, budget time.Duration) error {
	enc := json.NewEncoder(os.Stdout)
	for _, name := range names {
		report, err := job(ctx, a, name, budget)
		if eerr := enc.Encode(report); err == nil {
			err = eerr
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	f.after(ctx, a)
	return nil
}
