package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/quota"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/storewrap"
)

const (
	// gateEvery is how often a process that writes looks whether maintenance is on.
	gateEvery = 2 * time.Second
	// limitWait is how long a call waits for its turn at a store with a limit.
	limitWait = 5 * time.Second
)

// MaintenanceBound is how long after SetMaintenance has returned no process
// begins a write any more, given that none holds one up for longer than a second
// between its look and its call.
const MaintenanceBound = gateEvery + 3*time.Second

// guard puts decorators around the stores: calls are retried, and each one that
// is made is limited, measured, and not made while its store is down or
// maintenance is on.
func (a *App) guard() (metadata, registry meta.Store, contents content.Store) {
	stats := storewrap.NewStoreMetrics(&a.metrics.Metrics)
	a.gate = &storewrap.Gate{Every: gateEvery, Read: func(ctx context.Context) (bool, error) {
		m, err := ReadMaintenance(ctx, &storewrap.Retry{Store: a.Stores.Registry})
		return m.On, err
	}}
	make := func(name string, limit int) *storewrap.Guard {
		g := &storewrap.Guard{Gate: a.gate, Stats: stats.Of(name), Breaker: &storewrap.Breaker{Changed: func(open bool) {
			if open {
				a.Log.Warn("store is failing, calls are refused for a while", "store", name)
			} else {
				a.Log.Info("store works again", "store", name)
			}
		}}}
		a.breakers = append(a.breakers, g.Breaker)
		a.metrics.Gauge("mucura_store_open_"+name, "1 while calls to the "+name+" store are refused because it is failing.", func() float64 {
			if g.Breaker.IsOpen() {
				return 1
			}
			return 0
		})
		if limit > 0 {
			g.Limit = storewrap.NewLimit(limit, limitWait)
		}
		return g
	}
	metadata = &storewrap.Retry{Store: &storewrap.Guarded{Store: a.Stores.Meta, Guard: make("metadata", a.Config.MetadataLimit)}}
	registry = metadata
	if a.Stores.Registry != a.Stores.Meta {
		registry = &storewrap.Retry{Store: &storewrap.Guarded{Store: a.Stores.Registry, Guard: make("registry", a.Config.MetadataLimit)}}
	}
	contents = &storewrap.RetryContent{Store: &storewrap.GuardedContent{Store: a.Stores.Content, Guard: make("content", a.Config.ContentLimit)}}
	return metadata, registry, contents
}

// Bare makes a Repo over the stores as they are, without decorators: for a
// migration, which works while maintenance is on.
func (a *App) Bare() *repo.Repo {
	return &repo.Repo{
		Meta: a.Stores.Meta, Registry: a.Stores.Registry, Content: a.Stores.Content,
		Quota:    &quota.Keeper{Registry: a.Stores.Registry, Now: time.Now, Process: processName(), Settling: -1},
		Accounts: &accounts.Service{Registry: a.Stores.Registry, Now: time.Now, SiteKey: a.Stores.SiteKey, OldSiteKeys: a.Stores.OldSiteKeys},
		SSE:      a.Repo.SSE, Now: time.Now, InlineMax: a.Repo.InlineMax, Leeway: a.Config.Leeway,
	}
}

// ReadMaintenance reads whether maintenance is on.
func ReadMaintenance(ctx context.Context, registry meta.Store) (m catalog.Maintenance, err error) {
	rec, err := registry.Get(ctx, catalog.Site, catalog.SiteMaintenance, false)
	if errors.Is(err, meta.ErrNotFound) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(rec.Value, &m)
	}
	if err != nil {
		err = fmt.Errorf("read maintenance: %w", err)
	}
	return m, err
}

// SetMaintenance turns maintenance on or off, for all processes on this registry.
// Turned on, writes get 503 ServiceUnavailable at the latest MaintenanceBound
// later, and reads go on; background jobs rest.
func SetMaintenance(ctx context.Context, registry meta.Store, m catalog.Maintenance) error {
	value, err := json.Marshal(m)
	if err == nil {
		_, err = registry.Put(ctx, catalog.Site, catalog.SiteMaintenance, meta.Record{Value: value}, meta.Always)
	}
	if err != nil {
		return fmt.Errorf("set maintenance: %w", err)
	}
	return nil
}
