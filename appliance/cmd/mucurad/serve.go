package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/mucura/mucura/adapters/acme/autotls"
	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/obs"
	httpd "github.com/mucura/mucura/core/serve"
)

// serve runs the server until ctx is done (SIGTERM), then lets running
// requests finish.
func serve(ctx context.Context, name string, args []string) error {
	c, err := parse(name, args, nil, 0)
	if err != nil {
		return err
	}
	httpd.TuneGC()
	log := obs.NewLog(os.Stderr, c.LogLevel)
	siteKeyTime := modified(c.SiteKeyFile) // before it is read: what comes later is noticed
	// A new registry has the administrator in it from the first.
	var first rootKey
	stores, err := openStores(c, func(s *accounts.Service) (err error) {
		first, err = ensureRoot(ctx, c, s)
		return err
	})
	if err != nil {
		return err
	}
	defer stores.Close()
	if siteKeyTime.IsZero() {
		siteKeyTime = modified(c.SiteKeyFile) // it has just been made
	}
	for _, w := range storeWarnings(stores) {
		log.Warn(w)
	}
	a := newApp(c, stores, log)
	root, err := ensureRoot(ctx, c, a.Accounts)
	if err != nil {
		return fmt.Errorf("administrator's account: %w", err)
	}
	if first.made && first.id == root.id { // and not the pair of another process, which was quicker
		root = first
	}
	ready := false
	defer func() {
		if root.made && !ready { // the next start makes none
			fmt.Print(madePair(root))
		}
	}()
	parts, err := newParts(c)
	if err != nil {
		return err
	}
	if err := a.Register(parts); err != nil {
		return err
	}
	certificates, err := autotls.Open(ctx, c, stores.Registry, stores.SiteKey, stores.OldSiteKeys, log)
	if err != nil {
		return err
	}
	s, err := httpd.Listen(ctx, a, certificates)
	if err != nil {
		return err
	}
	fmt.Print(banner(c, s.Endpoint(), s.Address("web") != "", root))
	ready = true
	fmt.Print(s.Trust())
	if c.Debug {
		log.Warn("debug settings are allowed", "lifecycle_day", c.DebugLifecycleDay.String())
	}
	log.Info("serving", "endpoint", s.URL(), "admin", s.Address("admin"), "auth", s.Address("auth"), "web", s.Address("web"),
		"metadata", config.Redact(c.Metadata), "content", config.Redact(c.Content), "region", c.Region)
	return s.Run(ctx, func(ctx context.Context) { watchSiteKeys(ctx, a, siteKeyTime, 2*time.Second) })
}
