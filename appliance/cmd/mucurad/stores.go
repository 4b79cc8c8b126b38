package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/afero"

	"github.com/mucura/mucura/adapters/argon2"
	"github.com/mucura/mucura/adapters/localfs"
	"github.com/mucura/mucura/adapters/sqlite"
	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// openStores opens the stores the configuration names, and reads or makes the
// site key. Close what it returns.
func openStores(c *config.Config) (*app.Stores, error) {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	key, older, err := siteKeys(c.SiteKeyFile)
	if err != nil {
		return nil, fmt.Errorf("site key: %w", err)
	}
	s := &app.Stores{SiteKey: key, OldSiteKeys: older}
	if s.Meta, err = openMeta(c.Metadata); err != nil {
		return nil, fmt.Errorf("metadata store: %w", err)
	}
	s.Registry = s.Meta
	if c.Registry != c.Metadata {
		if s.Registry, err = openMeta(c.Registry); err != nil {
			return nil, errors.Join(fmt.Errorf("registry: %w", err), s.Meta.Close())
		}
	}
	if s.Content, err = openContent(c.Content); err != nil {
		return nil, errors.Join(fmt.Errorf("content store: %w", err), s.Close())
	}
	return s, nil
}

// openMeta chooses the adapter of a metadata store by its URL.
func openMeta(url string) (meta.Store, error) {
	scheme, path, _ := strings.Cut(url, "://")
	switch scheme {
	case "sqlite":
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
		return sqlite.Open(path, sqlite.Options{})
	default:
		return nil, fmt.Errorf("no such store: %q (there is sqlite:///path/meta.db)", url)
	}
}

// openContent chooses the adapter of a content store by its URL.
func openContent(url string) (content.Store, error) {
	scheme, path, _ := strings.Cut(url, "://")
	switch scheme {
	case "file":
		return localfs.Open(afero.NewOsFs(), path, localfs.Options{})
	default:
		return nil, fmt.Errorf("no such store: %q (there is file:///path)", url)
	}
}

// newApp makes the app with what only an appliance brings.
func newApp(c *config.Config, stores *app.Stores, log *slog.Logger) *app.App {
	a := app.New(c, stores, log)
	a.Accounts.Passwords = argon2.New()
	return a
}
