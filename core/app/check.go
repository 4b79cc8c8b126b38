package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/mucura/mucura/core/catalog"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/repo"
	"github.com/mucura/mucura/core/sse"
	"github.com/mucura/mucura/core/sweep"
)

// ErrRegistry says that a store cannot be the registry.
var ErrRegistry = errors.New("the registry needs linearizable compare-and-set")

// ErrSiteKey says that the site key is not the one the repository's secrets are
// sealed under.
var ErrSiteKey = errors.New("the site key is not this repository's")

// ErrUnfinished says that the stores are the target of a migration under way.
var ErrUnfinished = errors.New("these stores are being filled by a migration that has not ended")

// CheckMigrated refuses stores that a migration fills and has not completed, and a
// site key that did not come along with those that one has filled.
func (s *Stores) CheckMigrated(ctx context.Context) error {
	rec, err := s.Registry.Get(ctx, catalog.Site, catalog.SiteMigration, false)
	if errors.Is(err, meta.ErrNotFound) {
		return nil
	}
	var m catalog.Migration
	if err == nil {
		err = json.Unmarshal(rec.Value, &m)
	}
	if err != nil {
		return fmt.Errorf("read the note of a migration: %w", err)
	}
	if m.Ended.IsZero() {
		return fmt.Errorf("%w: run mucurad migrate --final first", ErrUnfinished)
	}
	site := &sse.Site{Key: s.SiteKey, Older: s.OldSiteKeys}
	if _, err := site.Named(m.SiteKey); err != nil {
		return fmt.Errorf("%w: secrets are sealed under key %s; copy the file of the stores it was migrated from (--site-key-file)", ErrSiteKey, m.SiteKey)
	}
	return nil
}

// NamesContents tells whether any record names a content. It does not use s.Content.
func (s *Stores) NamesContents(ctx context.Context) (named bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &sweep.Sweeper{Repo: &repo.Repo{Meta: s.Meta, Registry: s.Registry, Content: noContents{}}}
	err = w.Named(ctx, func(content.ID) {
		named = true
		cancel() // one is enough
	})
	if named {
		return true, nil
	}
	return false, err
}

// noContents is a content store without contents.
type noContents struct{ content.Store }

func (noContents) Open(context.Context, content.ID, int64, int64) (io.ReadCloser, error) {
	return nil, content.ErrNotFound
}

// Check tells whether the stores can do what they are for. Bucket names, access
// keys and quotas are exact only by linearizable compare-and-set; that of the
// catalogue may be weaker, and then conditional requests are.
func (s *Stores) Check(c *config.Config) error {
	caps := s.Registry.Capabilities()
	if caps.CAS == meta.Linearizable || caps.CAS == meta.WhenHealthy && c.RegistryWhenHealthy {
		return nil
	}
	advice := "name another store by MUCURA_REGISTRY (--registry), such as sqlite:///path/registry.db"
	if caps.CAS == meta.WhenHealthy {
		advice += ", or accept what may go wrong with --registry-when-healthy"
	}
	return fmt.Errorf("%s store as registry: %w, this one is %s: %s", caps.Name, ErrRegistry, caps.CAS, advice)
}
