package main

import (
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/mucura/mucura/adapters/plugin"
	"github.com/mucura/mucura/core/content"
	"github.com/mucura/mucura/core/content/contenttest"
)

func TestMain(m *testing.M) {
	if os.Getenv("MUCURA_STORE_PLUGIN") != "" {
		main()
		return
	}
	// Under the race detector a program sleeps for a second before it exits, and
	// what it prints of a race nobody reads here.
	os.Setenv("GORACE", "atexit_sleep_ms=0 halt_on_error=1 "+os.Getenv("GORACE"))
	os.Exit(m.Run())
}

// TestConformance runs the suite on it as a server sees it.
func TestConformance(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	urls := map[content.Store]string{}
	open := func(t *testing.T, u string) content.Store {
		s, err := plugin.OpenContent(t.Context(), u, plugin.Options{})
		if err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		urls[s] = u
		return s
	}
	contenttest.Run(t, contenttest.Options{
		Open: func(t *testing.T) content.Store {
			return open(t, "plugin://"+self+"?env=GORACE&path="+url.QueryEscape(t.TempDir()))
		},
		Reopen: func(t *testing.T, s content.Store) content.Store {
			mu.Lock()
			u := urls[s]
			mu.Unlock()
			return open(t, u)
		},
		Buffered: plugin.Buffered,
	})
}

// TestManual: the manual shows this program, word for word.
func TestManual(t *testing.T) {
	code, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	manual, err := os.ReadFile("../../../../docs/plugins.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(manual), "```go\n"+string(code)+"```\n") {
		t.Error("docs/plugins.md does not show adapters/plugin/examples/dir/main.go as it is")
	}
}
