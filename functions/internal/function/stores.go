package function

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mucura/mucura/adapters/redis"
	"github.com/mucura/mucura/adapters/riak"
	"github.com/mucura/mucura/adapters/swift"
	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/config"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// patience is how long a start waits for stores that are starting, too. The
// platform ends an init of Lambda's after ten seconds.
func patience(shape Shape) time.Duration {
	if shape == Lambda {
		return 8 * time.Second
	}
	return 5 * time.Minute
}

// openStores opens the stores that the configuration names, and that the function
// needs.
func (f *Function) openStores(ctx context.Context, c *config.Config, shape Shape) (s *app.Stores, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience(shape))
	defer cancel()
	s = new(app.Stores)
	if s.SiteKey, s.OldSiteKeys, err = siteKeys(c); err != nil {
		return nil, err
	}
	if s.Meta, err = openMeta(ctx, c.Metadata); err != nil {
		return nil, fmt.Errorf("metadata store: %w", config.RedactError(err, c.Metadata))
	}
	s.Registry = s.Meta
	if c.Registry != c.Metadata {
		if s.Registry, err = openMeta(ctx, c.Registry); err != nil {
			return nil, errors.Join(fmt.Errorf("registry: %w", config.RedactError(err, c.Registry)), s.Meta.Close())
		}
	}
	s.Content = content.None{}
	if f.Contents {
		contents, err := openContent(ctx, c.Content)
		if err != nil {
			// s.Content stays: a nil pointer of an adapter's would be a store to Close.
			return nil, errors.Join(fmt.Errorf("content store: %w", config.RedactError(err, c.Content)), s.Close())
		}
		s.Content = contents
	}
	if err = s.Check(c); err == nil {
		err = s.CheckMigrated(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// openMeta chooses the adapter of a metadata store by its URL.
func openMeta(ctx context.Context, url string) (meta.Store, error) {
	scheme, _, _ := strings.Cut(url, "://")
	switch scheme {
	case "riak", "riak+https":
		o, err := riakOptions(url)
		if err != nil {
			return nil, err
		}
		return riak.OpenMeta(ctx, o)
	case "redis", "rediss", "redis+unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster":
		return redis.Open(ctx, url, redis.Options{
			Password:         os.Getenv("MUCURA_REDIS_PASSWORD"),
			SentinelPassword: os.Getenv("MUCURA_REDIS_SENTINEL_PASSWORD"),
		})
	}
	return nil, fmt.Errorf("no store for functions: %q (there is redis://host, riak://host)", scheme)
}

// openContent chooses the adapter of a content store by its URL.
func openContent(ctx context.Context, url string) (content.Store, error) {
	scheme, _, _ := strings.Cut(url, "://")
	switch scheme {
	case "riak", "riak+https":
		o, err := riakOptions(url)
		if err != nil {
			return nil, err
		}
		return riak.OpenContent(ctx, o)
	case "swift", "swift+http":
		s, err := swift.Open(ctx, url, swift.Options{})
		if err != nil {
			return nil, err // a nil *swift.Store would be a store to the caller
		}
		return s, nil
	}
	return nil, fmt.Errorf("no store for functions: %q (there is swift://host/v3?…, swift://env, riak://host)", scheme)
}

func riakOptions(url string) (riak.Options, error) {
	return riak.ParseURL(url, os.Getenv("MUCURA_RIAK_PASSWORD"))
}
