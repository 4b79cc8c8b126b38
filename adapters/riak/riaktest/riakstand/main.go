// Command riakstand serves the stand-in of a Riak cluster on loopback, for
// trying Mucura on Riak where there is none. Nothing outlives it.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/mucura/mucura/adapters/riak/riaktest"
)

func main() {
	listen := flag.String("listen", "", "addresses of the nodes, comma-separated (default: free ports)")
	nodes := flag.Int("nodes", 1, "number of nodes")
	mode := flag.String("mode", string(riaktest.PreferToken), "conditional_put_mode: prefer_token or api_only")
	kind := flag.String("type", "mucura", "bucket type")
	deleted := flag.Duration("delete-after", 3*time.Second, "how long tombstones linger")
	lag := flag.Duration("index-lag", 0, "how long an index shows what was")
	flag.Parse()
	conf := riaktest.Config{
		Nodes: *nodes, Mode: riaktest.Mode(*mode), DeleteAfter: *deleted, IndexLag: *lag,
		Types: map[string]riaktest.Props{*kind: {AllowMult: true}},
	}
	if *listen != "" {
		conf.Listen = strings.Split(*listen, ",")
		conf.Nodes = max(conf.Nodes, len(conf.Listen))
	}
	c, err := riaktest.Start(conf)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("riak://%s/?type=%s\n", strings.Join(c.Hosts(), ","), *kind)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	<-stop
	c.Close()
}
