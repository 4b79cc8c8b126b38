package main

import (
	"context"
	"os"
	"time"

	"github.com/mucura/mucura/adapters/riak"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/meta"
)

// riakPatience is how long a start waits for a cluster that is starting, too.
const riakPatience = 5 * time.Minute

func riakOptions(url string) (riak.Options, error) {
	return riak.ParseURL(url, os.Getenv("MUCURA_RIAK_PASSWORD"))
}

func openRiakMeta(url string) (meta.Store, error) {
	o, err := riakOptions(url)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), riakPatience)
	defer cancel()
	return riak.OpenMeta(ctx, o)
}

func openRiakContent(url string) (content.Store, error) {
	o, err := riakOptions(url)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), riakPatience)
	defer cancel()
	return riak.OpenContent(ctx, o)
}
