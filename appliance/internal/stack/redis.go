package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/mucura/mucura/adapters/redis/redistest"
)

// redis runs a server, a primary with a replica and sentinels, or a cluster of
// three, until ctx ends.
func redis(ctx context.Context, fs *flag.FlagSet, args []string) error {
	var o redistest.Options
	sentinel := fs.Bool("sentinel", false, "a primary, a replica and three sentinels")
	cluster := fs.Bool("cluster", false, "three primaries with a replica each")
	fs.StringVar(&o.Dir, "dir", "", "a directory for the data; default: a temporary one, removed at the end")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if err := redistest.Install(ctx); err != nil {
		return err
	}
	if o.Dir == "" {
		dir, err := os.MkdirTemp("", "mucura-redis-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.Dir = dir
	}
	url, stop, err := startRedis(ctx, o, *sentinel, *cluster)
	if err != nil {
		return err
	}
	defer stop()
	fmt.Println("MUCURA_METADATA=" + url)
	<-ctx.Done()
	return nil
}

func startRedis(ctx context.Context, o redistest.Options, sentinel, cluster bool) (url string, stop func(), err error) {
	switch {
	case sentinel && cluster:
		return "", nil, errors.New("-sentinel or -cluster, not both")
	case sentinel:
		g, err := redistest.StartSentinel(ctx, o, 1)
		if err != nil {
			return "", nil, err
		}
		return g.URL() + "?wait=1", g.Stop, nil
	case cluster:
		g, err := redistest.StartCluster(ctx, o, 3, 1)
		if err != nil {
			return "", nil, err
		}
		return g.URL(), g.Stop, nil
	}
	s, err := redistest.Start(ctx, o)
	if err != nil {
		return "", nil, err
	}
	return s.URL(), s.Stop, nil
}
