// Mucura is the command for people and grid jobs: it gets credentials, moves
// files and looks after keys and quotas, over HTTP as any other client.
package main

import (
	"os"

	"github.com/mucura/mucura/appliance/internal/cli"
)

// release is what "git describe" said when it was built; see the Makefile.
var release string

func main() { os.Exit(cli.Main(release, os.Args[1:])) }
