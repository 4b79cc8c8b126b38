package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/afero"

	"github.com/mucura/mucura/adapters/localfs"
	"github.com/mucura/mucura/adapters/sqlite"
	"github.com/mucura/mucura/adapters/swift"
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

// openTimeout is how long a remote store may take to answer at the start.
const openTimeout = time.Minute

// openContent chooses the adapter of a content store by its URL.
func openContent(url string) (content.Store, error) {
	scheme, path, _ := strings.Cut(url, "://")
	switch scheme {
	case "file":
		return localfs.Open(afero.NewOsFs(), path, localfs.Options{})
	case "swift", "swift+http":
		ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
		defer cancel()
		s, err := swift.Open(ctx, url, swift.Options{})
		if err != nil {
			return nil, err // a nil *swift.Store would be a store to the caller
		}
		return s, nil
	default:
		return nil, fmt.Errorf("no such store: %q (there are file:///path, swift://host/v3?… and swift://env)", scheme)
	}
}
