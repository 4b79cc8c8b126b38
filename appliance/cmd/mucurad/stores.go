package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/afero"

	"github.com/mucura/mucura/adapters/argon2"
	"github.com/mucura/mucura/adapters/localfs"
	"github.com/mucura/mucura/adapters/plugin"
	"github.com/mucura/mucura/adapters/sqlite"
	"github.com/mucura/mucura/adapters/swift"
	"github.com/mucura/mucura/core/accounts"
	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/obs"
)

// openStores opens the stores the configuration names, and reads or makes the
// site key. fill, unless it is nil, writes what a registry that is made only now
// holds from the first, where the store can have that at once. Close what
// openStores returns.
func openStores(c *config.Config, fill func(*accounts.Service) error) (*app.Stores, error) {
	if err := makeDir(c.Data); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := siteKeyLost(c); err != nil {
		return nil, err
	}
	key, older, err := keysOf(c)
	if err != nil {
		return nil, fmt.Errorf("site key: %w", err)
	}
	var fillRegistry func(meta.Store) error
	if fill != nil {
		fillRegistry = func(registry meta.Store) error {
			return fill(&accounts.Service{Registry: registry, Now: time.Now, SiteKey: key, OldSiteKeys: older})
		}
	}
	s, err := openStoresAt(c.Metadata, c.Registry, c.Content, fillRegistry)
	if err != nil {
		return nil, err
	}
	s.SiteKey, s.OldSiteKeys = key, older
	err = s.Check(c)
	if err == nil {
		err = s.CheckMigrated(context.Background())
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// openStoresAt opens the stores that URLs name. No error tells a secret of them.
func openStoresAt(metadata, registry, contents string, fillRegistry func(meta.Store) error) (s *app.Stores, err error) {
	for _, url := range []string{metadata, registry} {
		if err := withDatabase(url, contents); err != nil {
			return nil, err
		}
	}
	s = new(app.Stores)
	fillMeta := fillRegistry
	if registry != metadata {
		fillMeta = nil
	}
	if s.Meta, err = openMeta(metadata, fillMeta); err != nil {
		return nil, fmt.Errorf("metadata store: %w", config.RedactError(err, metadata))
	}
	s.Registry = s.Meta
	if registry != metadata {
		if s.Registry, err = openMeta(registry, fillRegistry); err != nil {
			return nil, errors.Join(fmt.Errorf("registry: %w", config.RedactError(err, registry)), s.Meta.Close())
		}
	}
	if err := withContents(s, contents); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	c, err := openContent(contents)
	if err != nil {
		// s.Content stays nil: a nil pointer of an adapter's would be a store to Close.
		return nil, errors.Join(fmt.Errorf("content store: %w", config.RedactError(err, contents)), s.Close())
	}
	s.Content = c
	return s, nil
}

// withDatabase refuses contents whose database, of records or of buckets, is missing
// (its disk is not mounted, it was moved away). A new one would know none of them, and
// the sweeper would free them all after the leeway.
func withDatabase(database, contents string) error {
	db, isFile := strings.CutPrefix(database, "sqlite://")
	dir, areFiles := strings.CutPrefix(contents, "file://")
	missing := func() bool {
		_, err := os.Stat(db)
		return errors.Is(err, fs.ErrNotExist)
	}
	if !isFile || !areFiles || !missing() {
		return nil
	}
	holds, err := localfs.Holds(context.Background(), afero.NewOsFs(), dir)
	if err != nil {
		return err
	}
	if holds && missing() { // and another process has not just made both
		return fmt.Errorf("%s is missing, and %s holds contents that a new one would not know, so that they would be freed: put the database back, restore a backup, or move the contents away", db, dir)
	}
	return nil
}

// withContents refuses records of contents whose directory is missing: its disk is not
// mounted. What was stored in its place would be hidden as soon as it is.
func withContents(s *app.Stores, contents string) error {
	dir, areFiles := strings.CutPrefix(contents, "file://")
	if !areFiles {
		return nil
	}
	if there, err := localfs.Exists(afero.NewOsFs(), dir); there || err != nil {
		return err
	}
	if named, err := s.NamesContents(context.Background()); !named || err != nil {
		return err
	}
	return fmt.Errorf("%s holds no contents, and the metadata store has records of some: mount its disk, or make %s if they are lost", dir, filepath.Join(dir, "data"))
}

// makeDir makes a directory and what is missing above it, durably.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return os.MkdirAll(dir, 0o700) // it tells when dir is none
	}
	parent := filepath.Dir(dir)
	if err := makeDir(parent); err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(dir, 0o700), syncDir(parent))
}

// openMeta chooses the adapter of a metadata store by its URL. fill is for one
// that is made only now; it may be nil.
func openMeta(url string, fill func(meta.Store) error) (meta.Store, error) {
	scheme, path, _ := strings.Cut(url, "://")
	switch scheme {
	case "sqlite":
		if err := makeDir(filepath.Dir(path)); err != nil {
			return nil, err
		}
		return sqlite.Open(path, sqlite.Options{Fill: fill})
	case "riak", "riak+https":
		return openRiakMeta(url)
	case "redis", "rediss", "redis+unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster":
		return openRedis(url)
	case "plugin":
		return plugin.OpenMeta(context.Background(), url, plugin.Options{Log: obs.NewLog(os.Stderr, "info")})
	default:
		return nil, fmt.Errorf("no such store: %q (there is sqlite:///path/meta.db, redis://host, riak://host, plugin:///path/of/binary)", scheme)
	}
}

// openTimeout is how long a remote store may take to answer at the start.
const openTimeout = time.Minute

// openContent chooses the adapter of a content store by its URL.
func openContent(url string) (content.Store, error) {
	scheme, path, _ := strings.Cut(url, "://")
	switch scheme {
	case "file":
		return localfs.Open(afero.NewOsFs(), path, localfs.Options{})
	case "riak", "riak+https":
		return openRiakContent(url)
	case "plugin":
		return plugin.OpenContent(context.Background(), url, plugin.Options{Log: obs.NewLog(os.Stderr, "info")})
	case "swift", "swift+http":
		ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
		defer cancel()
		s, err := swift.Open(ctx, url, swift.Options{})
		if err != nil {
			return nil, err // a nil *swift.Store would be a store to the caller
		}
		return s, nil
	default:
		return nil, fmt.Errorf("no such store: %q (there is file:///path, swift://host/v3?…, swift://env, riak://host, plugin:///path/of/binary)", scheme)
	}
}

// newApp makes the app with what only an appliance brings.
func newApp(c *config.Config, stores *app.Stores, log *slog.Logger) *app.App {
	a := app.New(c, stores, log)
	a.Accounts.Passwords = argon2.New()
	return a
}
