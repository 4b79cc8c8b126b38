package main

import (
	"context"
	"os"
	"time"

	"github.com/mucura/mucura/adapters/redis"
	"github.com/mucura/mucura/core/app"
	"github.com/mucura/mucura/core/meta"
)

// openRedis waits for a server that is loading its data, but not for ever.
func openRedis(url string) (meta.Store, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	return redis.Open(ctx, url, redis.Options{
		Password:         os.Getenv("MUCURA_REDIS_PASSWORD"),
		SentinelPassword: os.Getenv("MUCURA_REDIS_SENTINEL_PASSWORD"),
	})
}

// storeWarnings are what a store has to say about settings that keep less than
// it could.
func storeWarnings(s *app.Stores) (all []string) {
	stores := []meta.Store{s.Meta}
	if s.Registry != s.Meta {
		stores = append(stores, s.Registry)
	}
	for _, store := range stores {
		if w, ok := store.(interface{ Warnings() []string }); ok {
			all = append(all, w.Warnings()...)
		}
	}
	return all
}
