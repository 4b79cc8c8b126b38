// Package app puts the parts together: stores and configuration in, the
// handlers and the background jobs out. It is the only package that knows all
// others, and holds no state of its own.
package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/mucura/mucura/core/access"
	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/api"
	"github.com/mucura/mucura/core/audit"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/gridproxy"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/quota"
	"github.com/mucura/mucura/core/registration"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/s3"
	"github.com/mucura/mucura/core/s3err"
	"github.com/mucura/mucura/core/sigv4"
	"github.com/mucura/mucura/core/sse"
	"github.com/mucura/mucura/core/storewrap"
	"github.com/mucura/mucura/core/sts"
	"github.com/mucura/mucura/core/sweep"
)

// Stores are the engines a repository lies on. Registry may be Meta.
type Stores struct {
	Meta     meta.Store
	Registry meta.Store
	Content  content.Store
	// SiteKey seals secrets at rest, and contents where clients ask for it; 32 bytes.
	SiteKey []byte
	// OldSiteKeys open what was sealed before the site key was changed.
	OldSiteKeys [][]byte
}

// Close closes the stores.
func (s *Stores) Close() error {
	var errs []error
	if s.Content != nil {
		errs = append(errs, s.Content.Close())
	}
	if s.Registry != nil && s.Registry != s.Meta {
		errs = append(errs, s.Registry.Close())
	}
	if s.Meta != nil {
		errs = append(errs, s.Meta.Close())
	}
	return errors.Join(errs...)
}

// App is a repository ready to serve.
type App struct {
	Config   *config.Config
	Stores   *Stores
	Log      *slog.Logger
	Accounts *accounts.Service
	Quota    *quota.Keeper
	Repo     *repo.Repo
	Front    *s3.Front
	// Auth is the authentication server; it serves signed actions also where
	// it has no host of its own.
	Auth *sts.Server
	API  *api.Server
	// Web is the pages; nil before Register.
	Web *registration.Web
	// Audit is nil when the site keeps no audit log.
	Audit *audit.Log
	// Trust is nil when the site accepts no certificates.
	Trust *gridproxy.Loader

	metrics *metrics
	gate    *storewrap.Gate

	siteKeys []func(key []byte, older ...[]byte) error // whom SetSiteKeys tells

	breakers []*storewrap.Breaker
	slots    chan struct{} // one for each request served at once

	contentRoom, metaRoom spare
}

// New wires an App. It reads and writes nothing.
func New(c *config.Config, stores *Stores, log *slog.Logger) *App {
	a := &App{Config: c, Stores: stores, Log: log, slots: make(chan struct{}, c.MaxRequests)}
	// A short outage of a store is ridden out; a longer one is told to clients as
	// SlowDown.
	a.metrics = newMetrics(a)
	metadata, registry, contents := a.guard()
	a.Accounts = &accounts.Service{Registry: registry, Now: time.Now, SiteKey: stores.SiteKey, OldSiteKeys: stores.OldSiteKeys, SessionMax: c.SessionMax}
	a.Quota = &quota.Keeper{Registry: registry, Now: time.Now, Process: processName(), RaiseHint: c.RaiseHint}
	a.Repo = &repo.Repo{
		Meta:      metadata,
		Registry:  registry,
		Content:   contents,
		Quota:     a.Quota,
		Accounts:  a.Accounts,
		SSE:       &sse.Site{Key: stores.SiteKey, Older: stores.OldSiteKeys},
		Now:       time.Now,
		InlineMax: min(int(c.InlineMax), stores.Meta.Capabilities().MaxInline),
		Leeway:    c.Leeway,
		Room:      a.room,
	}
	a.Front = &s3.Front{
		Repo:     a.Repo,
		Accounts: a.Accounts,
		Verifier: &sigv4.Verifier{Keys: a.Accounts, Now: time.Now, AllowV2Query: c.AllowV2Presigned},
		Site: access.Site{
			DefaultOwnership:  catalog.Ownership(c.DefaultOwnership),
			BlockPublicAccess: c.BlockPublicAccess,
			Policies:          access.NewPolicyCache(256),
		},
		Domains:      c.Domains,
		Region:       c.Region,
		Now:          time.Now,
		Log:          log,
		LifecycleDay: c.DebugLifecycleDay,
		BodyIdle:     c.BodyIdle,
		Shares:       newShares(c.MaxRequests, func() { a.metrics.refused.Add(1) }),

		AllowPlainSSEC: c.AllowPlainSSEC,
		Observe:        a.observe,
	}
	a.identity()
	return a
}

func processName() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// ServeHTTP is the S3 endpoint. At most Config.MaxRequests are served at once;
// more are told to slow down before anything of theirs is read.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
		a.dispatch(w, r)
	default:
		w.Header().Set("Retry-After", "1")
		w.Header().Set("Connection", "close")
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(s3err.SlowDown.Status)
		_, _ = w.Write([]byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>SlowDown</Code><Message>" + s3err.SlowDown.Message + "</Message></Error>"))
		a.metrics.refused.Add(1)
	}
}

// probe tells at the start that contents cannot be stored, and has the store do
// what it would else do in the first upload.
func (a *App) probe(ctx context.Context) {
	if err := a.Stores.Content.Ping(ctx); err != nil && ctx.Err() == nil {
		a.Log.Warn("not ready", "store", "content", "error", err.Error())
	}
}

// flushEvery is how often what was settled locally reaches the registry.
const flushEvery = 5 * time.Second

// Run does the background work of a long-running server until ctx is done:
// usage is flushed, and the sweeper's jobs run every Config.SweepInterval.
func (a *App) Run(ctx context.Context) {
	var others sync.WaitGroup
	defer others.Wait()
	others.Go(func() { a.probe(ctx) })
	if a.Audit != nil {
		others.Go(func() { a.Audit.Run(ctx) })
	}
	if a.Trust != nil {
		others.Go(func() {
			_, _ = a.Trust.Trust(ctx) // what cannot be read is logged now, and not with the first who comes
			a.Trust.Run(ctx)
		})
	}
	flush := time.NewTicker(flushEvery)
	defer flush.Stop()
	sweeps := make(<-chan time.Time)
	if a.Config.SweepInterval > 0 {
		t := time.NewTicker(a.Config.SweepInterval)
		defer t.Stop()
		sweeps = t.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-flush.C:
			if errors.Is(a.gate.Writable(ctx), meta.ErrReadOnly) {
				continue
			}
			if err := a.Quota.Flush(ctx); err != nil && ctx.Err() == nil {
				a.Log.Warn("usage not flushed", "error", err.Error())
			}
			if err := a.Accounts.FlushUses(ctx, false); err != nil && ctx.Err() == nil {
				a.Log.Warn("uses of keys not written", "error", err.Error())
			}
		case <-sweeps:
			a.sweep(ctx)
		}
	}
}

// orphanEvery is how often a long-running server looks for contents without a
// record, which reads every record.
const orphanEvery = 24 * time.Hour

// Sweeper makes the background jobs of this repository.
func (a *App) Sweeper() *sweep.Sweeper {
	return &sweep.Sweeper{Repo: a.Repo, Now: time.Now, Log: a.Log, Day: a.Config.DebugLifecycleDay}
}

func (a *App) sweep(ctx context.Context) {
	if errors.Is(a.gate.Writable(ctx), meta.ErrReadOnly) {
		return
	}
	s := a.Sweeper()
	s.OrphanEvery = orphanEvery
	rep, err := s.Run(ctx)
	if err != nil && ctx.Err() == nil {
		a.Log.Warn("sweep", "error", err.Error())
	}
	if !rep.Idle() {
		a.Log.Info("swept", "report", rep)
	}
}

// Close flushes usage, the uses of keys and the audit log, and returns leases.
// The stores stay open.
func (a *App) Close(ctx context.Context) error {
	err := errors.Join(a.Quota.Close(ctx), a.Accounts.FlushUses(ctx, true))
	if a.Audit != nil {
		err = errors.Join(err, a.Audit.Close())
	}
	return err
}
