// Package lawtest runs the conformance suites of the two ports from a shipped
// binary, on any store that can be named.
//
// The suites are ordinary Go tests. Run starts the binary once more as a child
// that is nothing but a test binary (Child), and reads its output: so a store that
// makes the suite panic, hang or exit is a failure of the law that ran, and package
// testing and its flags exist in the child alone.
package lawtest

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mucura/mucura/adapters/plugin"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/content/contenttest"
	"github.com/mucura/mucura/core/meta"
	"github.com/mucura/mucura/core/meta/metatest"
)

// Target is the store under test.
type Target struct {
	// URL of the store. Each occurrence of Fresh is replaced by a word that is
	// never the same, so that each law gets an empty store.
	URL string
	// Volatile: the store keeps nothing when it is closed, and two openings
	// share nothing.
	Volatile bool
	// Settle is how long a scan may lag behind writes; 0 is what the store declares.
	Settle time.Duration
	// ReaderLosesDeleted: see contenttest.Options.
	ReaderLosesDeleted bool
	// Timeout ends the run; 0 is ten minutes.
	Timeout time.Duration
}

// Fresh in a store URL stands for a word that is new for each store opened.
const Fresh = "{fresh}"

// The ports, as reports name them.
const (
	Meta    = "meta"
	Content = "content"
)

// Opener opens stores by URL.
type Opener struct {
	Meta    func(ctx context.Context, url string) (meta.Store, error)
	Content func(ctx context.Context, url string) (content.Store, error)
}

// Child runs the suite of one port and ends the process.
func Child(o Opener, port string, target Target) {
	test := testing.InternalTest{Name: port, F: func(t *testing.T) { o.metaSuite(t, target) }}
	if port == Content {
		test.F = func(t *testing.T) { o.contentSuite(t, target) }
	}
	testing.Init()
	args := []string{"-test.v=test2json", "-test.timeout=" + target.timeout().String()}
	if err := flag.CommandLine.Parse(args); err != nil {
		panic(err) // they are constants
	}
	testing.Main(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{test}, nil, nil)
}

func (t Target) timeout() time.Duration {
	if t.Timeout == 0 {
		return 10 * time.Minute
	}
	return t.Timeout
}

// fresh is the URL of a store that nobody opened before.
func (t Target) fresh(n *int) string {
	*n++
	return strings.ReplaceAll(t.URL, Fresh, fmt.Sprintf("%x-%d", time.Now().UnixNano(), *n))
}

func (o Opener) metaSuite(t *testing.T, target Target) {
	n, urls := 0, map[meta.Store]string{}
	open := func(t *testing.T, url string) meta.Store {
		s, err := o.Meta(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		urls[s] = url
		return s
	}
	opts := metatest.Options{Settle: target.Settle, Open: func(t *testing.T) meta.Store { return open(t, target.fresh(&n)) }}
	if !target.Volatile {
		opts.Reopen = func(t *testing.T, old meta.Store) meta.Store {
			old.Close()
			return open(t, urls[old])
		}
		opts.Second = func(t *testing.T, first meta.Store) meta.Store { return open(t, urls[first]) }
	}
	metatest.Run(t, opts)
}

func (o Opener) contentSuite(t *testing.T, target Target) {
	n, urls := 0, map[content.Store]string{}
	open := func(t *testing.T, url string) content.Store {
		s, err := o.Content(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		urls[s] = url
		return s
	}
	opts := contenttest.Options{
		Buffered: plugin.Buffered, ReaderLosesDeleted: target.ReaderLosesDeleted,
		Open: func(t *testing.T) content.Store { return open(t, target.fresh(&n)) },
	}
	if !target.Volatile {
		opts.Reopen = func(t *testing.T, s content.Store) content.Store { return open(t, urls[s]) }
	}
	contenttest.Run(t, opts)
}
